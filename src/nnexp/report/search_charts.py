"""The charts of a search as Plotly figures: the best so far, the objective along each dimension, what mattered."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence
from typing import Any

from nnexp.comparison import series
from nnexp.comparison.parameters import compact
from nnexp.comparison.result import Searched, Trial
from nnexp.report.charts import Figure, log_axis, rounded, text

_LEAST = 10  # trials from which on it can be told what mattered
_PRESSED = 10  # times as bad as the best


def best_so_far(search: Searched) -> Figure:
    """Each trial by its number, and the best up to it."""
    colour = series.colours(2)
    numbers = range(1, len(search.trials) + 1)
    best = [(number, value) for number, value in zip(numbers, search.best_so_far, strict=True) if value is not None]
    line = {
        "type": "scatter",
        "name": "best so far",
        "x": [number for number, _ in best],
        "y": [rounded(value) for _, value in best],
        "mode": "lines",
        "line": {"width": 2.2, "shape": "hv"},
        "meta": {"colour": colour[0]},
        "hovertemplate": "best up to trial %{x}: %{y:.4g}<extra></extra>",
    }
    numbered = list(zip(numbers, search.trials, strict=True))
    return {
        "data": [line, *_dots(numbered, colour[1])],
        "layout": {"xaxis": {"title": {"text": "trial"}}, "yaxis": _objective(search)},
    }


def along(search: Searched, name: str) -> Figure:
    """The objective of each trial by its value of one dimension."""
    said = search.space.get(name)
    trials = [trial for trial in search.trials if name in trial.values]
    numbers = isinstance(said, dict) and "choice" not in said
    values = [trial.values[name] for trial in trials]
    horizontal: dict[str, Any] = {"title": {"text": text(name)}}
    if numbers and all(type(value) in (int, float) for value in values):
        where: list[Any] = values
        if isinstance(said, dict) and "log" in said:
            horizontal["type"] = "log"
    else:
        names = list(dict.fromkeys(compact(value) for value in values))
        where = [names.index(compact(value)) for value in values]
        ticks = {"tickvals": list(range(len(names))), "ticktext": [text(one, 24) for one in names]}
        horizontal |= {"tickmode": "array", **ticks, "automargin": True}
    dots = _dots(list(zip(where, trials, strict=True)), series.colours(1)[0])
    return {"data": dots, "layout": {"xaxis": horizontal, "yaxis": _objective(search)}}


def _objective(search: Searched) -> dict[str, Any]:
    """The axis of the objective: logarithmic where one bad trial would press all good ones together at the bottom."""
    values = [trial.value for trial in search.trials if trial.value is not None]
    pressed = not search.greater_is_better and 0 < min(values, default=0) < max(values, default=0) / _PRESSED
    return {"title": {"text": text(search.objective)}, **(log_axis(values) if pressed else {})}


def _dots(placed: Sequence[tuple[Any, Trial]], colour: tuple[str, str]) -> list[dict[str, Any]]:
    """A dot a trial: full where it went to its end, open where it was given up."""
    traces = []
    for complete, symbol in ((True, "circle"), (False, "circle-open")):
        shown = [(at, trial) for at, trial in placed if trial.complete == complete and trial.value is not None]
        if shown:
            traces.append(
                {
                    "type": "scatter",
                    "name": "completed" if complete else "given up",
                    "x": [at for at, _ in shown],
                    "y": [rounded(trial.value or 0.0) for _, trial in shown],
                    "mode": "markers",
                    "marker": {"size": 8, "symbol": symbol},
                    "customdata": [[text(_in_words(trial), 200)] for _, trial in shown],
                    "meta": {"colour": colour},
                    "hovertemplate": "%{customdata[0]}<br>%{y:.4g}<extra></extra>",
                }
            )
    return traces


def _in_words(trial: Trial) -> str:
    return f"{trial.label}: " + ", ".join(f"{name}={compact(value)}" for name, value in trial.values.items())


def importances(search: Searched) -> list[tuple[str, float]]:
    """The share that each dimension has in how the objective varies, the greatest first; empty where it is not known.

    Optuna's fANOVA (Hutter, Hoos, Leyton-Brown 2014) over the dimensions that all trials have.
    """
    counted = [trial for trial in search.trials if trial.complete]
    if len(counted) < _LEAST or importlib.util.find_spec("optuna") is None:
        return []
    import optuna

    known = {
        name: found
        for name, said in search.space.items()
        if all(name in trial.values for trial in counted)
        and (found := _parameters(said, [trial.values[name] for trial in counted])) is not None
    }
    if not known or len({trial.value for trial in counted}) < 2:
        return []
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(direction="maximize" if search.greater_is_better else "minimize")
        distributions = {name: distribution for name, (distribution, _) in known.items()}
        for place, trial in enumerate(counted):
            params = {name: values[place] for name, (_, values) in known.items()}
            study.add_trial(optuna.create_trial(value=trial.value, params=params, distributions=distributions))
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        return list(optuna.importance.get_param_importances(study, evaluator=evaluator).items())


def _parameters(said: Any, values: Sequence[Any]) -> tuple[Any, Sequence[Any]] | None:
    """A dimension as Optuna has it, and its value in each trial; None where it has but one, or is none."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    names = list(dict.fromkeys(map(compact, values)))
    if not isinstance(said, dict) or len(names) < 2:
        return None
    if "choice" in said:
        return CategoricalDistribution(range(len(names))), [names.index(compact(value)) for value in values]
    if not all(type(value) in (int, float) for value in values):
        return None
    log = "log" in said and min(values) > 0
    return FloatDistribution(min(values), max(values), log=log), [float(value) for value in values]
