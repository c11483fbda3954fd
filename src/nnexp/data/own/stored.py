"""Arrays that lie in a file as they are: NPY, as `numpy.save` writes it, and IDX, the format of MNIST.

Such a file is mapped to memory; one that would fill too much of it stays where it is, and is streamed.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.content import Arrays
from nnexp.data.own.arrays import examples_type, in_memory, need_finite, need_matching_parts, targets_of_array
from nnexp.data.own.kinds import BadData
from nnexp.data.own.labels import is_test
from nnexp.data.own.members import BAD_HEADER
from nnexp.data.own.targets import Targets
from nnexp.data.rows import Examples, part, rows_of, streamed

if TYPE_CHECKING:
    import numpy as np

_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def arrays_of_stored(kind: str, parameters: Mapping[str, Any]) -> tuple[Arrays, Targets]:
    """The arrays of two files, of examples and of labels, or of four; and their targets.

    Raises:
        BadData: they are no such files, or do not fit together.
    """
    import numpy as np

    if bool(parameters.get("test_path")) != bool(parameters.get("test_y")):
        given = "test_path" if parameters.get("test_path") else "test_y"
        raise BadData("test_path and test_y go together: examples and their labels", "give both, or neither", given)
    names = [("path", "y"), ("test_path", "test_y")] if parameters.get("test_path") else [("path", "y")]
    parts = [(read_stored(kind, parameters, x), np.asarray(read_stored(kind, parameters, y))) for x, y in names]
    need_matching_parts([(x.shape, y.shape) for x, y in parts])
    types = [examples_type(x.dtype, name) for (x, _), (name, _) in zip(parts, names, strict=True)]
    stay = streamed(
        parameters["stream"], sum(x.size * dtype.itemsize for (x, _), dtype in zip(parts, types, strict=True))
    )
    found = [_examples(x, dtype, stay, name) for (x, _), dtype, (name, _) in zip(parts, types, names, strict=True)]
    targets = targets_of_array("y", np.concatenate([y for _, y in parts]), parameters)
    if len(found) == 2:
        test = np.arange(len(targets.values)) >= len(found[0])
        [x_train, x_test] = found
    else:
        test = is_test(targets.values, None, parameters)
        x_train, x_test = part(found[0], ~test), part(found[0], test)
    y_train, y_test = targets.parted(test)
    held_out = test if len(found) == 1 else None
    return Arrays(x_train, y_train, x_test, y_test, held_out=held_out), targets


def _examples(x: np.ndarray, dtype: np.dtype[Any], stay: bool, parameter: str) -> Examples:
    import numpy as np

    found: Examples
    if not stay:
        found = in_memory(x, dtype)
    elif isinstance(x, np.memmap) and x.flags.c_contiguous:
        found = rows_of(x, dtype)
    else:
        why = "it is compressed" if not isinstance(x, np.memmap) else "its examples do not lie one after the other"
        message = f"these examples cannot be streamed from their file: {why}"
        raise BadData(message, "unpack the file, or numpy.save(file, numpy.ascontiguousarray(x))", parameter)
    need_finite(found, parameter)
    return found


def read_stored(kind: str, parameters: Mapping[str, Any], parameter: str) -> np.ndarray:
    """The array in the file of that parameter, as it lies there.

    Raises:
        BadData: it is no such file.
    """
    path = Path(parameters[parameter])
    return _npy(path, parameter) if kind == "npy" else _idx(path, parameter)


def _npy(path: Path, parameter: str) -> np.ndarray:
    import numpy as np

    hint = "numpy.save(file, x) writes one; arrays of objects cannot be read"
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (*BAD_HEADER, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise BadData(f"{path.name} is no NPY file, or a damaged one", hint, parameter) from None
    if not isinstance(found, np.ndarray):
        found.close()
        raise BadData(f"{path.name} is an NPZ file, which holds several arrays", "write  npz: {path: …}", parameter)
    return found


def _idx(path: Path, parameter: str) -> np.ndarray:
    """An IDX file, or one in gzip: two zeros, the type, the rank, each size as a big-endian int, the data."""
    import numpy as np

    damaged = BadData(
        f"{path.name} is no IDX file, or a damaged one", "wanted: the format of MNIST's files, .gz or not", parameter
    )
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            zeros, code, rank = struct.unpack(">HBB", file.read(4))
            shape = struct.unpack(f">{rank}I", file.read(4 * rank))
            if zeros or code not in _IDX_TYPES or not rank:
                raise damaged
            dtype = np.dtype(_IDX_TYPES[code])
            size = math.prod(shape) * dtype.itemsize
            if packed:
                data = file.read(size + 1)
                if len(data) != size:
                    raise damaged
                return np.frombuffer(data, dtype).reshape(shape)
        offset = 4 + 4 * rank
        if path.stat().st_size != offset + size:
            raise damaged
        return np.memmap(path, dtype, "r", offset, shape) if size else np.empty(shape, dtype)
    except (struct.error, EOFError, zlib.error, gzip.BadGzipFile, OverflowError):
        raise damaged from None
    except MemoryError:
        message = f"{path.name} is no IDX file, or has more in it than the memory"
        raise BadData(message, "unpack the file: then it can stay on disk", parameter) from None
