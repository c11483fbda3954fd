"""One thing that was looked at."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Check:
    """What was found. With a `problem` nnexp cannot be used; a `warning` costs time, or will cost something later."""

    topic: str
    state: Literal["ok", "warning", "problem"]
    message: str
    fix: str = ""


def shown(text: object) -> str:
    """Text, or a path, without the name of the user's home: it may be shown to strangers."""
    home = str(Path.home())
    return str(text).replace(home, "~") if len(home) > 1 else str(text)


def one_line(text: str, most: int = 300) -> str:
    """The last line that says something, cut short."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return shown(lines[-1][:most]) if lines else ""


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    path = Path(os.path.abspath(path))  # noqa: PTH100  no link is followed: it may lead nowhere
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
