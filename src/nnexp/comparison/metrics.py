"""The metrics of a run, and which way is better."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from nnexp.runs.figures import NO_METRICS
from nnexp.runs.record import RunRecord
from nnexp.tasks import HEADLINES

_LESS_IS_BETTER = re.compile(
    r"loss|error|deviation|entropy|hinge|huber|poisson|divergence|log_?cosh|false_|brier|seconds"
    r"|^(val_|train_)?(r?mse|mae|mape|msle|kld)(_\d+)?$"
)


def metrics_of(run: RunRecord) -> dict[str, float]:
    """The finite metrics of a run.

    `accuracy`, `loss` and others as on the test split; `train_…` and `val_…` as in the last epoch trained, which left
    the model that was tested; `seconds` the whole run took.
    """
    values: dict[str, Any] = dict(run.test)
    for name, value in (run.history[-1] if run.history else {}).items():
        if name not in NO_METRICS:
            values[name if name.startswith("val_") else f"train_{name}"] = value
    values["seconds"] = run.timings.get("total")
    # What can be squared and summed: what training gives, in 32 bits, stays below 1e39.
    return {name: value for name, value in values.items() if type(value) in (float, int) and -1e100 < value < 1e100}


def in_order(names: Iterable[str]) -> list[str]:
    """Each metric once: headlines and loss first, the test split before validation and training, time last."""

    def rank(name: str) -> tuple[int, int, str]:
        part = 3 if name == "seconds" else 2 if name.startswith("train_") else 1 if name.startswith("val_") else 0
        plain = name.removeprefix("val_").removeprefix("train_")
        return part, (*HEADLINES.values(), "loss", plain).index(plain), plain

    return sorted(set(names), key=rank)


def greater_is_better(metric: str) -> bool:
    """Whether more of it is better: for all but losses, errors, false answers and times."""
    return not _LESS_IS_BETTER.search(metric)


def in_points(metric: str) -> bool:
    """Whether differences are told in percentage points."""
    return "accuracy" in metric or "exact_match" in metric


def figure(value: float | None, metric: str = "") -> str:
    """A value of a metric as a person compares it."""
    if value is None:
        return "–"
    if metric == "seconds":
        return f"{value:.1f} s" if value < 100 else f"{value:.0f} s"
    if 1e4 <= abs(value) < 1e7:  # as prices are
        return f"{value:.0f}"
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 100 else f"{value:.4g}"
