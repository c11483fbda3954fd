"""How fetching and decoding report on themselves: one narrow protocol, and the form of it that stays silent."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol


class FetchProgress(Protocol):
    """What a fetch tells while it works. Calls may come from a second thread, one step at a time."""

    def start(self, label: str, total_bytes: int | None) -> None:
        """A step begins; `total_bytes` is None where its size is not known."""

    def advance(self, count: int) -> None:
        """`count` more bytes have arrived."""

    def done(self) -> None:
        """The step ended, well or not."""

    def say(self, message: str) -> None:
        """Something that the user should know, in one line: a damaged cache is made again, say."""


class Silent:
    """A FetchProgress that tells nothing."""

    def start(self, label: str, total_bytes: int | None) -> None: ...

    def advance(self, count: int) -> None: ...

    def done(self) -> None: ...

    def say(self, message: str) -> None: ...


# Own data are read wherever a config is, so that its mistakes have a place: in ten commands, far below them. Who
# watches is known to the command alone, and is no part of a config; so it is no parameter on all the ways between.
decoding: ContextVar[Callable[[], FetchProgress]] = ContextVar("decoding", default=Silent)
"""Makes what is told of data that are decoded into the cache; bytes are those of the decoded examples."""
