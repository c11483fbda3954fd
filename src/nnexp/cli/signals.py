"""Being told to stop: the first signal lets the work save what is done, the second ends the process at once.

SIGTERM (a scheduler's) and SIGHUP (a closed terminal's) are handled as one Ctrl-C; only the exit codes tell them apart.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from types import FrameType

from nnexp.errors import Amiss

# A scheduler kills 10 seconds or more after its SIGTERM; XLA cannot be interrupted while it compiles.
_PATIENCE_SECONDS = 8.0
_STOPPING: Amiss = "stopping as soon as TensorFlow lets go; Ctrl-C again stops at once"
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Terminated(KeyboardInterrupt):
    """Told to end from outside, which is handled as one Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number


def handle_sigterm() -> None:
    """Let SIGTERM and SIGHUP end the work as Ctrl-C does: what is done is kept."""
    for number in _SIGNALS:
        if signal.getsignal(number) == signal.SIG_DFL:  # `nohup` has SIGHUP ignored
            signal.signal(number, _terminate)


def end_at_once_when_told_twice() -> None:
    """From now on the second signal ends the process, and the first where it is not heeded within 8 seconds.

    Python's own handlers wait until TensorFlow returns to Python; a thread need not.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader,), daemon=True, name="signals").start()


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated(number)


def _watch(reader: int) -> None:
    first = _next(reader, None) or 0
    if _next(reader, 1.0) is None:  # most often it is over by now
        if sys.stderr.isatty():
            os.write(2, f"\n{_STOPPING}\n".encode())
        _next(reader, None if first == signal.SIGINT else _PATIENCE_SECONDS - 1.0)
    if sys.stderr.isatty():
        os.write(2, b"\x1b[?25h\n")  # the bar had hidden the cursor
    os._exit(128 + first)


def _next(reader: int, seconds: float | None) -> int | None:
    """The next signal that ends a process; None where none comes in time."""
    while select.select([reader], [], [], seconds)[0]:
        number = os.read(reader, 1)[0]
        if number == signal.SIGINT or number in _SIGNALS:
            return number
    return None
