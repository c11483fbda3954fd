"""A small picture drawn on the terminal: half a character a pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LARGEST = 64  # pixels a side
_SHADES = " ░▒▓█"


def drawn(picture: NDArray[Any], value_range: tuple[float, float], console: Console) -> Text | None:
    """A picture [height, width], with one channel or RGB, for this console; None where there is no room for it.

    Each character is two pixels, one above the other; in shades of the ink, and coarser, where there are no colours.
    """
    import numpy as np

    height, width = picture.shape[:2]
    if max(height, width) > _LARGEST or width > console.width:
        return None
    low, high = value_range
    levels = np.clip((np.asarray(picture, float) - low) / (high - low or 1), 0, 1).reshape(height, width, -1)
    levels = np.broadcast_to(levels, (height, width, 3)) if levels.shape[2] == 1 else levels
    levels = np.concatenate([levels, np.zeros((height % 2, width, 3))])  # an even number of rows
    if console.no_color or console.color_system is None:
        return Text(_in_shades(levels.mean(axis=2)))
    return _in_colours((levels * 255).round().astype(int))


def _in_shades(levels: NDArray[Any]) -> str:
    steps = ((levels[0::2] + levels[1::2]) / 2 * (len(_SHADES) - 1)).round().astype(int)
    return "\n".join("".join(_SHADES[step] for step in row) for row in steps)


def _in_colours(levels: NDArray[Any]) -> Text:
    text = Text()
    for upper, lower in zip(levels[0::2], levels[1::2], strict=True):
        for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
            text.append("▀", f"rgb({above[0]},{above[1]},{above[2]}) on rgb({below[0]},{below[1]},{below[2]})")
        text.append("\n")
    text.rstrip()
    return text
