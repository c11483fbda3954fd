"""One chart a question: bars of the medians, a panel a result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Result
from benchmarks.tables import MEASURES

_OURS, _OTHERS, _FLOOR = "#1f77b4", "#b0b0b0", "#2ca02c"
_ROW, _HEAD, _WIDTH, _COLUMNS = 0.27, 0.85, 10.0, 2  # inches, and panels side by side


def shown(results: Sequence[Result]) -> list[Result]:
    """Those with something to compare."""
    return [result for result in results if len(result.rows) > 1]


def draw(results: Sequence[Result], path: Path) -> None:
    """Write the chart of one question's results as SVG; nnexp is blue, floors are green."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "nnexp"}):  # the same figures give the same file
        _figure(shown(results)).savefig(path, metadata={"Date": None})


def _figure(results: Sequence[Result]) -> Any:
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(results))
    lines = -(-len(results) // columns)
    tallest = max(len(result.rows) for result in results)
    figure = Figure(figsize=(_WIDTH, lines * (_HEAD + tallest * _ROW)), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False)
    for axis in axes.flat[len(results) :]:
        axis.set_visible(False)
    for axis, result in zip(axes.flat, results, strict=False):
        _panel(axis, result)
    return figure


def _panel(axis: Any, result: Result) -> None:
    measure = next(iter(result.rows[0].samples))
    rows = sorted(result.rows, key=lambda row: row.median(measure))
    places = range(len(rows))
    medians = [row.median(measure) for row in rows]
    axis.barh(places, medians, color=[_colour(row.name) for row in rows])
    lows = [max(0.0, median - min(row.samples[measure])) for row, median in zip(rows, medians, strict=True)]
    highs = [max(row.samples[measure]) - median for row, median in zip(rows, medians, strict=True)]
    axis.errorbar(medians, places, xerr=[lows, highs], fmt="none", ecolor="#444444", elinewidth=0.8)
    farthest = max(max(row.samples[measure]) for row in rows)
    for place, row in zip(places, rows, strict=True):
        text = MEASURES[measure][1].format(row.median(measure))
        axis.text(max(row.samples[measure]) + 0.01 * farthest, place, text, va="center", fontsize=8)
    axis.set_yticks(places, [row.name for row in rows], fontsize=8)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.15 * farthest)
    axis.set_xlabel(MEASURES[measure][0], fontsize=8)
    axis.set_title(result.title.replace(": ", ":\n", 1), fontsize=9, loc="left")
    axis.tick_params(axis="x", labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def _colour(name: str) -> str:
    return _OURS if name.startswith("nnexp") else _FLOOR if name.startswith("floor") else _OTHERS
