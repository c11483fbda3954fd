"""Doing many tasks at once: each minded by a thread, each in a process of its own, as many at a time as asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from nnexp import events
from nnexp.runs import record
from nnexp.sweeps.child import Ending, Stop, Task, mind

# A worker that dies takes its run with it, which is done again this often: what killed it may have been chance.
_TRIES = 2


@dataclass(frozen=True, slots=True)
class Started:
    """A run begins."""


@dataclass(frozen=True, slots=True)
class Again:
    """A run's worker died, and the run goes on from its last checkpoint."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A run is over."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class Stopping:
    """The sweep was told to stop, and waits for the runs under way; its label is empty."""


SweepEvent = Started | Again | Ended | Stopping | events.Event
SweepReport = Callable[[str, SweepEvent], None]  # the run's label, and what happened to it


def execute(tasks: Sequence[Task], workers: int, report: SweepReport, settle: Callable[[Task, Ending], None]) -> None:
    """Do all tasks; `settle` is called for each as it ends, in the caller's thread, `report` in the workers'.

    Raises:
        KeyboardInterrupt: as it came, after the tasks under way have stopped and saved what there is.
    """
    stop = Stop.new()
    with ThreadPoolExecutor(workers, thread_name_prefix="run") as pool:
        try:
            futures: dict[Future[Ending], Task] = {pool.submit(_attempt, task, report, stop): task for task in tasks}
            for future in as_completed(futures):
                settle(futures[future], future.result())
        except BaseException:
            stop.asked.set()
            report("", Stopping())
            try:
                pool.shutdown(wait=True, cancel_futures=True)
            except KeyboardInterrupt:
                stop.hurry.set()
            raise


def _attempt(task: Task, report: SweepReport, stop: Stop) -> Ending:
    ending = Ending("stopped")
    for attempt in range(_TRIES):
        if stop.asked.is_set():
            break
        report(task.label, Again(ending.message) if attempt else Started())
        ending = _done(task, report, stop)
        if ending.kind != "died":
            break
    report(task.label, Ended(ending))
    return ending


def _done(task: Task, report: SweepReport, stop: Stop) -> Ending:
    """The ending of one try; what its folder says counts for more than how its process ended."""
    try:
        ending = mind(task, lambda event: report(task.label, event), stop)
    except (OSError, EOFError) as error:  # no process to be had, or no server to fork it from
        ending = Ending("died", f"its process could not be started: {type(error).__name__} {error}".rstrip())
    if ending.kind in {"died", "stopped"} and _came_to_its_end(task.folder):
        return Ending("done")
    if ending.kind == "died" and stop.asked.is_set():
        return Ending("stopped")  # by the same signal as the driver, for one
    if ending.kind == "stopped" and not stop.asked.is_set():
        return Ending("died", "its process was told to stop, from outside (SIGTERM)")
    return ending


def _came_to_its_end(folder: Path) -> bool:
    """Whether the run in a folder came to its end."""
    try:
        return record.read(folder).has_result
    except record.UnreadableRun:
        return False
