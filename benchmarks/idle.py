"""A worker whose tasks take a second and do nothing, in place of one with a process: for benchmarks/cluster.py."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from multiprocessing import Pipe

from nnexp.sweeps.child import Ending, Free, Message, Task
from nnexp.sweeps.remote import far
from nnexp.sweeps.worker import Stop

SECONDS = 1.0


class Idle:
    """See `worker.Worker`."""

    def __init__(self, task: Task) -> None:
        self.kind = task.kind
        self.tasks: dict[str, Task] = {}
        self.free = False
        self._todo: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self.connection, self._theirs = Pipe(duplex=False)
        self.sentinel, self._alive = Pipe(duplex=False)
        self.begin(task)
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while task := self._todo.get():
            time.sleep(SECONDS)
            self._theirs.send(Message(task.label, Ending("done")))
            self._theirs.send(Message(task.label, Free()))
        self._alive.close()

    def begin(self, task: Task) -> None:
        self.tasks[task.label] = task
        self.free = False
        self._todo.put(task)

    def answer(self, hopeless: bool) -> None:
        """It never asks."""

    def dismiss(self) -> None:
        self.kind = ""
        self._todo.put(None)

    def messages(self) -> Iterator[Message]:
        while self.connection.poll():
            message: Message = self.connection.recv()
            self.free |= isinstance(message.told, Free)
            yield message

    def hasten(self, stop: Stop) -> None:
        if stop.asked.is_set() or stop.hurry.is_set():
            self._todo.put(None)

    def ended(self) -> Ending:
        return Ending("died", "it is dismissed")


def serve(name: str, token: str, expected: dict[str, str]) -> None:
    """The far end of such a worker."""
    far.serve(name, token, expected, Idle)
