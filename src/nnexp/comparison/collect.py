"""From the paths a user names to the records of the runs below them."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnexp.errors import Amiss, InputError
from nnexp.runs import meant, record
from nnexp.runs.index import Index
from nnexp.runs.reading import printable
from nnexp.runs.record import RunRecord


@dataclass(frozen=True, slots=True)
class Collected:
    """The runs that could be read, in the order of the paths, and what could not be, each with its reason."""

    records: tuple[RunRecord, ...]
    unreadable: tuple[str, ...]
    index: Index  # that they were read through; to be saved when all is done


def collect(paths: Sequence[Path]) -> Collected:
    """Read the runs in `paths`: run folders, sweep folders, or directories that hold such, however deep.

    A run that is reached twice counts once. Links inside a directory are not followed. Files that lie beside the run
    folders (`sweep/*` names a sweep's table and plots too) are passed over.

    Raises:
        InputError: there is no readable run at all.
    """
    records: list[RunRecord] = []
    unreadable: list[str] = []
    index = Index()
    seen: set[str] = set()
    with _no_garbage():
        for path, real, state in _run_folders(paths, unreadable):
            if real in seen:
                continue
            seen.add(real)
            try:
                records.append(index.record(path, state))
            except record.UnreadableRun as error:
                unreadable.append(str(error))
    if not records:
        looked = "\n".join(unreadable) or "no run folder in " + ", ".join(printable(path) for path in paths)
        raise InputError(f"there is no run to read:\n{looked}\nname run folders, or directories that hold some")
    return Collected(tuple(records), tuple(dict.fromkeys(unreadable)), index)


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


def _run_folders(paths: Sequence[Path], unreadable: list[Amiss]) -> Iterator[tuple[Path, str, os.stat_result | None]]:
    """Each run folder as named, its real path, and the state of its metrics.json where it was seen.

    What is no place to look for runs goes to `unreadable`.
    """
    parents: dict[str, str] = {}
    for path in paths:
        try:
            kind = record.kind_of(path)
        except record.Unreachable as error:
            unreadable.append(str(error))
            continue
        if kind == "file" and path.name == "metrics.json":
            path, kind = path.parent, "directory"
        if kind in ("nothing", "other"):
            near = meant.beside(path)
            unreadable.append(f"{printable(path)}: no such directory" + (f"; did you mean {near}?" if near else ""))
        if kind != "directory":
            continue
        real = _real(path, parents)
        if os.path.lexists(path / "metrics.json"):
            yield path, real, None
            continue
        empty = True
        above = 0 if path == Path() else len(str(path))
        for found, state in record.seen(path):
            empty = False
            yield found, f"{real}/{str(found)[above:].lstrip('/')}", state
        if empty:
            unreadable.append(f"{printable(path)}: no run folder in it")


def _real(path: Path, parents: dict[str, str]) -> str:
    """The path with all links followed; of thousands in one directory that one is looked up once."""
    parent, name = os.path.split(path)
    if name in ("", ".", "..") or path.is_symlink():
        return str(path.resolve())
    if parent not in parents:
        parents[parent] = os.path.realpath(parent)
    return os.path.join(parents[parent], name)  # noqa: PTH118
