"""Predicted values against the true ones, and how far they are off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.errors import Amiss
from nnexp.evaluation.residuals import distribution, span
from nnexp.plots.drawing import BLUE, ORANGE, axes_at, plain, save

_MOST_TARGETS = 4
_MOST_POINTS = 2000  # more hide one another: then the plane is told in cells, darker where more of them fall
_CELLS = 80
_LONGEST_NAME = 30  # characters of a target
_PANEL, _GAP, _LEFT, _TOP, _BOTTOM = 3.6, 1.0, 0.95, 0.4, 0.65  # inches; a panel is as wide as it is high


def plot_residuals(
    path: Path, title: str, truth: NDArray[np.floating], predicted: NDArray[np.floating], targets: Sequence[str]
) -> None:
    """For each target, predicted values against the true ones, and the distribution of their differences; a PNG.

    `truth` and `predicted` are [n, targets]. Of many targets the first four are drawn. Predictions that are no finite
    numbers are left out, and that is said.
    """
    from matplotlib.figure import Figure

    shown = min(len(targets), _MOST_TARGETS)
    row = _PANEL + _TOP + _BOTTOM
    figure = Figure(figsize=(2 * (_LEFT + _PANEL) + _GAP - 0.6, row * shown + 0.25))
    for place, name in enumerate(targets[:shown]):
        bottom = row * (shown - 1 - place) + _BOTTOM
        true, guess = (values[:, place].astype(np.float64) for values in (truth, predicted))
        finite = np.isfinite(true) & np.isfinite(guess)
        beside = axes_at(figure, _LEFT, bottom, _PANEL, _PANEL)
        _plane(beside, true[finite], guess[finite], plain(name, _LONGEST_NAME))
        _distribution(axes_at(figure, _LEFT + _PANEL + _GAP, bottom, _PANEL, _PANEL), (guess - true)[finite])
        if missing := int((~finite).sum()):
            beside.set_title(f"{missing:,} of {len(true):,} predictions are no finite numbers", fontsize=9)
    more = f", the first {shown} of {len(targets)} targets" if len(targets) > shown else ""
    figure.suptitle(plain(title) + more, y=1 - 0.1 / figure.get_figheight(), va="top")
    save(figure, path)


def _plane(axes: Any, true: NDArray[np.float64], guess: NDArray[np.float64], name: str) -> None:
    """Both on the same scale, with the line on which they agree."""
    axes.set(xlabel=f"true {name}", ylabel=f"predicted {name}")
    if not len(true):
        none: Amiss = "no prediction is a finite number"
        axes.text(0.5, 0.5, none, ha="center", va="center", transform=axes.transAxes)
        return
    low, high = span(np.concatenate([true, guess]))
    if len(true) <= _MOST_POINTS:
        axes.plot(true, guess, ".", color=BLUE, alpha=0.5, markeredgewidth=0, ms=7)
    else:
        counts, _, _ = np.histogram2d(true, guess, bins=_CELLS, range=((low, high), (low, high)))
        shades = np.ma.masked_equal(np.log1p(counts.T), 0)
        axes.imshow(shades, cmap="Blues", vmin=-1, origin="lower", extent=(low, high, low, high), aspect="auto")
    axes.plot([low, high], [low, high], color=ORANGE, lw=1.2, label="predicted = true")
    axes.legend(loc="upper left")
    axes.set(xlim=(low, high), ylim=(low, high))
    axes.grid(visible=True, alpha=0.3)
    _few_ticks(axes)


def _distribution(axes: Any, residuals: NDArray[np.float64]) -> None:
    from matplotlib.ticker import MaxNLocator

    if not len(residuals):
        axes.set_axis_off()
        return
    axes.set(xlabel="predicted − true", ylabel="test examples")
    counts, edges = distribution(residuals)
    axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=BLUE)
    mean = float(residuals.mean())
    axes.axvline(0, color=ORANGE, lw=1.2)
    axes.axvline(mean, color="black", lw=1, ls="--")
    axes.set_title(f"mean {mean:.3g} (dashed)", fontsize=9)
    axes.grid(visible=True, alpha=0.3)
    _few_ticks(axes)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _few_ticks(axes: Any) -> None:
    """As many as there is room for, and short ones."""
    axes.locator_params(nbins=6)
    axes.ticklabel_format(scilimits=(-3, 4))
