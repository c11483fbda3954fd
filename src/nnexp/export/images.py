"""How the program of a run reads a folder of pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.dataset import Dataset
from nnexp.data.own.images import parts_of
from nnexp.export.batches import stays_on_disk
from nnexp.export.expressions import call, names_of, quoted
from nnexp.export.parting import PARTS, draw
from nnexp.export.tables import cells_of, end_in_spaces

if TYPE_CHECKING:
    from numpy.typing import NDArray


def of_images(kind: str, dataset: Dataset, parameters: Mapping[str, Any], y_test: NDArray[Any]) -> Iterator[str]:
    """Lines that read a folder with a folder for each class, or two, or one with a file of labels.

    Where the pictures stay on disk `x` are their paths.
    """
    parts = parts_of(parameters)
    paths = [path for part in parts for path, _ in part]
    yield from _picture(paths, dataset, parameters)
    folder = Path(parameters["path"])
    if labels := parameters.get("labels"):
        yield f"folder = Path({quoted(str(folder))})"
        yield f"table = {_read_labels(Path(labels))}"
        yield f"x = {_gathered(dataset, 'folder / name', 'name', 'table.file')}"
        yield f"y = {_labels(dataset)}"
        yield from draw(dataset, parameters["split_seed"], y_test)
        yield PARTS
        return
    what = "The paths of the pictures" if stays_on_disk(dataset) else "The pictures"
    endings = ", ".join(quoted(ending) for ending in sorted({path.suffix.lower() for path in paths}))
    yield f"""classes = {names_of(dataset.classes)}


def pictures(folder):
    \"""{what} in the folder of each class, and their labels.\"""
    found = [(path, label) for label, name in enumerate(classes) for path in sorted(Path(folder, name).rglob("*"))]
    found = [(path, label) for path, label in found if path.suffix.lower() in {{{endings}}}]
    return {_gathered(dataset, "path", "path, _", "found")}, np.array([label for _, label in found])

"""
    if len(parts) == 1:
        yield f"x, y = pictures({quoted(str(folder))})"
        yield from draw(dataset, parameters["split_seed"], y_test)
        yield PARTS
        return
    test_path = parameters.get("test_path")
    train, test = (folder, Path(test_path)) if test_path else (folder / "train", folder / "test")
    yield f"x_train, y_train = pictures({quoted(str(train))})"
    yield f"x_test, y_test = pictures({quoted(str(test))})"


def _picture(paths: list[Path], dataset: Dataset, parameters: Mapping[str, Any]) -> Iterator[str]:
    """A function that reads one picture, with no more in it than these pictures need."""
    from PIL import Image

    mode = "L" if len(dataset.shape) == 2 else "RGB"
    deep = transparent = turned = False
    for path in paths:
        with Image.open(path) as opened:
            deep = deep or opened.mode.startswith("I;16")
            transparent = transparent or opened.has_transparency_data
            turned = turned or opened.getexif().get(274, 1) != 1  # the tag of the orientation
    yield "def picture(path):"
    yield "    image = ImageOps.exif_transpose(Image.open(path))" if turned else "    image = Image.open(path)"
    if deep:
        yield '    if image.mode.startswith("I;16"):  # 16 bits a pixel'
        yield '        image = Image.fromarray((np.asarray(image) >> 8).astype("uint8"))'
    if transparent:
        yield '    paper = Image.new("RGBA", image.size, "white")'
        yield '    paper.alpha_composite(image.convert("RGBA"))'
        yield '    image = paper.convert("RGB")'
    if not parameters.get("size"):
        yield f'    return np.asarray(image.convert("{mode}"))\n\n'
        return
    height, width = parameters["size"]
    yield f"    smaller = image.width >= {width} and image.height >= {height}"
    yield "    resampling = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR"
    yield f'    return np.asarray(image.convert("{mode}").resize(({width}, {height}), resampling))\n\n'


def _read_labels(path: Path) -> str:
    """Source of the table of pictures and labels, all of it text, with no more done to it than this one needs."""
    arguments = [quoted(str(path)), "dtype=str", "keep_default_na=False", "skipinitialspace=True"]
    cells = cells_of(path)
    spaces = ".rename(columns=str.strip).apply(lambda column: column.str.strip())" if end_in_spaces(cells) else ""
    empty = ".query(\"file != ''\")" if (cells == "").all(axis=1).any() else ""
    return f"{call('pd.read_csv', arguments)}{spaces}{empty}"


def _gathered(dataset: Dataset, path: str, each: str, of: str) -> str:
    """Source of an array of the pictures at these paths; of the paths alone where the pictures stay on disk."""
    made = f"np.array([{path}" if stays_on_disk(dataset) else f"np.stack([picture({path})"
    return f"{made} for {each} in {of}])"


def _labels(dataset: Dataset) -> str:
    names = names_of(dataset.classes)
    if dataset.task == "classification":
        return f'table["label"].map({names}.index).to_numpy()'
    if dataset.task == "regression":
        return 'table["label"].to_numpy("float32").reshape(-1, 1)'
    said = '[name.strip() for name in names.split(";")]'
    return f'np.array([[label in {said} for label in {names}] for names in table["label"]], "float32")'
