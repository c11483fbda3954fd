"""Examples with labels, on which a model can be evaluated: of a dataset, or in files of the user's."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.rows import Examples
from nnexp.data.splits import fingerprint
from nnexp.errors import InputError
from nnexp.inference.inputs import PICTURES
from nnexp.inference.signature import Signature
from nnexp.inference.tables import read_labelled
from nnexp.runs.reading import printable
from nnexp.runs.record import kind_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Labelled:
    """Raw examples and their labels, which are places in the model's classes."""

    name: str  # of where they are from
    x: Examples  # [n, ...]
    labels: NDArray[Any]  # [n]
    fingerprint: str


def labelled_in(path: Path, signature: Signature) -> Labelled:
    """All examples of a table, of an NPZ file, or of a folder with a folder of pictures for each class.

    Raises:
        InputError: it cannot be read, does not fit the model, or has classes that the model does not know.
    """
    suffix, kind = path.suffix.lower(), kind_of(path)
    if kind == "nothing":
        raise InputError(f"{printable(path)}: there is no such file or folder")
    if kind == "directory":
        x, labels = _pictures(path, signature)
    elif suffix == ".npz":
        x, labels = _arrays(path, signature)
    elif suffix in (".csv", ".parquet"):
        x, labels = read_labelled(path, signature)
    else:
        wanted = "an .npz file, a folder with a folder of pictures for each class, or for a run on an own table a table"
        raise InputError(f"{printable(path)} holds no examples with labels that are known here\nknown: {wanted}")
    return Labelled(printable(path), x, labels, fingerprint(x, labels))


def _pictures(folder: Path, signature: Signature) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    import numpy as np

    from nnexp.inference.pictures import read_picture

    try:
        kinds = sorted(kind for kind in folder.iterdir() if kind.is_dir() and not kind.name.startswith("."))
        files = [(path, kind.name) for kind in kinds for path in sorted(kind.rglob("*"))]
    except OSError as error:
        raise InputError(f"{printable(error.filename)} cannot be looked into: {error.strerror}") from None
    found = [(path, _label(kind, signature.classes, folder)) for path, kind in files if path.suffix.lower() in PICTURES]
    if not found:
        raise InputError(f"{printable(folder)} has no folders with pictures in them; wanted: one for each class")
    x = np.stack([read_picture(path, signature)[0] for path, _ in found])
    return x, np.array([label for _, label in found], np.int32)


def _arrays(path: Path, signature: Signature) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    import numpy as np

    from nnexp.inference.arrays import load_arrays, read_examples

    x = read_examples(path, signature)
    rows = {name: array for name, array in load_arrays(path).items() if array.shape == (len(x),)}
    if len(rows) != 1:
        raise InputError(f"{printable(path)} needs one array of {len(x):,} labels beside its examples, not {len(rows)}")
    [cells] = rows.values()
    if cells.dtype.kind not in "iuU":
        raise InputError(f"{printable(path)}: its labels are {cells.dtype}; wanted: whole numbers, or names of classes")
    named = set(map(str, cells.tolist())) <= set(signature.classes)
    if not named and cells.dtype.kind in "iu" and cells.min() >= 0 and cells.max() < len(signature.classes):
        return x, cells.astype(np.int32)  # places in the classes
    return x, np.array([_label(str(cell), signature.classes, path) for cell in cells], np.int32)


def _label(name: str, classes: Sequence[str], path: Path) -> int:
    if name in classes:
        return classes.index(name)
    near = difflib.get_close_matches(name, classes, n=1, cutoff=0.5)
    guess = f"; is it {near[0]!r}?" if near else ""
    raise InputError(f"{printable(path)} has the class {printable(name)!r}, which the model does not know{guess}")
