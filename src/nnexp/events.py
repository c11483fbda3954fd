"""What a run tells as it goes: events, through one narrow function, with a no-op form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnexp.findings import Finding

# The parts of the data, by what each is for.
USES = {"train": "to train on", "validation": "for validation", "test": "to test on"}


@dataclass(frozen=True, slots=True)
class Stage:
    """Something begins that may take a moment."""

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth a line."""

    text: str


@dataclass(frozen=True, slots=True)
class Noticed:
    """A finding, told as soon as it is known."""

    finding: Finding


@dataclass(frozen=True, slots=True)
class ModelBuilt:
    """The model is ready: a row a layer (`layer`, `kind`, `output`, `parameters`), and counts.

    `examples` are those of each part of the data: `train`, `validation`, `test`.
    """

    rows: Sequence[Mapping[str, Any]]
    parameters: Mapping[str, int]
    examples: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Progress:
    """Within an epoch: steps done, and the loss and metrics so far."""

    epoch: int
    epochs: int
    step: int
    steps: int
    logs: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """An epoch is over."""

    epoch: int
    epochs: int
    logs: Mapping[str, float]
    seconds: float


Event = Stage | Note | Noticed | ModelBuilt | Progress | EpochEnded
Report = Callable[[Event], None]


def silent(event: Event) -> None:
    """Report nothing."""


def plain_text(event: Event) -> str | None:
    """The event as plain lines, for log.txt and where there is no terminal; None for what passes too fast."""
    match event:
        case Stage(text) | Note(text):
            return text
        case Noticed(finding):
            suggestion = f" {finding.suggestion}" if finding.suggestion else ""
            return f"{finding.severity}: {finding.message}{suggestion}"
        case ModelBuilt(rows, parameters, examples):
            lines = [
                f"  {row['layer']:<24} {row['kind']:<20} {row['output']:<20} {row['parameters']:>12,}" for row in rows
            ]
            lines.append(f"  parameters: {parameters['total']:,} ({parameters['trainable']:,} trainable)")
            return "\n".join([*lines, f"  examples: {examples_text(examples)}"])
        case EpochEnded(epoch, epochs, logs, seconds):
            width = len(str(epochs))
            return f"epoch {epoch:>{width}}/{epochs}  {log_text(logs)}  {seconds:.2f} s"
        case Progress():
            return None


def examples_text(examples: Mapping[str, int]) -> str:
    """How many examples each part of the data has, in words."""
    return ", ".join(f"{examples[part]:,} {use}" for part, use in USES.items() if examples.get(part))


def log_text(logs: Mapping[str, float]) -> str:
    """Loss and metrics in one line: `loss 0.5012  accuracy 0.8312`."""
    return "  ".join(f"{name} {figure(name, value)}" for name, value in logs.items())


def result_text(test: Mapping[str, float], intervals: Mapping[str, tuple[float, float]]) -> str:
    """The figures on the test split in one line, in the order in which they are shown elsewhere."""
    parts = []
    for name, value in test.items():
        ends = [figure(name, end) for end in intervals.get(name, ())]
        interval = f" (95 % interval {' to '.join(ends)})" if ends else ""
        parts.append(f"{name} {figure(name, value)}{interval}")
    return f"test  {'  '.join(parts)}"


def figure(name: str, value: float) -> str:
    """A value of a metric, with the digits that it needs."""
    common = value == 0 or 1e-3 <= abs(value) < 1e5  # the squared error of prices is not
    return f"{value:.4f}" if common and name != "learning_rate" else f"{value:.4g}"
