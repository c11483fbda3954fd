"""One run in a process of its own, forked from a server that has TensorFlow loaded, and the thread that minds it.

A child has its own session, ends itself when the driver is gone, and can be killed by anything without harm to its
neighbours: pools of the standard library and of loky break whole when one worker dies.
"""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal

from nnexp import events
from nnexp.errors import ConfigError, NnexpError

# After this long a child that was asked to stop is killed: XLA cannot be interrupted while it compiles.
_PATIENCE_SECONDS = 8.0
# Progress within an epoch is told at most this often.
_PROGRESS_SECONDS = 0.2
_SERVER_DIED = 255  # what the standard library gives for the exit code of a child whose server is gone

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["nnexp.sweeps.preload"])
# Starting a process polls all others: two threads that poll one process would steal its exit code from each other.
_exclusive = threading.Lock()


@dataclass(frozen=True, slots=True)
class Task:
    """One run to do: plain data, so that it could be sent anywhere."""

    label: str
    folder: Path  # the run's, not yet there
    config: str  # the complete config as YAML, its thread count included
    scratch: Path  # a directory of the sweep's, where its runs share what XLA compiled
    offline: bool = False
    command: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """How the child of a task ended."""

    kind: Literal["done", "failed", "died", "stopped", "busy"]  # busy: another process is at the run
    message: str = ""


def start_server() -> None:
    """Start the server that children are forked from; it takes seconds, in which the caller may do other things."""
    from multiprocessing import forkserver

    with _signals_held():
        forkserver.ensure_running()


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Let no Ctrl-C end a process that is being started, before it says how it answers one: see preload.py."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass(frozen=True, slots=True)
class Stop:
    """How the driver ends children early: asked once they save what there is, asked to hurry they are killed."""

    asked: threading.Event
    hurry: threading.Event

    @classmethod
    def new(cls) -> Stop:
        """One that nobody has asked for yet."""
        return cls(threading.Event(), threading.Event())


def mind(task: Task, report: events.Report, stop: Stop) -> Ending:
    """Do a task in a child and return how that ended."""
    receiver, sender = _context.Pipe(duplex=False)
    with tempfile.NamedTemporaryFile(prefix="stderr-", dir=task.scratch) as said, receiver:
        process = _context.Process(target=_work, args=(task, sender, said.name), name=task.label)
        with _exclusive, _no_main_module(), _signals_held():
            process.start()
        sender.close()
        told: list[Ending] = []
        asked_at: float | None = None
        while process.sentinel not in wait([receiver, process.sentinel], timeout=_PROGRESS_SECONDS):
            _receive(receiver, report, told)
            if stop.asked.is_set() and asked_at is None:
                asked_at = time.monotonic()
                process.terminate()
            if stop.hurry.is_set() or (asked_at is not None and time.monotonic() - asked_at > _PATIENCE_SECONDS):
                process.kill()
        _receive(receiver, report, told)
        with _exclusive:
            process.join()
            code = process.exitcode
        if told:
            return told[-1]
        if asked_at is not None:
            return Ending("stopped")
        return Ending("died", _why(code, Path(said.name).read_text(encoding="utf-8", errors="replace")))


@contextlib.contextmanager
def _no_main_module() -> Iterator[None]:
    """Keep a child from running the caller's main module anew: a script without a guard would start the sweep again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _receive(receiver: Connection, report: events.Report, told: list[Ending]) -> None:
    with contextlib.suppress(EOFError, OSError):  # the child is gone
        while receiver.poll():
            message = receiver.recv()
            if isinstance(message, Ending):
                told.append(message)
            else:
                report(message)


def _why(code: int | None, said: str) -> str:
    if code == _SERVER_DIED:
        return "the process that it was forked from died"
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
        out_of_memory = "; often the system's answer when memory runs out" if name == "SIGKILL" else ""
        what = f"its process was ended by {name}{out_of_memory}"
    else:
        what = f"its process ended with exit code {code}"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = next((line for line in lines if line.startswith("Fatal Python error")), lines[-1] if lines else "")
    return f"{what}: {last[:300]}" if last else what


def _work(task: Task, sender: Connection, said: str) -> None:
    """The child's whole life."""
    _detach(said)
    if len(str(task.scratch).split()) == 1:  # flags are split at blanks; without this one runs only begin slower
        flag = f"--tf_xla_persistent_cache_directory={task.scratch}"
        os.environ["TF_XLA_FLAGS"] = f"{os.environ.get('TF_XLA_FLAGS', '')} {flag}".strip()
    from nnexp.config.experiment import parse_experiment
    from nnexp.config.loading import parse_config
    from nnexp.experiment import Options
    from nnexp.resume import Busy, run_or_resume

    report = _Throttled(sender)
    try:
        experiment = parse_experiment(parse_config(task.config, task.label), task.label)
        run_or_resume(experiment, task.folder, Options(offline=task.offline, command=task.command), report)
        ending = Ending("done")
    except KeyboardInterrupt:
        ending = Ending("stopped")
    except Busy as error:
        ending = Ending("busy", str(error))
    except ConfigError as error:  # its places are in a text that nobody has seen
        ending = Ending("failed", "\n".join(f"{problem.message}\n{problem.hint}".strip() for problem in error.problems))
    except NnexpError as error:
        ending = Ending("failed", str(error))
    sender.send(ending)
    sender.close()
    os._exit(0)  # the interpreter's last collection would walk all of TensorFlow, a second for nothing


class _Throttled:
    """Sends events to the driver; progress only as often as a person can see it."""

    def __init__(self, sender: Connection) -> None:
        self.sender = sender
        self.last = 0.0

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.ModelBuilt):
            return
        if isinstance(event, events.Progress):
            if time.monotonic() - self.last < _PROGRESS_SECONDS:
                return
            self.last = time.monotonic()
        self.sender.send(event)


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
