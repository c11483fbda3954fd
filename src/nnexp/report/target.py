"""Where a page, picture or table may be written: never over what is none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nnexp.errors import InputError
from nnexp.runs.folder import OWN_FILES
from nnexp.runs.record import kind_of


@dataclass(frozen=True, slots=True)
class Kind:
    """What is written: in words, how its name ends, and a name for it."""

    what: str
    endings: tuple[str, ...]
    example: str


PAGE = Kind("page", (".html", ".htm"), "report.html")
PICTURE = Kind("picture", (".png",), "picture.png")
TABLE = Kind("table", (".csv", ".json"), "table.csv")


def check_target(path: Path, option: str, kind: Kind = PAGE) -> None:
    """See, before any work, that a page (or another kind) may be written to `path`, which `option` names.

    A shell's `DIR/*`, or a slip, may name a result of a run: only what is of that kind, and no run's own, is replaced.

    Raises:
        InputError: it is no name of such, something other than a file, or in no directory.
    """
    told = f"{option} {path}"
    if kind_of(path) == "directory":
        raise InputError(f"{told}: that is a directory; name a file in it: {option} {path / kind.example}")
    if kind_of(path.parent) != "directory":
        raise InputError(f"{told}: no such directory as {path.parent}; make it, or name another place")
    for name in (path, path.resolve()):  # a link may lead to a result
        if name.suffix.lower() not in kind.endings:
            endings = " or ".join(kind.endings if kind is TABLE else kind.endings[:1])
            raise InputError(f"{told}: {name.name} is no name of a {kind.what}; it must end in {endings}")
        if name.name in OWN_FILES:
            raise InputError(f"{told}: runs themselves write a {name.name}; give another name")
    if kind_of(path) == "other":
        raise InputError(f"{told}: that is no file but a device or a pipe; name another place")
