"""The trackers that there are, and what they are told of a run that is there: live, at its end, or long after it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nnexp.errors import InputError
from nnexp.runs import record
from nnexp.runs.record import RunRecord
from nnexp.tracking import content
from nnexp.tracking.kept import Kept, keep, kept
from nnexp.tracking.mlflow import MLflow
from nnexp.tracking.tensorboard import TensorBoard
from nnexp.tracking.tracker import TrackedRun, Tracker
from nnexp.tracking.wandb import Wandb

_MAKE: Mapping[str, Callable[[Path, Mapping[str, Any]], Tracker]] = {
    "mlflow": MLflow,
    "tensorboard": TensorBoard,
    "wandb": Wandb,
}
_PACKAGES = {
    "mlflow": ("mlflow", "sqlalchemy", "alembic"),
    "tensorboard": ("tensorboard",),
    "wandb": ("wandb",),
}


def open_trackers(asked: Iterable[tuple[str, Mapping[str, Any]]], runs: Path) -> tuple[Tracker, ...]:
    """The trackers of these names and parameters, for runs in a directory.

    Raises:
        InputError: a package is not installed, or a store cannot be used; nothing was told.
    """
    asked = list(asked)
    for name, _ in asked:
        if missing := [package for package in _PACKAGES[name] if importlib.util.find_spec(package) is None]:
            needs = f"track: {name} needs {', '.join(missing)}, not installed here"
            raise InputError(f"{needs}; get it with  pip install 'nnexp[{name}]', or leave it out with  --track none")
    return tuple(_MAKE[name](runs, parameters) for name, parameters in asked)


def begin(tracker: Tracker, found: RunRecord) -> TrackedRun:
    """A run as the tracker has it: the one that the folder remembers, or a new one, under its sweep."""
    before = kept(found.path, tracker.name)
    folder = content.sweep_of(found.path)
    runs = found.status == "running"
    run = tracker.run(found, before.id, begin_sweep(tracker, folder, running=runs) if folder else "")
    if not run.known or (runs and before.told):  # its next ending is another
        keep(found.path, tracker.name, Kept(run.id))
    return run


def begin_sweep(tracker: Tracker, folder: Path, *, running: bool) -> str:
    """The id under which the tracker has a sweep: the one that its folder remembers, or a new one."""
    before = kept(folder, tracker.name)
    known = tracker.sweep(folder, before.id, running=running)
    if known != before.id or (running and before.told):
        keep(folder, tracker.name, Kept(known))
    return known


def tell(tracker: Tracker, path: Path, run: TrackedRun | None = None) -> bool:
    """Tell all of a run that was not told yet, and say whether there was any. Of a run under way its end is left out.

    `run` is what `begin` gave, where it was called; it is closed.
    """
    found = record.read(path)
    run = run or begin(tracker, found)
    try:
        news = [epoch for epoch in content.epochs(found) if epoch.number not in run.epochs]
        run.log(news)
        before, ending = kept(path, tracker.name), f"{found.status} {found.finished}"
        ends = found.status != "running" and before.told != ending
        if ends:
            run.finish(found)
            keep(path, tracker.name, replace(before, told=ending))
        return bool(news) or ends
    finally:
        run.close()


def tell_sweep(tracker: Tracker, folder: Path) -> None:
    """Tell how a sweep ended, once its runs are told; nothing of one that is under way."""
    begin_sweep(tracker, folder, running=False)
    before, said = kept(folder, tracker.name), content.sweep(folder)
    if said.status != "running" and before.told != (ending := f"{said.status} {said.finished}"):
        tracker.finish_sweep(before.id, said)
        keep(folder, tracker.name, replace(before, told=ending))
