"""A picture file as the example of a model that takes pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.errors import InputError
from nnexp.inference.signature import Signature
from nnexp.runs.reading import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def read_picture(path: Path, signature: Signature) -> tuple[NDArray[np.float32], str]:
    """The picture in the shape and the range of values that the model takes, and a note of what was changed for that.

    Transparent parts become white, colours grey (or grey RGB), and the whole is scaled to the model's size.

    Raises:
        InputError: it is no picture, or the model takes none.
    """
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    name = printable(path)
    if not signature.is_picture:
        features = f" ({', '.join(signature.features[:5])} …)" if signature.features else ""
        raise InputError(f"{name} is a picture, but the model takes {signature.size} numbers{features}; give a .csv")
    height, width = signature.shape[:2]
    mode = "RGB" if signature.shape[2:] == (3,) else "L"
    try:
        with Image.open(path) as opened:
            picture, before, done = _opaque(opened, name)
    except UnidentifiedImageError:
        raise InputError(f"{name} cannot be read as a picture: its content is of no kind that is known") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{name} cannot be read as a picture: {error}") from None
    if picture.mode != mode:
        picture = picture.convert(mode)
        done.append("made RGB" if mode == "RGB" else "made grey")
    if picture.size != (width, height):
        # Each new pixel is the mean of those that it covers; where there are too few, between them.
        smaller = width <= picture.width and height <= picture.height
        picture = picture.resize((width, height), Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR)
        done.append(f"scaled to {width}×{height}")
    low, high = signature.value_range
    pixels = low + np.asarray(picture, np.float32) * ((high - low) / 255)
    return pixels.reshape(signature.shape), f"{name}: {before}, {', '.join(done)}" if done else ""


def _opaque(opened: Any, name: str) -> tuple[Any, str, list[str]]:
    """The picture upright, with 8 bits a channel and nothing transparent; what it was, and what was done to it."""
    import numpy as np
    from PIL import Image, ImageOps

    before = f"{opened.width}×{opened.height} {opened.mode}"
    picture = ImageOps.exif_transpose(opened)
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8)), before, ["made 8 bits a pixel"]
    if picture.mode in ("I", "F"):
        raise InputError(f"{name} has 32 bits a pixel, which can mean anything; save it with 8 or 16")
    if not picture.has_transparency_data:
        return picture, before, []
    paper = Image.new("RGBA", picture.size, "white")
    paper.alpha_composite(picture.convert("RGBA"))
    return paper.convert("RGB"), before, ["transparent parts made white"]
