"""How the program of a run reads arrays: NPZ, NPY and IDX files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.dataset import Dataset
from nnexp.data.own.arrays import X_NAMES, Y_NAMES
from nnexp.data.own.stored import read_stored
from nnexp.errors import InputError
from nnexp.export.expressions import names_of, quoted
from nnexp.export.parting import PARTS, draw

if TYPE_CHECKING:
    from numpy.typing import NDArray


def of_npz(kind: str, dataset: Dataset, parameters: Mapping[str, Any], y_test: NDArray[Any]) -> Iterator[str]:
    """The lines that read an NPZ file and hold out its test part, as the run did."""
    import numpy as np

    with np.load(parameters["path"], allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    x, y = (
        parameters.get(given) or next(name for name in usual if name in arrays)
        for given, usual in (("x", X_NAMES), ("y", Y_NAMES))
    )
    yield f"held = np.load({quoted(str(parameters['path']))})"
    parted = {"x_test", "y_test"} <= arrays.keys() and not parameters.get("test_path")
    if test_path := parameters.get("test_path"):
        with np.load(test_path, allow_pickle=False) as other:
            tested = [
                parameters.get(given) or next(name for name in (*usual, f"{given}_test") if name in other.files)
                for given, usual in (("x", X_NAMES), ("y", Y_NAMES))
            ]
        yield f"held_out = np.load({quoted(str(test_path))})"
    ending = "_train" if parted or test_path else ""
    yield f"x{ending} = {_examples(f'held[{quoted(x)}]', arrays[x])}"
    yield f"y{ending} = {_labels(f'held[{quoted(y)}]', arrays[y], dataset)}"
    if weighted := parameters.get("weights"):
        yield f'weights = held[{quoted(weighted)}].astype("float32")'
    if parted or test_path:
        from_there = [f"held[{quoted(f'{name}_test')}]" for name in "xy"]
        from_there = [f"held_out[{quoted(name)}]" for name in tested] if test_path else from_there
        yield f"x_test = {_examples(from_there[0], arrays[x])}"
        yield f"y_test = {_labels(from_there[1], arrays[y], dataset)}"
        return
    yield from draw(dataset, parameters["split_seed"], y_test)
    yield PARTS
    yield from ["weights = weights[~test]"] if weighted else []


def of_stored(kind: str, dataset: Dataset, parameters: Mapping[str, Any], y_test: NDArray[Any]) -> Iterator[str]:
    """The lines that read NPY or IDX files and hold out their test part, as the run did.

    Raises:
        InputError: an IDX file of other numbers than bytes, which no short program reads.
    """
    names = {"x": "path", "y": "y"}
    if parameters.get("test_path"):
        names = {"x_train": "path", "y_train": "y", "x_test": "test_path", "y_test": "test_y"}
    if kind == "idx":
        yield _IDX
    for name, parameter in names.items():
        source, held = _stored(kind, parameters, parameter)
        yield f"{name} = {_labels(source, held, dataset) if name[0] == 'y' else _examples(source, held)}"
    if len(names) == 2:
        yield from draw(dataset, parameters["split_seed"], y_test)
        yield PARTS


_IDX = '''\
def read_idx(path):
    """The array of bytes in a file of the format that MNIST has."""
    data = Path(path).read_bytes()
    data = gzip.decompress(data) if data[:2] == b"\\x1f\\x8b" else data
    shape = struct.unpack_from(f">{data[3]}I", data, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)

'''


def _stored(kind: str, parameters: Mapping[str, Any], parameter: str) -> tuple[str, NDArray[Any]]:
    held, path = read_stored(kind, parameters, parameter), parameters[parameter]
    if kind == "npy":
        return f"np.load({quoted(str(path))})", held
    if str(held.dtype) != "uint8":
        message = f"{Path(path).name} holds {held.dtype}, which no short program reads"
        raise InputError(f"{message}; the model itself can be exported:  --format keras")
    return f"read_idx({quoted(str(path))})", held


def _examples(source: str, held: NDArray[Any]) -> str:
    """Bytes stay bytes; all else is float32."""
    return source if held.dtype in ("uint8", "float32") else f'{source}.astype("float32")'


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
