"""Arrays: an NPZ file, as `numpy.savez` writes it."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.content import Arrays
from nnexp.data.own.kinds import BadData
from nnexp.data.own.labels import is_test, labels_of, need_all_classes

if TYPE_CHECKING:
    import numpy as np

_X = ("x", "X", "data", "images", "features", "x_train")
_Y = ("y", "Y", "target", "labels", "y_train")


def arrays_of_npz(parameters: Mapping[str, Any]) -> tuple[Arrays, tuple[str, ...]]:
    """The arrays of an NPZ file, and the names of its classes.

    Raises:
        BadData: it holds no such arrays.
    """
    import numpy as np

    given = {name: parameters.get(name) for name in ("x", "y")}
    held = _load(Path(parameters["path"]))
    x, y = _pick(held, given["x"], _X, "x"), _pick(held, given["y"], _Y, "y")
    x_test = y_test = None
    if test_path := parameters.get("test_path"):
        other = _load(Path(test_path))
        x_test, y_test = _pick(other, given["x"], (*_X, "x_test"), "x"), _pick(other, given["y"], (*_Y, "y_test"), "y")
    elif {"x_test", "y_test"} <= held.keys() and not parameters.get("test"):
        x_test, y_test = held["x_test"], held["y_test"]
    parts = [(x, y)] if x_test is None or y_test is None else [(x, y), (x_test, y_test)]
    for examples, labels in parts:
        if labels.ndim != 1 or len(examples) != len(labels) or examples.ndim < 2:
            message = f"the examples have the shape {examples.shape}, the labels {labels.shape}"
            raise BadData(message, "wanted: examples [n, ...] and one label each, [n]")
        if examples.shape[1:] != x.shape[1:]:
            message = f"test examples have the shape {examples.shape[1:]}, the others {x.shape[1:]}"
            raise BadData(message, "", "test_path")
    if not all(len(labels) for _, labels in parts):
        raise BadData("an array of examples is empty", "", "test_path" if len(parts) == 2 else "path")
    found, classes = _labels(np.concatenate([labels for _, labels in parts]), parameters.get("classes"))
    if len(parts) == 2:
        need_all_classes(found[: len(x)], found[len(x) :], classes)
        return Arrays(_examples(x), found[: len(x)], _examples(parts[1][0]), found[len(x) :]), classes
    test = is_test(found, None, parameters)
    need_all_classes(found[~test], found[test], classes)
    x = _examples(x)
    return Arrays(x[~test], found[~test], x[test], found[test]), classes


def _labels(values: np.ndarray, named: Sequence[str] | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Whole numbers from 0 are the places of the named classes; all else is their names."""
    if named and values.dtype.kind in "iu" and not set(map(str, values.tolist())) <= set(named):
        if values.min() < 0 or values.max() >= len(named):
            message = f"the labels go from {values.min()} to {values.max()}, `classes` has {len(named)} names"
            raise BadData(message, "give a name for each label, from 0", "classes")
        return values.astype("int32"), tuple(named)
    return labels_of(values.tolist(), named, "the array of labels")


def _load(path: Path) -> dict[str, np.ndarray]:
    import numpy as np

    hint = "numpy.savez(file, x=…, y=…) writes one; arrays of objects cannot be read"
    try:
        found = np.load(path, allow_pickle=False)
        if not isinstance(found, np.lib.npyio.NpzFile):
            raise BadData(f"{path.name} is a single array, no NPZ file", hint)
        with found:
            return {name: found[name] for name in found.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile):
        raise BadData(f"{path.name} is no NPZ file, or a damaged one", hint) from None


def _pick(held: Mapping[str, np.ndarray], given: str | None, usual: tuple[str, ...], parameter: str) -> np.ndarray:
    names = [given] if given else [name for name in usual if name in held]
    if not names or names[0] not in held:
        what = f"no array {given!r}" if given else f"no array of the name {' or '.join(usual)}"
        raise BadData(f"the file has {what}", f"it has: {', '.join(held) or 'none'}", parameter)
    return held[names[0]]


def _examples(x: np.ndarray) -> np.ndarray:
    """Bytes stay bytes; all else becomes float32."""
    import numpy as np

    if x.dtype == np.uint8:
        return x
    if x.dtype.kind not in "iufb":
        raise BadData(f"the examples are of type {x.dtype}, not numbers", "", "x")
    found = x.astype(np.float32)
    if not np.isfinite(found).all():
        place = tuple(int(index) for index in np.argwhere(~np.isfinite(found))[0])
        raise BadData(f"the examples hold a value that is no finite number, at {list(place)}", "", "x")
    return found
