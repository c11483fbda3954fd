"""A worker's process: does runs one after another, forked from a server that has TensorFlow loaded.

Runs that differ in their seed alone share what is compiled; while one trains, the artifacts of the one before are
written. The process has its own session, ends itself when the driver is gone, and can be killed by anything without
harm to its neighbours.
"""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nnexp import events
from nnexp.errors import ConfigError, NnexpError

if TYPE_CHECKING:
    from nnexp.config.experiment import Experiment
    from nnexp.data.content import Arrays
    from nnexp.data.datasets import Dataset
    from nnexp.data.progress import FetchProgress
    from nnexp.data.splits import Splits
    from nnexp.training.session import Session

# Progress within an epoch is told at most this often.
PROGRESS_SECONDS = 0.2

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Task:
    """One run to do: plain data, so that it could be sent anywhere."""

    label: str
    folder: Path  # the run's, not yet there
    config: str  # the complete config as YAML, its thread count included
    kind: str  # runs of one kind differ in their seed alone
    scratch: Path  # a directory of the sweep's, for as long as it is at work
    offline: bool = False
    command: Sequence[str] = ()
    asks: bool = False  # after each epoch whether to go on
    track: bool = True  # whether the run's trackers are told here, and not by the driver


@dataclass(frozen=True, slots=True)
class Ending:
    """How a task ended."""

    # busy: another process is at the run; lost: its worker, or the computer of it, is there no more
    kind: Literal["done", "failed", "died", "stopped", "busy", "lost"]
    message: str = ""


@dataclass(frozen=True, slots=True)
class Free:
    """A task is done but for its last files, and the next one may come."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Whether to go on after the epoch that was told last; the answer is whether the run is hopeless."""


Told = events.Event | Ending | Free | Ask


@dataclass(frozen=True, slots=True)
class Message:
    """What a worker's process tells the driver of a task."""

    label: str
    told: Told


def work(connection: Connection, said: str) -> None:
    """The life of a worker's process: tasks come in by `connection`, until a None or an ending that is not `done`."""
    from nnexp.training import programs

    _detach(said)
    tell, data, sessions, rest = _Teller(connection), Data(), Sessions(), _Rest()
    with contextlib.suppress(KeyboardInterrupt):  # between two runs; within one it is the run's ending
        while rest.may_another_follow and (task := _next(connection)):
            if task.folder.exists():  # it goes on, and does its rest itself: never two at once
                rest.wait()
            ask = partial(tell.ask, task.label) if task.asks else None
            doing = partial(run, task, data, sessions, tell.of(task.label), ask, rest.put)
            ending = ending_of(doing, task.folder)
            if ending.kind != "done":
                rest.wait()
                tell(task.label, ending)
                break
            rest.begin(partial(_finish, task, rest.take(), tell))
            tell(task.label, Free())
    rest.wait()
    programs.give_back()
    os._exit(0)  # the interpreter's last collection would walk all of TensorFlow, a second for nothing


def _next(connection: Connection) -> Task | None:
    """The next task; None if there is none, or the process was told to stop while it had nothing to do."""
    try:
        task: Task | None = connection.recv()
    except (KeyboardInterrupt, EOFError, OSError):
        return None
    return task


def run(
    task: Task,
    data: Data,
    sessions: Sessions,
    report: events.Report,
    ask: Callable[[], bool] | None,
    later: Callable[[Callable[[], None]], None] | None = None,
) -> None:
    """Do a task in this process; `ask` says whether to give it up, `later` is given what needs its session no more."""
    from nnexp.config.experiment import parse_experiment
    from nnexp.config.loading import parse_config
    from nnexp.experiment import Options
    from nnexp.resume import run_or_resume

    experiment = parse_experiment(parse_config(task.config, task.label), task.label)
    options = Options(
        offline=task.offline,
        command=task.command,
        data=data,
        session=sessions,
        later=later,
        is_hopeless=ask,
        track=task.track,
    )
    run_or_resume(experiment, task.folder, options, report)


def _finish(task: Task, rest: Callable[[], None], tell: _Teller) -> bool:
    """Do the rest of a run, tell its ending, and say whether that is a good one."""
    ending = ending_of(rest, task.folder)
    tell(task.label, ending)
    return ending.kind == "done"


def ending_of(do: Callable[[], None], folder: Path) -> Ending:
    """Do what there is to do of the run in a folder, and say how it ended."""
    from nnexp.failures import what_failed
    from nnexp.resume import Busy

    try:
        do()
    except KeyboardInterrupt:
        return Ending("stopped")
    except Busy as error:
        return Ending("busy", str(error))
    except ConfigError as error:  # its places are in a text that nobody has seen
        return Ending("failed", "\n".join(f"{problem.message}\n{problem.hint}".strip() for problem in error.problems))
    except NnexpError as error:
        return Ending("failed", str(error))
    except Exception as error:  # noqa: BLE001  # it is recorded with the run; the process would not say it
        return Ending("failed", what_failed(error, folder))
    return Ending("done")


class Data:
    """Gives each run the arrays of its dataset, which were verified as they were loaded for the first."""

    def __init__(self) -> None:
        self._loaded: tuple[Dataset, Arrays] | None = None

    def __call__(self, dataset: Dataset, offline: bool, progress: FetchProgress | None) -> Arrays:
        from nnexp.data.datasets import load

        if self._loaded is None or self._loaded[0] != dataset:
            self._loaded = dataset, load(dataset, offline, progress)
        return self._loaded[1]


class Sessions:
    """Gives each run its session: that of the run before, renewed, where they differ in their seed alone."""

    def __init__(self) -> None:
        self._last: Session | None = None

    def __call__(self, experiment: Experiment, splits: Splits, dataset: Dataset, threads: int | None) -> Session:
        from nnexp.training.session import Session

        if self._last is None or not self._last.renew(experiment, splits):
            self._last = Session(experiment, splits, dataset, threads)
        return self._last


class _Rest:
    """What is left to do of a run when its session is free: done in a thread, one run's at a time."""

    def __init__(self) -> None:
        self.may_another_follow = True  # not after one that went wrong, nor after a signal to stop
        self._put: list[Callable[[], None]] = []
        self._over = threading.Event()
        self._over.set()

    def put(self, do: Callable[[], None]) -> None:
        """Keep it until the run has nothing else to do."""
        self._put.append(do)

    def take(self) -> Callable[[], None]:
        """What was put; nothing if the run had no rest."""
        taken, self._put = self._put, []

        def do() -> None:
            for part in taken:
                part()

        return do

    def begin(self, do: Callable[[], bool]) -> None:
        """Do it beside what follows, as soon as that of the run before is done; it says whether it went well."""
        self.wait()

        def work() -> None:
            try:
                if not do():
                    self.may_another_follow = False
            finally:
                self._over.set()

        self._over.clear()
        held = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # no interrupt may come between here and the start
        try:
            threading.Thread(target=work, name="rest", daemon=True).start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)

    def wait(self) -> None:
        """Return when nothing is left to do; a signal to stop does not hurry it."""
        while not self._over.is_set():
            # Not the thread's join: in Python 3.11 one that is interrupted takes the thread for ended.
            try:
                self._over.wait()
            except KeyboardInterrupt:
                self.may_another_follow = False


class _Teller:
    """Sends to the driver, from any thread; progress only as often as a person can see it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._last = 0.0

    def __call__(self, label: str, told: Told) -> None:
        if isinstance(told, events.ModelBuilt):
            return
        if isinstance(told, events.Progress):
            if time.monotonic() - self._last < PROGRESS_SECONDS:
                return
            self._last = time.monotonic()
        with self._lock:
            self._connection.send(Message(label, told))

    def ask(self, label: str) -> bool:
        """Ask the driver whether to give a run up. The next task comes by the same way, but only after this run."""
        self(label, Ask())
        return self._connection.recv() is True

    def of(self, label: str) -> events.Report:
        """Tells of one task."""
        return lambda event: self(label, event)


def _detach(said: str) -> None:
    """Own session, own stderr, own signals, and no life without the driver."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    mine = os.open(said, os.O_WRONLY | os.O_APPEND)
    for number, target in ((0, nowhere), (1, nowhere), (2, mine)):
        os.dup2(target, number)
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    threading.Thread(target=_end_with_the_driver, daemon=True, name="driver-watch").start()


def _end_with_the_driver() -> None:
    """The run then reads as interrupted, and `--resume` does it again."""
    driver = multiprocessing.parent_process()
    if driver is not None:
        wait([driver.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt
