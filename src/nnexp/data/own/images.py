"""Pictures: a folder for each class, or a file of labels, read with Pillow.

Those that would fill too much of the memory are decoded once, into a file of the cache, and streamed from there.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.content import Arrays
from nnexp.data.own.decoded import decoded
from nnexp.data.own.kinds import BadData
from nnexp.data.own.labels import is_test, labels_of
from nnexp.data.own.targets import Targets, targets_of
from nnexp.data.rows import Examples, part, streamed
from nnexp.errors import Reason
from nnexp.tasks import Task

if TYPE_CHECKING:
    import numpy as np

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"})
_MEND = "remove it, or save it anew as PNG or JPEG"
_BETWEEN = ";"  # two labels of a picture
_MODES = {"grey": "L", "rgb": "RGB"}
_READING = 1  # raise it when `read_picture` or `resized` come to make other bytes of a picture: it names cached ones
_THREADS = 4  # each may hold a photograph at its full size
_AHEAD = 16 * 2**20  # bytes of pictures that are decoded before the first of them is put away
_PARTS = frozenset({"train", "test", "val", "valid", "validation"})  # names that are no classes


def arrays_of_images(parameters: Mapping[str, Any]) -> tuple[Arrays, Targets]:
    """The arrays of a folder of pictures, [n, height, width] or [n, height, width, 3] of bytes, and its targets.

    A folder with `train` and `test` in it is parted so.

    Raises:
        BadData: a picture cannot be read, or they do not fit together.
    """
    import numpy as np

    parts = parts_of(parameters)
    together = [picture for pictures in parts for picture in pictures]
    targets = _targets(together, parameters)
    x = _examples([path for path, _ in together], parameters)
    parted = len(parts) == 2
    test = np.arange(len(x)) >= len(parts[0]) if parted else is_test(targets.values, None, parameters)
    y_train, y_test = targets.parted(test)
    return Arrays(part(x, ~test), y_train, part(x, test), y_test), targets


def _targets(pictures: Sequence[tuple[Path, str]], parameters: Mapping[str, Any]) -> Targets:
    """Folders are classes; a file of labels may have several names for a picture, with ; between them, or numbers."""
    said, task, named = [name for _, name in pictures], parameters.get("task"), parameters.get("classes")
    if not parameters.get("labels"):
        if task not in (None, "classification"):
            raise BadData(
                f"{task} needs a file of labels, since folders tell classes apart", "give it as  labels: PATH", "task"
            )
        return Targets("classification", *labels_of(said, named, "the folder"))
    if task == "multi_label" or (task is None and _have_several(said)):
        several = [names_in(cell) for cell in said]
        found = sorted(set().union(*several))
        labels = named or found
        if sorted(labels) != found:
            raise BadData(f"`classes` names {', '.join(labels)}", f"the labels are {', '.join(found)}", "classes")
        cells = {label: [label in names for names in several] for label in labels}
        return targets_of(cells, {"task": "multi_label"}, str)
    return targets_of({"label": said}, {"task": task, "classes": named}, lambda place: pictures[place][0].name)


def names_in(cell: str) -> set[str]:
    """The labels that a cell of a file of labels names."""
    return {name.strip() for name in cell.split(_BETWEEN)} - {""}


def _have_several(labels: Iterable[str]) -> bool:
    """Whether a picture has several labels: then any may have none as well."""
    return any(_BETWEEN in names for names in labels)


def parts_of(parameters: Mapping[str, Any]) -> list[list[tuple[Path, str]]]:
    """Each picture and the name of its class: all of them, or those to train on and those to test on.

    Raises:
        BadData: there are none.
    """
    folder = Path(parameters["path"])
    if parameters.get("labels"):
        return [labelled(folder, Path(parameters["labels"]), parameters.get("task"))]
    if test_path := parameters.get("test_path"):
        return [_by_folder(folder), _by_folder(Path(test_path))]
    if {"train", "test"} <= {path.name for path in folder.iterdir() if path.is_dir()}:
        if parameters.get("test"):
            raise BadData("the folders `train` and `test` say what the test part is", "remove `test`", "test")
        return [_by_folder(folder / "train"), _by_folder(folder / "test")]
    return [_by_folder(folder)]


def _by_folder(folder: Path) -> list[tuple[Path, str]]:
    folders = [place for place in sorted(folder.iterdir()) if place.is_dir() and not place.name.startswith(".")]
    kinds = [place for place in folders if not _has_runs(place)]
    if parts := [kind.name for kind in kinds if kind.name.lower() in _PARTS]:
        message = f"{folder} has a folder {parts[0]}, which is no class"
        raise BadData(message, "name the folders `train` and `test`, or give `path` and `test_path`")
    found = [(path, kind.name) for kind in kinds for path in sorted(kind.rglob("*")) if path.suffix.lower() in ENDINGS]
    if not found:
        raise BadData(f"{folder} has no folders with pictures in them", "wanted: a folder for each class")
    return found


def _has_runs(folder: Path) -> bool:
    """Whether nnexp's runs and sweeps lie here, with pictures of their own: beside the classes, where it was begun."""
    with os.scandir(folder) as places:
        inner = [place.path for place in places if place.is_dir()]
    return any(Path(place, name).exists() for place in inner for name in ("config.yaml", "sweep.yaml"))


def labelled(folder: Path, labels: Path, task: Task | None) -> list[tuple[Path, str]]:
    """Each picture of a file of labels, by its path in the folder, and what is said of it.

    Raises:
        BadData: a picture or a label is missing.
    """
    from nnexp.data.own.tables import read_table

    frame = read_table("csv", labels, {})
    if not {"file", "label"} <= set(frame.columns):
        columns = ", ".join(map(str, frame.columns))
        raise BadData(f"{labels.name} has the columns {columns}", "wanted: file and label", "labels")
    may_have_none = task == "multi_label" or (task is None and _have_several(frame["label"]))
    found: dict[Path, str] = {}
    for row, file, label in zip(frame.index, frame["file"], frame["label"], strict=True):
        path = folder / file
        what = f"{labels.name}, row {row}"
        if not label and not may_have_none:
            hint = "where a picture may have none of the labels:  task: multi_label"
            raise BadData(f"{what}: the label is missing", hint, "labels")
        if not path.is_file():
            raise BadData(f"{what}: there is no picture {path}", "put it there, or remove the row", "labels")
        if path in found:
            raise BadData(f"{what}: {file} stands there twice", "keep one of the rows", "labels")
        found[path] = label
    return list(found.items())


@dataclass(frozen=True, slots=True)
class _Form:
    """What all pictures are made, or must be: Pillow's mode, and the size in pixels."""

    mode: str
    height: int
    width: int
    resized: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one picture."""
        return (self.height, self.width, 3) if self.mode == "RGB" else (self.height, self.width)


def _examples(paths: Sequence[Path], parameters: Mapping[str, Any]) -> Examples:
    import numpy as np
    import PIL

    form = _form(paths[0], parameters)
    shape = (len(paths), *form.shape)
    if streamed(parameters["stream"], math.prod(shape)):
        size = f"{form.height}x{form.width}" if form.resized else "as_they_are"
        name = f"{parameters['sha256']}-{size}-{form.mode}-pillow{PIL.__version__}-{_READING}"
        smaller: Reason = "make the pictures smaller with `size`"
        return decoded(name, shape, np.dtype("uint8"), partial(_read, paths, form), smaller)
    x = np.empty(shape, np.uint8)
    for place, pixels in enumerate(_read(paths, form)):
        x[place] = pixels
    return x


def _form(first: Path, parameters: Mapping[str, Any]) -> _Form:
    """As the config says, or as the first picture is."""
    picture, _ = read_picture(first)
    mode = _MODES.get(str(parameters.get("colour"))) or ("L" if picture.mode in ("1", "L") else "RGB")
    height, width = parameters.get("size") or (picture.height, picture.width)
    return _Form(mode, height, width, resized=bool(parameters.get("size")))


def _read(paths: Sequence[Path], form: _Form) -> Iterator[np.ndarray]:
    """The bytes of each picture in turn. Threads decode the next ones: Pillow lets Python's lock go meanwhile."""
    from concurrent.futures import ThreadPoolExecutor

    from PIL import Image

    Image.init()  # in threads that do it at one time, one may miss a format
    some = max(_THREADS, _AHEAD // math.prod(form.shape))
    with ThreadPoolExecutor(_THREADS) as threads:
        for start in range(0, len(paths), some):
            yield from threads.map(partial(_pixels, form=form, first=paths[0]), paths[start : start + some])


def _pixels(path: Path, form: _Form, first: Path) -> np.ndarray:
    import numpy as np

    picture, _ = read_picture(path)
    picture = picture.convert(form.mode)
    if form.resized:
        picture = resized(picture, height=form.height, width=form.width)
    if picture.size != (form.width, form.height):
        wide, high = picture.size
        message = f"{path} is {wide} by {high} pixels, {first.name} {form.width} by {form.height}"
        raise BadData(message, "make them one size, such as  size: [64, 64]", "size")
    return np.asarray(picture, dtype=np.uint8)


def read_picture(path: Path) -> tuple[Any, list[Reason]]:
    """A Pillow image, upright, with 8 bits a channel, transparent parts white; and what was done to it.

    Raises:
        BadData: it cannot be read.
    """
    import numpy as np
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened)
            picture.load()
    except UnidentifiedImageError:
        what = "its content is of no kind that is known"
        raise BadData(f"{path} cannot be read as a picture: {what}", _MEND) from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadData(f"{path} cannot be read as a picture: {error}", _MEND) from None
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8)), ["made 8 bits a pixel"]
    if picture.mode in ("I", "F"):
        raise BadData(f"{path} has 32 bits a pixel, which can mean anything", "save it with 8 or 16 bits")
    if not picture.has_transparency_data:
        return picture, []
    paper = Image.new("RGBA", picture.size, "white")
    paper.alpha_composite(picture.convert("RGBA"))
    return paper.convert("RGB"), ["transparent parts made white"]


def resized(picture: Any, *, height: int, width: int) -> Any:
    """Each new pixel is the mean of those that it covers; where there are too few, between them."""
    from PIL import Image

    smaller = width <= picture.width and height <= picture.height
    return picture.resize((width, height), Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR)
