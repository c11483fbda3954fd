"""Arrays: an NPZ file, as `numpy.savez` writes it."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.content import Arrays
from nnexp.data.own.kinds import BadData
from nnexp.data.own.labels import is_test
from nnexp.data.own.targets import Targets, targets_of, weights_of

if TYPE_CHECKING:
    import numpy as np

X_NAMES = ("x", "X", "data", "images", "features", "x_train")
Y_NAMES = ("y", "Y", "target", "labels", "y_train")


def arrays_of_npz(parameters: Mapping[str, Any]) -> tuple[Arrays, Targets]:
    """The arrays of an NPZ file, and their targets.

    Raises:
        BadData: it holds no such arrays.
    """
    import numpy as np

    given = {name: parameters.get(name) for name in ("x", "y")}
    held = _load(Path(parameters["path"]))
    x, y = held[_pick(held, given["x"], X_NAMES, "x")], held[name := _pick(held, given["y"], Y_NAMES, "y")]
    parts = [(x, y)]
    if test_path := parameters.get("test_path"):
        other = _load(Path(test_path))
        x_name = _pick(other, given["x"], (*X_NAMES, "x_test"), "x")
        parts.append((other[x_name], other[_pick(other, given["y"], (*Y_NAMES, "y_test"), "y")]))
    elif {"x_test", "y_test"} <= held.keys():
        if parameters.get("test"):
            raise BadData("the arrays x_test and y_test say what the test part is", "remove `test`", "test")
        parts.append((held["x_test"], held["y_test"]))
    need_matching_parts(parts)
    targets = targets_of_array(name.removesuffix("_train"), np.concatenate([labels for _, labels in parts]), parameters)
    parted = len(parts) == 2
    test = np.arange(len(targets.values)) >= len(x) if parted else is_test(targets.values, None, parameters)
    y_train, y_test = targets.parted(test)
    x = _examples(x)
    x_train, x_test = (x, _examples(parts[1][0])) if parted else (x[~test], x[test])
    weights = None
    if weighted := parameters.get("weights"):
        cells = held[_pick(held, weighted, (), "weights")]
        if cells.shape != (len(x),):
            raise BadData(f"the array {weighted!r} has the shape {cells.shape}, not ({len(x)},)", "", "weights")
        places = np.flatnonzero(~test[: len(x)])
        weights = weights_of(weighted, cells[places], "weights", lambda place: f"example {places[place]}")
    return Arrays(x_train, y_train, x_test, y_test, weights, None if parted else test), targets


def need_matching_parts(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """That examples and labels, of the training part or of all, and of the test part, are of one kind and as many.

    Raises:
        BadData: they are not.
    """
    x, y = parts[0]
    for examples, labels in parts:
        if labels.ndim not in (1, 2) or len(examples) != len(labels) or examples.ndim < 2:
            message = f"the examples have the shape {examples.shape}, the labels {labels.shape}"
            raise BadData(message, "wanted: examples [n, ...] and labels [n], or targets [n, k]")
        if examples.shape[1:] != x.shape[1:] or labels.shape[1:] != y.shape[1:]:
            message = f"test examples have the shape {examples.shape[1:]}, the others {x.shape[1:]}; "
            message += f"their labels {labels.shape[1:]}, the others {y.shape[1:]}"
            raise BadData(message, "", "test_path")
    if not all(len(labels) for _, labels in parts):
        raise BadData("an array of examples is empty", "", "test_path" if len(parts) == 2 else "path")


def targets_of_array(name: str, y: np.ndarray, parameters: Mapping[str, Any]) -> Targets:
    """The targets in an array [n] or [n, k] of that name; several are called `name_0` and so on, or as `classes` say.

    Whole numbers from 0 are the places of the named classes; all else is their names.

    Raises:
        BadData: they are not what the task takes.
    """
    classes = parameters.get("classes")
    task = parameters.get("task")
    if y.dtype.kind not in "iufbU" or 0 in y.shape:
        raise BadData(f"the labels are {y.dtype}{list(y.shape)}", "wanted: numbers or texts, [n] or [n, k]", "y")
    if y.ndim == 2 and y.shape[1] > 1:
        columns = {f"{name}_{place}": y[:, place] for place in range(y.shape[1])}
        return targets_of(columns, parameters, _example)
    y = y.reshape(len(y))
    places = task in (None, "classification") and len(classes or ()) > 1 and y.dtype.kind in "iub"
    if not places or set(map(str, y.tolist())) <= set(classes or ()):
        return targets_of({name: y}, parameters, _example)
    if y.min() < 0 or y.max() >= len(classes or ()):
        message = f"the labels go from {y.min()} to {y.max()}, `classes` has {len(classes or ())} names"
        raise BadData(message, "give a name for each label, from 0", "classes")
    return Targets("classification", y.astype("int32"), tuple(classes or ()))


def _example(place: int) -> str:
    return f"example {place}"


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


def _pick(held: Mapping[str, np.ndarray], given: str | None, usual: tuple[str, ...], parameter: str) -> str:
    """The name of the array that is meant."""
    names = [given] if given else [name for name in usual if name in held]
    if not names or names[0] not in held:
        what = f"no array {given!r}" if given else f"no array of the name {' or '.join(usual)}"
        raise BadData(f"the file has {what}", f"it has: {', '.join(held) or 'none'}", parameter)
    return names[0]


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
