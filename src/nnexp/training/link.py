"""What hosts of one run say to one another: JSON with arrays, never objects, and at once that one of them is gone.

A message is `nnexp`, two lengths, JSON, and the bytes of the arrays that the JSON describes. Both ends say every two
seconds that they are there; an end that is silent for half a minute is taken for lost.
"""

from __future__ import annotations

import contextlib
import json
import math
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.errors import Reason
from nnexp.runs.reading import printable

_HEAD = struct.Struct(">5sIQ")
_MARK = b"nnexp"
_MOST_TEXT = 16_000_000  # bytes
_MOST_TOLD = 2000  # characters of why the other end leaves
_PIECE = 1_000_000  # bytes sent at once: each has its own time limit
_BEAT_SECONDS = 2.0
PATIENCE_SECONDS = 30.0

Message = tuple[dict[str, Any], list[NDArray[Any]]]


class Lost(Exception):
    """The other end is gone; why, in words."""


class Link:
    """One end of a connection. Threads of its own read and say that it is there, so that both are heard in any work."""

    def __init__(self, connection: socket.socket, name: str, most: int | None = 0) -> None:
        """`name` is the other end's; at most so many bytes of arrays are taken from it, None: as many as there are."""
        self.name, self.most = name, most
        self.lost = ""  # why the other end is gone
        self.left = False  # whether it has said so itself
        self.on_loss: Callable[[], None] = lambda: None
        self._heard = time.monotonic()
        self._connection = connection
        self._sending = threading.Lock()
        self._come: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        connection.settimeout(PATIENCE_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for work in (self._read, self._beat):
            threading.Thread(target=work, daemon=True, name=f"{work.__name__} {name}").start()

    def send(self, plain: dict[str, Any], arrays: Sequence[NDArray[Any]] = ()) -> None:
        """Send a message.

        Raises:
            Lost: it cannot be.
        """
        self.check()
        described = [[array.dtype.str, list(array.shape)] for array in arrays]
        text = json.dumps([plain, described]).encode()
        head = _HEAD.pack(_MARK, len(text), sum(array.nbytes for array in arrays)) + text
        flat = [np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in arrays]
        try:
            with self._sending:
                self._connection.sendall(head)
                for part in flat:
                    for start in range(0, len(part), _PIECE):
                        self._connection.sendall(part[start : start + _PIECE].data)
        except OSError as error:
            self._lose(_why(error))
            raise Lost(self.lost) from None

    def receive(self, seconds: float | None = None) -> Message:
        """The next message; waits for it as long as the other end is there, or so many seconds.

        Raises:
            Lost: the other end is gone, or has said nothing in time.
        """
        try:
            message = self._come.get(timeout=seconds)
        except queue.Empty:
            raise Lost("it says nothing") from None
        if message is None:
            self._come.put(None)
            raise Lost(self.lost)
        return message

    def check(self) -> None:
        """See that the other end is there.

        Raises:
            Lost: it is gone.
        """
        if self.lost:
            raise Lost(self.lost)

    @property
    def quiet(self) -> float:
        """For how many seconds nothing was heard from the other end."""
        return time.monotonic() - self._heard

    def close(self, why: Reason = "") -> None:
        """End the connection; the other end is told why."""
        with contextlib.suppress(Lost):
            if why and not self.lost:
                self.send({"bye": why})
        self._lose("closed")
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _read(self) -> None:
        try:
            while True:
                plain, arrays = self._message()
                if "bye" in plain:
                    self.left = True
                    return self._lose(shown(plain["bye"], _MOST_TOLD))
                if plain:
                    self._come.put((plain, arrays))
        except Exception as error:  # noqa: BLE001 - of what is no message NumPy may raise any
            self._lose(_why(error))

    def _message(self) -> Message:
        mark, text_bytes, array_bytes = _HEAD.unpack(self._bytes(_HEAD.size))
        if mark != _MARK or text_bytes > _MOST_TEXT or (self.most is not None and array_bytes > self.most):
            raise Lost("it does not speak as nnexp does")
        plain, described = json.loads(self._bytes(text_bytes))
        kinds = [(np.dtype(kind), tuple(shape)) for kind, shape in described]
        if array_bytes != sum(kind.itemsize * math.prod(shape) for kind, shape in kinds) or not isinstance(plain, dict):
            raise Lost("it sent what does not fit together")
        return plain, [
            np.frombuffer(self._bytes(kind.itemsize * math.prod(shape)), kind).reshape(shape) for kind, shape in kinds
        ]

    def _bytes(self, length: int) -> bytearray:
        content = bytearray(length)
        view = memoryview(content)
        while view and (count := self._connection.recv_into(view)):
            view = view[count:]
            self._heard = time.monotonic()
        if view:
            raise ConnectionError
        return content

    def _beat(self) -> None:
        with contextlib.suppress(Lost):
            while not self._closed.wait(_BEAT_SECONDS):
                self.send({})

    def _lose(self, why: Reason) -> None:
        if self.lost:
            return
        self.lost = why
        self._closed.set()
        self._come.put(None)
        self.on_loss()


def shown(told: object, most: int) -> str:
    """What another host said, cut and without what would command a terminal."""
    return "\n".join(map(printable, str(told)[:most].split("\n")))


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"lost: no word from it for {PATIENCE_SECONDS:.0f} s"
    if isinstance(error, OSError):
        return "lost: it ended, or the connection broke"
    return shown(error, _MOST_TOLD)
