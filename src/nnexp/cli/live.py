"""How a run looks while it trains: a bar that moves within each epoch on a terminal, plain lines elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from nnexp import events
from nnexp.cli.console import say
from nnexp.cli.outcome import model_table, print_finding

_WIDE = 80  # columns of a terminal that shows steps too


class Live:
    """A context that shows the events of one run on a console."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self.console = console
        self.quiet = quiet
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def report(self, event: events.Event) -> None:
        """Show one event; a terminal that is gone or full must not cost the run."""
        if not self.quiet:
            try:
                self._show(event)
            except OSError:
                self.quiet = True

    def _show(self, event: events.Event) -> None:
        match event:
            case events.Progress():
                self._move(event)
            case events.ModelBuilt(rows, parameters, examples) if self.console.is_terminal:
                self.console.print(model_table(rows, parameters))
                say(self.console, f" examples: {events.examples_text(examples)}")
            case events.Noticed(finding):
                self._close()
                print_finding(self.console, finding.plain())
            case events.Stage() if self._bar is not None:
                self._close()
                say(self.console, event.text, "dim")
            case events.EpochEnded() if self.console.is_terminal:
                self.console.print(Text(_epoch_in(event, self.console.width)))
            case _:
                say(self.console, events.plain_text(event) or "", "dim" if isinstance(event, events.Stage) else "")

    def _move(self, event: events.Progress) -> None:
        if not self.console.is_terminal:
            return
        if self._bar is None:
            self._bar = _bar(self.console)
            self._bar.start()
            self._task = self._bar.add_task("", total=event.epochs * event.steps, logs="")
        assert self._task is not None
        step = f"step {event.step}/{event.steps}  " if self.console.width >= _WIDE else ""
        self._bar.update(
            self._task,
            description=f"epoch {event.epoch}/{event.epochs}",
            completed=(event.epoch - 1) * event.steps + event.step,
            logs=step + events.log_text(event.logs),
        )

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _epoch_in(event: events.EpochEnded, width: int) -> str:
    """An epoch's line: too long, it goes without its seconds, or on several lines, metrics below metrics."""
    line = events.plain_text(event) or ""
    shorter = line.rpartition("  ")[0]
    if len(line) <= width or len(shorter) <= width:
        return line if len(line) <= width else shorter
    indent = " " * (len(f"epoch {event.epochs}/{event.epochs}") + 2)
    lines = [line[: len(indent) - 2]]
    for metric in line[len(indent) :].split("  "):
        if len(lines[-1]) + 2 + len(metric) > width:
            lines.append(indent + metric)
        else:
            lines[-1] += f"  {metric}"
    return "\n".join(lines)


def _bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[logs]}"),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        refresh_per_second=8,
    )
