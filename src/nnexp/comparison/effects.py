"""What each of several parameters does by itself, and whether that depends on another: a whole grid of groups.

Main effects and two-way interactions of a factorial design with repeats (Fisher, The Design of Experiments, 1935,
chapter 6), paired as two groups are: what is held against each other are the values of all groups that share a setting,
averaged seed by seed and, where examples have values, example by example. So the same statistic serves, and its
interval covers the same: other seeds, and other test examples.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnexp.comparison import statistics
from nnexp.comparison.grouping import short_names
from nnexp.comparison.metrics import greater_is_better
from nnexp.comparison.parameters import compact
from nnexp.comparison.predictions import Predictions, UnusablePredictions, has_examples
from nnexp.comparison.result import Effects, Group, Interaction, Verdict
from nnexp.comparison.selection import Baseline
from nnexp.comparison.statistics import Difference
from nnexp.comparison.testing import Test, comparable, most_shared
from nnexp.comparison.verdicts import Words, amount_text, finite, judged, number_text, p_text, scale_of
from nnexp.errors import Reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_PARAMETERS = 3
_MOST_GROUPS = 36  # it bounds the predictions to be read

Names = tuple[str, ...]  # a parameter, with those that change along with it
Level = tuple[str, ...]  # a value of each, in words
_Setting = tuple[Names, Level]


class NoEffects(Exception):
    """The groups are a grid of repeats, and still what each parameter does cannot be told; the message says why."""


def effects_of(
    groups: Sequence[Group], parameters: Sequence[str], metric: str, predictions: Predictions, baseline: Baseline | None
) -> Effects | None:
    """The best value of each parameter (or the baseline's) against its others, and each two parameters together.

    None where the groups are no whole grid of two or three parameters, or have not been repeated.

    Raises:
        NoEffects: they are and have, but too few seeds have a result in all groups.
    """
    if len(groups) > _MOST_GROUPS:
        return None
    factors = _factors(groups, parameters)
    cells = dict.fromkeys(_cell(group, factors) for group in groups)
    levels = {names: list(dict.fromkeys(cell[place] for cell in cells)) for place, names in enumerate(factors)}
    whole = len(groups) == len(cells) == math.prod(map(len, levels.values()))
    if not whole or not 2 <= len(factors) <= _MOST_PARAMETERS:
        return None
    measured = [group for group in groups if metric in group.estimates]
    if not measured or not all(comparable(measured[0], group, metric) for group in measured):
        return None
    if max(len(group.runs) for group in groups) < statistics.FEWEST_SEEDS:
        return None
    values = _values(groups, metric, predictions)
    grid = Grid(metric, levels, dict(zip(cells, values, strict=True)))
    return effects_in(grid, _levels_of(baseline, factors) if baseline else None)


def effects_in(grid: Grid, baseline: Sequence[Level | None] | None = None) -> Effects:
    """The same of a grid; the baseline is a value of each parameter, or of some."""
    chosen = baseline or [None] * len(grid.levels)
    return Effects(_main_effects(grid, chosen), _interactions(grid, chosen))


@dataclass(frozen=True, slots=True)
class Grid:
    """Every setting of some parameters once, with the values [seeds, examples] or [seeds] of each."""

    metric: str
    levels: Mapping[Names, Sequence[Level]]
    values: Mapping[tuple[Level, ...], NDArray[Any]]  # by a value of each parameter, in their order

    def at(self, *settings: _Setting) -> NDArray[Any]:
        """The values of all groups that have these settings, averaged."""
        import numpy as np

        places = [(list(self.levels).index(names), level) for names, level in settings]
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
        return ", ".join(f"{self._short(name)} {value}" for name, value in zip(*setting, strict=True))

    def named(self, names: Names) -> str:
        """The parameters themselves in a sentence."""
        return " with ".join(map(self._short, names))

    def _short(self, name: str) -> str:
        return short_names([one for names in self.levels for one in names])[name]


def _factors(groups: Sequence[Group], parameters: Sequence[str]) -> list[Names]:
    """The parameters that vary by themselves, each with those that follow from it, as epochs zipped with batch_size."""
    factors: list[Names] = []
    for name in parameters:
        for place, names in enumerate(factors):
            pairs = {(compact(group.parameters[names[0]]), compact(group.parameters[name])) for group in groups}
            if len({value for value, _ in pairs}) == len(pairs):
                factors[place] = (*names, name)
                break
        else:
            factors.append((name,))
    return factors


def _cell(group: Group, factors: Sequence[Names]) -> tuple[Level, ...]:
    return tuple(tuple(compact(group.parameters[name]) for name in names) for names in factors)


def _levels_of(baseline: Baseline, factors: Sequence[Names]) -> list[Level | None]:
    """The value that it has of each parameter; None where its groups have several."""
    cell = _cell(baseline.groups[0], factors)
    named = [any(name in baseline.values for name in names) for names in factors]
    return [level if known else None for level, known in zip(cell, named, strict=True)]


def _values(groups: Sequence[Group], metric: str, predictions: Predictions) -> list[NDArray[Any]]:
    """The values of each group, [seeds, examples] or [seeds], of the seeds that all have."""
    import numpy as np

    seeds = set.intersection(*({run.seed for run in group.runs if run.seed is not None} for group in groups))
    if not most_shared(len(seeds), max(len(group.runs) for group in groups)):
        fewest = min(groups, key=lambda group: len(group.runs))
        raise NoEffects(
            f"What each parameter does over all values of the others cannot be told: {len(seeds)} seeds have a result "
            f"in all groups ({fewest.label}: {len(fewest.runs)} of {len(fewest.all_runs)} runs)."
        )
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


def _main_effects(grid: Grid, baseline: Sequence[Level | None]) -> tuple[Verdict, ...]:
    """Where the first value was picked as the best, p is corrected for all pairs that there are, as for groups."""
    tests: list[Test] = []
    words: dict[str, str] = {}
    comparisons = 0
    for (names, levels), chosen in zip(grid.levels.items(), baseline, strict=True):
        settings = [(names, level) for level in levels]
        values = {setting: grid.at(setting) for setting in settings}
        words |= {_label(setting): grid.spoken(setting) for setting in settings}
        if chosen is None:
            settings.sort(key=lambda setting: -grid.better(float(values[setting].mean())))
            pairs = [(settings[0], other) for other in settings[1:]]
            comparisons += math.comb(len(levels), 2)
        else:
            pairs = [(other, (names, chosen)) for other in settings if other[1] != chosen]
            comparisons += len(pairs)
        tests += [_test(first, second, values[first], values[second]) for first, second in pairs]
    return tuple(judged(tests, Words(grid.metric, words), comparisons))


def _label(setting: _Setting) -> str:
    return ", ".join(map("=".join, zip(*setting, strict=True)))


def _test(first: _Setting, second: _Setting, one: NDArray[Any], other: NDArray[Any]) -> Test:
    runs = len(one), len(other)
    return Test(_label(first), _label(second), runs, _difference(one, other), values=(one, other))


def _interactions(grid: Grid, baseline: Sequence[Level | None]) -> tuple[Interaction, ...]:
    """Of each two parameters the largest difference of differences, its p corrected for all that there are."""
    pairs = list(itertools.combinations(grid.levels, 2))
    counts = [math.comb(len(grid.levels[one]), 2) * math.comb(len(grid.levels[other]), 2) for one, other in pairs]
    levels = dict(zip(grid.levels, baseline, strict=True))
    return tuple(_interaction(grid, one, other, sum(counts), levels[one]) for one, other in pairs)


def _interaction(grid: Grid, names: Names, other: Names, comparisons: int, baseline: Level | None) -> Interaction:
    """The baseline's value is never what takes the place of another."""
    cells = {
        (level, beside): grid.at((names, level), (other, beside))
        for level in grid.levels[names]
        for beside in grid.levels[other]
    }
    means = {cell: grid.better(float(values.mean())) for cell, values in cells.items()}

    def apart(contrast: tuple[Level, Level, Level, Level]) -> float:
        first, second, here, there = contrast
        return (means[first, here] - means[second, here]) - (means[first, there] - means[second, there])

    first, second, here, there = max(
        (
            (first, second, here, there)
            for first, second in itertools.permutations(grid.levels[names], 2)
            if sum(means[first, beside] - means[second, beside] for beside in grid.levels[other]) >= 0
            for here, there in itertools.permutations(grid.levels[other], 2)
        ),
        key=apart,
    )
    if first == baseline:
        first, second, here, there = second, first, there, here
    gains = cells[first, here] - cells[second, here], cells[first, there] - cells[second, there]
    found = _difference(*gains)
    p = min(1.0, found.p * comparisons)
    shown = found.shown and p < statistics.LEVEL
    sizes = [float(gain.mean()) for gain in gains]
    # The decimals of the smallest, so that the two changes visibly add up to what they are apart.
    scale = max(min(map(abs, (*sizes, scale_of(found)))), scale_of(found) / 10)
    changes = [number_text(size, scale, grid.metric, sign=True) for size in sizes]
    depends = f"what {grid.named(names)} does depends on {grid.named(other)}"
    unshown: Reason = f"which may be chance: that {depends} is not shown"
    says = f"so {depends}, and averages over either hide that" if shown else unshown
    text = (
        f"{grid.spoken((names, first))} in place of {', '.join(second)} changes {grid.metric} by {changes[0]} with "
        f"{grid.spoken((other, here))}, by {changes[1]} with {grid.spoken((other, there))}: "
        f"{amount_text(found, grid.metric, size_only=True, scale=scale)} apart ({p_text(p, comparisons)}), {says}"
    )
    return Interaction(
        ", ".join(names), ", ".join(other), found.estimate, finite(found.low), finite(found.high), p, shown, text
    )
