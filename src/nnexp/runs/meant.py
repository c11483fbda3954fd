"""The run that may be meant where a path names none, or a sweep of many."""

from __future__ import annotations

import difflib
import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from nnexp.runs import figures
from nnexp.runs.reading import Refused, json_of, printable

_BEGUN = re.compile(r"\d{8}-\d{6}_")  # how nnexp begins the name of a folder
_MOST_MEGABYTES = 32  # of a table.json


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


def best_of(sweep: Path, runs: Iterable[Path]) -> Path | None:
    """Of these run folders of a sweep the first of what its table.json says is the best; None where that is unknown."""
    try:
        table = figures.mapping(json_of(sweep / "table.json", _MOST_MEGABYTES))
    except (OSError, Refused):
        return None
    best = [group for group in figures.rows(table.get("groups")) if group.get("label") == table.get("best")]
    first = figures.rows(best[0].get("runs"))[:1] if best else ()
    # By its name: the sweep may have been moved since.
    return next((run for run in runs for said in first if run.name == Path(figures.text(said.get("path"))).name), None)
