"""The end of a worker that is on another computer: minds its process there, as the driver does with its own.

Where the run folders lie on a disk that both see, runs are done right there. Else they are done in a directory of this
computer's, and what is in it is mirrored to the driver.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing import Pipe, current_process
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from nnexp import events
from nnexp.errors import Amiss, Reason
from nnexp.runs import record, versions
from nnexp.sweeps.child import PROGRESS_SECONDS, Ending, Message, Task
from nnexp.sweeps.execute import AnyWorker
from nnexp.sweeps.remote import wire
from nnexp.sweeps.remote.link import Gone, Item, Link
from nnexp.sweeps.remote.mirror import Kept, Mirror, as_left
from nnexp.sweeps.worker import Stop, Worker

_LOOK_SECONDS = 0.5
_MOST_ORDERS = 4  # of at most a piece of a file each
_REFUSED_SECONDS = 2.0  # in which a worker that can do it may have room

Start = Callable[[Task], AnyWorker]


def serve(name: str, token: str, expected: dict[str, str], start: Start = Worker) -> None:
    """Be the far end of the worker that the driver calls `name`, until its process has ended.

    `token` is the path of a file that the driver sees, and `expected` are its versions.
    """
    from distributed import Reschedule, get_client, get_worker, secede

    if wrong := versions.differences(expected, versions.here()):  # it has joined since the driver looked at all
        told: Amiss = f"this worker gets no run of nnexp: it has {wrong}; install here what the sweep's computer has"
        logging.getLogger("distributed.worker").error(told)
        time.sleep(_REFUSED_SECONDS)
        raise Reschedule("another worker is to do it")
    worker = get_worker()
    scratch, shared = Path(tempfile.mkdtemp(prefix="nnexp-", dir=worker.local_directory)), Path(token).exists()
    link = Link(get_client(), name, driver=False)
    current_process().daemon = False  # Dask's nanny makes its workers daemons, which may have no processes
    task, over = worker.get_current_task(), threading.Event()

    def watch() -> None:
        """Close the link once the driver is gone, or wants no more of this: Dask tells a task so in no other way."""
        while not over.wait(_LOOK_SECONDS):
            known = worker.state.tasks.get(task)
            if known is None or known.state not in ("executing", "long-running"):
                link.close()
                return

    threading.Thread(target=watch, daemon=True, name="watch").start()
    try:
        link.send({"hello": {"address": worker.address, "scratch": str(scratch), "shared": shared}})
        _Far(link, scratch, secede, start, shared=shared).work()
    except Gone:
        pass  # nobody is left who could be told
    finally:
        over.set()
        link.leave()
        shutil.rmtree(scratch, ignore_errors=True)


class _Far:
    def __init__(
        self,
        link: Link,
        scratch: Path,
        make_room: Callable[[], None],
        start: Start,
        *,
        shared: bool,
    ) -> None:
        self._link, self._scratch, self._shared = link, scratch, shared
        self._make_room, self._start = make_room, start
        self._worker: AnyWorker | None = None
        self._stop = Stop.new()
        self._orders: queue.Queue[Item] = queue.Queue(_MOST_ORDERS)
        self._over = threading.Event()
        self._woken, self._wake = Pipe(duplex=False)
        self._gone = False
        self._mirrors: dict[str, Mirror] = {}
        self._coming: dict[str, Kept] = {}

    def work(self) -> None:
        threading.Thread(target=self._listen, daemon=True, name="orders").start()
        try:
            while self._step():
                pass
        finally:
            self._over.set()
            if self._worker is not None:
                self._abandon(self._worker)

    def _listen(self) -> None:
        """Hand on what the driver orders; the last order is that it is gone."""
        while not self._gone and not self._over.is_set():
            try:
                order = self._link.receive()
            except Gone:
                self._gone, order = True, {}
            if "stop" in order:
                self._stop.asked.set()  # here, whatever the other thread waits for
            while not self._over.is_set():
                with contextlib.suppress(queue.Full):  # pieces of a run that is handed over are read in their time
                    self._orders.put(order, timeout=_LOOK_SECONDS)
                    self._wake.send_bytes(b"!")
                    break

    def _step(self) -> bool:
        """Wait for something to happen, and pass it on; whether the worker lives."""
        worker = self._worker
        parts: list[Any] = [worker.connection, worker.sentinel] if worker else []
        ready = wait([self._woken, *parts], PROGRESS_SECONDS)
        for order in self._given():
            self._follow(order)
        if worker is None:
            return True
        over = worker.sentinel in ready
        told = list(worker.messages())
        worker.hasten(self._stop)
        for message in told:
            if isinstance(message.told, Ending):
                self._mirror(message.label)  # all of it, before it is said to be over
                self._mirrors.pop(message.label, None)
                worker.tasks.pop(message.label)
        self._tell(told)
        for message in told:
            if isinstance(message.told, Ending) and not self._shared:
                shutil.rmtree(self._scratch / message.label, ignore_errors=True)  # the driver has it
        if over:
            self._end(worker)
            return False
        for label, mirror in self._mirrors.items():
            if mirror.is_due():
                self._mirror(label)
        return True

    def _given(self) -> Iterator[Item]:
        while self._woken.poll():
            self._woken.recv_bytes()
            yield self._orders.get()
        self._need_driver()

    def _need_driver(self) -> None:
        if self._gone or self._link.closed:
            raise Gone("the driver wants no more of it")

    def _follow(self, order: Item) -> None:
        match order:
            case {"piece": piece, "label": label}:
                kept = self._coming.setdefault(label, Kept(self._scratch / label, {"metrics.json": as_left}))
                kept.take(piece)
            case {"begin": text}:
                self._begin(wire.task_of_json(text))
            case {"answer": hopeless} if self._worker:
                self._worker.answer(hopeless)
            case {"dismiss": _}:
                if self._worker:
                    self._worker.dismiss()
                self._make_room()  # what is left needs no slot: another worker may begin beside it

    def _begin(self, task: Task) -> None:
        if self._shared:
            self._wait_until_left(task)
            task = replace(task, scratch=self._scratch)
        else:
            self._coming.pop(task.label, None)
            task = replace(task, scratch=self._scratch, folder=self._scratch / task.label)
            self._mirrors[task.label] = Mirror(task.folder)
            self._mirrors[task.label].know()
        if self._worker is None:
            try:
                self._worker = self._start(task)
            except (OSError, EOFError) as error:
                why: Reason = f"its process could not be started: {type(error).__name__} {error}".rstrip()
                self._link.send({"end": ["died", why]})
                raise Gone("there is no process") from error
        else:
            self._worker.begin(task)

    def _wait_until_left(self, task: Task) -> None:
        """Wait until it is certain that the worker that had the run is gone: its computer may only be cut off."""
        told = False
        while not self._stop.asked.wait(1.0 if told else 0.0):
            self._need_driver()
            try:
                if record.read(task.folder).status != "running":
                    return
            except record.UnreadableRun:
                return
            if not told:
                told = True
                text = "waiting until it is certain that nobody is at it any more: at most five minutes"
                self._tell([Message(task.label, events.Note(text))])

    def _mirror(self, label: str) -> None:
        if label in self._mirrors:
            for piece in self._mirrors[label].pieces():
                self._link.send({"piece": piece, "label": label})

    def _tell(self, messages: list[Message]) -> None:
        if messages:
            self._link.send({"tell": wire.messages_to_json(messages)})

    def _abandon(self, worker: AnyWorker) -> None:
        """End a worker that nobody hears. What it saves on a shared disk says to all that the run is free."""
        (self._stop.asked if self._shared else self._stop.hurry).set()
        worker.hasten(self._stop)
        while not wait([worker.sentinel], PROGRESS_SECONDS):
            for _ in worker.messages():
                pass  # it would wait for them to be read
            worker.hasten(self._stop)
        worker.ended()

    def _end(self, worker: AnyWorker) -> None:
        self._worker = None
        ending = worker.ended()
        for label in list(worker.tasks):
            self._mirror(label)
        self._link.send({"end": [ending.kind, ending.message]})
