"""The run folder: every path in it, and the one writer."""

from __future__ import annotations

import bisect
import contextlib
import csv
import io
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nnexp.errors import InputError, RunError
from nnexp.files import remove_temporaries, write_json, write_text
from nnexp.runs.reading import printable

_ELSEWHERE = "give another place with --runs-dir"
SCHEMA = 1
WITH_RESULT = ("completed", "diverged")  # the statuses of a run that came to its end
# What a run writes itself; a callback's file must have another name.
OWN_FILES = (
    "config.yaml",
    "metrics.json",
    "history.csv",
    "history.png",
    "confusion_matrix.png",
    "residuals.png",
    "curves.png",
    "model.keras",
    "predictions.npz",
    "columns.json",
    "environment.json",
    "log.txt",
    "checkpoint",
    "tracking.json",
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
        try:
            nearest = next(path for path in (runs.absolute(), *runs.absolute().parents) if _is_there(path))
            is_directory = nearest.is_dir()
        except OSError as error:
            raise InputError(f"{runs} cannot be used: {error.strerror}; {_ELSEWHERE}") from None
        if not is_directory:
            raise InputError(f"{nearest} is a file, not a directory; {_ELSEWHERE}")
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise InputError(f"{nearest} cannot be written to; {_ELSEWHERE}")

    @classmethod
    def make(cls, path: Path) -> RunFolder:
        """Make the folder at `path`; an empty one that is there was made by `create`, to keep the name for this run.

        Raises:
            RunError: something else is there, or it cannot be made.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not (path.is_dir() and cls(path).is_empty()):
                path.mkdir()
        except OSError as error:
            raise RunError(f"cannot make the run folder {path}: {error.strerror}; {_ELSEWHERE}") from error
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
            number = _first_free(runs, stem)
            while True:
                try:
                    path = _numbered(runs, stem, number)
                    path.mkdir()  # decides who has the name; a look first would not
                    return cls(path)
                except FileExistsError:
                    number += 1
        except OSError as error:
            raise RunError(f"cannot make a run folder in {runs}: {error.strerror}; {_ELSEWHERE}") from error

    def is_empty(self) -> bool:
        """Whether nothing is in the folder."""
        return next(self.path.iterdir(), None) is None

    def discard(self) -> None:
        """Remove an unfinished run. What no run has made is left, and then `make` fails here."""
        remove_temporaries(self.path)  # all that there may be of a run that was killed at once
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
    def residuals_plot(self) -> Path:
        """Predicted values against true ones."""
        return self.path / "residuals.png"

    @property
    def curves_plot(self) -> Path:
        """ROC and precision-recall curves, and calibration."""
        return self.path / "curves.png"

    @property
    def model(self) -> Path:
        """The trained model, normalization inside."""
        return self.path / "model.keras"

    @property
    def columns(self) -> Path:
        """How the columns of an own table became numbers."""
        return self.path / "columns.json"

    @property
    def predictions(self) -> Path:
        """Labels, predicted ones and probabilities on the test split; or values."""
        return self.path / "predictions.npz"

    @property
    def environment(self) -> Path:
        """Versions, machine, engine, command."""
        return self.path / "environment.json"

    @property
    def checkpoints(self) -> Path:
        """What an unfinished run goes on from; gone when it is over."""
        return self.path / "checkpoint"

    @property
    def log(self) -> Path:
        """What the terminal showed, plain."""
        return self.path / "log.txt"

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Replace metrics.json in one step."""
        write_json(self.metrics, {"schema": SCHEMA, **metrics})

    def append_history(self, row: Mapping[str, Any]) -> None:
        """Add one epoch to history.csv, with the header before the first."""
        if self.history.exists():
            _append(self.history, _csv([row], header=False))
        else:
            self.write_history([row])

    def write_history(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Replace history.csv by these epochs; where there are none, remove it."""
        if rows:
            write_text(self.history, _csv(rows, header=True))
        else:
            self.history.unlink(missing_ok=True)

    def refuse_links(self) -> None:
        """See that no symbolic link is in the folder, at any depth: nnexp makes none, and they may lead anywhere.

        Raises:
            InputError: there is one, or it cannot be told.
        """
        waiting = [str(self.path)]
        try:
            while waiting:  # no recursion: a forged directory may go on
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        if entry.is_symlink():
                            what = "is a link, and may lead anywhere; put there what it leads to"
                            raise InputError(f"{printable(entry.path)} {what}")
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
        except OSError as error:
            raise InputError(
                f"{printable(error.filename)}: cannot be looked into: {error.strerror}; see that you may read it"
            ) from None

    def drop_checkpoints(self) -> None:
        """Remove the checkpoints of a run that came to its end."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def append_log(self, line: str) -> None:
        """Add lines to log.txt."""
        _append(self.log, line + "\n")


def _csv(rows: Sequence[Mapping[str, Any]], *, header: bool) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), extrasaction="ignore", lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _is_there(path: Path) -> bool:
    """Whether something is there, be it a link that leads nowhere; an OSError where that cannot be told."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _numbered(runs: Path, stem: str, number: int) -> Path:
    return runs / (stem if number == 1 else f"{stem}-{number}")


def _first_free(runs: Path, stem: str) -> int:
    """A number that is not taken at this moment, found in few steps: thousands of runs may begin in one second."""

    def is_free(number: int) -> bool:
        return not os.path.lexists(_numbered(runs, stem, number))

    above = 1
    while not is_free(above):
        above *= 2
    return above // 2 + bisect.bisect_left(range(above // 2, above), True, key=is_free) if above > 1 else 1


def _append(path: Path, text: str) -> None:
    """Add to a file of the run: all of it or, where the disk has no room, none.

    Through a link, or into a pipe, nothing is written.
    """
    content = text.encode("utf-8")
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    with os.fdopen(handle, "ab", buffering=0) as file:
        end = file.tell()
        try:
            written = file.write(content)
            if written < len(content):
                file.write(content[written:])  # raises what the disk has to say
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(end)
            raise
