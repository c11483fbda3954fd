"""The run folder: every path in it, and the one writer."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nnexp.errors import InputError, RunError
from nnexp.files import write_json

SCHEMA = 1
WITH_RESULT = ("completed", "diverged")  # the statuses of a run that came to its end
# What a run writes itself; a callback's file must have another name.
OWN_FILES = (
    "config.yaml",
    "metrics.json",
    "history.csv",
    "history.png",
    "confusion_matrix.png",
    "model.keras",
    "predictions.npz",
    "environment.json",
    "log.txt",
    "checkpoint",
)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run folder by its path. Readers use `record.read`; only the run itself writes."""

    path: Path

    @staticmethod
    def check(runs: Path) -> None:
        """See, before any work, that run folders can be made in `runs`.

        Raises:
            InputError: it is a file, or it, or what it would be made in, cannot be written to.
        """
        nearest = next(path for path in (runs.absolute(), *runs.absolute().parents) if path.exists())
        if not nearest.is_dir():
            raise InputError(f"{nearest} is a file, not a directory; give another place with --runs-dir")
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise InputError(f"{nearest} cannot be written to; give another place with --runs-dir")

    @classmethod
    def make(cls, path: Path) -> RunFolder:
        """Make the folder at `path`, which must be new.

        Raises:
            RunError: it exists, or cannot be made.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir()
        except OSError as error:
            raise RunError(f"cannot make the run folder {path}: {error.strerror}") from error
        return cls(path)

    @classmethod
    def create(cls, runs: Path, name: str, now: datetime) -> RunFolder:
        """Make a new folder `<local time>_<name>` in `runs`, with -2, -3 … when that is taken.

        Raises:
            RunError: the directory cannot be made.
        """
        stem = f"{now:%Y%m%d-%H%M%S}_{name}"
        try:
            runs.mkdir(parents=True, exist_ok=True)
            number = 1
            while True:
                path = runs / (stem if number == 1 else f"{stem}-{number}")
                try:
                    path.mkdir()  # decides who has the name; a look first would not
                    return cls(path)
                except FileExistsError:
                    number += 1
        except OSError as error:
            hint = "give another place with --runs-dir"
            raise RunError(f"cannot make a run folder in {runs}: {error.strerror}; {hint}") from error

    def discard(self) -> None:
        """Remove an unfinished run. What no run has made is left, and then `make` fails here."""
        if any(path.exists() for path in (self.config, self.metrics, self.log)):
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                self.path.rmdir()  # where it is empty

    @property
    def config(self) -> Path:
        """The complete config; `nnexp run` on it repeats the run."""
        return self.path / "config.yaml"

    @property
    def metrics(self) -> Path:
        """Status, figures, history and findings as strict JSON."""
        return self.path / "metrics.json"

    @property
    def history(self) -> Path:
        """A row an epoch."""
        return self.path / "history.csv"

    @property
    def history_plot(self) -> Path:
        """Loss and accuracy by epoch."""
        return self.path / "history.png"

    @property
    def confusion_plot(self) -> Path:
        """True classes against predicted ones."""
        return self.path / "confusion_matrix.png"

    @property
    def model(self) -> Path:
        """The trained model, normalization inside."""
        return self.path / "model.keras"

    @property
    def predictions(self) -> Path:
        """Labels, predicted labels and probabilities on the test split."""
        return self.path / "predictions.npz"

    @property
    def environment(self) -> Path:
        """Versions, machine, engine, command."""
        return self.path / "environment.json"

    @property
    def log(self) -> Path:
        """What the terminal showed, plain."""
        return self.path / "log.txt"

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Replace metrics.json in one step."""
        write_json(self.metrics, {"schema": SCHEMA, **metrics})

    def append_history(self, columns: Sequence[str], row: Mapping[str, Any]) -> None:
        """Add one epoch to history.csv, with the header before the first."""
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
        if not self.history.exists():
            writer.writeheader()
        writer.writerow(row)
        _append(self.history, text.getvalue())

    def append_log(self, line: str) -> None:
        """Add lines to log.txt."""
        _append(self.log, line + "\n")


def this_process() -> dict[str, Any]:
    """What identifies this process among all that ever had its number: for telling a live run from a dead one."""
    import psutil

    return {"pid": os.getpid(), "started": psutil.Process().create_time(), "host": socket.gethostname()}


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text)
