"""Weights & Biases, offline: each run that has ended is a folder in `wandb` beside the runs, for `wandb sync` to send.

A run is told whole, at its end, in the place of what was told of it before. Nobody sees an offline run sooner, and
wandb cannot go on with one. So its service process runs only then, and no run that was cut off is in it half.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nnexp.errors import InputError
from nnexp.failures import first_line
from nnexp.runs.record import RunRecord
from nnexp.tracking.content import Epoch, Sweep, epochs, figures, files, parameters, pictures, seconds, sweep_of, tags

_QUIET = {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
_SECONDS = 30.0  # for its service to start, and again for a run to begin
# Nothing of the computer, of the code, or of what is printed.
_SETTINGS: Mapping[str, Any] = {
    "mode": "offline",
    "console": "off",
    "silent": True,
    "host": "",  # else its name
    "disable_code": True,
    "disable_git": True,
    "disable_job_creation": True,
    "save_code": False,
    "symlink": False,
    "init_timeout": _SECONDS,
    "x_service_wait": _SECONDS,
    "x_disable_machine_info": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_save_requirements": False,
}


class Wandb:
    """A project of offline runs."""

    name = "wandb"

    def __init__(self, runs: Path, parameters: Mapping[str, Any]) -> None:
        """Make the folder of the offline runs.

        Raises:
            InputError: it cannot be made or written to; wandb itself would take one in /tmp then.
        """
        self.project = str(parameters["project"])
        self.artifacts = bool(parameters.get("artifacts", True))
        self.runs = runs.absolute()
        try:
            self.store.mkdir(parents=True, exist_ok=True)
            if not os.access(self.store, os.W_OK | os.X_OK):
                raise PermissionError("permission denied")
        except OSError as error:
            what = error.strerror or first_line(error)
            raise InputError(f"wandb: {self.store} cannot be used: {what}\nsee that it can be written to") from error
        # Where its service cannot write its log in the user's cache, it writes it on the terminal.
        for name, value in {**_QUIET, "WANDB_CACHE_DIR": str(self.store / ".cache")}.items():
            os.environ.setdefault(name, value)

    @property
    def store(self) -> Path:
        """Where the offline runs are."""
        return self.runs / "wandb"

    def run(self, found: RunRecord, known: str, sweep: str) -> WandbRun:
        """As Tracker."""
        import wandb  # noqa: F401  # takes a second or two: beside the training, not after it

        return WandbRun(self, known or _id(found), found)

    def sweep(self, folder: Path, known: str, *, running: bool) -> str:
        """As Tracker: the runs of a sweep are a group by its name."""
        return "group"

    def finish_sweep(self, known: str, sweep: Sweep) -> None:
        """As Tracker."""


class WandbRun:
    """A run, of which wandb has what it had at its last end."""

    def __init__(self, tracker: Wandb, number: str, found: RunRecord) -> None:
        self.tracker, self.id = tracker, number
        self.known = bool(self._before())
        self.epochs = {row["epoch"] for row in found.history}  # told with the end

    def log(self, epochs: Sequence[Epoch]) -> None:
        """As TrackedRun."""

    def finish(self, found: RunRecord) -> None:
        """As TrackedRun."""
        for before in self._before():
            shutil.rmtree(before)
        with _begun(self, found) as run:
            for epoch in epochs(found):
                run.log({**epoch.figures, "_timestamp": epoch.at}, step=epoch.number)
            run.summary.update(figures(found))
            if self.tracker.artifacts:
                _tell_files(run, found)
            run.finish(exit_code=0 if found.has_result else 1)

    def close(self) -> None:
        """As TrackedRun."""

    def _before(self) -> list[Path]:
        return [path for path in self.tracker.store.glob(f"offline-run-*-{self.id}") if not path.is_symlink()]


def _id(found: RunRecord) -> str:
    """Of the place and the start of a run, so that one whose folder is made anew in a sweep is not there twice."""
    started = "" if sweep_of(found.path) else found.started
    return hashlib.sha256(f"{platform.node()} {found.path} {started}".encode()).hexdigest()[:16]


@contextlib.contextmanager
def _begun(run: WandbRun, found: RunRecord) -> Iterator[Any]:
    """A run of wandb's; the ways out of Python that it puts its own in the place of are put back."""
    import wandb

    ways_out = sys.exit, sys.excepthook
    group = sweep_of(found.path)
    try:
        begun = wandb.init(
            project=run.tracker.project,
            dir=str(run.tracker.runs),
            id=run.id,
            name=found.path.name,
            notes=found.description or None,
            group=group.name if group else None,
            config={**_values(parameters(found)), "nnexp": tags(found)},
            settings=wandb.Settings(**_SETTINGS),
            reinit="create_new",
        )
        try:
            yield begun
        except BaseException:
            begun.finish(exit_code=1)
            raise
    finally:
        sys.exit, sys.excepthook = ways_out


def _values(said: Mapping[str, str]) -> dict[str, float | str]:
    """Numbers as such, for its plots over parameters."""
    told: dict[str, float | str] = dict(said)
    for name, value in said.items():
        with contextlib.suppress(ValueError):
            told[name] = float(value)
    return told


def _tell_files(run: Any, found: RunRecord) -> None:
    """Pictures as such; the others, but for metrics.json, by which a copy would pass for a run, in `files/nnexp`."""
    import wandb

    shown = pictures(found)
    told = {path.stem: wandb.Image(str(path)) for path in shown}
    run.log({**told, "_timestamp": seconds(found.finished)}, step=len(found.history))
    place = Path(run.dir) / "nnexp"
    place.mkdir()
    for path in files(found):
        if path not in (*shown, found.folder.metrics):
            run.save(shutil.copy(path, place), base_path=run.dir, policy="end")
