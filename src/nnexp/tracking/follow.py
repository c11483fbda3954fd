"""Trackers follow runs while they train, in a thread of their own, and never decide the fate of a run.

Whatever a tracker raises is told once, as a warning; then it is left alone for a while, and at the end all that it
could not be told is told again, from the run folders. One that never answers is not waited for for ever.
"""

from __future__ import annotations

import contextlib
import queue
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from nnexp import events
from nnexp.errors import Amiss
from nnexp.failures import first_line
from nnexp.runs import record
from nnexp.runs.folder import RunFolder
from nnexp.runs.reading import printable
from nnexp.tracking import content
from nnexp.tracking.kept import kept
from nnexp.tracking.tracker import TrackedRun, Tracker
from nnexp.tracking.trackers import begin, tell, tell_sweep

# Epochs of a run are told at most this often, those in between together; at its end all that is left.
_EVERY_SECONDS = 1.0
_LEFT_ALONE_SECONDS = 300.0  # a tracker that failed
_PATIENCE_SECONDS = 120.0  # at the end, for any one thing that a tracker is told

Warn = Callable[[Path, str], None]  # the run folder where it was noticed, and what to say


class Follower:
    """A context in which trackers are told of runs; its end waits until they know all."""

    def __init__(self, trackers: Sequence[Tracker], warn: Warn) -> None:
        self._trackers, self._warn = trackers, warn
        self._todo: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._runs: dict[tuple[str, Path], TrackedRun] = {}
        self._waiting: dict[Path, list[content.Epoch]] = {}  # of runs whose last epochs were told a moment ago
        self._told_at: dict[Path, float] = {}
        self._failed_at: dict[str, float] = {}
        self._warned: set[str] = set()
        self._now: tuple[float, Path] | None = None  # since when one is being told something of what
        self._late: list[tuple[Tracker, Path, Callable[[], object]]] = []
        self._thread = threading.Thread(target=self._work, daemon=True, name="trackers")

    def __enter__(self) -> Self:
        if self._trackers:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._trackers:
            self._todo.put(self._close)
            self._todo.put(None)
            self._wait()

    def _wait(self) -> None:
        """Until all is told, or nothing moves any more; then the thread is left, and ends with the process."""
        while self._thread.is_alive():
            self._thread.join(1.0)
            if (now := self._now) and time.monotonic() - now[0] > _PATIENCE_SECONDS:
                self._give_up([tracker.name for tracker in self._trackers], now[1])
                return

    def event(self, folder: Path, event: events.Event) -> None:
        """Take in what a run tells; of one run from one thread at a time."""
        match event:
            case events.Note():  # none comes before its folder says that it runs
                self._put(partial(self._began, folder))
            case events.EpochEnded(number, _, logs, seconds):
                waiting = self._waiting.setdefault(folder, [])
                waiting.append(content.epoch(number, time.time(), {**logs, "seconds": seconds}))
                if time.monotonic() - self._told_at.get(folder, 0.0) >= _EVERY_SECONDS:
                    self._told_at[folder] = time.monotonic()
                    self._put(partial(self._epochs, folder, self._waiting.pop(folder)))
            case _:
                pass

    def over(self, folder: Path) -> None:
        """A run has ended, one way or another, and its folder says how."""
        self._put(partial(self._run_over, folder))

    def sweep_over(self, folder: Path) -> None:
        """A sweep has ended, and so have its runs: those too that were stopped with it."""
        self._put(partial(self._sweep_over, folder))

    def _put(self, do: Callable[[], None]) -> None:
        if self._trackers:
            self._todo.put(do)

    def _work(self) -> None:
        while do := self._todo.get():
            do()

    def _began(self, folder: Path) -> None:
        for tracker in self._trackers:
            self._try(tracker, folder, partial(self._run, tracker, folder))

    def _epochs(self, folder: Path, epochs: Sequence[content.Epoch]) -> None:
        for tracker in self._trackers:
            self._try(tracker, folder, partial(self._log, tracker, folder, epochs))

    def _each(self, folder: Path, do: Callable[[Tracker, Path], object]) -> None:
        for tracker in self._trackers:
            if not self._try(tracker, folder, last := partial(do, tracker, folder)):
                self._late.append((tracker, folder, last))

    def _run_over(self, folder: Path) -> None:
        if waiting := self._waiting.pop(folder, []):
            self._epochs(folder, waiting)
        self._each(folder, self._over)

    def _sweep_over(self, folder: Path) -> None:
        for run in list(dict.fromkeys(run for _, run in self._runs)):
            self._run_over(run)
        self._each(folder, tell_sweep)

    def _try(self, tracker: Tracker, folder: Path, do: Callable[[], object], *, again: bool = False) -> bool:
        """Whether it was done; not by one that failed a moment ago."""
        failed_at = self._failed_at.get(tracker.name)
        if failed_at is not None and time.monotonic() - failed_at < _LEFT_ALONE_SECONDS:
            return False
        self._now = time.monotonic(), folder
        try:
            do()
        except record.UnreadableRun:  # nothing is there to be told
            return True
        except Exception as error:  # noqa: BLE001  # a tracker may raise anything
            self._failed_at[tracker.name] = time.monotonic()
            what = f"{type(error).__name__}: {first_line(error)}"
            if not again and tracker.name not in self._warned:
                self._warned.add(tracker.name)
                told = f"warning: {tracker.name} cannot be told now: {what}"
                self._say(folder, f"{told}; the run goes on, and tries again")
            return False
        finally:
            self._now = None
        return True

    def _run(self, tracker: Tracker, folder: Path) -> TrackedRun:
        run = self._held(tracker, folder) or begin(tracker, record.read(folder))
        self._runs[tracker.name, folder] = run
        return run

    def _held(self, tracker: Tracker, folder: Path) -> TrackedRun | None:
        """What is open of a run; no longer once its folder was made anew, since it is done from its start again."""
        run = self._runs.pop((tracker.name, folder), None)
        if run and kept(folder, tracker.name).id != run.id:
            run.close()
            return None
        return run

    def _log(self, tracker: Tracker, folder: Path, epochs: Sequence[content.Epoch]) -> None:
        run = self._run(tracker, folder)
        run.log([epoch for epoch in epochs if epoch.number not in run.epochs])

    def _over(self, tracker: Tracker, folder: Path) -> None:
        tell(tracker, folder, self._held(tracker, folder))

    def _close(self) -> None:
        """Try again what could not be told; one that fails again is given up."""
        self._failed_at.clear()
        untold = {
            tracker.name: folder for tracker, folder, do in self._late if not self._try(tracker, folder, do, again=True)
        }
        for run in self._runs.values():
            run.close()
        for name, folder in untold.items():
            self._give_up([name], folder)

    def _give_up(self, names: Sequence[str], folder: Path) -> None:
        where, to = shlex.quote(printable(content.sweep_of(folder) or folder)), ",".join(names)
        told = f"warning: {' and '.join(names)} could not be told all; to do it later"
        self._say(folder, f"{told}:  nnexp track {where} --to {to}")

    def _say(self, folder: Path, text: Amiss) -> None:
        with contextlib.suppress(OSError):  # it is said anyway
            RunFolder(folder).append_log(text)
        self._warn(folder, text)


@contextlib.contextmanager
def following(trackers: Sequence[Tracker], folder: RunFolder, report: events.Report) -> Iterator[events.Report]:
    """Let trackers follow one run, from what is told to the function that this gives, and to its end."""

    with Follower(trackers, lambda _, text: report(events.Note(text))) as follower:

        def tell(event: events.Event) -> None:
            report(event)
            follower.event(folder.path, event)

        try:
            yield tell
        finally:
            follower.over(folder.path)
