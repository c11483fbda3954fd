"""The sweep folder: every path in it, what it records of itself, and the lock that keeps two drivers out."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nnexp.errors import InputError
from nnexp.files import write_json, write_text
from nnexp.runs import record
from nnexp.runs.folder import RunFolder
from nnexp.runs.reading import Refused, json_of

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class SweepFolder:
    """A sweep folder by its path: run folders named by what differs, and what is said of them together."""

    path: Path

    @classmethod
    def create(cls, runs: Path, name: str, now: datetime) -> SweepFolder:
        """Make a new folder in `runs`, named as a run's is."""
        return cls(RunFolder.create(runs, name, now).path)

    @classmethod
    def all_in(cls, directory: Path) -> list[SweepFolder]:
        """The sweep folders in a directory."""
        return [cls(path.parent) for path in sorted(directory.glob("*/sweep.json"))]

    @property
    def sweep(self) -> Path:
        """The sweep file, complete in itself."""
        return self.path / "sweep.yaml"

    @property
    def record(self) -> Path:
        """Identity, points, workers, threads, when and by what command."""
        return self.path / "sweep.json"

    @property
    def table_csv(self) -> Path:
        """A row a point, its repeats taken together, for spreadsheets."""
        return self.path / "table.csv"

    @property
    def table_json(self) -> Path:
        """Points, runs and verdicts, for programs."""
        return self.path / "table.json"

    @property
    def report(self) -> Path:
        """The page that tells it all."""
        return self.path / "report.html"

    def run(self, label: str) -> RunFolder:
        """The run folder of a point."""
        return RunFolder(self.path / label)

    def begin(self, sweep: str, state: Mapping[str, Any]) -> None:
        """Write down what is to be done, before any of it is."""
        write_text(self.sweep, sweep)
        self.note(state)

    def state(self) -> dict[str, Any]:
        """What sweep.json says; empty where it cannot be read."""
        try:
            state = json_of(self.record, record.MOST_MEGABYTES)
        except (OSError, Refused):
            return {}
        return state if isinstance(state, dict) else {}

    def points(self) -> list[dict[str, Any]]:
        """What sweep.json says of each of its points: label, stem, seed, parameters."""
        return points_in(self.state())

    def labels(self) -> list[str]:
        """The labels of its points."""
        return [str(point.get("label")) for point in self.points()]

    def note(self, state: Mapping[str, Any]) -> None:
        """Write down how far a search has come: its points, and how many runs there are to be in all."""
        write_json(self.record, {"schema": SCHEMA, **state})

    def is_done(self) -> bool:
        """Whether each of its points has a result, or the refusal that was expected of it; all are known by then."""
        labels, runs = self.labels(), self.state().get("runs")
        known = bool(labels) and not (isinstance(runs, int) and len(labels) < runs)
        return known and all(self.is_over(label) for label in labels)

    def is_over(self, label: str) -> bool:
        """Whether the run of that label has a result, or the refusal that was expected of it."""
        try:
            run = record.read(self.run(label).path)
        except record.UnreadableRun:
            return False
        return run.has_result or run.expected

    def set_aside(self, label: str) -> None:
        """Give a run whose record is damaged another name, so that the point can be done again and nothing is lost."""
        number = 1
        while (aside := self.path / f"{label}.damaged-{number}").exists():
            number += 1
        (self.path / label).rename(aside)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A directory for as long as runs are under way; what a killed process left in it goes first."""
        path = self.path.absolute() / ".scratch"  # for processes that may be elsewhere
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the sweep; the system lets go of it when this process ends, however it ends.

        Raises:
            InputError: another process holds it, or the folder cannot be written to.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise InputError(f"{self.path} is being run by another process; wait for it, or stop it first") from None
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be written to: {error.strerror}; see that you may write there"
            ) from None
        try:
            yield
        finally:
            lock.release()


def points_in(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The points of a sweep.json, those that are some."""
    points = state.get("points")
    return [point for point in points if isinstance(point, dict)] if isinstance(points, list) else []
