"""What a benchmark measured, as plain values: medians, ratios and bars."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Samples = dict[str, list[float]]  # by measure, a value a round


class Failed(Exception):
    """One of the things compared could not be measured; the message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One of the things compared."""

    name: str
    samples: Samples
    note: str = ""

    def median(self, measure: str) -> float:
        """The median over the rounds."""
        return statistics.median(self.samples[measure])


@dataclass(frozen=True, slots=True)
class Bar:
    """What a row's median is to be at most: a part of another row's, or a value where `of` is empty."""

    row: str
    measure: str
    at_most: float
    of: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """Things measured side by side; the first row is the one that ratios refer to."""

    question: str  # the benchmark that asked it
    title: str
    rows: Sequence[Row]
    bars: Sequence[Bar] = ()
    notes: Sequence[str] = ()

    def row(self, name: str) -> Row | None:
        """The row of that name; a peer that could not be measured has none."""
        return next((row for row in self.rows if row.name == name), None)

    def reached(self, bar: Bar) -> float | None:
        """The ratio, or the value, that a bar is about; None where one of the two was not measured."""
        row, other = self.row(bar.row), self.row(bar.of)
        if row is None or bar.measure not in row.samples:
            return None
        if not bar.of:
            return row.median(bar.measure)
        return None if other is None else row.median(bar.measure) / other.median(bar.measure)

    def plain(self) -> dict[str, Any]:
        """All figures as plain data; `medians` and `reached` are there for readers only."""
        return {
            "question": self.question,
            "title": self.title,
            "rows": [asdict(row) | {"medians": {name: row.median(name) for name in row.samples}} for row in self.rows],
            "bars": [asdict(bar) | {"reached": self.reached(bar)} for bar in self.bars],
            "notes": list(self.notes),
        }

    @classmethod
    def parse(cls, plain: Mapping[str, Any]) -> Result:
        """What `plain` gave."""
        return cls(
            plain["question"],
            plain["title"],
            [Row(row["name"], row["samples"], row["note"]) for row in plain["rows"]],
            [Bar(bar["row"], bar["measure"], bar["at_most"], bar["of"]) for bar in plain["bars"]],
            plain["notes"],
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """How thoroughly to measure."""

    quick: bool = False
    everything: bool = False  # every engine on every model, ten times the runs to list
    rounds: int | None = None  # else each benchmark's own
    console: Callable[[str], None] = field(default=lambda text: None)

    seconds: float = float("inf")  # for all of it; a second round of what takes minutes is left out then
    begun: float = field(default_factory=time.perf_counter)

    def left(self, at_most: float) -> float:
        """Seconds that a benchmark may take for its rounds."""
        return min(at_most, self.begun + self.seconds - time.perf_counter())

    def rounds_or(self, full: int, quick: int = 1) -> int:
        """The rounds of a benchmark that has its own numbers of them."""
        return self.rounds or (quick if self.quick else full)


Measure = Callable[[], Mapping[str, float]]


def interleaved(
    rounds: int,
    cases: Mapping[str, Measure],
    *,
    notes: list[str],
    seldom: Mapping[str, int] | None = None,
    seconds: float = float("inf"),
) -> dict[str, Samples]:
    """Measure every case once a round, A B C A B C …, so that what else the machine does falls on all alike.

    `seldom` gives cases that take part in so many of the first rounds only. No round begins that would, by what its
    cases took before, end later than `seconds` after the first began. A case that fails is left out from then on, with
    all that it gave, and the reason goes to `notes`.
    """
    samples: dict[str, Samples] = {name: {} for name in cases}
    took: dict[str, float] = {}
    begun = time.perf_counter()
    for number in range(rounds):
        due = [name for name in samples if number < (seldom or {}).get(name, rounds)]
        if number and time.perf_counter() - begun + sum(took[name] for name in due) > seconds:
            break
        for name in due:
            started = time.perf_counter()
            try:
                measured = cases[name]()
            except Failed as error:
                notes.append(f"{name} was left out: {str(error).strip().splitlines()[-1][:200]}")
                del samples[name]
                continue
            for key, value in measured.items():
                samples[name].setdefault(key, []).append(value)
            took[name] = time.perf_counter() - started
    return samples
