"""Examples that are pictures, in a grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nnexp.plots.drawing import axes_at, plain, save

# A grid of pictures: inches a side, pictures in a row, characters of a line beneath one.
_PICTURE, _PICTURES_A_ROW, _LONGEST_LINE = 1.5, 6, 24


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
        axes = axes_at(figure, _PICTURE * column + 0.1, bottom, _PICTURE - 0.1, _PICTURE - 0.1)
        axes.set_axis_off()
        levels = np.clip((np.asarray(picture, float) - low) / (high - low), 0, 1)
        levels = levels[..., 0] if levels.ndim == 3 and levels.shape[2] == 1 else levels
        axes.imshow(levels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        text = "\n".join(plain(line, _LONGEST_LINE) for line in lines)
        axes.text(0.5, -0.04, text, transform=axes.transAxes, ha="center", va="top", fontsize=8, linespacing=1.1)
    save(figure, path)
