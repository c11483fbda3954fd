"""The history of a run: loss and metric by epoch."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.errors import Amiss
from nnexp.plots.drawing import BLUE, ORANGE, axes_at, pixels, plain, save
from nnexp.runs.figures import NO_METRICS

_WIDTH, _HEIGHT = 4.8, 3.8  # inches of a panel


def plot_history(
    path: Path, title: str, history: Sequence[Mapping[str, Any]], validation_name: str = "validation"
) -> None:
    """Loss and accuracy (or the first metric) by epoch, training and validation, as a PNG.

    The axes are honest: loss starts at zero, accuracy shows 0 to 1 in full; epochs without a finite value leave a gap.
    """
    names = [name for name in (history[0] if history else {}) if not name.startswith("val_")]
    metrics = [name for name in names if name not in NO_METRICS]
    shown = ["loss", *[name for name in metrics if name != "loss"][:1]]
    epochs = [row["epoch"] for row in history]
    lines = {name: _lines(history, name, validation_name) for name in shown}
    finite = {name: [value for line in lines[name] for value in line.values if math.isfinite(value)] for name in shown}
    share = tuple("accuracy" in name and max(finite[name], default=1) <= 1 for name in shown)
    frame = _Frame(tuple(shown), share, min(epochs, default=1), max(epochs, default=1))
    figure = frame.figure()
    for place, (name, axes) in enumerate(zip(shown, frame.panels(figure), strict=True)):
        for line in lines[name]:
            marker = "o" if len(epochs) < 40 else ""
            axes.plot(epochs, line.values, color=line.colour, marker=marker, ms=4, label=line.label)
        values = finite[name]
        if not values:
            never: Amiss = f"{name} was never a finite number"
            axes.text(0.5, 0.5, never, ha="center", va="center", transform=axes.transAxes)
        else:
            axes.legend()
        axes.xaxis.set_visible(False)
        if share[place]:
            axes.yaxis.set_visible(False)
        else:
            axes.set_ylim(min(0, *values, 0) * 1.05, max(0, *values, 0) * 1.05 or 1)
            axes.set_ylabel(name)
            axes.grid(visible=True, axis="y", alpha=0.3)
    figure.suptitle(plain(title))
    save(figure, path, beneath=_drawn(frame))


@dataclass(frozen=True)
class _Line:
    values: Sequence[float]  # by epoch
    label: str
    colour: str


def _lines(history: Sequence[Mapping[str, Any]], name: str, validation_name: str) -> list[_Line]:
    """Training and validation, where they have a finite value."""
    lines = [
        _Line([_value(row.get(key)) for row in history], label, colour)
        for key, label, colour in ((name, "training", BLUE), (f"val_{name}", validation_name, ORANGE))
    ]
    return [line for line in lines if any(map(math.isfinite, line.values))]


@dataclass(frozen=True)
class _Frame:
    """What stands around and behind the lines, and is the same for each run of as many epochs."""

    names: tuple[str, ...]  # of the panels
    share: tuple[bool, ...]  # whether a panel shows shares, 0 to 1 in full
    first: int  # epoch
    last: int

    def figure(self) -> Any:
        """An empty one, of the size that all takes."""
        from matplotlib.figure import Figure

        return Figure(figsize=(_WIDTH * len(self.names), _HEIGHT))

    def panels(self, figure: Any) -> list[Any]:
        """Their axes, which share the epochs."""
        panels = [
            axes_at(figure, _WIDTH * place + 0.9, 0.55, _WIDTH - 1.05, _HEIGHT - 1.0)
            for place in range(len(self.names))
        ]
        beside = 0.05 * (self.last - self.first) or 0.5
        for axes, share in zip(panels, self.share, strict=True):
            axes.set_xlim(self.first - beside, self.last + beside)
            if share:
                axes.set_ylim(0, 1)
        return panels


@functools.lru_cache(maxsize=2)
def _drawn(frame: _Frame) -> NDArray[np.uint8]:
    """Its pixels: a sweep draws them once."""
    from matplotlib.ticker import MaxNLocator

    figure = frame.figure()
    for axes, name, share in zip(frame.panels(figure), frame.names, frame.share, strict=True):
        axes.spines[:].set_visible(False)  # the lines' own axes draw them
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if share:
            axes.set_ylabel(name)
        else:
            axes.yaxis.set_visible(False)
        axes.grid(visible=True, axis="both" if share else "x", alpha=0.3)
    return pixels(figure)


def _value(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan
