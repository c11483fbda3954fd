"""Arrays: an NPZ file, as `numpy.savez` writes it. One that would fill too much of the memory is streamed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.content import Arrays
from nnexp.data.own.kinds import BadData
from nnexp.data.own.labels import is_test
from nnexp.data.own.members import Member, members_of
from nnexp.data.own.targets import Targets, targets_of, weights_of
from nnexp.data.rows import Examples, part, pieces, streamed

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
    held = members_of(Path(parameters["path"]))
    x, y = held[_pick(held, given["x"], X_NAMES, "x")], held[name := _pick(held, given["y"], Y_NAMES, "y")]
    parts = [(x, y)]
    if test_path := parameters.get("test_path"):
        other = members_of(Path(test_path))
        x_name = _pick(other, given["x"], (*X_NAMES, "x_test"), "x")
        parts.append((other[x_name], other[_pick(other, given["y"], (*Y_NAMES, "y_test"), "y")]))
    elif {"x_test", "y_test"} <= held.keys():
        if parameters.get("test"):
            raise BadData("the arrays x_test and y_test say what the test part is", "remove `test`", "test")
        parts.append((held["x_test"], held["y_test"]))
    need_matching_parts([(x.shape, y.shape) for x, y in parts])
    types = [examples_type(x.dtype, "x") for x, _ in parts]
    size = sum(math.prod(x.shape) * dtype.itemsize for (x, _), dtype in zip(parts, types, strict=True))
    stay = streamed(parameters["stream"], size)
    labels = np.concatenate([y.read() for _, y in parts])
    targets = targets_of_array(name.removesuffix("_train"), labels, parameters)
    places = ("path", "test_path" if test_path else "path")
    found: list[Examples] = [
        x.rows(dtype, parameters["sha256"], place) if stay else in_memory(x.read(), dtype)
        for (x, _), dtype, place in zip(parts, types, places, strict=False)
    ]
    for examples in found:
        need_finite(examples, "x")
    parted = len(parts) == 2
    test = np.arange(len(targets.values)) >= len(found[0]) if parted else is_test(targets.values, None, parameters)
    y_train, y_test = targets.parted(test)
    [x_train, x_test] = found if parted else [part(found[0], ~test), part(found[0], test)]
    weights = None
    if weighted := parameters.get("weights"):
        cells = held[_pick(held, weighted, (), "weights")].read()
        if cells.shape != (len(found[0]),):
            raise BadData(
                f"the array {weighted!r} has the shape {cells.shape}, not ({len(found[0])},)",
                "give one weight for each example",
                "weights",
            )
        counted = np.flatnonzero(~test[: len(found[0])])
        weights = weights_of(weighted, cells[counted], "weights", lambda place: f"example {counted[place]}")
    return Arrays(x_train, y_train, x_test, y_test, weights, None if parted else test), targets


def need_matching_parts(parts: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
    """That examples and labels, of the training part or of all, and of the test part, have shapes that fit.

    Raises:
        BadData: they have not.
    """
    x, y = parts[0]
    for examples, labels in parts:
        if len(labels) not in (1, 2) or len(examples) < 2 or examples[0] != labels[0]:
            message = f"the examples have the shape {examples}, the labels {labels}"
            raise BadData(message, "wanted: examples [n, ...] and labels [n], or targets [n, k]")
        if examples[1:] != x[1:] or labels[1:] != y[1:]:
            message = f"test examples have the shape {examples[1:]}, the others {x[1:]}; "
            message += f"their labels {labels[1:]}, the others {y[1:]}"
            raise BadData(message, "wanted: the same shapes in both parts", "test_path")
    if any(0 in examples for examples, _ in parts):
        raise BadData(
            "an array of examples is empty", "wanted: one example or more", "test_path" if len(parts) == 2 else "path"
        )


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


def _pick(held: Mapping[str, Member], given: str | None, usual: tuple[str, ...], parameter: str) -> str:
    """The name of the array that is meant."""
    names = [given] if given else [name for name in usual if name in held]
    if not names or names[0] not in held:
        what = f"no array {given!r}" if given else f"no array of the name {' or '.join(usual)}"
        raise BadData(f"the file has {what}", f"it has: {', '.join(held) or 'none'}", parameter)
    return names[0]


def examples_type(stored: np.dtype[Any], parameter: str) -> np.dtype[Any]:
    """The type of examples in training: bytes stay bytes; all else becomes float32.

    Raises:
        BadData: they are no numbers.
    """
    import numpy as np

    if stored.kind not in "iufb":
        raise BadData(f"the examples are of type {stored}, not numbers", "save them as numbers", parameter)
    return np.dtype("uint8" if stored == np.uint8 else "float32")


def in_memory(x: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """The examples of that type, a copy of what is mapped: that could change."""
    import numpy as np

    with np.errstate(over="ignore"):  # what is too large is told as not finite
        return np.array(x, dtype, copy=isinstance(x, np.memmap) or None)


def need_finite(x: Examples, parameter: str) -> None:
    """That each value is a finite number.

    Raises:
        BadData: one is not; with its place.
    """
    import numpy as np

    if x.dtype == np.uint8:
        return
    before = 0
    for piece in pieces(x):
        wrong = ~np.isfinite(piece)
        if wrong.any():
            first, *within = (int(index) for index in np.argwhere(wrong)[0])
            message = f"the examples hold a value that is no finite number, at {[before + first, *within]}"
            raise BadData(message, "mend that example, or remove it", parameter)
        before += len(piece)
