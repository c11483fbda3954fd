"""What each of several parameters does by itself, and whether that depends on another: a whole grid of groups.

Main effects and two-way interactions of a factorial design with repeats (Fisher, The Design of Experiments, 1935,
chapter 6), paired as two groups are: what is held against each other are the values of all groups that share a setting,
averaged seed by seed and, where examples have values, example by example. So the same statistic serves, and its
interval covers the same: other seeds, and other test examples.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnexp.comparison import statistics
from nnexp.comparison.metrics import greater_is_better
from nnexp.comparison.parameters import compact
from nnexp.comparison.predictions import Predictions, UnusablePredictions, has_examples
from nnexp.comparison.result import Effects, Group, Interaction, Verdict
from nnexp.comparison.statistics import Difference
from nnexp.comparison.testing import Test, comparable, most_shared
from nnexp.comparison.verdicts import Words, amount_text, finite, judged, number_text, p_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_PARAMETERS = 3
_MOST_GROUPS = 36  # it bounds the predictions to be read

_Setting = tuple[str, str]  # a parameter and a value of it, in words


def effects_of(
    groups: Sequence[Group], parameters: Sequence[str], metric: str, predictions: Predictions, baseline: Group | None
) -> Effects | None:
    """The best value of each parameter (or the baseline's) against its others, and each two parameters together.

    None where the groups are no whole grid of two or three parameters, or have fewer than 3 seeds in common.
    """
    cells = dict.fromkeys(_cell(group, parameters) for group in groups)
    levels = {name: list(dict.fromkeys(cell[place] for cell in cells)) for place, name in enumerate(parameters)}
    whole = len(groups) == len(cells) == math.prod(map(len, levels.values()))
    if not whole or not 2 <= len(parameters) <= _MOST_PARAMETERS or len(groups) > _MOST_GROUPS:
        return None
    if any(metric not in group.estimates or not comparable(groups[0], group, metric) for group in groups):
        return None
    values = _values(groups, metric, predictions)
    if values is None:
        return None
    grid = Grid(metric, levels, dict(zip(cells, values, strict=True)))
    return effects_in(grid, _cell(baseline, parameters) if baseline else None)


def effects_in(grid: Grid, baseline: tuple[str, ...] | None = None) -> Effects:
    """The same of a grid; the baseline is a value of each parameter."""
    return Effects(_main_effects(grid, baseline), _interactions(grid))


@dataclass(frozen=True, slots=True)
class Grid:
    """Every setting of some parameters once, with the values [seeds, examples] or [seeds] of each."""

    metric: str
    levels: Mapping[str, Sequence[str]]
    values: Mapping[tuple[str, ...], NDArray[Any]]  # by a value of each parameter, in their order

    def at(self, *settings: _Setting) -> NDArray[Any]:
        """The values of all groups that have these settings, averaged."""
        import numpy as np

        places = [(list(self.levels).index(name), level) for name, level in settings]
        chosen = [cell for cell in self.values if all(cell[place] == level for place, level in places)]
        total = np.zeros(next(iter(self.values.values())).shape)
        for cell in chosen:
            total += self.values[cell]
        return total / len(chosen)

    def better(self, value: float) -> float:
        """The value, or where less of the metric is better the negative."""
        return value if greater_is_better(self.metric) else -value

    def spoken(self, setting: _Setting) -> str:
        """In a sentence: "hidden 512", with the whole name where another parameter's ends alike."""
        name, level = setting
        tails = Counter(name.rpartition(".")[2] for name in self.levels)
        tail = name.rpartition(".")[2]
        return f"{tail if tails[tail] == 1 else name} {level}"


def _cell(group: Group, parameters: Sequence[str]) -> tuple[str, ...]:
    return tuple(compact(group.parameters[name]) for name in parameters)


def _values(groups: Sequence[Group], metric: str, predictions: Predictions) -> list[NDArray[Any]] | None:
    """The values of each group, [seeds, examples] or [seeds], of the seeds that all have."""
    import numpy as np

    seeds = set.intersection(*({run.seed for run in group.runs if run.seed is not None} for group in groups))
    if not most_shared(len(seeds), max(len(group.runs) for group in groups)):
        return None
    places = [[place for place, run in enumerate(group.runs) if run.seed in seeds] for group in groups]
    if all(has_examples(metric, group.runs) for group in groups):
        try:
            return [
                predictions.of_runs(tuple(group.runs[place] for place in chosen), metric)
                for group, chosen in zip(groups, places, strict=True)
            ]
        except UnusablePredictions:
            pass  # a verdict on these groups has told it
    return [np.asarray(group.estimates[metric].values)[chosen] for group, chosen in zip(groups, places, strict=True)]


def _difference(first: NDArray[Any], second: NDArray[Any]) -> Difference:
    if first.ndim == 1:
        return statistics.seeds_only(first, second, paired=True)
    return statistics.paired_repeats(first, second)


def _main_effects(grid: Grid, baseline: tuple[str, ...] | None) -> tuple[Verdict, ...]:
    """Where the first value was picked as the best, p is corrected for all pairs that there are, as for groups."""
    tests: list[Test] = []
    words: dict[str, str] = {}
    comparisons = 0
    for place, (name, levels) in enumerate(grid.levels.items()):
        settings = [(name, level) for level in levels]
        values = {setting: grid.at(setting) for setting in settings}
        words |= {f"{name}={level}": grid.spoken((name, level)) for level in levels}
        if baseline is None:
            settings.sort(key=lambda setting: -grid.better(float(values[setting].mean())))
            pairs = [(settings[0], other) for other in settings[1:]]
            comparisons += math.comb(len(levels), 2)
        else:
            pairs = [(other, (name, baseline[place])) for other in settings if other[1] != baseline[place]]
            comparisons += len(pairs)
        tests += [_test(first, second, values[first], values[second]) for first, second in pairs]
    return tuple(judged(tests, Words(grid.metric, words), comparisons))


def _test(first: _Setting, second: _Setting, one: NDArray[Any], other: NDArray[Any]) -> Test:
    return Test("=".join(first), "=".join(second), (len(one), len(other)), _difference(one, other), values=(one, other))


def _interactions(grid: Grid) -> tuple[Interaction, ...]:
    """Of each two parameters the largest difference of differences, its p corrected for all that there are."""
    pairs = list(itertools.combinations(grid.levels, 2))
    counts = [math.comb(len(grid.levels[one]), 2) * math.comb(len(grid.levels[other]), 2) for one, other in pairs]
    return tuple(_interaction(grid, one, other, sum(counts)) for one, other in pairs)


def _interaction(grid: Grid, name: str, other: str, comparisons: int) -> Interaction:
    cells = {
        (level, beside): grid.at((name, level), (other, beside))
        for level in grid.levels[name]
        for beside in grid.levels[other]
    }
    means = {cell: grid.better(float(values.mean())) for cell, values in cells.items()}

    def apart(contrast: tuple[str, str, str, str]) -> float:
        first, second, here, there = contrast
        return (means[first, here] - means[second, here]) - (means[first, there] - means[second, there])

    first, second, here, there = max(
        (
            (first, second, here, there)
            for first, second in itertools.permutations(grid.levels[name], 2)
            if sum(means[first, beside] - means[second, beside] for beside in grid.levels[other]) >= 0
            for here, there in itertools.permutations(grid.levels[other], 2)
        ),
        key=apart,
    )
    gains = cells[first, here] - cells[second, here], cells[first, there] - cells[second, there]
    found = _difference(*gains)
    p = min(1.0, found.p * comparisons)
    shown = found.shown and p < statistics.LEVEL
    changes = [number_text(float(gain.mean()), abs(found.estimate), grid.metric, sign=True) for gain in gains]
    if shown:
        says = f"so what {name} does depends on {other}"
    else:
        says = f"which may be chance: that what {name} does depends on {other} is not shown"
    text = (
        f"{grid.spoken((name, first))} in place of {second} changes {grid.metric} by {changes[0]} with "
        f"{grid.spoken((other, here))}, by {changes[1]} with {grid.spoken((other, there))}: "
        f"{amount_text(found, grid.metric, size_only=True)} apart ({p_text(p, comparisons)}), {says}"
    )
    return Interaction(name, other, found.estimate, finite(found.low), finite(found.high), p, shown, text)
