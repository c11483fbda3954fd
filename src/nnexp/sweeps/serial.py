"""Runs one after another in this very process: for a debugger, and to see what the others add."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from nnexp.errors import InputError
from nnexp.sweeps.child import Data, Sessions, ending_of, run
from nnexp.sweeps.execute import Ended, Settle, Started, SweepReport, Tasks
from nnexp.sweeps.expand import Point
from nnexp.sweeps.shares import share
from nnexp.training import backend
from nnexp.training.shards import parts


class Serial:
    """This process as a place for runs: a run that kills it ends the sweep, which can be resumed."""

    elsewhere = False

    def share(self, points: Sequence[Point], workers: int | None) -> tuple[int, int]:
        """One run at a time, each on as many threads as it would have in a process of its own.

        Raises:
            InputError: the runs cannot all be done by one process.
        """
        threads = share(points, workers)[1]
        experiments = [point.experiment for point in points if point.experiment]
        counts = [experiment.threads or threads for experiment in experiments]
        if len({(count, parts(experiment, count)) for count, experiment in zip(counts, experiments, strict=True)}) > 1:
            raise InputError(
                "--executor serial does all runs in one process, in which TensorFlow's threads are set up once, and "
                "these runs need them set up in several ways; leave --executor out, or give --set threads=1"
            )
        return 1, threads

    def prepare(self) -> None:
        """Load TensorFlow; no other thread may import anything meanwhile: see `backend.load`."""
        backend.load()

    def execute(self, tasks: Tasks, workers: int, report: SweepReport, settle: Settle) -> None:
        """One after another, whatever `workers` says."""
        data, sessions, kind = Data(), Sessions(), ""
        while task := tasks.take(kind):
            kind = task.kind
            report(task.label, Started())
            ask = partial(tasks.is_hopeless, task.label) if task.asks else None
            doing = partial(run, task, data, sessions, partial(report, task.label), ask)
            told: list[KeyboardInterrupt] = []
            ending = ending_of(partial(_noting, told, doing), task.folder)
            report(task.label, Ended(ending))
            settle(task, ending)
            if told:
                raise told[0]


def _noting(told: list[KeyboardInterrupt], do: Callable[[], None]) -> None:
    """Do it, and keep the interrupt that ends it: by its kind the process's exit code says which signal it was."""
    try:
        do()
    except KeyboardInterrupt as interrupt:
        told.append(interrupt)
        raise
