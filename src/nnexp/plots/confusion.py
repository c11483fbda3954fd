"""Which classes are taken for which."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.plots.drawing import axes_at, pixels, plain, save, width_of

# Beyond this many classes the counts in the cells could not be read, and colour alone tells.
_MOST_NUMBERED = 30
_CELL = 0.62  # inches
_LONGEST_NAME = 30  # characters of a class
_COLOURS: Mapping[str, Any] = {"cmap": "Blues", "vmin": 0, "vmax": 1}


def plot_confusion(path: Path, title: str, confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> None:
    """True classes down, predicted ones across, counts in the cells, coloured by the share of the true class; a PNG."""
    frame = _Frame(tuple(plain(name, _LONGEST_NAME) for name in classes))
    figure = frame.figure()
    axes = frame.cells(figure)
    shares = [[count / max(1, sum(row)) for count in row] for row in confusion]
    axes.imshow(shares, **_COLOURS)
    axes.xaxis.set_visible(False)
    axes.yaxis.set_visible(False)
    axes.set_title(plain(title))
    if len(classes) <= _MOST_NUMBERED:
        cell = frame.side / len(classes)
        for colour, dark in (("black", False), ("white", True)):
            middles = {
                (frame.left + (predicted + 0.5) * cell, frame.bottom + frame.side - (true + 0.5) * cell): count
                for true, row in enumerate(confusion)
                for predicted, count in enumerate(row)
                if count and (shares[true][predicted] > 0.5) == dark
            }
            _write_numbers(figure, middles, colour)
    save(figure, path, beneath=_drawn(frame))


@dataclass(frozen=True)
class _Frame:
    """What stands around the cells, and is the same for each run on the same classes; lengths in inches."""

    names: tuple[str, ...]

    @property
    def side(self) -> float:
        return min(max(2.5, _CELL * len(self.names)), 14.2)

    @property
    def left(self) -> float:
        return width_of(self.names) + 0.6

    @property
    def bottom(self) -> float:
        return 0.72 * width_of(self.names) + 0.6

    def figure(self) -> Any:
        """An empty one, of the size that all takes."""
        from matplotlib.figure import Figure

        return Figure(figsize=(self.left + self.side + 1.2, self.bottom + self.side + 0.5))

    def cells(self, figure: Any) -> Any:
        """The axes of the cells."""
        return axes_at(figure, self.left, self.bottom, self.side, self.side)


@functools.lru_cache(maxsize=2)
def _drawn(frame: _Frame) -> NDArray[np.uint8]:
    """Its pixels: the names take half of the time of a picture, and a sweep draws them once."""
    figure = frame.figure()
    axes = frame.cells(figure)
    axes.spines[:].set_visible(False)  # the cells' own axes draw them
    empty = axes.imshow([[0] * len(frame.names)] * len(frame.names), **_COLOURS)
    axes.set_xticks(range(len(frame.names)), frame.names, rotation=45, ha="right")
    axes.set_yticks(range(len(frame.names)), frame.names)
    axes.set(xlabel="predicted class", ylabel="true class")
    beside = axes_at(figure, frame.left + frame.side + 0.2, frame.bottom + 0.1 * frame.side, 0.2, 0.8 * frame.side)
    figure.colorbar(empty, cax=beside, label="share of the true class")
    return pixels(figure)


def _write_numbers(figure: Any, middles: Mapping[tuple[float, float], int], colour: str) -> None:
    """Numbers in the middle of places given in inches, as one shape: a hundred texts take as long as all the rest."""
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
