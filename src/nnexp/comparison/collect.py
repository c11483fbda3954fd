"""From the paths a user names to the records of the runs below them."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnexp.errors import InputError
from nnexp.runs import record
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
        looked = "\n".join(unreadable) or "no run folder in " + ", ".join(map(str, paths))
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
        if path.name == "metrics.json" and path.is_file():
            path = path.parent
        if path.is_file():
            continue
        real = str(path.resolve())
        if (path / "metrics.json").exists():
            yield path, real
        elif not path.is_dir():
            unreadable.append(f"{path}: no such directory")
        else:
            empty = True
            for found in record.find(path):
                empty = False
                yield found, "/".join((real, *found.parts[len(path.parts) :]))
            if empty:
                unreadable.append(f"{path}: no run folder in it")
