"""The run that may be meant where a path names none."""

from __future__ import annotations

import difflib
import os
import re
import shlex
from pathlib import Path

from nnexp.runs.reading import printable

_BEGUN = re.compile(r"\d{8}-\d{6}_")  # how nnexp begins the name of a folder


def beside(path: Path) -> str:
    """The newest folder beside a path, or in `runs` there, that has that name after its date, or nearly so; or ""."""
    if (path.parent / "sweep.json").exists():  # it asks for runs that are not there yet, and for many
        return ""
    for place in (path.parent, path.parent / "runs"):
        try:
            with os.scandir(place) as scanned:
                names = sorted((entry.name for entry in scanned if entry.is_dir()), reverse=True)
        except (OSError, ValueError):
            continue
        named: dict[str, str] = {}
        for name in names:
            for said in (name, _BEGUN.sub("", name, count=1)):
                named.setdefault(said, name)
        if near := difflib.get_close_matches(path.name, named, n=1):  # the very name is the closest
            return shlex.quote(printable(place / named[near[0]]))
    return ""
