"""What every tracker can do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from nnexp.runs.record import RunRecord
from nnexp.tracking.content import Epoch, Sweep


class TrackedRun(Protocol):
    """A run as one tracker has it. Any method may raise whatever the tracker's package does."""

    id: str
    known: bool  # it was there before
    epochs: set[int]  # those that it has been told

    def log(self, epochs: Sequence[Epoch]) -> None:
        """Tell the figures of some epochs."""

    def finish(self, found: RunRecord) -> None:
        """Tell how the run ended, with the figures of its test and its files."""

    def close(self) -> None:
        """Let go of what is open."""


class Tracker(Protocol):
    """A tracker. To make one raises InputError where it cannot be used."""

    name: str

    def run(self, found: RunRecord, known: str, sweep: str) -> TrackedRun:
        """The run with the id `known`, told that it runs if it does; a new one where there is none.

        `sweep` is the id of the sweep that a new one belongs to; both may be empty.
        """

    def sweep(self, folder: Path, known: str, *, running: bool) -> str:
        """The id of what holds the runs of a sweep together: `known` if it is there, else a new one's.

        It is told that the sweep runs if it does.
        """

    def finish_sweep(self, known: str, sweep: Sweep) -> None:
        """Tell how the sweep of that id ended, with its files."""
