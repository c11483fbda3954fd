"""SIGTERM is handled as one Ctrl-C; the exit code alone tells them apart."""

from __future__ import annotations

import signal
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM, handled as one Ctrl-C."""


def handle_sigterm() -> None:
    """Let SIGTERM end the work as Ctrl-C does: what is done is kept."""
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
