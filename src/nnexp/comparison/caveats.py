"""What may turn a verdict round: that the worse one was not trained to its end, or beyond its best epoch."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from nnexp.comparison.found import above_its_lowest, in_percent, kept_the_best
from nnexp.comparison.result import Group, Outcome
from nnexp.errors import Reason

_OFTEN = 0.5  # of the worse one's runs, and so much more often than of the better one's
_MORE = 2  # times as far past its best epoch as the better one


def may_turn(outcome: Outcome, pair: tuple[Group, Group], short: Mapping[str, str]) -> str:
    """A clause after the verdict on a pair, of which the first is better or worse; "" where there is none."""
    if outcome not in ("better", "worse"):
        return ""
    worse, better = pair if outcome == "worse" else pair[::-1]
    one, other = short[worse.label], short[better.label]
    text = ""
    often, seldom = (group.findings.get("still_improving", 0) for group in (worse, better))
    if min(often / len(worse.all_runs), often / len(worse.all_runs) - seldom / len(better.all_runs)) >= _OFTEN:
        counts = f"in {often} of {len(worse.all_runs)} runs, {other} in {seldom} of {len(better.all_runs)}"
        unfinished: Reason = f"{one} was still improving at its end {counts}: more epochs may turn this"
        text += f"; but {unfinished}"
    if (rise := _rise(worse)) > _MORE * _rise(better):
        past = f"{one} was past its best epoch, its validation loss {in_percent(rise)} above its lowest"
        beyond: Reason = f"{past}: early_stopping with restore_best_weights may turn this"
        text += f"; but {beyond}"
    return text


def _rise(group: Group) -> float:
    """By which share the validation loss was above its lowest in the median run; 0 where the best weights were kept."""
    rises = [
        0.0 if kept_the_best(run) else above_its_lowest(finding["evidence"]) or 0.0
        for run in group.all_runs
        for finding in run.findings
        if finding["code"] == "overfitting"
    ]
    return median([*rises, *[0.0] * (len(group.all_runs) - len(rises))])
