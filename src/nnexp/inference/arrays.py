"""An array file as the examples of a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.own.arrays import X_NAMES
from nnexp.data.own.members import UNREADABLE
from nnexp.errors import InputError
from nnexp.inference.signature import Signature
from nnexp.runs.reading import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def read_examples(path: Path, signature: Signature) -> NDArray[np.float32]:
    """The examples [n, ...] in an .npy file, or in the one array of an .npz file that fits the model.

    Raises:
        InputError: it cannot be read, no array fits or several do, or values are not finite.
    """
    return examples_among(path, load_arrays(path), signature)[1]


def examples_among(
    path: Path, arrays: Mapping[str, NDArray[Any]], signature: Signature
) -> tuple[str, NDArray[np.float32]]:
    """The name of the one array of a file that fits the model, and its examples [n, ...].

    Where several do, it is the one that is called as examples usually are.

    Raises:
        InputError: no array fits or several do, or values are not finite.
    """
    import numpy as np

    name = printable(path)
    fitting = {key: found for key, array in arrays.items() if (found := _fitted(array, signature)) is not None}
    if len(fitting) > 1:  # of a model of one number, labels fit as well
        fitting = {key: found for key, found in fitting.items() if key in (*X_NAMES, "x_test")} or fitting
    if len(fitting) != 1:
        held = ", ".join(f"{printable(key)} {array.dtype}{list(array.shape)}" for key, array in arrays.items())
        wanted = f"n examples of the shape {list(signature.shape)}"
        if fitting:
            raise InputError(f"{name} has several arrays of {wanted}: {', '.join(map(printable, fitting))}; keep one")
        raise InputError(f"{name} has no array of {wanted}, which the model takes\nit holds: {held or 'none'}")
    [(key, x)] = fitting.items()
    if not len(x):
        raise InputError(f"{name} has no examples; give a file that has some")
    finite = np.isfinite(x.reshape(len(x), -1)).all(axis=1)
    if not finite.all():
        raise InputError(
            f"{name}: example {int(finite.argmin())} has a value that is no finite number; mend or remove it"
        )
    return key, x


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an .npy or .npz file by their names; never what is pickled.

    Raises:
        InputError: it cannot be read.
    """
    import numpy as np

    try:
        with path.open("rb") as file:  # NumPy leaves its own open where the archive is damaged
            found = np.load(file, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return {path.stem: found}
            with found:
                return {name: found[name] for name in found.files}
    except (*UNREADABLE, OSError, MemoryError) as error:
        raise InputError(
            f"{printable(path)} cannot be read as arrays of numbers: {error}; numpy.save and numpy.savez write such"
        ) from None


def _fitted(array: NDArray[Any], signature: Signature) -> NDArray[np.float32] | None:
    """The array as [n, ...] where it is so but for an axis that says nothing; None where it is not."""
    import numpy as np

    if array.dtype.kind not in "biuf":
        return None
    shape = signature.shape
    with np.errstate(over="ignore"):  # what is too large is told as not finite
        array = array.astype(np.float32)
    if array.shape == shape:  # a single example
        return array[None]
    same = array.shape[1:] == shape
    flat = array.ndim == 2 and array.shape[1] == signature.size
    without_channel = shape[-1] == 1 and array.shape[1:] == shape[:-1]
    with_channel = len(shape) == 2 and array.shape[1:] == (*shape, 1)
    if not (same or flat or without_channel or with_channel):
        return None
    return array.reshape(-1, *shape)
