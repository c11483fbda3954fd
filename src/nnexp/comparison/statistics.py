"""How far a mean or a difference can be trusted: pure functions over arrays of values by seed and test example.

Values are [seeds, examples]: row s is one run on the test split (1 where its prediction is right, or any metric that
every example has), the same examples in every row. Seeds and examples are both samples of what could have been drawn,
and they are crossed: each seed is tested on each example (Owen, "The pigeonhole bootstrap", Annals of Applied
Statistics 2007). The variance of a mean is then that of the seeds, plus that of the examples, minus what both count:
the two-way random-effects analysis of variance, as in studies of many readers and many cases (Dorfman, Berbaum and
Metz 1992; Gallas 2006; Hillis 2007). docs/statistics.md gives the reason for each choice and the measured coverage.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nnexp.comparison.resampling import margin_and_p
from nnexp.comparison.special import special
from nnexp.errors import Amiss

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

LEVEL = 0.05
FEWEST_SEEDS = 3  # with fewer, the spread over seeds is unknown
_DRAWS = 4_000  # of the bootstrap
_SEED = 20_070_101  # of the bootstrap: the same answer every time
_MOST_REPEATS = 10**9  # so many are endless: what is left is rounding
_ROUNDING = 1e-12  # relative: a mean this small against its values is zero
_NO_SPREAD: Amiss = (
    "All repeats differ by the same, as a figure of few steps may: their spread is unknown, and p not to be trusted."
)
_NOT_FINITE: Amiss = "Some values are not finite numbers, so nothing can be said."


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % interval; NaN bounds where nothing can be said."""

    mean: float
    low: float
    high: float
    method: str  # what the interval covers, in words


@dataclass(frozen=True, slots=True)
class Difference:
    """First minus second, with 95 % interval and two-sided p-value; NaN bounds and p = 1 where nothing can be said."""

    estimate: float
    low: float
    high: float
    p: float
    method: str  # "exact McNemar", "paired bootstrap", "seeds and examples", "examples alone", "seeds alone", ""
    seeds: int  # runs of the group that has fewer
    examples: int  # 0: one value a run
    cautions: tuple[Amiss, ...] = ()  # sentences that a reader of the verdict must know

    @property
    def shown(self) -> bool:
        """Whether the sign is shown, taken alone: zero is outside the interval and p is below 5 %.

        Among several differences, ask besides that the p-value corrected by `holm` is below 5 %.
        """
        return self.p < LEVEL and (self.low > 0 or self.high < 0)


def single_runs(first: ArrayLike, second: ArrayLike) -> Difference:
    """Accuracy of one run minus another's, from the examples [n] (bool) that each got right.

    p: McNemar's exact test (McNemar 1947), by SciPy's binomial distribution. Interval: percentiles of a paired
    bootstrap over the examples, with one example more of either disagreement (Bonett and Price 2012), so that two runs
    which agree everywhere do not pass for equal. Where the exact test does not reject, the interval is made to reach
    zero. ValueError: other numbers of examples, or none.
    """
    import numpy as np

    one, other = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if one.ndim != 1 or one.shape != other.shape or not one.size:
        raise ValueError(f"expected two runs on the same test examples [n], not {one.shape} and {other.shape}")
    examples = one.size
    only_first, only_second = int((one & ~other).sum()), int((other & ~one).sum())
    p = min(1.0, 2 * float(special().bdtr(min(only_first, only_second), only_first + only_second, 0.5)))
    low, high = _paired_bootstrap(only_first, only_second, examples)
    if p >= LEVEL:
        low, high = min(low, 0.0), max(high, 0.0)
    estimate = (only_first - only_second) / examples
    return Difference(estimate, low, high, p, "exact McNemar", 1, examples, (_few_repeats(1),))


def single_errors(first: ArrayLike, second: ArrayLike) -> Difference:
    """Mean of one run minus another's, from the value of each test example [n], such as its absolute error.

    Interval and p: a paired bootstrap over the examples, in `resampling`. ValueError: other numbers of examples, or
    fewer than two.
    """
    one, other = _matrix(first), _matrix(second)
    if one.shape[1] != 1 or one.shape != other.shape or len(one) < 2:
        raise ValueError(f"expected two runs on the same test examples [n], not {one.shape} and {other.shape}")
    gained = (one - other)[:, 0]
    estimate, examples = float(gained.mean()), len(gained)
    if not math.isfinite(estimate):
        return Difference(math.nan, math.nan, math.nan, 1.0, "", 1, examples, (_NOT_FINITE,))
    margin, p = margin_and_p(gained, LEVEL)
    low, high = estimate - margin, estimate + margin
    return Difference(estimate, low, high, p, "paired bootstrap", 1, examples, (_few_repeats(1),))


def paired_repeats(first: ArrayLike, second: ArrayLike) -> Difference:
    """Mean of the first minus the second, values [seeds, n] each, row s of both from the same seed.

    With fewer than 3 seeds the interval covers the examples alone, and a caution says so. ValueError: other shapes.
    """
    return _difference(_compared(first, second, paired=True))


def unpaired_repeats(first: ArrayLike, second: ArrayLike) -> Difference:
    """Mean of the first [S1, n] minus the second [S2, n]: other seeds, the same examples, variances that may differ."""
    return _difference(_compared(first, second, paired=False))


def seeds_only(first: ArrayLike, second: ArrayLike, *, paired: bool) -> Difference:
    """Mean of the first [S1] minus the second [S2], one value a run: where examples have none, or are not the same.

    Student's t over the differences by seed if `paired`, else Welch's t. Fewer than 3 repeats: nothing can be said.
    """
    return _difference(_compared(first, second, paired))


def group_interval(values: ArrayLike) -> Interval:
    """Mean of one group, values [seeds, n]; the interval covers seeds and examples, with one run the examples alone.

    Of one value a run, [seeds], it is Student's t interval over the runs.
    For bool values (right or wrong) it is Wilson's score interval (1927) with the effective number of
    examples, the usual one for proportions whose examples are not independent (Korn and Graubard 1998; Dean and Pagano
    2015): it stays between 0 and 1, and for one run it is the interval of that run.
    """
    import numpy as np

    parts = _parts(_matrix(values))
    low, high, _ = parts.interval()
    if np.asarray(values).dtype == bool and parts.method:
        low, high = _wilson(parts, high - parts.estimate)
    return Interval(parts.estimate, low, high, parts.method)


def holm(p: Sequence[float]) -> list[float]:
    """P-values corrected for their number, in the order given (Holm 1979)."""
    corrected = [1.0] * len(p)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=lambda index: p[index])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[index]))
        corrected[index] = largest
    return corrected


def smallest_difference(
    first: ArrayLike, second: ArrayLike, power: float = 0.8, *, paired: bool = True, level: float = LEVEL
) -> float:
    """The smallest true difference that endless repeats would show with that power. Values [S, n] or [S].

    `repeats_needed` has no number for a smaller one.
    """
    return _of_endless(_compared(first, second, paired), power, level)


def _of_endless(parts: _Parts, power: float, level: float) -> float:
    return float(special().ndtri(1 - level / 2) + special().ndtri(power)) * math.sqrt(parts.split)


def repeats_needed(
    first: ArrayLike,
    second: ArrayLike,
    difference: float,
    power: float = 0.8,
    *,
    paired: bool = True,
    level: float = LEVEL,
) -> int | None:
    """Repeats of each group, in all, that would show a true `difference` with that power. Values [S, n] or [S].

    Among several comparisons the `level` that p must stay below is LEVEL divided by their number, as Holm has it for
    the smallest p.

    None: no number would, since the test split is too small, or fewer than 3 repeats leave it unknown. The spread is
    taken as these repeats have it: a rough guide when they are few.
    """
    parts = _compared(first, second, paired)
    endless = _of_endless(parts, power, level)
    if parts.method not in ("seeds and examples", "seeds alone") or not endless < abs(difference) < math.inf:
        return None
    enough = FEWEST_SEEDS
    while parts.repeated(enough).power(difference, level) < power:
        if enough > _MOST_REPEATS:
            return None
        enough *= 2
    too_few = max(enough // 2, FEWEST_SEEDS - 1)
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        if parts.repeated(middle).power(difference, level) < power:
            too_few = middle
        else:
            enough = middle
    return enough


@dataclass(frozen=True, slots=True)
class _Parts:
    """A mean, or the difference of two, and what its variance is made of. Tuples: one entry a group."""

    estimate: float
    counts: tuple[int, ...]  # repeats
    spread: tuple[float, ...]  # variance over seeds of the mean of one run
    noise: tuple[float, ...]  # how much of it is the residual: neither the seed's nor the example's own
    examples: float  # variance of the estimate over examples, residual included
    size: int  # number of examples

    @property
    def method(self) -> str:
        if not math.isfinite(self.estimate):
            return ""
        if min(self.counts) < FEWEST_SEEDS:
            return "examples alone" if self.size > 1 else ""
        return "seeds and examples" if self.size > 1 else "seeds alone"

    @property
    def seeds(self) -> float:
        """Variance of the estimate over seeds, residual included."""
        return sum(spread / count for spread, count in zip(self.spread, self.counts, strict=True))

    @property
    def freedom(self) -> float:
        """Degrees of freedom of `seeds`: those of Student's t, or Welch's for two groups."""
        shares = (spread / count for spread, count in zip(self.spread, self.counts, strict=True))
        parts = sum(share**2 / (count - 1) for share, count in zip(shares, self.counts, strict=True))
        return self.seeds**2 / parts if parts else math.inf

    @property
    def split(self) -> float:
        """Variance of the estimate that more repeats do not take away: the examples' own."""
        return max(self.examples - sum(noise / count for noise, count in zip(self.noise, self.counts, strict=True)), 0)

    def interval(self) -> tuple[float, float, float]:
        """Bounds of the 95 % interval, and the two-sided p-value of zero."""
        if not self.method:
            return math.nan, math.nan, 1.0
        if self.method == "examples alone":
            return _t_interval(self.estimate, self.examples, self.size - 1)
        low, high, p = _t_interval(self.estimate, *self.whole())
        # Seeds that agree by accident must not look like certainty: at least half the margin of the examples alone.
        least_low, least_high, least_p = _t_interval(self.estimate, self.examples / 4, math.inf)
        return min(low, least_low), max(high, least_high), max(p, least_p)

    def whole(self) -> tuple[float, float]:
        """Variance of the estimate over seeds and examples, and its degrees of freedom.

        Satterthwaite (1946) would square the seeds' share. With 3 seeds, whose variance is often estimated too small,
        that overstates the degrees of freedom (coverage 92 %); the plain share keeps coverage between 94 and 96.5 %.
        """
        variance = self.seeds + self.split
        inverse = self.seeds / variance / self.freedom if self.seeds else 0.0
        inverse += (self.split / variance) ** 2 / (self.size - 1) if self.split else 0.0
        return variance, 1 / inverse if inverse else math.inf

    def repeated(self, count: int) -> _Parts:
        """The same with so many repeats of each group."""
        spread = tuple(max(spread, noise) for spread, noise in zip(self.spread, self.noise, strict=True))
        counts = (count,) * len(self.counts)
        return replace(self, counts=counts, spread=spread, examples=self.split + sum(self.noise) / count)

    def power(self, difference: float, level: float) -> float:
        """Probability that a true difference is shown with p below the level, by SciPy's noncentral t."""
        variance, freedom = self.whole()
        if not variance:
            return 1.0
        least = special().stdtrit(freedom, 1 - level / 2)
        return float(1 - special().nctdtr(freedom, abs(difference) / math.sqrt(variance), least))


def _parts(*groups: NDArray[np.float64]) -> _Parts:
    """The sum of the groups' means, [seeds, n] each, over the same examples."""
    import numpy as np

    size = groups[0].shape[1]
    counts = tuple(len(group) for group in groups)
    runs = [group.mean(axis=1) for group in groups]
    estimate = float(sum(means.mean() for means in runs))
    if not math.isfinite(estimate):
        return _Parts(math.nan, counts, (math.nan,), (math.nan,), math.nan, size)
    if abs(estimate) < _ROUNDING * max(float(np.abs(means).max()) for means in runs):
        estimate = 0.0
    columns = [group.mean(axis=0) for group in groups]
    spread, noise = [], []
    for group, by_seed, by_example in zip(groups, runs, columns, strict=True):
        freedom = (len(group) - 1) * (size - 1)
        residual = group - by_example - (by_seed - by_seed.mean())[:, None]
        noise.append(float((residual**2).sum()) / freedom / size if freedom else 0.0)
        spread.append(float(by_seed.var(ddof=1)) if len(group) > 1 else math.nan)
    examples = float(np.sum(columns, axis=0).var(ddof=1)) / size if size > 1 else 0.0
    return _Parts(estimate, counts, tuple(spread), tuple(noise), examples, size)


def _compared(first: ArrayLike, second: ArrayLike, paired: bool) -> _Parts:
    """First minus second."""
    one, other = _matrix(first), _matrix(second)
    if paired and one.shape != other.shape:
        raise ValueError(f"paired repeats have the same seeds and examples, not {one.shape} and {other.shape}")
    if one.shape[1] != other.shape[1]:
        raise ValueError(f"the test examples must be the same, not {one.shape[1]} and {other.shape[1]}")
    return _parts(one - other) if paired else _parts(one, -other)


def _matrix(values: ArrayLike) -> NDArray[np.float64]:
    """Values as [seeds, n], those not finite as NaN; [S], one value a run, becomes [S, 1]."""
    import numpy as np

    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim == 1:
        matrix = matrix[:, None]
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"expected values [seeds, examples], not of shape {matrix.shape}")
    return np.where(np.isfinite(matrix), matrix, np.nan)


def _difference(parts: _Parts) -> Difference:
    low, high, p = parts.interval()
    examples = parts.size if parts.size > 1 else 0
    return Difference(parts.estimate, low, high, p, parts.method, min(parts.counts), examples, _cautions(parts, p))


def _cautions(parts: _Parts, p: float) -> tuple[Amiss, ...]:
    """What a reader of the difference must know besides."""
    seeds = min(parts.counts)
    if not math.isfinite(parts.estimate):
        return (_NOT_FINITE,)
    if seeds < FEWEST_SEEDS:
        return (_few_repeats(seeds),)
    if parts.method == "seeds alone":
        none_to_see = math.sqrt(parts.seeds) < 1e-6 * abs(parts.estimate)  # but for rounding
        return (_NO_SPREAD,) if none_to_see else ()
    _, _, p_of_seeds = _t_interval(parts.estimate, parts.seeds, parts.freedom)
    if p >= LEVEL > p_of_seeds:
        return ("The repeats agree on it for these test examples; other ones may turn it.",)
    if p < LEVEL <= p_of_seeds:
        return (f"The {seeds} seeds alone, by a t interval, do not show it; more repeats would make it firmer.",)
    return ()


def _few_repeats(seeds: int) -> Amiss:
    repeats = "1 repeat" if seeds == 1 else f"{seeds} repeats"
    return f"Only {repeats}: the spread over seeds is unknown, and another seed may turn the difference round."


def _t_interval(estimate: float, variance: float, freedom: float) -> tuple[float, float, float]:
    """Student's t: bounds of the 95 % interval, and the two-sided p-value of zero."""
    error = math.sqrt(variance)
    if not error:
        return estimate, estimate, 0.0 if estimate else 1.0
    margin = float(special().stdtrit(freedom, 1 - LEVEL / 2)) * error
    return estimate - margin, estimate + margin, 2 * float(special().stdtr(freedom, -abs(estimate) / error))


def _wilson(parts: _Parts, margin: float) -> tuple[float, float]:
    """Wilson's 95 % score interval for the proportion, as wide as if `margin` came from independent examples."""
    mean, variance = parts.estimate, parts.estimate * (1 - parts.estimate)
    if sum(parts.counts) == 1 or not variance:
        ratio = float(special().ndtri(1 - LEVEL / 2)) ** 2 / parts.size
    else:
        ratio = margin**2 / variance
    centre = (mean + ratio / 2) / (1 + ratio)
    reach = math.sqrt(ratio * variance + ratio**2 / 4) / (1 + ratio)
    return max(0.0, min(centre - reach, mean)), min(1.0, max(centre + reach, mean))  # rounding leaves the mean inside


def _paired_bootstrap(only_first: int, only_second: int, examples: int) -> tuple[float, float]:
    """95 % interval of the difference in accuracy, from how many examples only the one and only the other got right.

    Examples that both got right, or both wrong, are alike, so a resample of the examples is one multinomial draw.
    """
    import numpy as np

    if only_second > only_first:  # the same the other way round, to the last draw
        low, high = _paired_bootstrap(only_second, only_first, examples)
        return -high, -low
    counts = np.array([only_first + 1, only_second + 1, examples - only_first - only_second])
    drawn = np.random.default_rng(_SEED).multinomial(examples + 2, counts / (examples + 2), size=_DRAWS)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / (examples + 2), [LEVEL / 2, 1 - LEVEL / 2])
    return float(low), float(high)
