"""Simulated runs whose true mean is known: how often do the intervals hold it?

`python tests/comparison/simulated.py` prints the tables of docs/statistics.md (about two minutes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from nnexp.comparison.effects import Grid, effects_in
from nnexp.comparison.linear import by_example
from nnexp.comparison.statistics import group_interval, paired_repeats, single_errors, single_runs, unpaired_repeats

REPEATS = (3, 5, 10)


@dataclass(frozen=True)
class Coverage:
    """How often the interval held the truth, and how often a difference was shown."""

    held: float
    shown: float = float("nan")

    def __str__(self) -> str:
        return f"{100 * self.held:.1f}"


@dataclass(frozen=True)
class Network:
    """A network's right answers as a probit model; spreads are those of a latent score, whose noise per answer is 1."""

    accuracy: float
    seeds: float  # spread of a seed's own level
    examples: float = 0.5  # spread of how this network differs from others on an example

    def answers(
        self, rng: np.random.Generator, difficulty: NDArray[np.float64], repeats: int, luck: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Right or wrong, [repeats, examples]; difficulty [examples] and luck [repeats] are shared by networks."""
        size = len(difficulty)
        spread = np.sqrt(1 + DIFFICULTY**2 + LUCK**2 + self.seeds**2 + self.examples**2)
        level = luck + self.seeds * rng.standard_normal(repeats)
        example = difficulty + self.examples * rng.standard_normal(size)
        noise = rng.standard_normal((repeats, size), dtype=np.float32)
        return np.asarray(noise > -(ndtri(self.accuracy) * spread + level[:, None] + example))


@dataclass(frozen=True)
class Regressor:
    """A network that predicts values, by how far off it is; the spread that all networks share has size 1."""

    scale: float = 1.0
    seeds: float = 0.0  # spread of a seed's own bias

    def missed(
        self, rng: np.random.Generator, shared: NDArray[np.float64], biases: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Errors [repeats, examples], from what is shared [examples] and by seed [repeats]."""
        own = 0.5 * rng.standard_normal(len(shared))
        noise = 0.5 * rng.standard_normal((len(biases), len(shared)))
        return np.asarray(self.scale * (shared + own + noise) + self.seeds * biases[:, None])

    def errors(
        self, rng: np.random.Generator, shared: NDArray[np.float64], biases: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The same without signs."""
        return np.abs(self.missed(rng, shared, biases))

    @property
    def variance(self) -> float:
        """The mean squared error, where what is shared is normal."""
        return 1.5 * self.scale**2 + self.seeds**2

    @property
    def mean(self) -> float:
        """The mean absolute error, where what is shared is normal."""
        return float(np.sqrt(2 / np.pi * self.variance))


DIFFICULTY = 2.0  # spread over examples that all networks share
LUCK = 0.05  # spread over seeds that networks of the same seed share

ALIKE = {
    "seeds hardly matter": Network(0.88, seeds=0.0),
    "seeds matter": Network(0.88, seeds=0.15),
    "seeds dominate": Network(0.88, seeds=0.5),
    "97 %, seeds hardly matter": Network(0.97, seeds=0.0),
    "97 %, seeds matter": Network(0.97, seeds=0.15),
    "97 %, seeds dominate": Network(0.97, seeds=0.5),
}
UNPAIRED = {
    "alike, seeds hardly matter": (Network(0.88, 0.0), Network(0.88, 0.0)),
    "alike, seeds matter": (Network(0.88, 0.15), Network(0.88, 0.15)),
    "the second spreads more": (Network(0.88, 0.05), Network(0.88, 0.3)),
    "3 points apart, the first spreads more": (Network(0.88, 0.2), Network(0.85, 0.05)),
    "the second collapses now and then": (Network(0.88, 0.05), Network(0.80, 0.8)),
}
SINGLE = [
    (0.005, 0.005),
    (0.02, 0.02),
    (0.06, 0.06),
    (0.04, 0.02),
    (0.1, 0.06),
]  # only the first, only the second right
FIGURES: dict[str, Callable[[Regressor], float]] = {  # of a network without a seed's own bias, in endless examples
    "root_mean_squared_error": lambda network: network.variance**0.5,
    "r2_score": lambda network: 1 - network.variance / 4,
}
TAILS = {
    "normal": lambda rng, size: rng.standard_normal(size),
    "long tails": lambda rng, size: rng.standard_t(3, size),
    "skewed": lambda rng, size: rng.lognormal(size=size) - np.exp(0.5),
}
# Shares of the variance of the mean: seeds, examples; the residual's is 1.
SHARES = [(0.0, 0.0), (0.0, 3.0), (1.0, 1.0), (3.0, 10.0), (30.0, 3.0), (100.0, 0.0)]


def of_networks(
    first: Network, second: Network, repeats: tuple[int, int], *, paired: bool, trials: int, examples: int = 360
) -> Coverage:
    """Two networks against each other, on digits-sized test splits."""
    truth = first.accuracy - second.accuracy
    held = shown = 0
    for one, other in _pairs(first, second, repeats, paired, trials, examples):
        found = paired_repeats(one, other) if paired else unpaired_repeats(one, other)
        held += found.low <= truth <= found.high
        shown += found.shown
    return Coverage(held / trials, shown / trials)


def of_shares(repeats: int, seeds: float, by_examples: float, *, trials: int, examples: int = 100) -> Coverage:
    """A difference of zero of normal values: only the shares matter, so 100 examples stand for 10,000."""
    held = 0
    for differences in _normal(repeats, seeds, by_examples, trials, examples):
        found = paired_repeats(differences, np.zeros_like(differences))
        held += found.low <= 0 <= found.high
    return Coverage(held / trials, 1 - held / trials)


def of_bootstrap(repeats: int, seeds: float, by_examples: float, *, trials: int, examples: int = 100) -> Coverage:
    """The same by percentiles of a plain two-level bootstrap, which nnexp does not use."""
    rng = np.random.default_rng(2)
    held = 0
    for differences in _normal(repeats, seeds, by_examples, trials, examples):
        rows = rng.multinomial(repeats, [1 / repeats] * repeats, size=500) / repeats
        columns = rng.multinomial(examples, [1 / examples] * examples, size=500) / examples
        low, high = np.quantile(np.einsum("bs,sn,bn->b", rows, differences, columns, optimize=True), [0.025, 0.975])
        held += low <= 0 <= high
    return Coverage(held / trials)


def of_effects(network: Network, repeats: int, *, trials: int, examples: int = 360) -> tuple[Coverage, Coverage]:
    """Two parameters of two values that do nothing: how often no effect was told, and no interaction."""
    rng = np.random.default_rng(7)
    alarms = np.zeros(2)
    for _ in range(trials):
        difficulty, luck = DIFFICULTY * rng.standard_normal(examples), LUCK * rng.standard_normal(repeats)
        levels = [("1",), ("2",)]
        cells = [(one, other) for one in levels for other in levels]
        values = {cell: network.answers(rng, difficulty, repeats, luck) for cell in cells}
        found = effects_in(Grid("accuracy", {("one",): levels, ("other",): levels}, values))
        alarms += [any(verdict.outcome != "undecided" for verdict in found.verdicts), found.depend]
    none, apart = 1 - alarms / trials
    return Coverage(none, 1 - none), Coverage(apart, 1 - apart)


def of_group(network: Network, repeats: int, *, trials: int, examples: int = 360) -> Coverage:
    """The mean accuracy of one network."""
    held = 0
    for one, _ in _pairs(network, network, (repeats, 1), False, trials, examples):
        found = group_interval(one)
        held += found.low <= network.accuracy <= found.high
    return Coverage(held / trials)


def of_single_runs(only_first: float, only_second: float, *, trials: int, examples: int = 360) -> Coverage:
    """Two single runs, from the chances that only the one and only the other is right."""
    rng = np.random.default_rng(3)
    chances = [only_first, only_second, 1 - only_first - only_second]
    held = shown = 0
    drawn, times = np.unique(rng.multinomial(examples, chances, size=trials), axis=0, return_counts=True)
    for (one, other, _), count in zip(drawn.tolist(), times.tolist(), strict=True):
        answers = np.zeros((2, examples), dtype=bool)
        answers[0, :one] = answers[1, one : one + other] = True
        found = single_runs(*answers)
        held += count * (found.low <= only_first - only_second <= found.high)
        shown += count * found.shown
    return Coverage(held / trials, shown / trials)


def of_errors(
    first: Regressor, second: Regressor, repeats: int, tails: str = "normal", *, trials: int, examples: int = 90
) -> Coverage:
    """Two networks that predict values, on test splits as small as that of the diabetes data; if normal, not alike."""
    rng = np.random.default_rng(5)
    truth = first.mean - second.mean
    held = shown = 0
    for _ in range(trials):
        shared, biases = TAILS[tails](rng, examples), rng.standard_normal((2, repeats))
        one, other = first.errors(rng, shared, biases[0]), second.errors(rng, shared, biases[1])
        found = single_errors(one[0], other[0]) if repeats == 1 else paired_repeats(one, other)
        held += found.low <= truth <= found.high
        shown += found.shown
    return Coverage(held / trials, shown / trials)


def of_linear(
    metric: str, first: Regressor, second: Regressor, repeats: int, *, trials: int, examples: int = 90
) -> Coverage:
    """Two networks that predict values, by a figure that is no mean over the examples."""
    rng = np.random.default_rng(6)
    truth = FIGURES[metric](first) - FIGURES[metric](second)
    held = shown = 0
    for _ in range(trials):
        true, shared = 2 * rng.standard_normal((examples, 1)), rng.standard_normal(examples)
        both = [network.missed(rng, shared, rng.standard_normal(repeats)) for network in (first, second)]
        one, other = ([by_example(metric, true, true + missed[:, None]) for missed in runs] for runs in both)
        found = single_errors(one[0], other[0]) if repeats == 1 else paired_repeats(one, other)
        held += found.low <= truth <= found.high
        shown += found.shown
    return Coverage(held / trials, shown / trials)


def of_percentiles(tails: str, *, trials: int, examples: int) -> Coverage:
    """Single runs by percentiles of a plain paired bootstrap, which nnexp does not use."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(trials):
        shared, biases = TAILS[tails](rng, examples), np.zeros(1)
        gained = (Regressor().errors(rng, shared, biases) - Regressor().errors(rng, shared, biases))[0]
        low, high = np.quantile(gained[rng.integers(0, examples, (1000, examples))].mean(axis=1), [0.025, 0.975])
        held += low <= 0 <= high
    return Coverage(held / trials)


def _pairs(
    first: Network, second: Network, repeats: tuple[int, int], paired: bool, trials: int, examples: int
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    rng = np.random.default_rng(4)
    for _ in range(trials):
        difficulty = DIFFICULTY * rng.standard_normal(examples)
        luck = LUCK * rng.standard_normal(repeats[0])
        others = luck if paired else LUCK * rng.standard_normal(repeats[1])
        yield first.answers(rng, difficulty, repeats[0], luck), second.answers(rng, difficulty, repeats[1], others)


def _normal(
    repeats: int, seeds: float, by_examples: float, trials: int, examples: int
) -> Iterator[NDArray[np.float64]]:
    rng = np.random.default_rng(1)
    for _ in range(trials):
        by_seed = np.sqrt(seeds / examples) * rng.standard_normal((repeats, 1))
        by_example = np.sqrt(by_examples / repeats) * rng.standard_normal(examples)
        yield by_seed + by_example + rng.standard_normal((repeats, examples))


def _row(*cells: object) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def _header(*cells: object) -> None:
    print()
    _row(*cells)
    print("|" + "---|" * len(cells))


def main(trials: int = 4_000) -> None:
    """Print every table."""
    _header("right and wrong answers, 360 examples, no difference", *(f"{count} repeats" for count in REPEATS))
    for name, network in ALIKE.items():
        found = [of_networks(network, network, (count, count), paired=True, trials=trials) for count in REPEATS]
        _row(name, *found)
    _header("shares of the variance: seeds, examples, rest", *(f"{count} repeats" for count in REPEATS))
    for seeds, examples in SHARES:
        found = [of_shares(count, seeds, examples, trials=trials) for count in REPEATS]
        _row(f"{seeds:g} : {examples:g} : 1", *found)
    _header("plain percentile bootstrap, the same", *(f"{count} repeats" for count in REPEATS))
    for seeds, examples in SHARES:
        found = [of_bootstrap(count, seeds, examples, trials=trials // 10) for count in REPEATS]
        _row(f"{seeds:g} : {examples:g} : 1", *found)
    _header("other seeds (unpaired)", "3 and 3", "3 and 10", "5 and 5", "10 and 10")
    for name, (one, other) in UNPAIRED.items():
        sizes = [(3, 3), (3, 10), (5, 5), (10, 10)]
        _row(name, *(of_networks(one, other, size, paired=False, trials=trials // 2) for size in sizes))
    _header("two parameters that do nothing", *(f"{count} repeats" for count in REPEATS))
    for name, network in ALIKE.items():
        pairs = [of_effects(network, count, trials=trials // 4) for count in REPEATS]
        _row(f"{name}: effects", *(effects for effects, _ in pairs))
        _row(f"{name}: one depends on the other", *(apart for _, apart in pairs))
    _header("mean of one group", "1 run", *(f"{count} repeats" for count in REPEATS))
    for name, network in ALIKE.items():
        _row(name, *(of_group(network, count, trials=trials // 2) for count in (1, *REPEATS)))
    one, far = Regressor(), Regressor(1.2)
    sizes = (36, 90, 360)
    _header("values, two single runs", *(f"{size} examples" for size in sizes))
    for tails in TAILS:
        _row(f"alike, {tails}", *(of_errors(one, one, 1, tails, trials=trials, examples=size) for size in sizes))
    _row("20 % apart, normal", *(of_errors(one, far, 1, trials=trials, examples=size) for size in sizes))
    for tails in TAILS:
        found = [of_percentiles(tails, trials=trials // 2, examples=size) for size in sizes]
        _row(f"plain percentiles: alike, {tails}", *found)
    _header("values, 90 examples", *(f"{count} repeats" for count in REPEATS))
    for tails in TAILS:
        for seeds in (0.0, 0.3, 1.0):
            alike = Regressor(seeds=seeds)
            found = [of_errors(alike, alike, count, tails, trials=trials) for count in REPEATS]
            _row(f"alike, {tails}, a seed's bias of {seeds:g}", *found)
    one, far = Regressor(seeds=0.3), Regressor(1.2, seeds=0.3)
    _row("20 % apart, normal, a seed's bias of 0.3", *(of_errors(one, far, count, trials=trials) for count in REPEATS))
    one, far = Regressor(), Regressor(1.2)
    _header("values by other figures, 90 examples", "1 run", *(f"{count} repeats" for count in REPEATS))
    for metric in FIGURES:
        for name, second in (("alike", one), ("20 % apart", far)):
            found = [of_linear(metric, one, second, count, trials=trials // 2) for count in (1, *REPEATS)]
            _row(f"{metric}, {name}", *found)
    _header("two single runs: only first, only second right", "coverage", "shown")
    for chances in SINGLE:
        found = of_single_runs(*chances, trials=trials)
        _row("{:.1%}, {:.1%}".format(*chances), found, f"{100 * found.shown:.1f}")


if __name__ == "__main__":
    main()
