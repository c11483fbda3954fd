"""Names for the points of a sweep: short, safe as folder names on any system, each one once."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import Any

from nnexp.config.experiment import as_folder_name

_LONGEST = 180  # bytes; a file name holds 255, and `_seed=4294967295` and a running number may follow
_OTHER_FILES = (".csv", ".html", ".json", ".png", ".yaml")  # stand in the sweep folder beside the runs


def written(value: Any) -> str:
    """A value of an axis in a word: `512`, `256x128`, `sgd,learning_rate=0.1`."""
    if isinstance(value, dict):
        return ",".join(
            key if inner is None else f"{key}{',' if isinstance(inner, dict) else '='}{written(inner)}"
            for key, inner in value.items()
        )
    if isinstance(value, list):
        return "+".join(map(written, value)) or "empty"
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def safe(text: str) -> str:
    """The text as a folder may be named; a long one is cut, and told from others like it by a hash."""
    name = as_folder_name(unicodedata.normalize("NFC", "_".join(text.split()))).rstrip(".") or "run"
    if name.casefold().endswith(_OTHER_FILES):
        name += "_"
    content = name.encode()
    if len(content) <= _LONGEST:
        return name
    return content[: _LONGEST - 9].decode(errors="ignore") + "~" + hashlib.sha256(content).hexdigest()[:8]


def distinct(names: Sequence[str]) -> list[str]:
    """The names with -2, -3 … after those that stood before, where upper and lower case are the same."""
    taken: set[str] = set()
    found = []
    for name in names:
        number, made = 1, name
        while made.casefold() in taken:
            number += 1
            made = f"{name}-{number}"
        taken.add(made.casefold())
        found.append(made)
    return found
