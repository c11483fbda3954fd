"""The charts of a single run, as Plotly figures like those of charts.py: learning curves, residuals, ROC and others.

What they show of the test split is read from predictions.npz, which a stranger may have written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nnexp.comparison import series
from nnexp.errors import Amiss
from nnexp.report.charts import Figure, figure_axis, rounded, text, whole_ticks
from nnexp.runs.figures import NO_METRICS
from nnexp.runs.predictions import read_predictions
from nnexp.runs.reading import Refused
from nnexp.runs.record import RunRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nnexp.evaluation.curves import Curve

_MOST_TARGETS, _MOST_LABELS = 4, 10
_MOST_POINTS, _MOST_STEPS = 500, 150
_LARGEST = 1e39  # beyond 32 bits, which training computes in
_GREY = ("#6B7280", "#A3ABB8")


def curves_of_run(run: RunRecord) -> Figure:
    """Loss and the first metric of one run by epoch, training dashed."""
    names = [name for name in (run.history[0] if run.history else {}) if name not in NO_METRICS]
    kept = list(dict.fromkeys(name.removeprefix("val_") for name in names))
    kept = ["loss", *[name for name in kept if name != "loss"]][:2]
    traces: list[dict[str, Any]] = []
    for place, (name, colour) in enumerate(zip(kept, series.colours(len(kept)), strict=True)):
        held_out = series.curve([run.history], f"val_{name}")
        for key, dash in ((f"val_{name}", "solid"), (name, "dash" if held_out else "solid")):
            curve = series.curve([run.history], key)
            if curve:
                traces.append(
                    {
                        "type": "scatter",
                        "name": text(key),
                        "x": curve.epochs,
                        "y": [rounded(value) for value in curve.mean],
                        "yaxis": "y" if place == 0 else "y2",
                        "xaxis": "x" if place == 0 else "x2",
                        "mode": "lines+markers" if len(curve.epochs) == 1 else "lines",
                        "meta": {"colour": colour, "dash": dash},
                        "hovertemplate": "%{fullData.name}, epoch %{x}: %{y:.4g}<extra></extra>",
                    }
                )
    layout: dict[str, Any] = {
        "height": 230,
        "grid": {"rows": 1, "columns": len(kept), "pattern": "independent", "xgap": 0.38},
    }
    for place, name in enumerate(kept):
        number = "" if place == 0 else "2"
        layout[f"xaxis{number}"] = {"title": {"text": "epoch"}, **whole_ticks(traces, 6)}
        seen = [value for trace in traces if trace["yaxis"] == f"y{number}" for value in trace["y"]]
        layout[f"yaxis{number}"] = figure_axis(name, seen)
    return {"data": traces, "layout": layout}


def residuals_of(run: RunRecord) -> tuple[list[tuple[str, Figure]], str]:
    """For the first targets of a run that predicts values: predicted against true, and how far they are off.

    Returns:
        The figures by the names of the targets, and a note of what they leave out.

    Raises:
        Refused: predictions.npz is not what nnexp writes.
        OSError: it is missing, or cannot be read.
    """
    import numpy as np

    tested = read_predictions(run.folder.predictions, probabilities=False)
    names = [row["target"] for row in run.evaluation["per_target"]]
    if tested.labels.ndim != 2 or tested.labels.shape[1] != len(names):
        raise Refused("its values are not those of the targets")
    true, guess = tested.labels.astype(np.float64), tested.predicted.astype(np.float64)
    known = ((np.abs(true) < _LARGEST) & (np.abs(guess) < _LARGEST)).all(axis=1)
    missing, total = int((~known).sum()), int(known.sum())
    notes: list[Amiss] = [f"{missing:,} predictions are no finite numbers, and are not drawn."] if missing else []
    notes += [f"The dots are {_MOST_POINTS} of {total:,} examples, drawn at random."] if total > _MOST_POINTS else []
    notes += [f"The first {_MOST_TARGETS} of {len(names)} targets are shown."] if len(names) > _MOST_TARGETS else []
    pairs = [(name, true[known, k], guess[known, k]) for k, name in enumerate(names[:_MOST_TARGETS])]
    return [(name, _residuals(name, *pair)) for name, *pair in pairs if total], " ".join(notes)


def _residuals(name: str, true: NDArray[np.float64], guess: NDArray[np.float64]) -> Figure:
    import numpy as np

    from nnexp.evaluation.residuals import distribution, span

    blue, orange = series.colours(2)
    counts, edges = distribution(guess - true)
    ends = list(span(np.concatenate([true, guess])))
    if len(true) > _MOST_POINTS:
        chosen = np.random.default_rng(0).choice(len(true), _MOST_POINTS, replace=False)
        true, guess = true[chosen], guess[chosen]
    return {
        "data": [
            _line(ends, ends, "x", "y", _GREY, dash="dash"),
            {
                "type": "scatter",
                "x": _numbers(true),
                "y": _numbers(guess),
                "mode": "markers",
                "marker": {"size": 5},
                "opacity": 0.6,
                "meta": {"colour": blue},
                "hovertemplate": "true %{x:.4g}, predicted %{y:.4g}<extra></extra>",
            },
            {
                "type": "bar",
                "x": _numbers((edges[:-1] + edges[1:]) / 2),
                "y": counts.tolist(),
                "width": float(edges[1] - edges[0]),
                "xaxis": "x2",
                "yaxis": "y2",
                "meta": {"colour": blue},
                "hovertemplate": "about %{x:.3g}: %{y} examples<extra></extra>",
            },
            _line([0, 0], [0, int(counts.max())], "x2", "y2", orange),
        ],
        "layout": {
            "height": 270,
            "grid": {"rows": 1, "columns": 2, "pattern": "independent", "xgap": 0.3},
            "xaxis": {"title": {"text": f"true {text(name, 30)}"}, "nticks": 5, "tickangle": 0},
            "yaxis": {"title": {"text": "predicted"}, "nticks": 5, "tickangle": 0},
            "xaxis2": {"title": {"text": "predicted − true"}, "nticks": 5, "tickangle": 0},
            "yaxis2": {"title": {"text": "test examples"}},
        },
    }


def ranks_of(run: RunRecord) -> Figure | None:
    """ROC and precision-recall curves and calibration, of labels or of two classes; None for all other runs.

    Raises:
        Refused: predictions.npz is not what nnexp writes.
        OSError: it is missing, or cannot be read.
    """
    import numpy as np

    names = [row["class"] for row in run.evaluation.get("per_class", ())]
    if run.task == "regression" or (run.task == "classification" and len(names) != 2):
        return None
    tested = read_predictions(run.folder.predictions, probabilities=True)
    labels, shares = tested.labels, tested.probabilities.astype(np.float64)
    if run.task == "classification":  # the second against the first
        labels, shares, names = labels[:, None], shares[:, 1:], names[1:]
    if labels.shape != shares.shape or labels.shape[1] != len(names) or {*np.unique(labels).tolist()} - {0, 1}:
        raise Refused("its labels are not those of the classes")
    return _ranks(labels == 1, shares, names) if np.isfinite(shares).all() else None


def _ranks(labels: NDArray[np.bool_], shares: NDArray[np.float64], names: Sequence[str]) -> Figure:
    from nnexp.evaluation.curves import calibration, precision_recall, roc

    data = [_line([0, 1], [0, 1], "x", "y", _GREY, dash="dot"), _line([0, 1], [0, 1], "x3", "y3", _GREY, dash="dot")]
    drawn = names[:_MOST_LABELS]
    for place, (name, colour) in enumerate(zip(drawn, series.colours(len(drawn)), strict=True)):
        for number, shape, of in (("", "linear", roc), ("2", "vh", precision_recall)):
            curve = of(labels[:, place], shares[:, place])
            trace = _line(*_thinned(curve), f"x{number}", f"y{number}", colour, shape=shape)
            named = {
                "name": text(name, 30),
                "legendgroup": str(place),
                "showlegend": number == "",
                "hoverinfo": "x+y+name",
            }
            data.append({**trace, **named})
    found = calibration(labels.ravel(), shares.ravel())
    data.append(
        {
            **_line(_numbers(found.predicted), _numbers(found.observed), "x3", "y3", series.colours(1)[0]),
            "mode": "lines+markers",
            "marker": {"size": _numbers(5 + 9 * found.counts / found.counts.max())},
            "customdata": found.counts.tolist(),
            "hovertemplate": "said %{x:.2f}, true %{y:.2f}, of %{customdata} examples<extra></extra>",
        }
    )
    titles = (
        ("", "false positive rate", "true positive rate"),
        ("2", "recall", "precision"),
        ("3", "probability", "share that is true"),
    )
    layout: dict[str, Any] = {
        "height": 520,
        "grid": {"rows": 2, "columns": 2, "pattern": "independent", "xgap": 0.3, "ygap": 0.35},
        "showlegend": len(drawn) > 1,
    }
    for number, across, up in titles:
        layout[f"xaxis{number}"] = {"title": {"text": across}, "range": [-0.02, 1.02]}
        layout[f"yaxis{number}"] = {"title": {"text": up}, "range": [-0.02, 1.02]}
    return {"data": data, "layout": layout}


def _thinned(curve: Curve) -> tuple[list[float], list[float]]:
    """The points of a curve, of very many some."""
    import numpy as np

    kept = np.unique(np.linspace(0, len(curve.x) - 1, min(len(curve.x), _MOST_STEPS)).round().astype(int))
    return _numbers(curve.x[kept]), _numbers(curve.y[kept])


def _line(
    x: list[Any],
    y: list[Any],
    across: str,
    up: str,
    colour: tuple[str, str],
    dash: str = "solid",
    shape: str = "linear",
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "xaxis": across,
        "yaxis": up,
        "line": {"width": 1.6, "shape": shape},
        "meta": {"colour": colour, "dash": dash},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _numbers(values: NDArray[Any]) -> list[float]:
    return [float(f"{value:.7g}") for value in values.tolist()]  # as 32 bits tell them apart
