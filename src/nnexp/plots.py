"""The pictures of a run: history and confusion matrix."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnexp.files import replacing

# Beyond this many classes the counts in the cells could not be read, and colour alone tells.
_MOST_NUMBERED = 30
_DPI = 120
# Okabe and Ito's palette: told apart by colour-blind readers too.
_TRAIN, _VALIDATION = "#0072B2", "#D55E00"


def warm_up() -> None:
    """Import what plotting needs: time that passes unnoticed while the model trains."""
    for name in ("matplotlib.backends.backend_agg", "matplotlib.figure", "matplotlib.font_manager"):
        importlib.import_module(name)


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
    figure = Figure(figsize=(4.8 * len(shown), 3.8), layout="constrained")
    epochs = [row["epoch"] for row in history]
    for axes, name in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        values: list[float] = []
        for key, label, colour in ((name, "training", _TRAIN), (f"val_{name}", validation_name, _VALIDATION)):
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
    figure.suptitle(_plain(title))
    _save(figure, path)


def plot_confusion(path: Path, title: str, confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> None:
    """True classes down, predicted ones across, counts in the cells, coloured by the share of the true class; a PNG."""
    from matplotlib.figure import Figure

    size = min(max(4.0, 0.62 * len(classes) + 1.8), 16.0)
    figure = Figure(figsize=(size + 0.6, size), layout="constrained")
    axes = figure.subplots()
    shares = [[count / max(1, sum(row)) for count in row] for row in confusion]
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for true, row in enumerate(confusion if len(classes) <= _MOST_NUMBERED else ()):
        for predicted, count in enumerate(row):
            if count:
                colour = "white" if shares[true][predicted] > 0.5 else "black"
                axes.text(
                    predicted,
                    true,
                    f"{count}",
                    ha="center",
                    va="center",
                    color=colour,
                    fontsize=8,
                    in_layout=False,  # within the axes as it is, and measuring a hundred texts takes long
                )
    axes.set_xticks(range(len(classes)), [_plain(name) for name in classes], rotation=45, ha="right")
    axes.set_yticks(range(len(classes)), [_plain(name) for name in classes])
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(_plain(title))
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class")
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(_DPI)
    canvas: Any = FigureCanvasAgg(figure)
    with replacing(path) as temporary:
        canvas.print_png(temporary)  # `savefig` would draw it once before, for nothing


def _value(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan


def _plain(text: str) -> str:
    return text.replace("$", r"\$")  # Matplotlib would read it as mathematics
