"""Where a report may be written: never over what is none."""

from __future__ import annotations

from pathlib import Path

from nnexp.errors import InputError
from nnexp.runs.record import kind_of


def check_target(path: Path, option: str) -> None:
    """See, before any work, that a page may be written to `path`, which `option` names.

    A shell's `DIR/*`, or a slip, may name a result of a run: only pages are replaced.

    Raises:
        InputError: it is no name of a page, something other than a file, or in no directory.
    """
    told = f"{option} {path}"
    if kind_of(path) == "directory":
        raise InputError(f"{told}: that is a directory; name a file in it: {option} {path / 'report.html'}")
    if kind_of(path.parent) != "directory":
        raise InputError(f"{told}: no such directory as {path.parent}; make it, or name another place")
    for name in (path, path.resolve()):  # a link may lead to a result
        if name.suffix.lower() not in (".html", ".htm"):
            raise InputError(f"{told}: {name.name} is no name of a page; it must end in .html")
    if kind_of(path) == "other":
        raise InputError(f"{told}: that is no file but a device or a pipe; name another place")
