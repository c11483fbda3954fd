"""Runs one after another in this very process: for a debugger, and to see what the others add."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from nnexp.sweeps.child import Data, Sessions, ending_of, run
from nnexp.sweeps.execute import Ended, Settle, Started, SweepReport, Tasks
from nnexp.sweeps.expand import Point
from nnexp.sweeps.shares import share


class Serial:
    """This process as a place for runs: a run that kills it ends the sweep, which can be resumed."""

    elsewhere = False

    def share(self, points: Sequence[Point], workers: int | None) -> tuple[int, int]:
        """One run at a time, each on as many threads as it would have in a process of its own."""
        return 1, share(points, workers)[1]

    def prepare(self) -> None:
        """Nothing has to be started."""

    def execute(self, tasks: Tasks, workers: int, report: SweepReport, settle: Settle) -> None:
        """One after another, whatever `workers` says."""
        data, sessions, kind = Data(), Sessions(), ""
        while task := tasks.take(kind):
            kind = task.kind
            report(task.label, Started())
            ask = partial(tasks.is_hopeless, task.label) if task.asks else None
            doing = partial(run, task, data, sessions, partial(report, task.label), ask)
            ending = ending_of(doing, task.folder)
            report(task.label, Ended(ending))
            settle(task, ending)
            if ending.kind == "stopped":
                raise KeyboardInterrupt
