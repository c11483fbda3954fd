"""Groups with their estimates: what is known of each configuration before any two are held against each other."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nnexp.comparison import statistics
from nnexp.comparison.grouping import Repeats, settle
from nnexp.comparison.predictions import Predictions, UnusablePredictions, has_examples
from nnexp.comparison.result import Estimate, Group
from nnexp.comparison.special import special
from nnexp.runs.record import RunRecord


def group_of(label: str, repeats: Repeats, parameters: Mapping[str, Any], metric: str) -> Group:
    """The group of some repeats, by the runs that have the metric; an estimate of each metric that all of those have.

    The intervals are over the seeds alone, or for a single run those that it recorded itself.
    """
    counted, left_out = settle(repeats, metric)
    runs = tuple(repeats.runs[place] for place in counted)
    values = [repeats.metrics[place] for place in counted]
    shared = [name for name in (values[0] if values else ()) if all(name in found for found in values)]
    return Group(
        label=label,
        parameters=parameters,
        runs=runs,
        left_out=left_out,
        estimates={name: _estimate(runs, name, tuple(found[name] for found in values)) for name in shared},
        epochs=mean([len(run.history) for run in runs]) if runs else None,
        total_parameters=next((run.parameters["total"] for run in repeats.runs if "total" in run.parameters), None),
        findings=_findings(repeats.runs),
    )


def with_examples(group: Group, metric: str, predictions: Predictions) -> Group:
    """The group with an interval of the metric that covers the test examples too, where its predictions can be read.

    That of a single run does already. A metric that examples have no part in stays as it is.
    """
    estimate = group.estimates[metric]
    if not has_examples(metric, group.runs):
        return group
    try:
        by_example = predictions.of_runs(group.runs, metric)  # of a single run too: whether its figure holds
    except UnusablePredictions:
        return group
    if len(group.runs) < 2:
        return group
    interval = statistics.group_interval(by_example)
    return replace(group, estimates={**group.estimates, metric: _from_interval(interval, estimate.values)})


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean, exact in the last bit."""
    return math.fsum(values) / len(values)


def _estimate(runs: Sequence[RunRecord], metric: str, values: tuple[float, ...]) -> Estimate:
    if len(values) == 1:
        low, high = runs[0].test_intervals.get(metric, (None, None))
        return Estimate(values[0], low, high, values, "" if low is None else "test examples")
    average = mean(values)
    if len(values) < statistics.FEWEST_SEEDS:
        return Estimate(average, None, None, values, "")
    variance = math.fsum((value - average) ** 2 for value in values) / (len(values) - 1)
    margin = _t(len(values) - 1) * math.sqrt(variance / len(values))
    return Estimate(average, average - margin, average + margin, values, "seeds alone")


@functools.cache
def _t(freedom: int) -> float:
    """Student's t for 95 %. Here as a number, and without an array for each of thousands of means."""
    return float(special().stdtrit(freedom, 1 - statistics.LEVEL / 2))


def _from_interval(interval: statistics.Interval, values: tuple[float, ...]) -> Estimate:
    known = math.isfinite(interval.low) and math.isfinite(interval.high)
    low, high = (interval.low, interval.high) if known else (None, None)
    return Estimate(mean(values), low, high, values, interval.method if known else "")


def _findings(runs: Sequence[RunRecord]) -> dict[str, int]:
    """In how many of the runs each finding was made, the most frequent first."""
    counts: dict[str, int] = {}
    for run in runs:
        for code in {str(finding.get("code")) for finding in run.findings}:
            counts[code] = counts.get(code, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
