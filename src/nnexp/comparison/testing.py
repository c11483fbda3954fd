"""Two groups held against each other: by which of the methods, on which of their runs, or why not at all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nnexp.comparison import statistics
from nnexp.comparison.predictions import Predictions, UnusablePredictions, has_examples
from nnexp.comparison.result import Group
from nnexp.comparison.statistics import Difference
from nnexp.errors import Amiss, Reason

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Test:
    """What was found of two groups; no difference where they cannot be compared, and why."""

    first: str  # labels
    second: str
    runs: tuple[int, int]  # of each
    difference: Difference | None
    refusal: Reason = ""
    note: Amiss = ""  # what was not as it should be, and what was done instead
    values: tuple[ArrayLike, ArrayLike] | None = None  # what was tested, [runs, examples] or [runs]
    paired: bool = True
    shared: int = 0  # seeds that both have, where only these were compared
    lost: Reason = ""  # how many runs diverged or failed, which leaves fewer


def comparable(first: Group, second: Group, metric: str) -> bool:
    """Whether two groups were measured on the same test split, as far as they know."""
    one, other = ({run.test_split for run in group.runs if run.test_split} for group in (first, second))
    return metric == "seconds" or not one or not other or one == other


def hold_against(first: Group, second: Group, metric: str, predictions: Predictions) -> Test:
    """The first group minus the second, by the metric.

    Accuracy and its like are tested example by example, so that the result holds for other test examples as well; any
    other metric is one figure a run, and takes repeats.
    """
    return replace(
        _held(first, second, metric, predictions), lost=" and ".join(filter(None, map(lost_of, (first, second))))
    )


def lost_of(group: Group) -> Reason:
    """How many runs of a group diverged or failed, in words; "" if none did."""
    gone = Counter(left.run.status for left in group.left_out if left.run.status in ("diverged", "failed"))
    told = " and ".join(f"{count} {how}" for how, count in gone.items())
    return f"{told} of the {len(group.all_runs)} runs of {group.label}" if told else ""


def _held(first: Group, second: Group, metric: str, predictions: Predictions) -> Test:
    if not comparable(first, second, metric) or not _on_one_split(first, second, metric, predictions):
        return Test(*_pair(first, second), None, refusal="they were tested on different test splits")
    note: Amiss = ""
    if has_examples(metric, (*first.runs, *second.runs)):
        try:
            by_example = predictions.of_runs((*first.runs, *second.runs), metric)
            if by_example.shape[1] > 1:  # else it is one figure a run too
                return _compared(first, second, by_example[: len(first.runs)], by_example[len(first.runs) :])
        except UnusablePredictions as error:
            note = f"{error}; what is said of its group rests on the {metric} of whole runs."
    if min(len(first.runs), len(second.runs)) < statistics.FEWEST_SEEDS:
        why = f"without the predictions {metric}" if note else metric
        needed = f"{statistics.FEWEST_SEEDS} repeats of each to tell a difference from chance"
        needed += "" if lost_of(first) or lost_of(second) else " (nnexp sweep CONFIG --repeats 5)"
        refusal = f"{why} is one figure a run, and takes {needed}"
        return Test(*_pair(first, second), None, refusal=refusal, note=note)
    values = first.estimates[metric].values, second.estimates[metric].values
    return replace(_compared(first, second, *values), note=note)


def most_shared(seeds: int, longest: int) -> bool:
    """Whether so many seeds that groups share are enough to compare these alone, the largest having so many runs."""
    return seeds >= statistics.FEWEST_SEEDS and 3 * seeds >= 2 * longest


def _on_one_split(first: Group, second: Group, metric: str, predictions: Predictions) -> bool:
    """The same by the predictions of those runs whose metrics.json does not say it."""
    runs = (*first.runs, *second.runs)
    if metric == "seconds" or all(run.test_split for run in runs):
        return True
    return len({split for run in runs if (split := predictions.split_of(run))}) < 2


def _pair(first: Group, second: Group) -> tuple[str, str, tuple[int, int]]:
    return first.label, second.label, (len(first.runs), len(second.runs))


def _compared(first: Group, second: Group, one: ArrayLike, other: ArrayLike) -> Test:
    """Pair by seed where most seeds are shared; else compare all runs with all."""
    import numpy as np

    one, other = np.asarray(one), np.asarray(other)
    if one.ndim == 2 and len(one) == len(other) == 1:
        single = statistics.single_runs if one.dtype == bool else statistics.single_errors
        return Test(*_pair(first, second), single(one[0], other[0]), values=(one, other))
    places = {run.seed: place for place, run in enumerate(second.runs) if run.seed is not None}
    shared = [(place, places[run.seed]) for place, run in enumerate(first.runs) if run.seed in places]
    longest = max(len(one), len(other))
    paired = len(shared) == longest or most_shared(len(shared), longest)
    only = len(shared) if paired and len(shared) < longest else 0
    if paired:
        one, other = one[[place for place, _ in shared]], other[[place for _, place in shared]]
    if one.ndim == 1:
        difference = statistics.seeds_only(one, other, paired=paired)
    elif paired:
        difference = statistics.paired_repeats(one, other)
    else:
        difference = statistics.unpaired_repeats(one, other)
    return Test(*_pair(first, second), difference, values=(one, other), paired=paired, shared=only)
