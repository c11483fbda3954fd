"""The outcome of tests in plain words, corrected for how many they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from nnexp.comparison import statistics
from nnexp.comparison.caveats import may_turn
from nnexp.comparison.metrics import greater_is_better, in_points
from nnexp.comparison.predictions import Predictions
from nnexp.comparison.result import Group, Outcome, Verdict
from nnexp.comparison.statistics import Difference
from nnexp.comparison.testing import Test, hold_against
from nnexp.errors import Amiss, Reason

# Of a metric in points: a smaller observed difference is not what a reader wants shown, so ask for this one instead.
_SMALLEST_WANTED = 0.001
_WANTED = 0.002
NO_REPEATS_HELP = "however many the repeats"
_MOST_REPEATS = 200  # more than that, and the number itself would mislead


@dataclass(frozen=True, slots=True)
class Words:
    """How groups and the metric are named in a verdict."""

    metric: str
    short: Mapping[str, str]  # label -> as short as can be


def judge(
    pairs: Sequence[tuple[Group, Group]], words: Words, predictions: Predictions, *, picked: bool
) -> tuple[list[Verdict], list[Amiss]]:
    """A verdict for each pair, with p-values corrected for their number (Holm), and notes on what was amiss.

    All pairs share their first or their second group. Where that one was `picked` by the same figures, as the best is,
    it has been held against all others before any test: then all pairs that there are of these groups count.
    """
    tests = [hold_against(first, second, words.metric, predictions) for first, second in pairs]
    done = [test.difference.p for test in tests if test.difference]
    comparisons = len(done) * (len(done) + 1) // 2 if picked else len(done)
    verdicts = judged(tests, words, comparisons)
    verdicts = [
        replace(verdict, text=verdict.text + may_turn(verdict.outcome, pair, words.short))
        for verdict, pair in zip(verdicts, pairs, strict=True)
    ]
    notes: list[Amiss] = list(dict.fromkeys(test.note for test in tests if test.note))
    if comparisons > len(done):
        notes.append(
            f"The best was picked by these same figures, so p is corrected for all {comparisons} pairs of the "
            f"{len(done) + 1} groups. A baseline that is named beforehand is compared with fewer, and p corrected for "
            "these alone: --baseline of `nnexp compare`, or `baseline` in a sweep file."
        )
    return verdicts, notes


def judged(tests: Sequence[Test], words: Words, comparisons: int) -> list[Verdict]:
    """A verdict for each test, with p-values corrected (Holm) as the smallest of so many comparisons."""
    done = [test.difference.p for test in tests if test.difference]
    corrected = iter(statistics.holm([*done, *[1.0] * (comparisons - len(done))]))
    return [
        _verdict(test, test.difference, next(corrected), comparisons, words)
        if test.difference
        else _refusal(test, words)
        for test in tests
    ]


def _verdict(test: Test, difference: Difference, p: float, comparisons: int, words: Words) -> Verdict:
    outcome: Outcome = "undecided"
    if difference.shown and p < statistics.LEVEL:
        outcome = "better" if (difference.estimate > 0) == greater_is_better(words.metric) else "worse"
        text = _decided(test, difference, p, comparisons, words, outcome)
    else:
        text = _undecided(test, difference, p, comparisons, words)
    if difference.seeds >= statistics.FEWEST_SEEDS:
        text += "".join(f"; {caution[0].lower()}{caution[1:].rstrip('.')}" for caution in difference.cautions)
    return Verdict(
        first=test.first,
        second=test.second,
        outcome=outcome,
        difference=difference.estimate,
        low=finite(difference.low),
        high=finite(difference.high),
        p=p,
        method=difference.method,
        text=text,
        alone=outcome == "undecided" and difference.shown,
    )


def _decided(test: Test, difference: Difference, p: float, comparisons: int, words: Words, outcome: Outcome) -> str:
    first, second = words.short[test.first], words.short[test.second]
    amount = f"by {amount_text(difference, words.metric, size_only=True)} ({p_text(p, comparisons)}){_over(test)}"
    if not greater_is_better(words.metric):
        amount = f"in {words.metric}, {'higher' if difference.estimate > 0 else 'lower'} {amount}"
    elif words.metric != "accuracy":
        amount = f"in {words.metric} {amount}"
    if difference.seeds >= statistics.FEWEST_SEEDS:
        return f"{first} is {outcome} than {second} {amount}"
    one, other = _runs(test.runs[0], "this", first), _runs(test.runs[1], "that", second)
    few: Reason = f"{_so_few(test)} cannot say that other seeds would: {_way(test)}"
    return f"{one} did {outcome} than {other} {amount}; {few}"


def _undecided(test: Test, difference: Difference, p: float, comparisons: int, words: Words) -> str:
    first, second = words.short[test.first], words.short[test.second]
    what = "" if words.metric == "accuracy" else f" in {words.metric}"
    apart: Amiss = f"{first} and {second} cannot be told apart"
    text = f"{apart}{what}: {amount_text(difference, words.metric)} ({p_text(p, comparisons)}){_over(test)}"
    if difference.shown:
        chance: Reason = f"taken alone it would pass, among {comparisons} comparisons it may be chance"
        text += f"; {chance}"
    if difference.seeds < statistics.FEWEST_SEEDS:
        unknown: Reason = f"{_so_few(test)} cannot say how other seeds would do: {_way(test)}"
        return f"{text}; {unknown}"
    more = _more_repeats(test, difference, comparisons, words.metric)
    return f"{text}; {more}" if more else text


def _over(test: Test) -> str:
    return f" over the {test.shared} seeds that both have" if test.shared else ""


def _runs(count: int, pointing: str, label: str) -> str:
    """The runs themselves, where nothing can be said of the configuration that they are of."""
    if count == 1:
        return f"{pointing} run of {label}"
    return f"{'these' if pointing == 'this' else 'those'} {count} runs of {label}"


def _so_few(test: Test) -> str:
    one, other = test.runs
    if one == other:
        return "one run each" if one == 1 else f"{one} runs each"
    return f"{one} and {other} runs"


def _way(test: Test) -> Reason:
    """What would have given enough runs: more of them, unless those that there were came to nothing."""
    return test.lost or "nnexp sweep CONFIG --repeats 5 can"


def _more_repeats(test: Test, difference: Difference, comparisons: int, metric: str) -> Reason:
    """How many more repeats would show a difference worth showing, among so many comparisons."""
    if test.values is None:
        return ""
    wanted = abs(difference.estimate)
    is_small = in_points(metric) and wanted < _SMALLEST_WANTED
    if is_small:
        wanted = _WANTED
    if not wanted:
        return ""
    level = statistics.LEVEL / comparisons
    needed = statistics.repeats_needed(*test.values, wanted, paired=test.paired, level=level)
    scale = scale_of(difference)  # as the difference itself is told, unless that leaves nothing of it
    scale = scale if float(number_text(wanted, scale, metric, unit=False)) else wanted
    sought = f"{'even' if is_small else 'a difference of'} {number_text(wanted, scale, metric)}"
    if needed is None:
        left = statistics.smallest_difference(*test.values, paired=test.paired, level=level)
        among = f" among {comparisons} comparisons" if comparisons > 1 else ""
        alone = f"with these {difference.examples:,} test examples only true differences beyond"
        return f"{NO_REPEATS_HELP}, {alone} {number_text(left, left, metric)}{among} are likely to show"
    more = needed - difference.seeds
    if more <= 0:
        return "" if difference.shown else f"{sought} would most likely have shown"
    if more > _MOST_REPEATS:
        return f"more than {_MOST_REPEATS} more repeats would be needed to show {sought}"
    repeats = "1 more repeat" if more == 1 else f"{more} more repeats"
    return f"about {repeats} would show {sought}"


def _refusal(test: Test, words: Words) -> Verdict:
    first, second = test.first, test.second
    text: Amiss = f"{words.short[first]} and {words.short[second]} cannot be compared: {test.refusal}"
    return Verdict(first, second, "refused", None, None, None, None, "", text)


def scale_of(difference: Difference) -> float:
    """The size that says how many decimals the difference and its interval need."""
    width, size = difference.high - difference.low, abs(difference.estimate)
    return max(size, width) if math.isfinite(width) else size


def amount_text(difference: Difference, metric: str, *, size_only: bool = False, scale: float | None = None) -> str:
    """The difference with its interval; as a size where the words say which way it goes."""
    low, high = difference.low, difference.high
    estimate = difference.estimate
    if size_only and estimate < 0:
        estimate, low, high = -estimate, -high, -low
    spread = scale_of(difference) if scale is None else scale
    # An interval that ends close to zero must not read as if it ended there.
    near = any(bound and not float(number_text(bound, spread, metric, unit=False)) for bound in (low, high))
    bounds = ", ".join(number_text(bound, spread, metric, unit=False, finer=near) for bound in (low, high))
    return f"{number_text(estimate, spread, metric, finer=near)} [{bounds}]"


def number_text(
    value: float, scale: float, metric: str, *, unit: bool = True, sign: bool = False, finer: bool = False
) -> str:
    """A difference, with the decimals that a difference of that scale needs, or one more."""
    value, scale = (100 * value, 100 * scale) if in_points(metric) else (value, scale)
    decimals = max(1, 1 - math.floor(math.log10(scale))) if 0 < scale < 1 else 1
    decimals += finer
    plus = "+" if sign else ""
    text = f"{value:{plus}z.{decimals}f}" if scale < 1e6 else f"{value:{plus}.3g}"
    ending = " points" if in_points(metric) else " s" if metric == "seconds" else ""
    return text + (ending if unit else "")


def p_text(p: float, comparisons: int) -> str:
    """A p-value, and how many comparisons it is corrected for."""
    digits = 3 if abs(p - statistics.LEVEL) < 0.005 else 2  # on which side of the level it is must be seen
    size = "p < 0.001" if p < 0.001 else f"p = {p:.{digits}g}" if p < 0.095 else f"p = {min(p, 1):.2f}"
    return f"{size}, Holm over {comparisons}" if comparisons > 1 else size


def finite(value: float) -> float | None:
    """The number; None for NaN and the infinite, which JSON has not."""
    return value if math.isfinite(value) else None
