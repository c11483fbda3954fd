"""From the paths a user names to the records of the runs below them."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnexp.errors import InputError
from nnexp.runs import record
from nnexp.runs.reading import printable
from nnexp.runs.record import RunRecord


@dataclass(frozen=True, slots=True)
class Collected:
    """The runs that could be read, in the order of the paths, and what could not be, each with its reason."""

    records: tuple[RunRecord, ...]
    unreadable: tuple[str, ...]


def collect(paths: Sequence[Path]) -> Collected:
    """Read the runs in `paths`: run folders, sweep folders, or directories that hold such, however deep.

    A run that is reached twice counts once. Links inside a directory are not followed. Files that lie beside the run
    folders (`sweep/*` names a sweep's table and plots too) are passed over.

    Raises:
        InputError: there is no readable run at all.
    """
    records: list[RunRecord] = []
    unreadable: list[str] = []
    seen: set[str] = set()
    with _no_garbage():
        for path, real in _run_folders(paths, unreadable):
            if real in seen:
                continue
            seen.add(real)
            try:
                records.append(record.read(path))
            except record.UnreadableRun as error:
                unreadable.append(str(error))
    if not records:
        looked = "\n".join(unreadable) or "no run folder in " + ", ".join(printable(path) for path in paths)
        raise InputError(f"there is no run to read:\n{looked}\nName run folders, or directories that hold some.")
    return Collected(tuple(records), tuple(dict.fromkeys(unreadable)))


@contextlib.contextmanager
def _no_garbage() -> Iterator[None]:
    """Records are kept and hold no cycles: to look for garbage among them again and again costs a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
            gc.freeze()


def _run_folders(paths: Sequence[Path], unreadable: list[str]) -> Iterator[tuple[Path, str]]:
    """Each run folder as named, and its real path; what is no place to look for runs goes to `unreadable`."""
    for path in paths:
        try:
            kind = record.kind_of(path)
        except record.Unreachable as error:
            unreadable.append(str(error))
            continue
        if kind == "file" and path.name == "metrics.json":
            path, kind = path.parent, "directory"
        if kind in ("nothing", "other"):
            unreadable.append(f"{printable(path)}: no such directory")
        if kind != "directory":
            continue
        real = str(path.resolve())
        if os.path.lexists(path / "metrics.json"):
            yield path, real
            continue
        empty = True
        for found in record.find(path):
            empty = False
            yield found, "/".join((real, *found.parts[len(path.parts) :]))
        if empty:
            unreadable.append(f"{printable(path)}: no run folder in it")
