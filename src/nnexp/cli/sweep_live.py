"""How a sweep looks while it runs: a table of its runs on a terminal, a line a finished run elsewhere."""

from __future__ import annotations

import textwrap
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from nnexp import events
from nnexp.cli.console import duration, say, table
from nnexp.cli.outcome import in_a_sweep
from nnexp.comparison.metrics import figure
from nnexp.runs import record
from nnexp.sweeps.child import Free
from nnexp.sweeps.execute import Again, Ended, Started, Stopping, SweepEvent, Warned
from nnexp.tasks import in_letters, in_words

_WIDE = 80  # columns of a terminal that shows the metrics of the epoch too
_MOST_LINES = 3  # of a run's values
_ACTIVE = ("starting", "running", "finishing")
_LONG_EPOCH = 20.0  # seconds; compiling is over by then
_ENOUGH = 3.0  # seconds of work, to say from it how long the rest takes
_STYLES = {
    "queued": "dim",
    "starting": "cyan",
    "running": "cyan",
    "completed": "green",
    "diverged": "bold red",
    "failed": "bold red",
}


@dataclass
class _Run:
    """What is shown of one run."""

    label: str
    cost: float
    kind: tuple[str, ...] = ()  # what it shares with its repeats
    status: str = "queued"
    epoch: int = 0
    epochs: int = 0
    part: float = 0.0  # of the epoch
    logs: dict[str, float] = field(default_factory=dict)
    begun: float = 0.0
    seconds: float = 0.0
    worked: float = 0.0  # until its worker was free for the next run
    builds: bool = False  # no run of its kind was past its first epoch when it began
    ready: float = 0.0  # when its first step came; of the first of a kind when it began, once TensorFlow was loaded
    built: float = 0.0  # when its first epoch was over, which holds compiling
    before: float = 0.0  # how much of it was done by then
    test: float | None = None

    @property
    def over(self) -> bool:
        return self.status not in {"queued", *_ACTIVE}

    @property
    def fraction(self) -> float:
        """How much of it is done, 0 to 1."""
        if self.over:
            return 1.0
        return max(0.0, self.epoch - 1 + self.part) / self.epochs if self.epochs else 0.0

    def measured(self, now: float) -> tuple[float, float]:
        """Seconds from its first step on, or of the first of its kind from its second epoch; and the cost of that."""
        compiling = self.builds and not self.built and now - self.ready < _LONG_EPOCH
        if not self.ready or self.status == "failed" or compiling:
            return 0.0, 0.0
        start, before = (self.built, self.before) if self.builds and 0 < self.before < 1 else (self.ready, 0.0)
        taken = self.worked or (self.seconds if self.over else now - self.begun)
        return self.begun + taken - start, self.cost * (self.fraction - before)


class SweepLive:
    """A context that shows the events of a sweep on a console; events come from several threads."""

    def __init__(
        self,
        console: Console,
        folder: Path,
        costs: Mapping[str, float],
        workers: int,
        *,
        quiet: bool,
        values: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
        logged: Sequence[str] = ("accuracy",),
    ) -> None:
        """`costs` says of each run, by its label, how long it takes against the others; `values` what differs in it.

        `logged` are the metrics that the runs are trained with, beside the loss.
        """
        self.console, self.folder, self.workers, self.quiet = console, folder, workers, quiet
        self.logged = logged
        self.values, self.longest = values, max(map(len, costs), default=0)
        lengths = [len(", ".join(said.values())) for said in values.values()]
        self.needed = min(self.longest, max(lengths, default=0))  # columns, to tell all runs apart
        self.runs = {label: _Run(label, cost, self._kind(label)) for label, cost in costs.items()}
        self.lock = threading.RLock()
        self.live: Live | None = None
        self.told: list[tuple[str, str]] = []  # lines to print, each with its style
        self.explained: set[str] = set()  # codes of the errors that were told in full
        self.headline = ""  # what the figures of the test part are

    def __enter__(self) -> Self:
        if self.console.is_terminal and not self.quiet:
            self.live = Live(self, console=self.console, refresh_per_second=4, transient=True)
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live is not None:
            self.live.stop()

    def report(self, label: str, event: SweepEvent) -> None:
        """Take in one event; a terminal that is gone or full must not cost the sweep."""
        with self.lock:
            if isinstance(event, Stopping):
                self._say("stopping: the runs under way keep their epochs; Ctrl-C again does not wait for them", "bold")
            elif isinstance(event, Warned):
                self._say(event.text, "bold")
            else:
                self._take(self.runs[label], event)
            told, self.told = self.told, []
        # Not under the lock: who prints takes Rich's locks, and who holds those draws the table, which takes ours.
        try:
            for text, style in told:
                say(self.console, text, style)
        except OSError:
            self.quiet = True

    def _take(self, run: _Run, event: SweepEvent) -> None:
        match event:
            case Started():
                run.status, run.begun = "starting", time.monotonic()
                built = {other.kind for other in self.runs.values() if other.built}
                run.builds = run.kind not in built
                run.ready = run.begun if built and run.builds else 0.0
            case Again(reason):
                run.status, run.epoch, run.part, run.logs = "starting", 0, 0.0, {}
                run.builds, run.ready, run.built, run.before = True, 0.0, 0.0, 0.0
                self._say(f"{run.label}: {reason}; it is tried again", "bold")
            case Free():
                run.status, run.worked = "finishing", time.monotonic() - run.begun
            case Ended():
                self._end(run, event)
            case events.Progress(epoch, epochs, step, steps, logs):
                run.status, run.epoch, run.epochs, run.part = "running", epoch, epochs, step / steps
                run.logs = dict(logs) or run.logs
                run.ready = run.ready or time.monotonic()
            case events.EpochEnded(epoch, epochs, logs):
                run.epoch, run.epochs, run.part, run.logs = epoch, epochs, 1.0, dict(logs)
                if not run.built:
                    run.built, run.before = time.monotonic(), run.fraction
            case events.Noticed(finding) if finding.severity == "error":
                full = finding.code not in self.explained
                self.explained.add(finding.code)
                hint = in_a_sweep(finding.message, finding.suggestion)
                said = f"{finding.severity}: {finding.message} {hint}" if full else f"{finding.code} too"
                self._say(f"{run.label}: {said}", "bold red")
            case _:
                pass

    def _end(self, run: _Run, event: Ended) -> None:
        run.seconds = time.monotonic() - run.begun if run.begun else 0.0
        ending = event.ending
        over = f"{sum(other.over for other in self.runs.values()) + 1} of {len(self.runs)}"
        if ending.kind == "stopped":
            run.status = "interrupted"
        elif ending.kind == "done":
            try:
                done = record.read(self.folder / run.label)
            except record.UnreadableRun as error:
                run.status = "unreadable"
                self._say(str(error), "bold red")
                return
            run.status, run.test, run.epoch = done.status, done.test.get(done.headline), len(done.history)
            self.headline = in_words(done.headline)
            told = "" if run.test is None else f", test {done.headline} {figure(run.test)}"
            if done.pruned:
                told = f", given up after {len(done.history)} of {run.epochs} epochs"
            self._say(f"{run.label}: {run.status}{told}, {run.seconds:.1f} s ({over})", plain=True)
        elif ending.kind == "busy":
            run.status = "running"
            self._say(f"{run.label}: left alone: {ending.message}", "bold red")
        else:
            run.status = "failed"
            self._say(f"{run.label}: failed: {ending.message} ({over})", "bold red")

    def _say(self, text: str, style: str = "", *, plain: bool = False) -> None:
        """Print a line above the table; a `plain` one only where there is no table that shows it."""
        if not self.quiet and not (plain and self.live is not None):
            self.told.append((text, style))

    def __rich__(self) -> Group:
        with self.lock:
            return Group(self._table(), Text(self._summary(), "dim"))

    def _table(self) -> Table:
        metrics, tight, taken = self._columns()
        widest = max(12, self.console.width - taken)
        heading, names = self._names(widest)
        numbers = (*(() if tight else ("epoch",)), *(f"train\n{in_letters(name)}" for name in metrics), "test", "time")
        shown = table("\n".join(heading), "status", *numbers, right=numbers)
        for column in shown.columns:
            column.no_wrap = True
        tall = max((name.count("\n") + 1 for name in names.values()), default=1)
        lines = max(len(heading), 2 if metrics else 1)
        chosen = self._chosen(max(5 - lines, (self.console.size.height - 6 - lines) // tall))
        for run in chosen:
            seconds = run.seconds if run.over else time.monotonic() - run.begun if run.begun else 0.0
            epoch = f"{run.epoch}/{run.epochs}" if run.epochs else ""
            status = run.status
            if tight and epoch and status == "running":
                status = f"epoch {epoch}" if len(epoch) <= 6 else epoch
            shown.add_row(
                names.get(run.label) or _cut(run.label, widest),
                Text(status, _STYLES.get(run.status, "yellow")),
                *(() if tight else (epoch,)),
                *(figure(run.logs[name]) if name in run.logs else "" for name in metrics),
                "" if run.test is None else figure(run.test),
                f"{seconds:.0f} s" if seconds else "",
            )
        if hidden := len(self.runs) - len(chosen):
            shown.add_row(f"and {hidden:,} more", style="dim")
        return shown

    def _columns(self) -> tuple[tuple[str, ...], bool, int]:
        """Metrics to show, whether the epoch stands in place of the status, and the room taken beside the run's name.

        Which run it is says more than how it does, and that more than a column for the epoch.
        """
        both = ("loss", *self._second())
        room = {metrics: sum(max(len(in_letters(name)), 7) + 3 for name in metrics) for metrics in (both, ())}
        ways = [(metrics, tight, room[metrics] + (34 if tight else 43)) for metrics in room for tight in (False, True)]
        wide = [way for way in ways if self.console.width >= _WIDE or not way[0]]
        return next((way for way in wide if self.needed <= self.console.width - way[2]), wide[-1])

    def _names(self, widest: int) -> tuple[list[str], dict[str, str]]:
        """The lines of the heading, and what runs are called below it: by their values alone where labels are long.

        Values that have no room on one line are folded.
        """
        if self.longest <= widest or not self.values:
            return ["run"], {}
        names = list(dict.fromkeys(name for said in self.values.values() for name in said))
        last = [name.rpartition(".")[2] for name in names]
        heading = textwrap.wrap(", ".join(last if len(set(last)) == len(last) else names), widest)
        return heading, {label: _folded(list(said.values()), widest) for label, said in self.values.items()}

    def _second(self) -> tuple[str, ...]:
        """The metric to show beside the loss: accuracy, or the first of those that the runs are trained with."""
        seen = [name for run in self.runs.values() for name in run.logs if not name.startswith("val_")]
        others = [name for name in seen if name != "loss"] or self.logged  # no run has said any at first
        return ("accuracy",) if "accuracy" in others else tuple(others[:1])

    def _chosen(self, room: int) -> list[_Run]:
        """All runs, or those under way, the last that ended and the next, where the terminal is too low for all.

        A row is then left for how many more there are.
        """
        runs = list(self.runs.values())
        if len(runs) <= room:
            return runs
        room -= 1
        running = [run for run in runs if run.status in _ACTIVE][:room]
        over = sorted((run for run in runs if run.over), key=lambda run: run.begun)
        queued = [run for run in runs if run.status == "queued"]
        rest = room - len(running)
        after = min(len(queued), max(rest // 3, rest - len(over)))
        kept = {id(run) for run in (*running, *over[len(over) - (rest - after) :], *queued[:after])}
        return [run for run in runs if id(run) in kept]

    def _summary(self) -> str:
        over = [run for run in self.runs.values() if run.over]
        failed = sum(run.status == "failed" for run in over)
        parts = [f"{len(over)} of {len(self.runs)} runs done", f"{self.workers} at a time"]
        if not any(run.epochs or run.over for run in self.runs.values()):
            parts.append("TensorFlow is being loaded and the first models are built")
        if failed:
            parts.append(f"{failed} failed")
        if self.headline:
            parts.append(f"test: {self.headline}")
        if (left := self._seconds_left()) is not None:
            parts.append(f"about {duration(left)} left")
        return " · ".join(parts)

    def _kind(self, label: str) -> tuple[str, ...]:
        return tuple(value for name, value in self.values.get(label, {"": label}).items() if name != "seed")

    def _seconds_left(self) -> float | None:
        """By the pace of the work so far, of the same kind where a run of it is over; None while too little is known.

        What a run needs once, to load TensorFlow and to compile its model, its repeats do not need again.
        """
        now, runs = time.monotonic(), list(self.runs.values())
        spent: dict[tuple[str, ...], float] = defaultdict(float)
        done: dict[tuple[str, ...], float] = defaultdict(float)
        for run in runs:
            seconds, cost = run.measured(now)
            spent[run.kind] += seconds
            done[run.kind] += cost
        seconds, cost = sum(spent.values()), sum(done.values())
        if seconds < _ENOUGH or not cost:
            return None
        pace = {
            run.kind: spent[run.kind] / done[run.kind] if done[run.kind] >= run.cost else seconds / cost for run in runs
        }
        builds = [
            max(0.0, run.built - run.ready - run.before * run.cost * pace[run.kind])
            for run in runs
            if run.builds and 0 < run.before < 1
        ]
        # Without the slowest: a worker's first repeat waits until its first plots are drawn.
        starts = sorted(run.ready - run.begun for run in runs if run.ready and not run.builds)[: -self.workers]
        left, known = [0.0], {run.kind for run in runs if run.built}
        for run in runs:
            if not run.over:
                start = sum(starts) / len(starts) if starts and not run.begun else 0.0
                start += sum(builds) / len(builds) if builds and run.kind not in known else 0.0
                left.append(start + pace[run.kind] * run.cost * (1 - run.fraction))
                known.add(run.kind)
        return max(sum(left) / self.workers, *left)


def _cut(label: str, most: int) -> str:
    """The label without its middle where it is too long: its end holds the seed."""
    return label if len(label) <= most else f"{label[: most - most // 2 - 1]}…{label[-(most // 2) :]}"


def _folded(values: Sequence[str], most: int) -> str:
    """The values in lines of so many columns; where they are long the longest of them lose their ends."""
    for longest in range(max(map(len, values)), 1, -1):
        told = ", ".join(value if len(value) <= longest else f"{value[: longest - 1]}…" for value in values)
        lines = textwrap.wrap(told, most, subsequent_indent=" ", break_on_hyphens=False)
        if len(lines) <= _MOST_LINES:
            return "\n".join(lines)
    return _cut(", ".join(values), most)
