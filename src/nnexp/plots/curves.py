"""What probabilities say beyond the answer at one half: ROC and precision-recall curves, and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.errors import Amiss
from nnexp.evaluation.curves import calibration, precision_recall, roc
from nnexp.plots.drawing import COLOURS, axes_at, plain, save, width_of

_MOST_LINES = 10
_LONGEST_NAME = 30  # characters of a class or label
_PANEL, _LEFT, _BOTTOM, _TOP = 3.4, 0.75, 0.6, 0.7  # inches; a panel is as wide as it is high


def plot_curves(
    path: Path, title: str, labels: NDArray[Any], probabilities: NDArray[np.floating], names: Sequence[str]
) -> None:
    """ROC and precision-recall curves, a line for each name, and the calibration of all of them together; a PNG.

    `labels` are 0 and 1 [n, k], with their probabilities [n, k]. Of many names the first ten have lines. What has no
    curve (labels of one kind only, probabilities that are no finite numbers) is said.
    """
    from matplotlib.figure import Figure

    shown = min(len(names), _MOST_LINES)
    finite = np.isfinite(probabilities).all(axis=0)
    lines = [
        (roc(labels[:, k] == 1, probabilities[:, k]), precision_recall(labels[:, k] == 1, probabilities[:, k]))
        if finite[k]
        else None
        for k in range(shown)
    ]
    entries = tuple(
        f"{plain(name, _LONGEST_NAME)}: {_area('ROC', line and line[0].area)}, {_area('AP', line and line[1].area)}"
        for name, line in zip(names, lines, strict=False)
    )
    beside = 3 * (_LEFT + _PANEL) + 0.1
    figure = Figure(figsize=(beside + width_of(entries, 9) + 0.75, _BOTTOM + _PANEL + _TOP))
    rates, shares, bins = (
        axes_at(figure, _LEFT + place * (_LEFT + _PANEL), _BOTTOM, _PANEL, _PANEL) for place in range(3)
    )
    for place, line in enumerate(lines):
        style = {"color": COLOURS[place % len(COLOURS)], "ls": "-" if place < len(COLOURS) else "--", "lw": 1.5}
        across, up = line if line else (None, None)
        rates.plot(*((across.x, across.y) if across else ((), ())), **style)
        if up:
            shares.step(up.x, up.y, where="pre", **style)
    rates.plot([0, 1], [0, 1], color="grey", lw=1, ls=":")
    _calibration(bins, labels.ravel() == 1, probabilities.ravel())
    rates.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC")
    shares.set(xlabel="recall", ylabel="precision", title="precision and recall")
    for axes in (rates, shares, bins):
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.grid(visible=True, alpha=0.3)
    across, up = figure.get_size_inches()
    figure.legend(
        rates.get_lines()[:shown],
        [f" {entry}" if entry.startswith("_") else entry for entry in entries],  # Matplotlib would leave those out
        loc="upper left",
        bbox_to_anchor=(beside / across, (_BOTTOM + _PANEL) / up),
        borderaxespad=0,
        fontsize=9,
    )
    more = f", the first {shown} of {len(names)} labels" if len(names) > shown else ""
    figure.suptitle(plain(title) + more, y=1 - 0.1 / up, va="top")
    save(figure, path)


def _calibration(axes: Any, labels: NDArray[np.bool_], probabilities: NDArray[np.floating]) -> None:
    """How often it was true where a probability was said; a larger dot stands for more examples."""
    found = calibration(labels, probabilities)
    axes.plot([0, 1], [0, 1], color="grey", lw=1, ls=":")
    axes.set(xlabel="probability", ylabel="share that is true")
    if found.error is None:
        none: Amiss = "no probability is a finite number"
        axes.text(0.5, 0.5, none, ha="center", va="center", transform=axes.transAxes)
        return
    axes.plot(found.predicted, found.observed, color="black", lw=1)
    axes.scatter(found.predicted, found.observed, 10 + 150 * found.counts / found.counts.max(), color="black", zorder=3)
    axes.set_title(f"calibration (error {found.error:.3f})")


def _area(curve: str, area: float | None) -> str:
    return f"{curve} –" if area is None else f"{curve} {area:.3f}"
