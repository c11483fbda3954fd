"""How the program of a run reads arrays: NPZ, NPY and IDX files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nnexp.data.dataset import Dataset
from nnexp.data.own.arrays import X_NAMES, Y_NAMES
from nnexp.data.own.stored import read_stored
from nnexp.export.batches import file_of, stays_on_disk
from nnexp.export.expressions import call, names_of, quoted
from nnexp.export.parting import PARTS, draw

if TYPE_CHECKING:
    from numpy.typing import NDArray


def of_npz(kind: str, dataset: Dataset, parameters: Mapping[str, Any], y_test: NDArray[Any]) -> Iterator[str]:
    """The lines that read an NPZ file and hold out its test part, as the run did."""
    import numpy as np

    with np.load(parameters["path"], allow_pickle=False) as held:
        names = set(held.files)
        x, y = (
            parameters.get(given) or next(name for name in usual if name in names)
            for given, usual in (("x", X_NAMES), ("y", Y_NAMES))
        )
        labels = held[y]  # of the examples no more than their type is asked, which the dataset knows
    yield f"held = np.load({quoted(str(parameters['path']))})"
    parted = {"x_test", "y_test"} <= names and not parameters.get("test_path")
    if test_path := parameters.get("test_path"):
        with np.load(test_path, allow_pickle=False) as other:
            tested = [
                parameters.get(given) or next(name for name in (*usual, f"{given}_test") if name in other.files)
                for given, usual in (("x", X_NAMES), ("y", Y_NAMES))
            ]
        yield f"held_out = np.load({quoted(str(test_path))})"
    ending = "_train" if parted or test_path else ""
    yield f"x{ending} = {_examples(f'held[{quoted(x)}]', dataset)}"
    yield f"y{ending} = {_labels(f'held[{quoted(y)}]', labels, dataset)}"
    if weighted := parameters.get("weights"):
        yield f'weights = held[{quoted(weighted)}].astype("float32")'
    if parted or test_path:
        from_there = [f"held[{quoted(f'{name}_test')}]" for name in "xy"]
        from_there = [f"held_out[{quoted(name)}]" for name in tested] if test_path else from_there
        yield f"x_test = {_examples(from_there[0], dataset)}"
        yield f"y_test = {_labels(from_there[1], labels, dataset)}"
        return
    yield from draw(dataset, parameters["split_seed"], y_test)
    yield PARTS
    yield from ["weights = weights[~test]"] if weighted else []


def of_stored(kind: str, dataset: Dataset, parameters: Mapping[str, Any], y_test: NDArray[Any]) -> Iterator[str]:
    """The lines that read NPY or IDX files and hold out their test part, as the run did.

    Where the examples stay on disk `x` are their places in the file.
    """
    parts = [("", "path", "y")]
    if parameters.get("test_path"):
        parts = [("_train", "path", "y"), ("_test", "test_path", "test_y")]
    if kind == "idx":
        yield _IDX
    for part, x, y in parts:
        held, labels = (read_stored(kind, parameters, name) for name in (x, y))
        source = _source(kind, parameters[x], held, in_memory=not stays_on_disk(dataset))
        if stays_on_disk(dataset):
            file = file_of(dataset, part.removeprefix("_"))
            yield f"{file} = {source}  # stays on disk"
            yield f"x{part} = np.arange(len({file}))  # the places of the examples in it"
        else:
            yield f"x{part} = {_examples(source, dataset)}"
        yield f"y{part} = {_labels(_source(kind, parameters[y], labels), labels, dataset)}"
    if len(parts) == 1:
        yield from draw(dataset, parameters["split_seed"], y_test)
        yield PARTS


_IDX = '''\
def read_idx(path, kind="u1"):
    """The array in a file of the format that MNIST has; a plain file is read as it is needed."""
    data = np.memmap(path, mode="r")
    if data[:2].tobytes() == b"\\x1f\\x8b":
        data = np.frombuffer(gzip.decompress(data), "u1")
    shape = struct.unpack_from(f">{data[3]}I", data, 4)
    return data[4 + 4 * len(shape) :].view(kind).reshape(shape)

'''


def _source(kind: str, path: str, held: NDArray[Any], *, in_memory: bool = True) -> str:
    """Source of the array in a file."""
    if kind == "npy":
        return call("np.load", [quoted(str(path)), *([] if in_memory else ['mmap_mode="r"'])])
    return call("read_idx", [quoted(str(path)), *([] if held.dtype == "uint8" else [quoted(held.dtype.str)])])


def _examples(source: str, dataset: Dataset) -> str:
    """Bytes stay bytes; all else is float32."""
    return source if dataset.dtype == "uint8" else f'{source}.astype("float32")'


def _labels(source: str, held: NDArray[Any], dataset: Dataset) -> str:
    if dataset.task != "classification":
        return f'{source}.astype("float32").reshape(-1, {len(dataset.classes)})'
    flat = f"{source}.reshape(-1)" if held.ndim > 1 else source
    if _in_places(held, dataset):
        return flat if str(held.dtype) == "int32" else f'{flat}.astype("int32")'
    whole = "int(value)" if held.dtype.kind == "f" else "value"
    return f"np.array([{names_of(dataset.classes)}.index(str({whole})) for value in {flat}])"


def _in_places(held: NDArray[Any], dataset: Dataset) -> bool:
    """Whether the labels in a file are whole numbers from 0, which are the places of the classes."""
    if held.dtype.kind not in "iu":
        return False
    numbered = dataset.classes == tuple(map(str, range(len(dataset.classes))))
    return numbered or not set(map(str, held.reshape(-1).tolist())) <= set(dataset.classes)
