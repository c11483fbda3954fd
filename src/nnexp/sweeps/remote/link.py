"""Two ends that send each other plain messages through Dask's scheduler: in order, and only as many as are read.

Neither end has to be reachable for the other. What is under way is bounded by `_MOST` messages each way: who sends more
waits until the other has read some. Waiting has no time limit, since the scheduler logs an error for each that passes;
`close` ends it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client

_MOST = 4  # of at most a piece of a file each
_FULL_SECONDS = 2

Item = dict[str, Any]


class Gone(Exception):
    """The other end, or the way to it, is no more, or this end was closed."""


class Link:
    """One end: one thread sends, one receives, and any closes it."""

    def __init__(self, client: Client, name: str, *, driver: bool) -> None:
        from distributed import Queue

        there, back = (Queue(f"nnexp-{name}-{way}", client=client, maxsize=_MOST) for way in ("there", "back"))
        self._to, self._from = (there, back) if driver else (back, there)
        self._closed = False

    def send(self, item: Item) -> None:
        """Send an item, as soon as there is room.

        Raises:
            Gone: nobody will read it.
        """
        self._need_open()
        try:
            self._to.put(item)
        except Exception as error:
            raise Gone(f"{type(error).__name__}: {error}") from error
        self._need_open()

    def receive(self) -> Item:
        """The next item, as soon as there is one.

        Raises:
            Gone: there will be none.
        """
        self._need_open()
        try:
            item: Item = self._from.get()
        except Exception as error:
            raise Gone(f"{type(error).__name__}: {error}") from error
        self._need_open()
        return item

    @property
    def closed(self) -> bool:
        """Whether it was closed here. Who does not wait in `receive` is to look: its wait may outlast the link.

        The word that ends the wait goes to whoever has waited longest, and for the scheduler that may be an end which
        was cut off, in whose place this one stands.
        """
        return self._closed

    def close(self) -> None:
        """End what waits at this end, and forget what was not read."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(Exception):  # the scheduler is gone, and so are those that waited for it
                for queue in (self._to, self._from):
                    queue.get(batch=True)
            with contextlib.suppress(Exception):
                self._wake()
            self._release()

    def leave(self) -> None:
        """Be done with it: what the other end has not read yet stays for it."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(Exception):
                self._wake()
            self._release()

    def _wake(self) -> None:
        """End the wait of the thread that receives: it would last as long as the scheduler, and hold a connection."""
        self._from.put({}, timeout=_FULL_SECONDS)  # where the queue is full, nobody waits for more

    def _release(self) -> None:
        with contextlib.suppress(Exception):
            for queue in (self._to, self._from):
                queue.close()

    def _need_open(self) -> None:
        if self._closed:
            raise Gone("it was closed")
