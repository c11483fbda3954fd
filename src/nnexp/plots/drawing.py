"""What all pictures share: places in inches, names that fit, and a quick way to a PNG."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.files import replacing

_DPI = 120
# Okabe and Ito's palette (2008): told apart by colour-blind readers too. Yellow would vanish on white.
BLUE, ORANGE = "#0072B2", "#D55E00"
COLOURS = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#B8AA00")


def axes_at(figure: Any, left: float, bottom: float, width: float, height: float) -> Any:
    """Axes at a place in inches. Matplotlib's own layout draws all texts twice more: a third of the time."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


@contextlib.contextmanager
def any_script() -> Iterator[None]:
    """No warnings of letters that Matplotlib's font lacks: names may be in any script, and a box stands for each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield


@functools.cache
def width_of(names: tuple[str, ...], size: float = 10) -> float:
    """The room, in inches, that the longest of some texts takes; tick labels have 10 points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size)
    with any_script():
        widths = [text_to_path.get_text_width_height_descent(name, font, ismath=False)[0] for name in names]
    return float(max(widths)) / 72


def pixels(figure: Any) -> NDArray[np.uint8]:
    """The figure drawn, [height, width, 4]: once, where `savefig` does twice."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(_DPI)
    canvas: Any = FigureCanvasAgg(figure)
    with any_script():
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def save(figure: Any, path: Path, beneath: NDArray[np.uint8] | None = None) -> None:
    """Write it as a PNG, on the pixels `beneath`, if any; without transparency, which takes as long to compress."""
    from PIL import Image

    if beneath is not None:
        for part in (figure, *figure.axes):
            part.patch.set_visible(False)
    picture = Image.fromarray(pixels(figure))
    if beneath is not None:
        picture = Image.alpha_composite(Image.fromarray(beneath), picture)
    with replacing(path) as temporary:
        picture.convert("RGB").save(temporary, "png", compress_level=3, dpi=(_DPI, _DPI))


def plain(text: str, most: int = 200) -> str:
    """Text as it is, cut where it is longer than `most`: Matplotlib would read `$` as mathematics."""
    return (text if len(text) <= most else f"{text[: most - 1]}…").replace("$", r"\$")
