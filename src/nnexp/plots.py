"""The pictures of a run: history and confusion matrix."""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnexp.files import replacing

# Beyond this many classes the counts in the cells could not be read, and colour alone tells.
_MOST_NUMBERED = 30
_DPI = 120
# Inches. Laid out here and not by Matplotlib, which draws all texts twice more to measure them: a third of the time.
_PANEL, _PANEL_HEIGHT, _CELL = 4.8, 3.8, 0.62
_LONGEST_NAME = 30  # characters of a class
# A grid of pictures: inches a side, pictures in a row, characters of a line beneath one.
_PICTURE, _PICTURES_A_ROW, _LONGEST_LINE = 1.5, 6, 24
# Okabe and Ito's palette: told apart by colour-blind readers too.
_TRAIN, _VALIDATION = "#0072B2", "#D55E00"


def warm_up() -> None:
    """Import what plotting needs: time that passes unnoticed while the model trains."""
    for name in ("matplotlib.backends.backend_agg", "matplotlib.figure", "matplotlib.textpath", "PIL.Image"):
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
    figure = Figure(figsize=(_PANEL * len(shown), _PANEL_HEIGHT))
    epochs = [row["epoch"] for row in history]
    for place, name in enumerate(shown):
        axes = _axes(figure, _PANEL * place + 0.9, 0.55, _PANEL - 1.05, _PANEL_HEIGHT - 1.0)
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

    names = [_plain(_shortened(name, _LONGEST_NAME)) for name in classes]
    side = min(max(2.5, _CELL * len(classes)), 14.2)
    longest = _width(tuple(names))
    left, bottom = longest + 0.6, 0.72 * longest + 0.6
    figure = Figure(figsize=(left + side + 1.2, bottom + side + 0.5))
    axes = _axes(figure, left, bottom, side, side)
    shares = [[count / max(1, sum(row)) for count in row] for row in confusion]
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= _MOST_NUMBERED:
        cell = side / len(classes)
        for colour, dark in (("black", False), ("white", True)):
            middles = {
                (left + (predicted + 0.5) * cell, bottom + side - (true + 0.5) * cell): count
                for true, row in enumerate(confusion)
                for predicted, count in enumerate(row)
                if count and (shares[true][predicted] > 0.5) == dark
            }
            _write_numbers(figure, middles, colour)
    axes.set_xticks(range(len(classes)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(classes)), names)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(_plain(title))
    beside = _axes(figure, left + side + 0.2, bottom + 0.1 * side, 0.2, 0.8 * side)
    figure.colorbar(image, cax=beside, label="share of the true class")
    _save(figure, path)


def plot_pictures(
    path: Path, pictures: Any, captions: Sequence[Sequence[str]], value_range: tuple[float, float]
) -> None:
    """Pictures [n, height, width] or [n, height, width, channels] in a grid, each above its lines of text; a PNG."""
    import numpy as np
    from matplotlib.figure import Figure

    low, high = value_range
    columns = min(len(pictures), _PICTURES_A_ROW)
    rows = -(-len(pictures) // columns)
    beneath = 0.16 * max(map(len, captions)) + 0.08
    figure = Figure(figsize=(_PICTURE * columns + 0.1, (_PICTURE + beneath) * rows))
    for place, (picture, lines) in enumerate(zip(pictures, captions, strict=True)):
        row, column = divmod(place, columns)
        bottom = (_PICTURE + beneath) * (rows - 1 - row) + beneath
        axes = _axes(figure, _PICTURE * column + 0.1, bottom, _PICTURE - 0.1, _PICTURE - 0.1)
        axes.set_axis_off()
        levels = np.clip((np.asarray(picture, float) - low) / (high - low), 0, 1)
        levels = levels[..., 0] if levels.ndim == 3 and levels.shape[2] == 1 else levels
        axes.imshow(levels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        text = "\n".join(_plain(_shortened(line, _LONGEST_LINE)) for line in lines)
        axes.text(0.5, -0.04, text, transform=axes.transAxes, ha="center", va="top", fontsize=8, linespacing=1.1)
    _save(figure, path)


def _axes(figure: Any, left: float, bottom: float, width: float, height: float) -> Any:
    """Axes at a place given in inches."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


@functools.cache
def _width(names: tuple[str, ...]) -> float:
    """The room, in inches, that the longest of some tick labels takes."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=10)
    return max(float(text_to_path.get_text_width_height_descent(name, font, ismath=False)[0]) for name in names) / 72


def _write_numbers(figure: Any, middles: Mapping[tuple[float, float], int], colour: str) -> None:
    """Numbers in the middle of places given in inches, as one shape: a hundred texts take as long as all the rest."""
    import numpy as np
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Shape

    digits, step, height = _digits()
    placed = [
        (digits[digit], (x + (place - len(number) / 2) * step, y - height / 2))
        for (x, y), count in middles.items()
        for number in [str(count)]
        for place, digit in enumerate(number)
    ]
    if placed:
        lines = np.concatenate([digit.vertices + corner for digit, corner in placed])
        shape = Shape(lines, np.concatenate([digit.codes for digit, _ in placed]))
        figure.add_artist(PathPatch(shape, transform=figure.dpi_scale_trans, facecolor=colour, linewidth=0))


@functools.cache
def _digits() -> tuple[Mapping[str, Any], float, float]:
    """The shapes of the digits at 8 points, how far one is from the next, and how high they are: in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.path import Path as Shape
    from matplotlib.textpath import TextPath, text_to_path

    font = FontProperties(size=8)
    shapes = {digit: TextPath((0, 0), digit, prop=font) for digit in "0123456789"}
    step, height, _ = text_to_path.get_text_width_height_descent("0", font, ismath=False)
    return {digit: Shape(shape.vertices / 72, shape.codes) for digit, shape in shapes.items()}, step / 72, height / 72


def _save(figure: Any, path: Path) -> None:
    """Draw it once, where `savefig` does twice, and without transparency, which takes as long again to compress."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(_DPI)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    size = canvas.get_width_height(physical=True)
    picture = Image.frombuffer("RGBA", size, canvas.buffer_rgba(), "raw", "RGBA", 0, 1).convert("RGB")
    with replacing(path) as temporary:
        picture.save(temporary, "png", compress_level=3, dpi=(_DPI, _DPI))


def _value(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan


def _plain(text: str) -> str:
    return text.replace("$", r"\$")  # Matplotlib would read it as mathematics


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
