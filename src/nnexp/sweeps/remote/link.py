"""Two ends that send each other plain messages through Dask's scheduler: in order, and only as many as are read.

Neither end has to be reachable for the other. What is under way is bounded by `_MOST` messages each way: who sends more
waits until the other has read some.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client

_MOST = 4  # of at most a piece of a file each
_PATIENCE = 1.0  # seconds, after which who waits looks whether the other is still there

Item = dict[str, Any]


class Gone(Exception):
    """The other end, or the way to it, is no more."""


class Link:
    """One end. `send` and `receive` may be called from two threads, each from one."""

    def __init__(self, client: Client, name: str, *, driver: bool) -> None:
        from distributed import Queue

        there, back = (Queue(f"nnexp-{name}-{way}", client=client, maxsize=_MOST) for way in ("there", "back"))
        self._to, self._from = (there, back) if driver else (back, there)

    def send(self, item: Item, is_over: Callable[[], bool]) -> None:
        """Send an item, as soon as there is room.

        Raises:
            Gone: the other end is no more, as `is_over` says, or the scheduler is.
        """
        while True:
            try:
                self._to.put(item, timeout=_PATIENCE)
            except TimeoutError:
                if is_over():
                    raise Gone("nobody reads what is sent") from None
            except Exception as error:
                raise Gone(f"{type(error).__name__}: {error}") from error
            else:
                return

    def receive(self) -> Item | None:
        """The next item; None where none comes for a while.

        Raises:
            Gone: the scheduler is no more.
        """
        try:
            item: Item = self._from.get(timeout=_PATIENCE)
        except TimeoutError:
            return None
        except Exception as error:
            raise Gone(f"{type(error).__name__}: {error}") from error
        return item

    def close(self) -> None:
        """Forget what was not read."""
        for queue in (self._to, self._from):
            with contextlib.suppress(Exception):
                queue.get(batch=True, timeout=_PATIENCE)
            with contextlib.suppress(Exception):
                queue.close()
