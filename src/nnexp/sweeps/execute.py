"""Doing many tasks at once, as many at a time as asked for: each lane has a worker of its own, minded by a thread."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from nnexp import events
from nnexp.errors import Reason
from nnexp.runs import record
from nnexp.sweeps.child import PROGRESS_SECONDS, Ask, Ending, Free, Message, Task
from nnexp.sweeps.worker import Stop

# A worker that dies takes its run with it, which is done again until it was tried this often: what killed it may have
# been chance. A computer that is lost was hardly killed by the run.
_TRIES = {"died": 2, "lost": 10}
# A place may have more lanes later, as when a cluster's workers come one by one.
_LOOK_SECONDS = 2.0
_MOST_LANES = 400  # each has a connection to a cluster's scheduler, of which Dask allows 512


@dataclass(frozen=True, slots=True)
class Started:
    """A run begins."""


@dataclass(frozen=True, slots=True)
class Again:
    """A run's worker died, and the run goes on from its last checkpoint."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Ended:
    """A run is over."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class Stopping:
    """The sweep was told to stop, and waits for the runs under way; its label is empty."""


@dataclass(frozen=True, slots=True)
class Warned:
    """Something went wrong that costs no run; its label is empty."""

    text: str


SweepEvent = Started | Again | Free | Ended | Stopping | Warned | events.Event
SweepReport = Callable[[str, SweepEvent], None]  # the run's label, and what happened to it
Settle = Callable[[Task, Ending], None]

_Queue: TypeAlias = "queue.SimpleQueue[tuple[Task, Ending] | Future[None]]"


class Tasks(Protocol):
    """What is to be done: asked by lanes, in their threads, as each has room."""

    def __bool__(self) -> bool:
        """Whether there is a task that no lane has taken."""

    def take(self, kind: str) -> Task | None:
        """The next task for a lane that did one of this kind; None if there is none."""

    def is_hopeless(self, label: str) -> bool:
        """Whether a task that asks is to end after the epoch that it told of last."""


class AnyWorker(Protocol):
    """A process that does tasks, here or elsewhere: see `worker.Worker`, where each is described."""

    kind: str
    tasks: dict[str, Task]
    free: bool
    connection: Connection
    sentinel: Any

    def begin(self, task: Task) -> None: ...
    def answer(self, hopeless: bool) -> None: ...
    def dismiss(self) -> None: ...
    def messages(self) -> Iterator[Message]: ...
    def hasten(self, stop: Stop) -> None: ...
    def ended(self) -> Ending: ...


class Place(Protocol):
    """Where workers are."""

    def lanes(self) -> int:
        """How many runs there can be at a time, as it is now."""

    def start(self, task: Task) -> AnyWorker:
        """A new worker, which begins with this task.

        Raises:
            OSError, EOFError: no process is to be had.
        """


def execute(tasks: Tasks, place: Place, report: SweepReport, settle: Settle) -> None:
    """Do all tasks; `settle` is called for each as it ends, in the caller's thread, `report` in the lanes'.

    Raises:
        KeyboardInterrupt: as it came, after the tasks under way have stopped and saved what there is.
    """
    stop = Stop.new()
    ended: _Queue = queue.SimpleQueue()
    with ThreadPoolExecutor(_MOST_LANES, thread_name_prefix="lane") as pool:
        begun = over = 0
        try:
            while True:
                while begun - over < place.lanes() and (begun == 0 or tasks):
                    pool.submit(_Lane(tasks, place, report, stop, ended).work).add_done_callback(ended.put)
                    begun += 1
                try:
                    came = ended.get(timeout=_LOOK_SECONDS)
                except queue.Empty:
                    continue
                if isinstance(came, Future):
                    came.result()  # raises what broke the lane
                    over += 1
                    if over == begun:
                        return
                else:
                    settle(*came)
        except BaseException:
            stop.asked.set()
            report("", Stopping())
            try:
                pool.shutdown(wait=True)
            except KeyboardInterrupt:
                stop.hurry.set()
            raise


class Listed:
    """Tasks that are all known beforehand, in their order."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = list(tasks)
        self._kinds: set[str] = set()  # of which one was taken
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._tasks)

    def take(self, kind: str) -> Task | None:
        """The next one of this kind, else the next of a kind that none was taken of, else the next."""
        with self._lock:
            same = (task for task in self._tasks if task.kind == kind)
            new = (task for task in self._tasks if task.kind not in self._kinds)
            task = next(same, None) or next(new, None) or next(iter(self._tasks), None)
            if task:
                self._tasks.remove(task)
                self._kinds.add(task.kind)
            return task

    def is_hopeless(self, label: str) -> bool:
        """No task that is listed is given up."""
        return False


class _Lane:
    """Does tasks one after another; while one trains, another's last files are written."""

    def __init__(
        self,
        todo: Tasks,
        place: Place,
        report: SweepReport,
        stop: Stop,
        ended: _Queue,
    ) -> None:
        self._todo, self._place, self._report, self._stop, self._ended = todo, place, report, stop, ended
        self._workers: list[AnyWorker] = []  # the last one takes tasks; one before it was of another kind, and finishes
        self._again: deque[tuple[Task, str]] = deque()  # whose worker died, and why
        self._tried: dict[str, int] = {}

    def work(self) -> None:
        """Do tasks until there are none."""
        try:
            while self._begin_one() or self._is_at_work():
                self._wait()
        except BaseException:
            self._stop.hurry.set()
            raise
        finally:
            for worker in self._workers:
                worker.dismiss()
                worker.hasten(self._stop)
                worker.ended()

    def _is_at_work(self) -> bool:
        """Whether a task is under way, or one is left and a worker has to end before it can begin."""
        left = (self._again or self._todo) and not self._stop.asked.is_set()
        return any(worker.tasks or left for worker in self._workers)

    def _begin_one(self) -> bool:
        """Begin a task, if there is room and one is left."""
        while not self._stop.asked.is_set() and self._has_room():
            kind = self._workers[-1].kind if self._workers else ""
            task, reason = self._again.popleft() if self._again else (self._todo.take(kind), "")
            if task is None:
                return False
            self._tried[task.label] = self._tried.get(task.label, 0) + 1
            self._report(task.label, Again(reason) if reason else Started())
            if task.kind == kind:
                self._workers[-1].begin(task)
                return True
            for worker in self._workers:
                worker.dismiss()
            try:
                self._workers.append(self._place.start(task))
            except (OSError, EOFError) as error:  # no process to be had, or no server to fork it from
                why: Reason = f"its process could not be started: {type(error).__name__} {error}".rstrip()
                self._settle(task, Ending("died", why))
                continue
            return True
        return False

    def _has_room(self) -> bool:
        return not self._workers or (self._workers[-1].free and len(self._workers) < 2)

    def _wait(self) -> None:
        """Hear the workers until a task has ended, or another one may begin."""
        while True:
            ready = wait([part for one in self._workers for part in (one.connection, one.sentinel)], PROGRESS_SECONDS)
            heard = False
            for worker in list(self._workers):
                over = worker.sentinel in ready
                heard |= self._hear(worker, over=over) or worker.free
                worker.hasten(self._stop)
            if heard:
                return

    def _hear(self, worker: AnyWorker, *, over: bool) -> bool:
        """Pass on what a worker tells; whether a task, or the worker, came to its end."""
        came = False
        for message in worker.messages():
            if message.label not in worker.tasks:
                pass  # its ending may come before the word that another may begin
            elif isinstance(message.told, Ending):
                came = True
                self._settle(worker.tasks.pop(message.label), message.told)
            elif isinstance(message.told, Ask):
                worker.answer(self._todo.is_hopeless(message.label))
            else:
                self._report(message.label, message.told)
        if over:
            self._workers.remove(worker)
            ending = worker.ended()
            for task in worker.tasks.values():
                self._settle(task, ending)
        return came or over

    def _settle(self, task: Task, ending: Ending) -> None:
        """The end of a try: of the task, or of another try to come."""
        ending = self._as_it_is(task, ending)
        if self._tried[task.label] < _TRIES.get(ending.kind, 0) and not self._stop.asked.is_set():
            self._again.append((task, ending.message))
        else:
            self._report(task.label, Ended(ending))
            self._ended.put((task, ending))

    def _as_it_is(self, task: Task, ending: Ending) -> Ending:
        """What its folder says counts for more than how its process ended."""
        if ending.kind in {"died", "lost", "stopped"} and _came_to_its_end(task.folder):
            return Ending("done")
        if ending.kind in {"died", "lost"} and self._stop.asked.is_set():
            return Ending("stopped")  # by the same signal as the driver, for one
        if ending.kind == "stopped" and not self._stop.asked.is_set():
            return Ending("died", "its process was told to stop, from outside (SIGTERM)")
        return ending


def _came_to_its_end(folder: Path) -> bool:
    """Whether the run in a folder came to its end."""
    try:
        return record.read(folder).has_result
    except record.UnreadableRun:
        return False
