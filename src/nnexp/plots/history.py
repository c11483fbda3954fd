"""The history of a run: loss and metric by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnexp.plots.drawing import BLUE, ORANGE, axes_at, plain, save

_WIDTH, _HEIGHT = 4.8, 3.8  # inches of a panel


def plot_history(
    path: Path, title: str, history: Sequence[Mapping[str, Any]], validation_name: str = "validation"
) -> None:
    """Loss and accuracy (or the first metric) by epoch, training and validation, as a PNG.

    The axes are honest: loss starts at zero, accuracy shows 0 to 1 in full; epochs without a finite value leave a gap.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    names = [name for name in (history[0] if history else {}) if not name.startswith("val_")]
    metrics = [name for name in names if name not in {"epoch", "seconds", "learning_rate"}]
    shown = ["loss", *[name for name in metrics if name != "loss"][:1]]
    figure = Figure(figsize=(_WIDTH * len(shown), _HEIGHT))
    epochs = [row["epoch"] for row in history]
    for place, name in enumerate(shown):
        axes = axes_at(figure, _WIDTH * place + 0.9, 0.55, _WIDTH - 1.05, _HEIGHT - 1.0)
        values: list[float] = []
        for key, label, colour in ((name, "training", BLUE), (f"val_{name}", validation_name, ORANGE)):
            series = [_value(row.get(key)) for row in history]
            if any(map(math.isfinite, series)):
                axes.plot(epochs, series, color=colour, marker="o" if len(series) < 40 else "", ms=4, label=label)
                values += filter(math.isfinite, series)
        if not values:
            axes.text(0.5, 0.5, f"{name} was never a finite number", ha="center", va="center", transform=axes.transAxes)
        else:
            axes.legend()
        unit = "accuracy" in name and max(values, default=1) <= 1
        axes.set_ylim(min(0, *values, 0) * 1.05, 1 if unit else max(0, *values, 0) * 1.05 or 1)
        if len(epochs) == 1:
            axes.set_xlim(0.5, 1.5)
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(visible=True, alpha=0.3)
    figure.suptitle(plain(title))
    save(figure, path)


def _value(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan
