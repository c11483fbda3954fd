"""The driver's end of a worker that is on another computer; to a lane it is like one of this computer's."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Collection, Iterator
from concurrent.futures import Future
from multiprocessing import Pipe
from multiprocessing.connection import wait

from nnexp.failures import first_line
from nnexp.files import remove_temporaries
from nnexp.runs.folder import RunFolder
from nnexp.sweeps.child import Ending, Free, Message, Task
from nnexp.sweeps.remote import wire
from nnexp.sweeps.remote.link import Gone, Item, Link
from nnexp.sweeps.remote.mirror import BadPiece, Kept, Mirror, as_ours
from nnexp.sweeps.worker import Stop

# After this long a worker that was asked to stop is left alone; what it has sent until then is kept.
_PATIENCE_SECONDS = 30.0
# A worker that is not there at so many looks in a row is gone: its last words may still be under way.
_LOOKS = 3


class RemoteWorker:
    """One process of another computer, and the tasks that it is at: see `worker.Worker`."""

    def __init__(self, task: Task, link: Link, serving: Future[None]) -> None:
        """`serving` is the far end at work."""
        self.kind = task.kind
        self.tasks: dict[str, Task] = {}
        self.free = False
        self._link, self._serving = link, serving
        self._missed = 0  # looks in a row
        self._left = False  # of itself
        self._asked_at: float | None = None
        self._far: Item = {}  # what it said of itself, as soon as it is there
        self._folder = task.folder.parent  # of all runs of the sweep
        self._kept: dict[str, Kept] = {}
        self._told: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._orders: queue.SimpleQueue[Item | Task | None] = queue.SimpleQueue()
        self._ending: Ending | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()  # nothing comes any more
        self.connection, self._wake = Pipe(duplex=False)
        self.sentinel, self._alive = Pipe(duplex=False)
        self.begin(task)
        self._ordering = threading.Thread(target=self._order, daemon=True, name="order")
        threading.Thread(target=self._hear, daemon=True, name="hear").start()

    def begin(self, task: Task) -> None:
        """Give it a task; if it has just died, its end is told like any other."""
        self.tasks[task.label] = task
        self.free = False
        self._orders.put(task)

    def answer(self, hopeless: bool) -> None:
        """Say whether the run that it trains is to be given up, which it has asked."""
        self._orders.put({"answer": hopeless})

    def dismiss(self) -> None:
        """Let it end when it has done what it is at; it is given no other task."""
        if self.kind:  # once: at the other end Dask has the place back, which cannot be given twice
            self.kind = ""
            self._orders.put({"dismiss": True})

    def messages(self) -> Iterator[Message]:
        """What it has told until now."""
        while self.connection.poll():
            self.connection.recv_bytes()
            message = self._told.get()
            self.free |= isinstance(message.told, Free)
            yield message

    def hasten(self, stop: Stop) -> None:
        """Ask it to stop, or leave it alone, if that is what the driver wants."""
        if stop.asked.is_set() and self._asked_at is None:
            self._asked_at = time.monotonic()
            self._orders.put({"stop": True})
        late = self._asked_at is not None and time.monotonic() - self._asked_at > _PATIENCE_SECONDS
        if stop.hurry.is_set() or late or (self._asked_at is not None and not self._far):
            self._finish(Ending("stopped"))

    def ended(self) -> Ending:
        """How the process ended, once it has: the ending of those of its tasks that it told nothing of."""
        wait([self.sentinel])
        # Where its worker is gone, Dask would begin it again: also when it had ended, as long as its result is held.
        serving, self._serving = self._serving, Future()
        if not self._left:
            serving.cancel()
        del serving
        self._over.wait()
        for end in (self.connection, self._wake, self.sentinel):
            end.close()
        assert self._ending is not None
        return Ending("stopped") if self._asked_at is not None else self._ending

    def look(self, addresses: Collection[str]) -> None:
        """See whether it is still there: called now and then with the addresses of all workers."""
        there = not self._serving.done() and (not self._far or self._far["address"] in addresses)
        self._missed = 0 if there else self._missed + 1
        if self._missed == _LOOKS:
            self._finish(Ending("lost", self._why()))

    def _finish(self, ending: Ending) -> None:
        with self._lock:
            if self._ending is not None:
                return
            self._ending = ending
        self._orders.put(None)
        self._link.close()  # and with it the thread that hears ends

    # What comes from there, in a thread.

    def _hear(self) -> None:
        try:
            while self._ending is None:
                item = self._link.receive()
                self._missed = 0  # it may be gone, but not its last words
                self._take(item)
        except (Gone, BadPiece) as error:
            self._finish(Ending("lost", f"its worker cannot be heard: {error}"))
        except OSError as error:
            self._finish(Ending("failed", f"what its worker sent could not be kept: {error.strerror or error}"))
        except Exception as error:  # noqa: BLE001  # a lane would wait for ever
            self._finish(Ending("failed", f"what its worker sent could not be understood: {first_line(error)}"))
        for kept in self._kept.values():
            with contextlib.suppress(OSError):
                kept.drop()
        self._alive.close()  # for those who wait for the sentinel
        self._over.set()

    def _take(self, item: Item) -> None:
        match item:
            case {"hello": far} if not self._far:
                self._far = far
                self._ordering.start()
            case {"hello": _}:
                self._finish(Ending("lost", self._why()))  # Dask has begun it again elsewhere
            case {"piece": piece, "label": label} if label in self._kept:
                self._kept[label].take(piece)
            case {"tell": text}:
                for message in wire.messages_of_json(text, *self._renamed()):
                    self._told.put(message)
                    self._wake.send_bytes(b"!")
            case {"end": [kind, why]}:
                self._left = True
                self._finish(Ending(kind, why))

    def _renamed(self) -> tuple[str, str]:
        """The path of the sweep's folder there, and how it is called here."""
        there = str(self._folder.absolute()) if self._far["shared"] else self._far["scratch"]
        return there, str(self._folder)

    def _why(self) -> str:
        if self._serving.done() and not self._serving.cancelled() and (error := self._serving.exception()):
            return f"its worker failed: {type(error).__name__}: {first_line(error)}"
        return f"its worker {self._far['address']} is gone" if self._far else "its worker is gone"

    # What goes there, in another.

    def _order(self) -> None:
        try:
            while (order := self._orders.get()) is not None:
                if isinstance(order, Task):
                    self._hand_over(order)
                    order = {"begin": wire.task_to_json(order)}
                self._link.send(order)
        except Gone as error:
            self._finish(Ending("lost", f"its worker cannot be reached: {error}"))
        except OSError as error:
            self._finish(Ending("failed", f"what there is of it could not be read: {error.strerror or error}"))

    def _hand_over(self, task: Task) -> None:
        """Send what there is of a run, and be ready for what comes of it."""
        if self._far["shared"]:
            return
        there, here = (f"{folder}".encode() for folder in self._renamed())
        changes = {"metrics.json": as_ours, "log.txt": lambda text: text.replace(there, here)}
        self._kept[task.label] = Kept(task.folder, changes)
        folder = RunFolder(task.folder)
        remove_temporaries(task.folder)  # of a driver that was killed
        if not folder.metrics.exists():
            if task.folder.exists() and not folder.is_empty():
                folder.discard()  # of a try that was lost before there was a run
        else:
            for piece in Mirror(task.folder).pieces():
                self._link.send({"piece": piece, "label": task.label})
