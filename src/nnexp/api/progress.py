"""How a run or a sweep tells of itself in a notebook: in plain lines, on stdout as Keras' own `fit` does."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

from nnexp import events
from nnexp.errors import Amiss
from nnexp.runs import record
from nnexp.sweeps.child import Free
from nnexp.sweeps.execute import Again, Ended, Started, Stopping, SweepEvent, SweepReport, Warned

Say = Callable[[str], None]

_STOPPING: Amiss = "stopping: what is done is kept; once more does not wait for it"


def say(line: str) -> None:
    """Print a line; an output that is gone or full must not cost the run."""
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def say_nothing(line: str) -> None:
    """Print nothing."""


def of_a_run(tell: Say) -> SweepReport:
    """Tells of one run: what it does, each epoch, what is noticed."""

    def report(label: str, event: SweepEvent) -> None:
        match event:
            case Started() | Free() | Ended() | Warned():
                pass
            case Stopping():
                tell(_STOPPING)
            case Again(reason):
                again: Amiss = f"{reason}; it is tried once more"
                tell(again)
            case _:
                if text := events.plain_text(event):
                    tell(text)

    return report


def of_a_sweep(tell: Say, folder: Path, runs: int) -> SweepReport:
    """Tells of each run in a sweep folder that is over, and of what goes wrong."""
    over = itertools.count(1)

    def report(label: str, event: SweepEvent) -> None:
        match event:
            case Stopping():
                tell(_STOPPING)
            case Warned(text):
                tell(text)
            case Again(reason):
                tell(f"{label}: {reason}; it is tried again")
            case Ended(ending):
                tell(f"{label}: {_outcome(folder / label) or f'failed: {ending.message}'} ({next(over)} of {runs})")
            case _:
                pass

    return report


def _outcome(run: Path) -> str:
    """Status and test metrics of a run that came to its end; "" where it did not."""
    try:
        found = record.read(run)
    except record.UnreadableRun:
        return ""
    if not found.has_result:
        return ""
    figures = events.log_text({name: value for name, value in found.test.items() if value is not None})
    return f"{found.status}  {figures}"


class Fetching:
    """A FetchProgress in plain lines."""

    def __init__(self, tell: Say) -> None:
        self._tell = tell

    def start(self, label: str, total_bytes: int | None) -> None:
        self._tell(f"fetching: {label}")

    def advance(self, count: int) -> None: ...

    def done(self) -> None: ...

    def say(self, message: str) -> None:
        self._tell(message)
