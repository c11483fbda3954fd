"""Pictures: a folder for each class, or a file of labels, read with Pillow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.content import Arrays
from nnexp.data.own.kinds import BadData
from nnexp.data.own.labels import is_test, labels_of

if TYPE_CHECKING:
    import numpy as np

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"})
_MODES = {"grey": "L", "rgb": "RGB"}


def arrays_of_images(parameters: Mapping[str, Any]) -> tuple[Arrays, tuple[str, ...]]:
    """The arrays of a folder of pictures, [n, height, width] or [n, height, width, 3] of bytes, and its classes.

    A folder with `train` and `test` in it is parted so.

    Raises:
        BadData: a picture cannot be read, or they do not fit together.
    """
    import numpy as np

    folder = Path(parameters["path"])
    if parameters.get("labels"):
        pictures = _labelled(folder, Path(parameters["labels"]))
        parts = [pictures]
    elif test_path := parameters.get("test_path"):
        parts = [_by_folder(folder), _by_folder(Path(test_path))]
    elif {"train", "test"} <= {path.name for path in folder.iterdir() if path.is_dir()} and not parameters.get("test"):
        parts = [_by_folder(folder / "train"), _by_folder(folder / "test")]
    else:
        parts = [_by_folder(folder)]
    together = [picture for part in parts for picture in part]
    labels, classes = labels_of([name for _, name in together], None, "the folder")
    x = _read([path for path, _ in together], parameters)
    parted = len(parts) == 2
    test = np.arange(len(x)) >= len(parts[0]) if parted else is_test(labels, None, parameters)
    return Arrays(x[~test], labels[~test], x[test], labels[test]), classes


def files_of(parameters: Mapping[str, Any]) -> list[Path]:
    """Every file that the data are of, in a fixed order."""
    roots = [Path(parameters[name]) for name in ("path", "test_path") if parameters.get(name)]
    files = [path for root in roots for path in sorted(root.rglob("*")) if path.suffix.lower() in ENDINGS]
    return [*files, Path(parameters["labels"])] if parameters.get("labels") else files


def _by_folder(folder: Path) -> list[tuple[Path, str]]:
    """Each picture and the name of its class."""
    found = [
        (path, kind.name)
        for kind in sorted(folder.iterdir())
        if kind.is_dir() and not kind.name.startswith(".")
        for path in sorted(kind.rglob("*"))
        if path.suffix.lower() in ENDINGS
    ]
    if not found:
        raise BadData(f"{folder} has no folders with pictures in them", "wanted: a folder for each class")
    return found


def _labelled(folder: Path, labels: Path) -> list[tuple[Path, str]]:
    from nnexp.data.own.tables import FIRST_ROW, read_table

    frame = read_table("csv", labels, {})
    if not {"file", "label"} <= set(frame.columns):
        columns = ", ".join(map(str, frame.columns))
        raise BadData(f"{labels.name} has the columns {columns}", "wanted: file and label", "labels")
    found = []
    for row, (file, label) in enumerate(zip(frame["file"], frame["label"], strict=True), start=FIRST_ROW):
        path = folder / str(file)
        if not path.is_file():
            raise BadData(f"{labels.name}, row {row}: there is no picture {path}", "", "labels")
        found.append((path, str(label)))
    return found


def _read(paths: Sequence[Path], parameters: Mapping[str, Any]) -> np.ndarray:
    import numpy as np

    mode = _MODES.get(str(parameters.get("colour")), "")
    size = parameters.get("size")
    first: tuple[int, int] | None = None
    pictures = []
    for path in paths:
        picture = read_picture(path, mode)
        mode = mode or ("L" if picture.mode in ("1", "L", "I", "I;16", "F") else "RGB")
        picture = picture.convert(mode)
        if size:
            picture = picture.resize((size[1], size[0]))
        first = first or picture.size
        if picture.size != first:
            (width, height), (wide, high) = first, picture.size
            message = f"{path} is {wide} by {high} pixels, {paths[0].name} {width} by {height}"
            raise BadData(message, "make them one size, such as  size: [64, 64]", "size")
        pictures.append(np.asarray(picture, dtype=np.uint8))
    return np.stack(pictures)


def read_picture(path: Path, mode: str) -> Any:
    """A Pillow image, read whole; in a mode of Pillow's ("L", "RGB") where one is given.

    Raises:
        BadData: it cannot be read.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            picture.load()
            return picture.convert(mode) if mode else picture
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadData(f"{path} cannot be read as a picture: {error}", "remove it, or make it anew") from None
