"""The interactive charts as Plotly figures: plain data that the page's script colours and draws.

A trace's `meta` holds its colour on a light and on a dark page, its group, and whether it shows training.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from nnexp.comparison import series
from nnexp.comparison.metrics import figure, in_points
from nnexp.comparison.result import Comparison, Group, Outcome, Verdict
from nnexp.comparison.series import Axis, Curve

Figure = dict[str, Any]

_SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star")
_OUTCOMES: dict[Outcome, tuple[str, tuple[str, str]]] = {
    "better": ("the one named is better", ("#0072B2", "#56A8E0")),
    "worse": ("the one named is worse", ("#D55E00", "#F0813A")),
    "undecided": ("cannot be told apart", ("#6B7280", "#A3ABB8")),
}
# The lighter part of ColorBrewer's Blues: dark figures can be read on all of it, on a light and on a dark page.
_BLUES = ((0, "#f7fbff"), (0.35, "#c6dbef"), (0.7, "#9ecae1"), (1, "#6baed6"))


def curves(comparison: Comparison, name: str) -> Figure:
    """A figure of the history by epoch: a line a group, validation full and training dashed, repeats in a band."""
    groups = drawn(comparison)
    held_out = series.has_validation(comparison, name)
    bands: list[dict[str, Any]] = []
    traces: list[dict[str, Any]] = []
    seen: list[float] = []
    lows: list[float] = []
    for place, (group, colour) in enumerate(zip(groups, series.colours(len(groups)), strict=True)):
        few = len(groups) <= series.FEW
        for key, training in ((f"val_{name}", False), (name, held_out)):
            curve = series.curve([run.history for run in group.runs], key)
            if curve is None:
                continue
            seen += curve.mean
            meta = {"colour": colour, "group": group.label, "training": training}
            if curve.runs > 1 and not training and len(groups) <= series.MOST_BANDS:
                bands.append(_band(curve, meta))
                lows += curve.low
            marked = few and not training and len(curve.epochs) <= 40
            traces.append(
                {
                    "type": "scatter",
                    "name": text(group.label),
                    "x": curve.epochs,
                    "y": [rounded(value) for value in curve.mean],
                    "mode": "lines+markers" if marked or len(curve.epochs) == 1 else "lines",
                    "line": {"width": 2.2 if few or group.label == comparison.best else 1.3},
                    "marker": {"symbol": _SYMBOLS[place % len(_SYMBOLS)], "size": 6},
                    "opacity": 0.65 if training else 1,
                    "meta": {**meta, "dash": "dash" if training else "solid"},
                    "hovertemplate": "%{fullData.name}<br>epoch %{x}: %{y:.4g}"
                    + _of_runs(curve, training)
                    + "<extra></extra>",
                }
            )
    return {
        "data": [*bands, *traces],  # no band lies on a line
        "layout": {
            "xaxis": {"title": {"text": "epoch"}, **whole_ticks(traces)},
            "yaxis": figure_axis(name, seen, lows),
        },
    }


def forest(comparison: Comparison) -> Figure | None:
    """The differences of the verdicts with their intervals, against no difference; None where there is none.

    A row is named by the one that the best, or the baseline, is not, and coloured by whether that one is better.
    """
    told = [verdict for verdict in comparison.verdicts if verdict.difference is not None]
    if not told:
        return None
    scale, unit = (100, "percentage points") if in_points(comparison.metric) else (1, comparison.metric)
    what = f"{comparison.metric}, points" if in_points(comparison.metric) else comparison.metric
    taken = f"difference in {text(what, 30)} ({better(comparison)})"
    _, short = series.short_labels(comparison)
    labels = [text(short[_named(comparison, verdict)], 32) for verdict in told]
    traces = []
    for outcome, (said, colour) in _OUTCOMES.items():
        rows = [(place, verdict) for place, verdict in enumerate(told) if _of_named(comparison, verdict) == outcome]
        if not rows:
            continue
        middle = [scale * (verdict.difference or 0) for _, verdict in rows]
        high = [scale * (verdict.high if verdict.high is not None else verdict.difference or 0) for _, verdict in rows]
        low = [scale * (verdict.low if verdict.low is not None else verdict.difference or 0) for _, verdict in rows]
        bounds = [f"[{a:.3g}, {b:.3g}]" for a, b in zip(low, high, strict=True)]
        traces.append(
            {
                "type": "scatter",
                "name": said,
                "x": [rounded(value) for value in middle],
                "y": [place for place, _ in rows],
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [rounded(b - m) for b, m in zip(high, middle, strict=True)],
                    "arrayminus": [rounded(m - a) for a, m in zip(low, middle, strict=True)],
                    "thickness": 2,
                    "width": 0,
                },
                "mode": "markers",
                "marker": {"size": 9, "symbol": "circle-open" if outcome == "undecided" else "circle"},
                "customdata": [[labels[place], bound] for (place, _), bound in zip(rows, bounds, strict=True)],
                "meta": {"colour": colour},
                "hovertemplate": f"%{{customdata[0]}}<br>%{{x:.3g}} {text(unit)} %{{customdata[1]}}<extra></extra>",
            }
        )
    layout = {
        "height": 126 + 26 * len(told),
        "showlegend": True,
        "xaxis": {"zeroline": True, "rangemode": "tozero", "nticks": 7},
        # In place of the axis' title, which is cut off where long labels leave little of a phone's width.
        "annotations": [
            {
                "text": f"{taken}<br>{text(_minus(comparison, short, 30))}",
                "showarrow": False,
                "align": "right",
                "xref": "paper",
                "x": 1,
                "xanchor": "right",
                "yref": "paper",
                "y": 0,
                "yanchor": "top",
                "yshift": -22,
            }
        ],
        "margin": {"l": 56, "r": 12, "t": 12, "b": 64},
        "yaxis": {
            "tickmode": "array",
            "tickvals": list(range(len(told))),
            "ticktext": labels,
            "range": [len(told) - 0.5, -0.5],
            "automargin": True,
            "showgrid": False,
            "zeroline": False,
        },
        "meta": {"zero": True},
    }
    return {"data": traces, "layout": layout}


def forest_reading(comparison: Comparison) -> str:
    """What a row of the forest plot is the difference of."""
    return f"Each dot: {_minus(comparison, {}, 100)}"


def _minus(comparison: Comparison, short: Mapping[str, str], most: int) -> str:
    """Which way a difference is taken, as the verdicts take it."""
    one = comparison.baseline if comparison.baseline is not None else comparison.best or ""
    one = series.shortened(short.get(one, one), most)
    if comparison.baseline is None:
        return f"{one} minus the one named"
    return f"the one named minus {one if comparison.baseline_is_one else f'its like with {one}'}"


def better(comparison: Comparison) -> str:
    """Which way is better."""
    return "more is better" if comparison.greater_is_better else "less is better"


def by_parameter(comparison: Comparison, parameter: str) -> Figure:
    """The metric against a parameter: the means with their intervals, and the runs; a line per setting of the rest."""
    _, lines = series.lines_along(comparison, parameter)
    axis = series.axis_of([group for _, groups in lines for group in groups], parameter)
    traces: list[dict[str, Any]] = []
    many = series.side_by_side(lines, parameter)
    for place, ((name, groups), colour) in enumerate(zip(lines, series.colours(len(lines)), strict=True)):
        where = series.beside(axis, [group.parameters.get(parameter) for group in groups], place % many, many)
        meta = {"colour": colour, "group": name}
        traces.append(_means(comparison, groups, where, axis, meta, place))
        traces.append(_runs(comparison, groups, where, meta))
    return {
        "data": traces,
        "layout": {
            "xaxis": {"title": {"text": text(parameter)}, **_ticks(axis)},
            "yaxis": {"title": {"text": text(comparison.metric)}},
        },
    }


def heat_map(comparison: Comparison, across: str, down: str) -> Figure:
    """The metric over two parameters, its value in each cell.

    The colours go over no less than the widest 95 % interval of a group is: chance must not look like a pattern.
    """
    grid = series.grid(comparison, across, down)
    low, high, _ = series.colour_range(comparison, grid)
    columns, rows = ([text(label, 24) for label in axis.labels] for axis in (grid.across, grid.down))
    shown = [["" if cell is None else figure(cell, comparison.metric) for cell in row] for row in grid.cells]
    told = len(columns) * len(rows) <= 200
    hover = f"{text(across)} %{{customdata[0]}}, {text(down)} %{{customdata[1]}}: %{{text}}<extra></extra>"
    return {
        "data": [
            {
                "type": "heatmap",
                "x": list(range(len(columns))),
                "y": list(range(len(rows))),
                "z": grid.cells,
                "text": shown,
                "texttemplate": "%{text}" if told else "",
                "colorscale": _BLUES,
                "reversescale": not comparison.greater_is_better,  # dark is good
                "zmin": rounded(low),
                "zmax": rounded(high),
                "textfont": {"color": "#111111"},
                "showscale": not told,
                "xgap": 2,
                "ygap": 2,
                "hoverongaps": False,
                "customdata": [[[column, row] for column in columns] for row in rows],
                "hovertemplate": hover,
            }
        ],
        "layout": {
            "height": 130 + 44 * len(rows),
            "xaxis": {"title": {"text": text(across)}, **_places(columns)},
            "yaxis": {"title": {"text": text(down)}, **_places(rows)},
        },
    }


def heat_map_reading(comparison: Comparison, across: str, down: str) -> str:
    """What the colours of a heat map stand for, and what a cell is."""
    grid = series.grid(comparison, across, down)
    low, high, widened = series.colour_range(comparison, grid)
    ends = (low, high) if comparison.greater_is_better else (high, low)
    light, dark = (figure(end, comparison.metric) for end in ends)
    said = f"Light to dark: {light} to {dark} ({better(comparison)})"
    if widened:
        said += ", as much as the widest 95 % interval spans, so that chance does not look like a pattern"
    return said + (". Each cell is the mean over the other parameters." if grid.averaged else ".")


def drawn(comparison: Comparison) -> list[Group]:
    """The groups that have curves."""
    return [group for group in comparison.groups if any(run.history for run in group.runs)]


def text(words: str, most: int = 60) -> str:
    """Words as Plotly shows them: it reads a subset of HTML, so that `<` and `&` are escaped."""
    return html.escape(series.shortened(words, most), quote=False)


def _named(comparison: Comparison, verdict: Verdict) -> str:
    """The one that the verdict is on: the other is the best, or the baseline."""
    return verdict.second if comparison.baseline is None else verdict.first


def _of_named(comparison: Comparison, verdict: Verdict) -> Outcome:
    """The outcome for the one that the verdict is on."""
    if comparison.baseline is None and verdict.outcome in ("better", "worse"):
        return "worse" if verdict.outcome == "better" else "better"
    return verdict.outcome


def _band(curve: Curve, meta: dict[str, Any]) -> dict[str, Any]:
    """From the lowest to the highest run, as a closed outline."""
    return {
        "type": "scatter",
        "x": [*curve.epochs, *reversed(curve.epochs)],
        "y": [rounded(value) for value in (*curve.high, *reversed(curve.low))],
        "mode": "lines",
        "line": {"width": 0},
        "fill": "toself",
        "hoverinfo": "skip",
        "meta": {**meta, "band": True},
    }


def _means(
    comparison: Comparison,
    groups: Sequence[Group],
    where: Sequence[float],
    axis: Axis,
    meta: dict[str, Any],
    place: int,
) -> dict[str, Any]:
    estimates = [series.estimate_of(comparison, group) for group in groups]
    highs = [found.mean if found.high is None else found.high for found in estimates]
    lows = [found.mean if found.low is None else found.low for found in estimates]
    return {
        "type": "scatter",
        "x": where,
        "y": [rounded(found.mean) for found in estimates],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [rounded(high - found.mean) for high, found in zip(highs, estimates, strict=True)],
            "arrayminus": [rounded(found.mean - low) for low, found in zip(lows, estimates, strict=True)],
            "thickness": 1.6,
            "width": 0,
        },
        "mode": "markers" if axis.kind == "category" else "lines+markers",
        "line": {"width": 1.4},
        "marker": {"size": 8, "symbol": _SYMBOLS[place % len(_SYMBOLS)]},
        "customdata": [
            [
                text(group.label),
                f"[{figure(low, comparison.metric)}, {figure(high, comparison.metric)}]"
                if found.low is not None
                else "",
            ]
            for group, found, low, high in zip(groups, estimates, lows, highs, strict=True)
        ],
        "meta": meta,
        "hovertemplate": "%{customdata[0]}<br>%{y:.4f} %{customdata[1]}<extra></extra>",
    }


def _runs(
    comparison: Comparison, groups: Sequence[Group], where: Sequence[float], meta: dict[str, Any]
) -> dict[str, Any]:
    points = [
        (position, value)
        for position, group in zip(where, groups, strict=True)
        for value in series.estimate_of(comparison, group).values
        if len(group.runs) > 1
    ]
    return {
        "type": "scatter",
        "x": [position for position, _ in points],
        "y": [rounded(value) for _, value in points],
        "mode": "markers",
        "marker": {"symbol": "line-ew-open", "size": 7},
        "opacity": 0.6,
        "meta": meta,
        "hoverinfo": "skip",
    }


def _ticks(axis: Axis) -> dict[str, Any]:
    labels = [text(label, 24) for label in axis.labels]
    if axis.kind == "category":
        return {"tickmode": "array", "tickvals": axis.positions, "ticktext": labels, "automargin": True}
    kind = {"type": axis.kind}
    return {**kind, "tickmode": "array", "tickvals": axis.positions, "ticktext": labels} if len(labels) <= 8 else kind


def _places(labels: Sequence[str]) -> dict[str, Any]:
    return {
        "tickmode": "array",
        "tickvals": list(range(len(labels))),
        "ticktext": labels,
        "automargin": True,
        "showgrid": False,
        "zeroline": False,
    }


def whole_ticks(traces: Sequence[dict[str, Any]], most: int = 12) -> dict[str, Any]:
    """Epochs are whole numbers; Plotly would put ticks between a few of them."""
    longest = max((trace["x"][-1] for trace in traces), default=1)
    return {"dtick": 1} if longest <= most else {}


def _of_runs(curve: Curve, training: bool) -> str:
    words = (["training"] if training else []) + ([f"mean of {curve.runs} runs"] if curve.runs > 1 else [])
    return f" ({', '.join(words)})" if words else ""


def figure_axis(name: str, values: Sequence[float], lows: Sequence[float] = ()) -> dict[str, Any]:
    """The axis of a figure of the history; `lows` are how far down the bands of its lines go."""
    if series.is_logarithmic(name, values):
        return {
            "title": {"text": f"{text(name)} (logarithmic)"},
            **log_axis([*values, *(low for low in lows if low > 0)]),
        }
    return {"title": {"text": text(name)}}


def log_axis(values: Sequence[float]) -> dict[str, Any]:
    """A logarithmic axis; the page's script begins it at the tick below the lowest line that is shown."""
    return {"type": "log", "tickmode": "array", "tickvals": series.log_ticks(values)}


def rounded(value: float) -> float:
    """To as many digits as a chart can show."""
    return float(f"{value:.5g}")
