"""Where the runs of a sweep are done: the executors by name."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from nnexp.errors import InputError
from nnexp.sweeps import worker
from nnexp.sweeps.child import Task
from nnexp.sweeps.execute import Settle, SweepReport, Tasks, execute
from nnexp.sweeps.expand import Point
from nnexp.sweeps.shares import share

NAMES = ("processes", "serial", "dask")


class Executor(Protocol):
    """Does runs. What they come to is the same to the last bit with all of them, on processors of one kind."""

    elsewhere: bool  # whether runs may be done on other computers, which have data of their own

    def share(self, points: Sequence[Point], workers: int | None) -> tuple[int, int]:
        """How many runs at once, and the threads of each; `workers` is what was asked for."""

    def prepare(self) -> None:
        """Begin what takes its time, while the caller does something else."""

    def execute(self, tasks: Tasks, workers: int, report: SweepReport, settle: Settle) -> None:
        """Do all tasks, so many at a time, as `execute.execute` does; where workers join later, more."""


class Processes:
    """This computer, with a process for each of several runs at a time."""

    elsewhere = False

    def share(self, points: Sequence[Point], workers: int | None) -> tuple[int, int]:
        """As the processors and the memory allow."""
        return share(points, workers)

    def prepare(self) -> None:
        """Start the server that processes are forked from."""
        worker.start_server()

    def execute(self, tasks: Tasks, workers: int, report: SweepReport, settle: Settle) -> None:
        """See `execute.execute`."""
        execute(tasks, _Here(workers), report, settle)


@dataclass(frozen=True, slots=True)
class _Here:
    workers: int

    def lanes(self) -> int:
        return self.workers

    def start(self, task: Task) -> worker.Worker:
        return worker.Worker(task)


@contextlib.contextmanager
def opened(name: str, scheduler: str = "", workers: int | None = None) -> Iterator[Executor]:
    """The executor of that name; `scheduler` is where to find the one of a cluster.

    Raises:
        InputError: there is none of that name, or it cannot be used.
    """
    if name == "serial":
        from nnexp.sweeps.serial import Serial

        yield Serial()
    elif name == "dask":
        from nnexp.sweeps.remote.cluster import connected

        with connected(scheduler, workers) as cluster:
            yield cluster
    elif name == "processes":
        yield Processes()
    else:
        need_name(name)


def need_name(name: str) -> None:
    """That there is an executor of that name.

    Raises:
        InputError: there is none.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise InputError(f"there is no executor {name!r}; {hint}there are: {', '.join(NAMES)}")
