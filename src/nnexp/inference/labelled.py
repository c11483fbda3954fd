"""Examples with labels, on which a model can be evaluated: of a dataset, or in files of the user's."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.own.files import labels_in
from nnexp.data.own.kinds import BadData
from nnexp.data.rows import Examples
from nnexp.data.splits import fingerprint
from nnexp.errors import InputError
from nnexp.files import nearest
from nnexp.inference.arrays import examples_among, load_arrays
from nnexp.inference.inputs import PICTURES, few
from nnexp.inference.signature import NAMED, Signature
from nnexp.inference.tables import read_labelled
from nnexp.runs.reading import printable
from nnexp.runs.record import kind_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PARTS = ("x_test", "y_test")  # where a file has these, the others were trained on


@dataclass(frozen=True, slots=True)
class Labelled:
    """Raw examples and their labels, as `Arrays` has them for the task of the model."""

    name: str  # of where they are from
    x: Examples  # [n, ...]
    labels: NDArray[Any]  # [n] or [n, k]
    fingerprint: str


def labelled_in(path: Path, signature: Signature) -> Labelled:
    """All examples of a table, of an NPZ file, or of pictures: a folder for each class, or with a CSV file of labels.

    The path of pictures with such a file is its own, or that of a folder that it lies in.

    Of an NPZ file with `x_test` and `y_test` only these.

    Raises:
        InputError: it cannot be read, does not fit the model, or has labels that the model does not know.
    """
    suffix, kind = path.suffix.lower(), kind_of(path)
    if kind == "nothing":
        raise InputError(f"{printable(path)}: there is no such file or folder; {printable(nearest(path))}")
    if signature.is_picture and (said := labels_in(path)):
        x, labels = _labelled_pictures(*said, signature)
    elif kind == "directory":
        x, labels = _pictures(path, signature)
    elif suffix == ".npz":
        x, labels = _arrays(path, signature)
    elif suffix in (".csv", ".parquet"):
        x, cells, where = read_labelled(path, signature)
        labels = _labels(path, cells, signature, where)
    else:
        wanted = (
            "an .npz file, pictures in a folder for each class or with a file of labels, or for an own table a table"
        )
        raise InputError(f"{printable(path)} holds no examples with labels that are known here\nknown: {wanted}")
    return Labelled(printable(path), x, labels, fingerprint(x, labels))


def _labels(
    path: Path,
    cells: Mapping[str, Sequence[Any] | NDArray[Any]],
    signature: Signature,
    where: Callable[[int], str],
) -> NDArray[Any]:
    """The labels by what the cells [n] of each column or array say; classes are known by what is shown of them."""
    from nnexp.data.own.labels import places_of
    from nnexp.data.own.targets import targets_of

    try:
        if signature.task == "classification":
            [(name, values)] = cells.items()
            said = [printable(value) if isinstance(value, str) else value for value in values]
            return places_of(said, signature.classes, f"column {printable(name)!r}")
        return targets_of(cells, {"task": signature.task, "classes": signature.classes}, where).values
    except BadData as error:
        raise InputError(f"{printable(path)}: {error}") from None


def _pictures(folder: Path, signature: Signature) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    import numpy as np

    from nnexp.inference.pictures import read_picture

    if signature.task != "classification":
        what = f"folders say a class each, but the model tells {NAMED[signature.task]}"
        raise InputError(f"{printable(folder)}: {what}; wanted: a CSV file with columns file and label")
    try:
        kinds = sorted(kind for kind in folder.iterdir() if kind.is_dir() and not kind.name.startswith("."))
        files = [(path, kind.name) for kind in kinds for path in sorted(kind.rglob("*"))]
    except OSError as error:
        raise InputError(
            f"{printable(error.filename)} cannot be looked into: {error.strerror}; see that you may read it"
        ) from None
    found = [(path, _label(kind, signature, folder)) for path, kind in files if path.suffix.lower() in PICTURES]
    if not found:
        raise InputError(f"{printable(folder)} has no folders with pictures in them; wanted: one for each class")
    x = np.stack([read_picture(path, signature)[0] for path, _ in found])
    return x, np.array([label for _, label in found], np.int32)


def _labelled_pictures(file: Path, folder: Path, signature: Signature) -> tuple[NDArray[np.float32], NDArray[Any]]:
    import numpy as np

    from nnexp.data.own.images import labelled, names_in
    from nnexp.inference.pictures import read_picture

    try:
        found = labelled(folder, file, signature.task)
    except BadData as error:
        raise InputError(f"{printable(file)}: {error}") from None
    said = [label for _, label in found]
    if signature.task == "regression" and len(signature.classes) > 1:
        what = f"has one number for each picture, but the model tells {len(signature.classes)} {NAMED[signature.task]}"
        raise InputError(f"{printable(file)} {what}; give them in an .npz file")
    cells: dict[str, list[Any]] = {signature.classes[0]: said}
    if signature.task == "multi_label":
        several = [names_in(printable(cell)) for cell in said]
        for name in sorted(set().union(*several)):
            _label(name, signature, file)
        cells = {name: [name in names for names in several] for name in signature.classes}
    if signature.task == "classification":
        labels: NDArray[Any] = np.array([_label(name, signature, file) for name in said], np.int32)
    else:
        labels = _labels(file, cells, signature, lambda place: found[place][0].name)
    return np.stack([read_picture(path, signature)[0] for path, _ in found]), labels


def _arrays(path: Path, signature: Signature) -> tuple[NDArray[np.float32], NDArray[Any]]:
    held = load_arrays(path)
    if held.keys() >= set(_PARTS):
        held = {name: held[name] for name in _PARTS}
    name, x = examples_among(path, held, signature)
    count, classes = len(x), signature.classes
    width = 1 if signature.task == "classification" else len(classes)
    shapes = [(count, width), *([(count,)] if width == 1 else [])]
    rows = [array for key, array in held.items() if key != name and array.shape in shapes]
    if len(rows) != 1:
        wanted = f"{count:,} labels" if width == 1 else f"{count:,} by {width} {NAMED[signature.task]}"
        raise InputError(
            f"{printable(path)} needs one array of {wanted} beside its examples, not {len(rows)}; give them in one file"
        )
    cells = rows[0].reshape(count, width)
    if signature.task == "classification":
        return x, _classes(path, cells[:, 0], signature)
    columns = {name: cells[:, place] for place, name in enumerate(classes)}
    return x, _labels(path, columns, signature, lambda place: f"example {place}")


def _classes(path: Path, cells: NDArray[Any], signature: Signature) -> NDArray[np.int32]:
    """Names of classes, or whole numbers: their names too, or their places."""
    import numpy as np

    if cells.dtype.kind not in "iuU":
        raise InputError(f"{printable(path)}: its labels are {cells.dtype}; wanted: whole numbers, or names of classes")
    named = set(map(printable, cells.tolist())) <= set(signature.classes)
    if not named and cells.dtype.kind in "iu" and cells.min() >= 0 and cells.max() < len(signature.classes):
        return cells.astype(np.int32)
    return np.array([_label(str(cell), signature, path) for cell in cells], np.int32)


def _label(name: str, signature: Signature, path: Path) -> int:
    name, classes = printable(name), signature.classes
    if name in classes:
        return classes.index(name)
    near = difflib.get_close_matches(name, classes, n=1, cutoff=0.5)
    guess = f"did you mean {near[0]!r}? " if near else ""
    what = "label" if signature.task == "multi_label" else "class"
    message = f"{printable(path)} has the {what} {name!r}, which the model does not know"
    raise InputError(f"{message}; {guess}known: {few(classes)}")
