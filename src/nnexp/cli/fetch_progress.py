"""Fetching, or decoding, shown on a terminal: a bar for each step, plain lines where nobody watches."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from nnexp import machine
from nnexp.cli.console import duration, say

_EVERY = 30.0  # seconds between two plain lines of a step


class RichFetchProgress:
    """A FetchProgress on a Rich console. The bar is gone when its step is done; what is said stays."""

    def __init__(self, console: Console, doing: str = "fetching") -> None:
        self._console = console
        self._doing = doing
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._total: int | None = None
        self._count = 0
        self._begun = self._told = 0.0

    def start(self, label: str, total_bytes: int | None) -> None:
        self.done()
        if not self._console.is_terminal:
            self.say(f"{self._doing}: {label}")
            self._total, self._count = total_bytes, 0
            self._begun = self._told = time.monotonic()
            return
        text = TextColumn("{task.description}", markup=False)
        columns = [text, BarColumn(bar_width=20), DownloadColumn(), TimeRemainingColumn()]
        # Without a size there is nothing to count: the bar pulses.
        self._bar = Progress(*(columns if total_bytes else columns[:2]), console=self._console, transient=True)
        self._bar.start()
        self._task = self._bar.add_task(_short(f"{self._doing}: {label}"), total=total_bytes)

    def advance(self, count: int) -> None:
        if self._bar is not None:
            self._bar.advance(self._task, count)
            return
        self._count += count
        now = time.monotonic()
        if self._total and self._count > 0 and now - self._told > _EVERY:
            self._told = now
            left = (now - self._begun) * (self._total - self._count) / self._count
            share = f"{machine.written(self._count)} of {machine.written(self._total)}"
            self.say(f"{self._doing}: {share}, about {duration(left)} left")

    def done(self) -> None:
        self._total = None
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def say(self, message: str) -> None:
        say(self._console, message)


def _short(label: str, width: int = 44) -> str:
    """A label that leaves room for the bar: of an address, its end tells most."""
    return label if len(label) <= width else "…" + label[-width + 1 :]
