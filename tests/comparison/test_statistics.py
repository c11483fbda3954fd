"""Intervals that hold the truth as often as they say, tests that keep their level, and the published examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from simulated import (
    ALIKE,
    FIGURES,
    REPEATS,
    SHARES,
    SINGLE,
    TAILS,
    UNPAIRED,
    Network,
    Regressor,
    of_errors,
    of_group,
    of_linear,
    of_networks,
    of_shares,
    of_single_runs,
)

from nnexp.comparison.statistics import (
    LEVEL,
    Difference,
    group_interval,
    holm,
    paired_repeats,
    repeats_needed,
    seeds_only,
    single_errors,
    single_runs,
    smallest_difference,
    unpaired_repeats,
)

TRIALS = 1_500
CHANCE = 0.006  # one standard error of a rate near 5 % in so many trials

# Test accuracies of five seeds each: MNIST, L2-normalized, 100 ReLU units; the same with a ReLU before the softmax.
RELU = [0.8937, 0.8936, 0.8955, 0.8948, 0.8925]
RELU_BEFORE_SOFTMAX = [0.6460, 0.4487, 0.8163, 0.6694, 0.8155]
FASHION_512, FASHION_1024 = [0.878, 0.883, 0.883], [0.883, 0.882, 0.883]
FASHION_10_EPOCHS, FASHION_30_EPOCHS = [0.878, 0.880, 0.877], [0.888, 0.887, 0.887]

# "Student", The probable error of a mean, Biometrika 1908: hours of sleep gained by ten patients with two drugs.
SLEEP = (
    [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
    [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
)


def right_answers(accuracies: list[float], seed: int, examples: int = 10_000) -> NDArray[np.bool_]:
    """Runs of these accuracies on one test split, some of whose examples are harder for all."""
    difficulty = 2 * np.random.default_rng(0).standard_normal(examples)
    score = difficulty + np.random.default_rng(seed).standard_normal((len(accuracies), examples))
    return np.stack([row > np.quantile(row, 1 - accuracy) for row, accuracy in zip(score, accuracies, strict=True)])


def two_runs(only_first: int, only_second: int, both: int, neither: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """What two runs got right, from the four counts."""
    counts = [only_first, only_second, both, neither]
    return np.repeat([True, False, True, False], counts), np.repeat([False, True, True, False], counts)


def excludes_zero(found: Difference) -> bool:
    return found.low > 0 or found.high < 0


class TestIntervalsHoldTheTruth:
    """93–97 % at nominal 95 %, and at most 6 % false alarms."""

    @pytest.mark.parametrize("repeats", REPEATS)
    @pytest.mark.parametrize("network", ALIKE.values(), ids=ALIKE)
    def test_two_configurations_that_are_alike(self, network: Network, repeats: int) -> None:
        found = of_networks(network, network, (repeats, repeats), paired=True, trials=TRIALS)
        assert 0.93 - CHANCE <= found.held <= 0.97 + CHANCE
        assert found.shown <= 0.06 + CHANCE

    @pytest.mark.parametrize("repeats", REPEATS)
    @pytest.mark.parametrize(("seeds", "examples"), SHARES)
    def test_any_share_of_seeds_and_examples(self, seeds: float, examples: float, repeats: int) -> None:
        found = of_shares(repeats, seeds, examples, trials=TRIALS)
        assert 0.93 - CHANCE <= found.held <= 0.97 + CHANCE
        assert found.shown <= 0.06 + CHANCE

    @pytest.mark.parametrize("repeats", REPEATS)
    def test_two_configurations_that_differ(self, repeats: int) -> None:
        better, worse = Network(0.88, seeds=0.1), Network(0.86, seeds=0.1)
        found = of_networks(better, worse, (repeats, repeats), paired=True, trials=TRIALS)
        assert 0.93 - CHANCE <= found.held <= 0.97 + CHANCE

    @pytest.mark.parametrize("repeats", [(3, 3), (3, 10)], ids=str)
    @pytest.mark.parametrize(("first", "second"), list(UNPAIRED.values())[:4], ids=list(UNPAIRED)[:4])
    def test_other_seeds_with_unequal_spread(self, first: Network, second: Network, repeats: tuple[int, int]) -> None:
        found = of_networks(first, second, repeats, paired=False, trials=TRIALS)
        assert 0.93 - CHANCE <= found.held <= 0.97 + CHANCE

    @pytest.mark.parametrize("repeats", REPEATS)
    @pytest.mark.parametrize("network", list(ALIKE.values())[:2], ids=list(ALIKE)[:2])
    def test_the_mean_of_one_group(self, network: Network, repeats: int) -> None:
        assert 0.93 - CHANCE <= of_group(network, repeats, trials=TRIALS).held <= 0.97 + CHANCE

    @pytest.mark.parametrize("chances", SINGLE, ids=str)
    def test_two_single_runs(self, chances: tuple[float, float]) -> None:
        found = of_single_runs(*chances, trials=TRIALS)
        assert found.held >= 0.93 - CHANCE  # an exact test errs on this side where few answers differ
        assert chances[0] != chances[1] or found.shown <= 0.05 + CHANCE

    @pytest.mark.parametrize("repeats", [1, 3])
    @pytest.mark.parametrize("tails", TAILS)
    def test_two_networks_that_predict_values_alike(self, tails: str, repeats: int) -> None:
        network = Regressor(seeds=0.0 if repeats == 1 else 0.3)
        found = of_errors(network, network, repeats, tails, trials=TRIALS // 3)
        assert 0.93 - 2 * CHANCE <= found.held <= 0.97 + 2 * CHANCE  # a third of the trials: 0.01 is one standard error
        assert found.shown <= 0.06 + 2 * CHANCE

    @pytest.mark.slow
    @pytest.mark.parametrize("repeats", [1, *REPEATS])
    @pytest.mark.parametrize("tails", TAILS)
    def test_two_networks_that_predict_values_alike_in_more_trials(self, tails: str, repeats: int) -> None:
        network = Regressor(seeds=0.0 if repeats == 1 else 0.3)
        found = of_errors(network, network, repeats, tails, trials=2 * TRIALS)
        assert 0.93 - CHANCE <= found.held <= 0.97 + CHANCE
        assert found.shown <= 0.06 + CHANCE

    @pytest.mark.slow
    @pytest.mark.parametrize("repeats", [1, *REPEATS])
    def test_two_networks_that_predict_values_20_percent_apart(self, repeats: int) -> None:
        seeds = 0.0 if repeats == 1 else 0.3
        found = of_errors(Regressor(seeds=seeds), Regressor(1.2, seeds=seeds), repeats, trials=2 * TRIALS)
        assert 0.93 - CHANCE <= found.held <= 0.97 + CHANCE

    @pytest.mark.slow
    @pytest.mark.parametrize("repeats", [1, *REPEATS])
    @pytest.mark.parametrize("second", [Regressor(), Regressor(1.2)], ids=["alike", "20 % apart"])
    @pytest.mark.parametrize("metric", FIGURES)
    def test_figures_that_are_no_mean_over_the_examples(self, metric: str, second: Regressor, repeats: int) -> None:
        found = of_linear(metric, Regressor(), second, repeats, trials=2 * TRIALS)
        assert 0.93 - CHANCE <= found.held <= 0.97 + CHANCE
        assert second != Regressor() or found.shown <= 0.06 + CHANCE


class TestPublishedExamples:
    def test_approval_of_a_prime_minister(self) -> None:
        # Agresti, Categorical Data Analysis, section on dependent proportions: 0.04, 95 % interval (0.02, 0.06).
        found = single_runs(*two_runs(150, 86, 794, 570))
        assert (found.estimate, found.low, found.high) == pytest.approx((0.04, 0.021, 0.059), abs=0.001)
        assert found.p == pytest.approx(stats.binomtest(86, 236).pvalue)

    def test_exact_mcnemar_of_the_statsmodels_manual(self) -> None:
        assert single_runs(*two_runs(121, 59, 101, 33)).p == pytest.approx(4.434e-06, rel=1e-3)

    def test_students_sleep_data_paired(self) -> None:
        # As R's manual has it: t.test(extra ~ group, data = sleep, paired = TRUE).
        found = seeds_only(*SLEEP, paired=True)
        assert (found.low, found.high, found.p) == pytest.approx((-2.4598858, -0.7001142, 0.002833), rel=1e-3)

    def test_students_sleep_data_unpaired(self) -> None:
        found = seeds_only(*SLEEP, paired=False)
        assert (found.low, found.high, found.p) == pytest.approx((-3.3654832, 0.2054832, 0.07939), rel=1e-3)

    def test_holms_correction(self) -> None:
        # The example of most textbooks; R's p.adjust gives the same.
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


class TestAgreesWithScipy:
    @pytest.mark.parametrize(("first", "second"), [(0, 0), (5, 0), (1, 9), (40, 41), (300, 220)])
    def test_mcnemar_is_the_exact_binomial_test(self, first: int, second: int) -> None:
        expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
        assert single_runs(*two_runs(first, second, 900, 60)).p == pytest.approx(expected)

    def test_examples_all_alike_leave_the_t_test_over_seeds(self) -> None:
        rng = np.random.default_rng(0)
        first, second = rng.normal(1, 1, (5, 1)) * np.ones(50), rng.normal(0, 3, (4, 1)) * np.ones(50)
        paired, expected = paired_repeats(first[:4], second), stats.ttest_rel(first[:4, 0], second[:, 0])
        assert paired.p == pytest.approx(expected.pvalue)
        assert (paired.low, paired.high) == pytest.approx(tuple(expected.confidence_interval()))
        welch = stats.ttest_ind(first[:, 0], second[:, 0], equal_var=False)
        assert unpaired_repeats(first, second).p == pytest.approx(welch.pvalue)

    def test_seeds_all_alike_leave_the_t_test_over_examples(self) -> None:
        first, second = np.random.default_rng(0).normal([[0.3], [0.0]], size=(2, 80))
        found = paired_repeats(np.tile(first, (5, 1)), np.tile(second, (5, 1)))
        assert found.p == pytest.approx(stats.ttest_rel(first, second).pvalue)

    def test_one_run_has_wilsons_interval(self) -> None:
        right = np.arange(1000) < 877
        expected = stats.binomtest(877, 1000).proportion_ci(method="wilson")
        found = group_interval(right[None])
        assert (found.mean, found.low, found.high) == pytest.approx((0.877, expected.low, expected.high))

    def test_one_value_a_run_has_students_interval(self) -> None:
        losses = [0.34, 0.36, 0.33, 0.35]
        expected = stats.ttest_1samp(losses, 0).confidence_interval()
        found = group_interval(losses)
        assert (found.mean, found.low, found.high) == pytest.approx((0.345, expected.low, expected.high))


class TestNotebookConclusions:
    def test_relu_before_softmax_is_worse(self) -> None:
        found = paired_repeats(right_answers(RELU, 1), right_answers(RELU_BEFORE_SOFTMAX, 2))
        assert found.shown
        assert found.estimate == pytest.approx(0.2148, abs=1e-3)

    def test_three_repeats_of_it_do_not_say_that_nothing_changed(self) -> None:
        first, second = right_answers(RELU[:3], 1), right_answers(RELU_BEFORE_SOFTMAX[:3], 2)
        found = paired_repeats(first, second)
        assert not found.shown
        assert found.high > 0.3
        assert repeats_needed(first, second, found.estimate) in range(4, 10)

    def test_1024_units_are_not_shown_better_than_512(self) -> None:
        found = paired_repeats(right_answers(FASHION_1024, 1), right_answers(FASHION_512, 2))
        assert not found.shown
        assert -0.02 < found.low < 0 < found.high < 0.02

    def test_30_epochs_are_better_than_10(self) -> None:
        assert paired_repeats(right_answers(FASHION_30_EPOCHS, 1), right_answers(FASHION_10_EPOCHS, 2)).shown


class TestHowManyRepeats:
    @pytest.mark.parametrize(("seeds", "examples", "difference"), [(0.1, 0.0, 0.1), (0.1, 0.5, 0.2), (0.02, 0.5, 0.16)])
    def test_that_many_show_the_difference_four_times_in_five(
        self, seeds: float, examples: float, difference: float
    ) -> None:
        rng = np.random.default_rng(0)

        def runs(repeats: int) -> NDArray[np.float64]:
            example = examples * rng.standard_normal(100)
            return (
                difference + seeds * rng.standard_normal((repeats, 1)) + example + rng.standard_normal((repeats, 100))
            )

        def shown(repeats: int) -> float:
            values = (runs(repeats) for _ in range(1_000))
            return float(np.mean([paired_repeats(row, np.zeros_like(row)).shown for row in values]))

        pilot = runs(300)
        needed = repeats_needed(pilot, np.zeros_like(pilot), difference)
        assert needed is not None
        assert 0.73 <= shown(needed) <= 0.9
        assert shown(needed // 2) < 0.7

    def test_no_number_where_the_test_split_is_too_small(self) -> None:
        rng = np.random.default_rng(0)
        example = rng.standard_normal(100)
        first, second = example + 0.1 * rng.standard_normal((5, 100)), np.zeros((5, 100))
        left = smallest_difference(first, second)
        assert left == pytest.approx((1.96 + stats.norm.ppf(0.8)) * example.std(ddof=1) / 10, rel=0.05)
        assert repeats_needed(first, second, left) is None
        assert repeats_needed(first, second, 2 * left) is not None
        # What a z test could just show with endless repeats, a t test with so many examples cannot.
        assert repeats_needed(first, second, 1.0002 * left) is None

    def test_one_value_a_run(self) -> None:
        # Cohen, Statistical Power Analysis 1988: d = 1, two-sided 5 %, power 0.8 takes 17 in each of two groups.
        spread = np.array([-1.0, 1.0] * 500) * np.sqrt(999 / 1000)
        assert repeats_needed(spread + 1, spread, 1.0, paired=False) == 17
        assert smallest_difference(spread + 1, spread, paired=False) == 0

    def test_unknown_with_two_repeats(self) -> None:
        first, second = right_answers(RELU[:2], 1), right_answers(RELU_BEFORE_SOFTMAX[:2], 2)
        assert repeats_needed(first, second, 0.2) is None


class TestWhateverTheValues:
    EXAMPLES = np.random.default_rng(0).random((5, 200)) < 0.9

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (EXAMPLES[:3], EXAMPLES[2:]),
            (EXAMPLES[:3], EXAMPLES[:3]),
            (EXAMPLES[:2], EXAMPLES[2:4]),
            (EXAMPLES[:1], EXAMPLES[1:2]),
            (np.ones((3, 200)), np.zeros((3, 200))),
            (np.ones((3, 200)), np.ones((3, 200))),
            (EXAMPLES[:3, :1], EXAMPLES[2:, :1]),
            (EXAMPLES[:3, :2], EXAMPLES[2:, :2]),
            (EXAMPLES[:3] / 3.0, EXAMPLES[2:] / 3.0),
            ([0.9, 0.9, 0.9], [0.1, 0.1, 0.1]),
            ([0.9, 0.9, 0.9], [0.9, 0.9, 0.9]),
            ([0.9], [0.8]),
        ],
    )
    @pytest.mark.parametrize("compare", [paired_repeats, unpaired_repeats])
    def test_p_agrees_with_the_interval_and_order_does_not_matter(self, compare, first, second) -> None:  # type: ignore[no-untyped-def]
        found, reverse = compare(first, second), compare(second, first)
        assert (found.p < 0.05) == excludes_zero(found) == found.shown
        assert 0 <= found.p <= 1
        assert math.isnan(found.low) or found.low <= found.estimate <= found.high
        assert (found.estimate, found.low, found.high, found.p) == pytest.approx(
            (-reverse.estimate, -reverse.high, -reverse.low, reverse.p), nan_ok=True
        )

    @pytest.mark.parametrize("size", [2, 3, 20, 500, 10_001])
    @pytest.mark.parametrize("apart", [0.0, 0.05, 0.3, 2.0])
    def test_so_it_is_for_two_runs_that_predict_values(self, size: int, apart: float) -> None:
        one, other = np.random.default_rng(1).exponential(size=(2, size))
        found, reverse = single_errors(one + apart, other), single_errors(other, one + apart)
        assert (found.p < LEVEL) == excludes_zero(found) == found.shown
        assert 0 <= found.p <= 1
        assert found.low < found.estimate < found.high
        assert found.estimate == pytest.approx(np.mean(one + apart) - np.mean(other))
        assert (found.low, found.high, found.p) == pytest.approx((-reverse.high, -reverse.low, reverse.p))

    @pytest.mark.parametrize("apart", [0.0, 0.2, 1.0])
    def test_normal_differences_have_students_interval(self, apart: float) -> None:
        one, other = np.random.default_rng(2).standard_normal((2, 400))
        found, students = single_errors(one + apart, other), stats.ttest_rel(one + apart, other)
        interval = students.confidence_interval(1 - LEVEL)
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=0.01)
        assert found.p == pytest.approx(students.pvalue, abs=0.02)

    def test_the_resampling_is_that_of_scipy(self) -> None:
        """By SciPy's bootstrap of the studentised mean, drawn anew, on skewed differences."""
        one, other = np.random.default_rng(3).lognormal(size=(2, 60))
        gained, found = one - 2 * other, single_errors(one, 2 * other)
        mean = gained.mean()

        def strays(values: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
            error = values.std(axis=axis, ddof=1) / np.sqrt(values.shape[axis])
            return np.abs(values.mean(axis=axis) - mean) / error

        drawn = stats.bootstrap(
            (gained,), strays, n_resamples=20_000, method="percentile", rng=np.random.default_rng(4)
        ).bootstrap_distribution
        error = stats.sem(gained)
        assert found.high - mean == pytest.approx(np.quantile(drawn, 1 - LEVEL) * error, rel=0.05)
        assert found.p == pytest.approx(np.mean(drawn >= abs(mean) / error), abs=0.01)

    @pytest.mark.parametrize(("by", "p"), [(0.0, 1.0), (1.0, 0.0)])
    def test_values_that_differ_by_the_same_everywhere_leave_no_doubt(self, by: float, p: float) -> None:
        found = single_errors(np.arange(9) + by, np.arange(9))
        assert (found.estimate, found.low, found.high, found.p) == (by, by, by, p)

    @pytest.mark.parametrize("counts", [(5, 0), (6, 0), (9, 1), (10, 2), (15, 4), (60, 39), (0, 0)])
    def test_a_difference_that_mcnemar_does_not_show_has_an_interval_that_reaches_zero(
        self, counts: tuple[int, int]
    ) -> None:
        found = single_runs(*two_runs(*counts, 200, 20))
        assert found.p < 0.05 or not excludes_zero(found)
        assert found.low < found.estimate < found.high
        reverse = single_runs(*two_runs(*counts[::-1], 200, 20))
        assert counts == (0, 0) or (reverse.low, reverse.high, reverse.p) == (-found.high, -found.low, found.p)

    def test_repeats_that_agree_by_accident_are_no_certainty(self) -> None:
        second = np.ones((3, 360), dtype=bool)
        first = second.copy()
        first[[0, 1, 2], [10, 20, 30]] = False  # one mistake each: the same accuracy three times
        found = paired_repeats(first, second)
        assert found.high - found.low > 0.001

    def test_runs_that_are_always_right_are_not_known_to_be(self) -> None:
        found = group_interval(np.ones((3, 360), dtype=bool))
        assert (found.mean, found.high) == (1, 1)
        assert 0.98 < found.low < 1

    def test_accuracy_stays_between_zero_and_one(self) -> None:
        found = group_interval(right_answers(RELU_BEFORE_SOFTMAX[:3], 1))
        assert 0 < found.low < found.mean < found.high < 1

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
    def test_values_that_are_no_numbers_say_nothing(self, bad: float) -> None:
        values = np.ones((3, 20))
        values[1, 4] = bad
        found = paired_repeats(values, values)
        assert found.p == 1
        assert all(math.isnan(bound) for bound in (found.estimate, found.low, found.high))
        assert not found.shown
        assert "not finite" in found.cautions[0]
        assert math.isnan(group_interval(values).low)
        assert single_errors(values[1], values[0]).p == 1
        assert math.isnan(single_errors(values[1], values[0]).estimate)

    @pytest.mark.parametrize("repeats", [1, 2])
    def test_with_few_repeats_the_examples_speak_and_a_caution_says_so(self, repeats: int) -> None:
        first, second = right_answers([0.9] * repeats, 1, 500), right_answers([0.8] * repeats, 2, 500)
        found = paired_repeats(first, second)
        assert found.method == "examples alone"
        assert f"Only {repeats} repeat" in found.cautions[0]
        gained = first.mean(axis=0) - second.mean(axis=0)
        assert found.p == pytest.approx(stats.ttest_1samp(gained, 0).pvalue)

    def test_two_values_say_nothing_of_the_seeds(self) -> None:
        found = seeds_only([0.9, 0.91], [0.1, 0.11], paired=True)
        assert (found.p, found.method, found.shown) == (1, "", False)

    def test_a_caution_where_the_test_examples_might_be_chance(self) -> None:
        rng = np.random.default_rng(1)
        gained = 0.15 + rng.standard_normal(100) + 0.01 * rng.standard_normal((5, 100))
        found = paired_repeats(gained, np.zeros_like(gained))
        assert not found.shown
        assert "other ones may turn it" in found.cautions[0]

    @pytest.mark.parametrize(
        ("compare", "first", "second"),
        [
            (single_runs, [True], [True, False]),
            (single_errors, [1.0, 2.0], [1.0, 2.0, 3.0]),
            (single_errors, [1.0], [2.0]),
            (single_runs, [], []),
            (paired_repeats, np.ones((3, 4)), np.ones((4, 4))),
            (unpaired_repeats, np.ones((3, 4)), np.ones((3, 5))),
            (paired_repeats, np.ones((3, 0)), np.ones((3, 0))),
        ],
    )
    def test_values_that_do_not_match_are_refused(self, compare, first, second) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(ValueError, match=r"expected|must be the same|have the same"):
            compare(first, second)

    def test_the_same_answer_every_time_and_the_global_generator_left_alone(self) -> None:
        before = np.random.get_state()[1].copy()
        first, second = self.EXAMPLES[:2]
        assert single_runs(first, second) == single_runs(first, second)
        assert (np.random.get_state()[1] == before).all()

    def test_holm_keeps_the_order_and_never_lowers(self) -> None:
        p = np.random.default_rng(0).random(20) ** 3
        corrected = holm(list(p))
        assert (np.diff(np.array(corrected)[np.argsort(p)]) >= 0).all()
        assert all(one <= other <= 1 for one, other in zip(p, corrected, strict=True))
        assert holm([]) == []


class TestManyComparisons:
    def test_the_repeats_that_are_told_show_the_difference_after_the_correction(self) -> None:
        rng = np.random.default_rng(0)
        level = LEVEL / 10

        def runs(repeats: int) -> NDArray[np.float64]:
            return 0.1 + 0.1 * rng.standard_normal(repeats)

        def shown(repeats: int) -> float:
            values = (runs(repeats) for _ in range(1_000))
            return float(np.mean([seeds_only(row, np.zeros_like(row), paired=True).p < level for row in values]))

        pilot = runs(2_000)
        alone = repeats_needed(pilot, np.zeros_like(pilot), 0.1)
        needed = repeats_needed(pilot, np.zeros_like(pilot), 0.1, level=level)
        assert alone is not None
        assert needed is not None
        assert 0.75 <= shown(needed) <= 0.9
        assert shown(alone) < 0.6

    def test_a_test_split_may_suffice_for_one_comparison_and_not_for_many(self) -> None:
        rng = np.random.default_rng(0)
        first, second = rng.standard_normal(100) + 0.1 * rng.standard_normal((5, 100)), np.zeros((5, 100))
        left = smallest_difference(first, second)
        assert repeats_needed(first, second, 1.2 * left) is not None
        assert repeats_needed(first, second, 1.2 * left, level=LEVEL / 50) is None
        assert smallest_difference(first, second, level=LEVEL / 50) > left
