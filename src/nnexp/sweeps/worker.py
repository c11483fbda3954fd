"""The driver's end of a worker: starts its process, gives it tasks, hears what it tells and how it ends.

Pools of the standard library and of loky break whole when one worker dies; these do not know of each other.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
import types
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait

from nnexp.sweeps.child import SIGNALS, Ending, Free, Message, Task, work

# After this long a process that was asked to stop is killed: XLA cannot be interrupted while it compiles.
_PATIENCE_SECONDS = 8.0
_SERVER_DIED = 255  # what the standard library gives for the exit code of a process whose server is gone

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["nnexp.sweeps.preload"])
# Starting a process polls all others: two threads that poll one process would steal its exit code from each other.
_exclusive = threading.Lock()


def start_server() -> None:
    """Start the server that processes are forked from; it takes seconds, in which the caller may do other things."""
    from multiprocessing import forkserver

    with signals_held():
        forkserver.ensure_running()


@dataclass(frozen=True, slots=True)
class Stop:
    """How the driver ends tasks early: asked once they save what there is, asked to hurry they are killed."""

    asked: threading.Event
    hurry: threading.Event

    @classmethod
    def new(cls) -> Stop:
        """One that nobody has asked for yet."""
        return cls(threading.Event(), threading.Event())


class Worker:
    """One process, and the tasks that it is at: one that trains, and one whose last files it may still write."""

    def __init__(self, task: Task) -> None:
        """Start a process for tasks of one kind, and give it the first.

        Raises:
            OSError, EOFError: no process is to be had.
        """
        self.kind = task.kind
        self.tasks: dict[str, Task] = {}
        self.free = False  # for another task
        self._asked_at: float | None = None
        self._said = tempfile.NamedTemporaryFile(prefix="stderr-", dir=task.scratch)  # noqa: SIM115  # closed with it
        self.connection, theirs = _context.Pipe()
        self._process = _context.Process(target=work, args=(theirs, self._said.name), name=task.label)
        with _exclusive, no_main_module(), signals_held():
            self._process.start()
        theirs.close()
        self.sentinel = self._process.sentinel
        self.begin(task)

    def begin(self, task: Task) -> None:
        """Give it a task; if it has just died, its end is told like any other."""
        self.tasks[task.label] = task
        self.free = False
        self._said_before = self._said.seek(0, os.SEEK_END)  # what it says from now on is of this task
        with contextlib.suppress(OSError):
            self.connection.send(task)

    def answer(self, hopeless: bool) -> None:
        """Say whether the run that it trains is to be given up, which it has asked."""
        with contextlib.suppress(OSError):
            self.connection.send(hopeless)

    def dismiss(self) -> None:
        """Let it end when it has done what it is at; it is given no other task."""
        self.kind = ""
        with contextlib.suppress(OSError):
            self.connection.send(None)

    def messages(self) -> Iterator[Message]:
        """What it has told until now."""
        with contextlib.suppress(EOFError, OSError):  # it is gone
            while self.connection.poll():
                message = self.connection.recv()
                self.free |= isinstance(message.told, Free)
                yield message

    def hasten(self, stop: Stop) -> None:
        """Ask it to stop, or kill it, if that is what the driver wants."""
        if stop.asked.is_set() and self._asked_at is None:
            self._asked_at = time.monotonic()
            self._process.terminate()
        late = self._asked_at is not None and time.monotonic() - self._asked_at > _PATIENCE_SECONDS
        if stop.hurry.is_set() or late:
            self._process.kill()

    def ended(self) -> Ending:
        """How the process ended, once it has: the ending of those of its tasks that it told nothing of."""
        wait([self.sentinel])
        with _exclusive:
            self._process.join()
            code = self._process.exitcode
        said = ""
        with contextlib.suppress(OSError):  # a full disk, or a sweep folder that is gone
            self._said.seek(self._said_before)
            said = self._said.read().decode("utf-8", errors="replace")
            self._said.close()
        self.connection.close()
        return Ending("stopped") if self._asked_at is not None else Ending("died", _why(code, said))


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Let no Ctrl-C end a process that is being started, before it says how it answers one: see preload.py."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def no_main_module() -> Iterator[None]:
    """Keep a process from running the caller's main module: a script without a guard would start the sweep again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


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
