"""What a benchmark measured, as plain values, and the table that shows it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.table import Table

Samples = dict[str, list[float]]  # by measure, a value a round

# How each measure is headed and written.
_MEASURES = {
    "wall": ("wall, s", "{:.3g}"),
    "cpu": ("CPU, s", "{:.3g}"),
    "peak": ("peak, MB", "{:.0f}"),
    "epoch": ("epoch, s", "{:.3g}"),
    "first": ("first, s", "{:.3g}"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One of the things compared; `bars` says what part of the baseline's median each measure may be at most."""

    name: str
    samples: Samples
    bars: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """Things measured side by side; the first row is the baseline."""

    title: str
    rows: Sequence[Row]

    def ratio(self, row: Row, measure: str) -> float:
        """A row's median as a part of the baseline's."""
        return statistics.median(row.samples[measure]) / statistics.median(self.rows[0].samples[measure])

    def plain(self) -> dict[str, Any]:
        """All figures as plain data."""
        return {"title": self.title, "rows": [self._plain(row) for row in self.rows]}

    def _plain(self, row: Row) -> dict[str, Any]:
        measures = {
            measure: {
                "median": statistics.median(values),
                "min": min(values),
                "max": max(values),
                "ratio": self.ratio(row, measure),
                "bar": row.bars.get(measure),
                "values": values,
            }
            for measure, values in row.samples.items()
        }
        return {"name": row.name, "note": row.note, "measures": measures}

    def table(self) -> Table:
        """Medians, from the lowest to the highest value, and what part of the baseline they are, beside the bar."""
        table = Table(title=self.title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("", no_wrap=True)
        measures = list(self.rows[0].samples)
        for measure in measures:
            table.add_column(_MEASURES[measure][0], justify="right", no_wrap=True)
            table.add_column("ratio", justify="right", no_wrap=True)
        table.add_column("")
        for row in self.rows:
            cells = [cell for measure in measures for cell in self._cells(row, measure)]
            table.add_row(row.name, *cells, row.note)
        return table

    def _cells(self, row: Row, measure: str) -> tuple[str, str]:
        values, written = row.samples[measure], _MEASURES[measure][1].format
        spread = f" ({written(min(values))}–{written(max(values))})" if len(values) > 1 else ""
        bar = f" (bar {row.bars[measure]:g})" if measure in row.bars else ""
        ratio = "" if row is self.rows[0] else f"{self.ratio(row, measure):.2f}{bar}"
        return written(statistics.median(values)) + spread, ratio


def interleaved(rounds: int, cases: Mapping[str, Callable[[], Mapping[str, float]]]) -> dict[str, Samples]:
    """Measure every case once a round, A B C A B C …, so that what else the machine does falls on all alike."""
    samples: dict[str, Samples] = {name: {} for name in cases}
    for _ in range(rounds):
        for name, measure in cases.items():
            for key, value in measure().items():
                samples[name].setdefault(key, []).append(value)
    return samples
