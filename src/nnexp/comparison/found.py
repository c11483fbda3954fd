"""What was noticed in the runs of a group, in a short phrase: how often, and how large it is where it has a size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from nnexp.comparison.result import Group
from nnexp.runs.figures import mapping, rows, text
from nnexp.runs.record import RunRecord


def in_a_phrase(group: Group, code: str) -> str:
    """`overfitting in 5 of 10 runs (validation loss 4 % above its lowest)`: the median over these five."""
    runs = len(group.all_runs)
    often = f" in {group.findings[code]} of {runs} runs" if runs > 1 else ""
    found = [run for run in group.all_runs if any(one["code"] == code for one in run.findings)]
    more = [words for words in (_size(found, code), _harmless(found, code)) if words]
    return code.replace("_", " ") + often + (f" ({'; '.join(more)})" if more else "")


def _size(runs: Sequence[RunRecord], code: str) -> str:
    if code not in _SIZES:
        return ""
    share_of, words = _SIZES[code]
    evidence = [one["evidence"] for run in runs for one in run.findings if one["code"] == code]
    shares = [share for one in evidence if (share := share_of(one)) is not None]
    if not shares:
        return ""
    return words.format(in_percent(median(shares)))


def in_percent(share: float) -> str:
    """`28 %`, `4.7 %`."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _harmless(runs: Sequence[RunRecord], code: str) -> str:
    """That it is not the last, overfitted weights that were tested."""
    return "the weights of the best epoch were kept" if code == "overfitting" and all(map(kept_the_best, runs)) else ""


def kept_the_best(run: RunRecord) -> bool:
    """Whether early stopping restored the best weights; by a figure of training the best are the overfitted ones."""
    stops = [mapping(row.get("early_stopping")) for row in rows(run.config.get("callbacks"))]
    return any(
        stop.get("restore_best_weights") is True and text(stop.get("monitor")).startswith("val_") for stop in stops
    )


def above_its_lowest(evidence: Mapping[str, Any]) -> float | None:
    """By which share the validation loss of an overfitting run has risen at its end."""
    low, last = evidence.get("best_val_loss"), evidence.get("last_val_loss")
    return last / low - 1 if last is not None and low is not None and 0 < low < last else None


def _of_a_layer(evidence: Mapping[str, Any]) -> float | None:
    dead, units = evidence.get("dead"), evidence.get("units")
    return dead / units if dead is not None and units is not None and 0 < dead <= units else None


# By a finding's code, what its evidence makes of its size, and the words for it.
_SIZES: Mapping[str, tuple[Callable[[Mapping[str, Any]], float | None], str]] = {
    "overfitting": (above_its_lowest, "validation loss {} above its lowest"),
    "dead_units": (_of_a_layer, "{} of a layer"),
}
