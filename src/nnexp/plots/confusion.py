"""Which classes are taken for which."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnexp.plots.drawing import axes_at, plain, save, width_of

# Beyond this many classes the counts in the cells could not be read, and colour alone tells.
_MOST_NUMBERED = 30
_CELL = 0.62  # inches
_LONGEST_NAME = 30  # characters of a class


def plot_confusion(path: Path, title: str, confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> None:
    """True classes down, predicted ones across, counts in the cells, coloured by the share of the true class; a PNG."""
    from matplotlib.figure import Figure

    names = [plain(name, _LONGEST_NAME) for name in classes]
    side = min(max(2.5, _CELL * len(classes)), 14.2)
    longest = width_of(tuple(names))
    left, bottom = longest + 0.6, 0.72 * longest + 0.6
    figure = Figure(figsize=(left + side + 1.2, bottom + side + 0.5))
    axes = axes_at(figure, left, bottom, side, side)
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
    axes.set_title(plain(title))
    beside = axes_at(figure, left + side + 0.2, bottom + 0.1 * side, 0.2, 0.8 * side)
    figure.colorbar(image, cax=beside, label="share of the true class")
    save(figure, path)


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
