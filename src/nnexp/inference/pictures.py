"""A picture file as the example of a model that takes pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nnexp.errors import Amiss, InputError, Reason
from nnexp.inference.signature import Signature
from nnexp.runs.reading import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def read_picture(path: Path, signature: Signature) -> tuple[NDArray[np.float32], Amiss]:
    """The picture in the shape and the range of values that the model takes, and a note of what was changed for that.

    Transparent parts become white, colours grey (or grey RGB), and the whole is scaled to the model's size.

    Raises:
        InputError: it is no picture, or the model takes none.
    """
    import numpy as np

    from nnexp.data.own import images

    name = printable(path)
    if not signature.is_picture:
        features = f" ({', '.join(signature.features[:5])} …)" if signature.features else ""
        raise InputError(f"{name} is a picture, but the model takes {signature.size} numbers{features}; give a .csv")
    height, width = signature.shape[:2]
    mode = "RGB" if signature.shape[2:] == (3,) else "L"
    picture, made = images.read_picture(path)
    done: list[Reason] = list(made)
    before = f"{picture.width}×{picture.height} {picture.mode}"
    if picture.mode != mode:
        picture = picture.convert(mode)
        done.append("made RGB" if mode == "RGB" else "made grey")
    if picture.size != (width, height):
        picture = images.resized(picture, height=height, width=width)
        done.append(f"scaled to {width}×{height}")
    low, high = signature.value_range
    pixels = low + np.asarray(picture, np.float32) * ((high - low) / 255)
    return pixels.reshape(signature.shape), f"{name}: {before}, {', '.join(done)}" if done else ""
