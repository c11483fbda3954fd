"""A run's predictions.npz, as one may read it from a stranger: no pickles, no bombs, arrays that belong together."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.runs.reading import Refused, content_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A million test examples of ten classes make 28 MB, ImageNet's fifty thousand of a thousand 100 MB.
_MOST_MEGABYTES = 256
_LONGEST_LIST = 4096  # bytes; that of the four arrays takes 300


@dataclass(frozen=True, slots=True)
class Tested:
    """What a run predicted on the test split."""

    labels: NDArray[Any]  # [n] of classes; [n, labels] of 0 and 1, or [n, targets] of values
    predicted: NDArray[Any]  # as labels
    split: str  # the fingerprint of the test split
    probabilities: NDArray[Any]  # [n, classes or labels]; [n, 0] where not asked for


def read_predictions(path: Path, *, probabilities: bool) -> Tested:
    """Read predictions.npz, its probabilities on demand.

    Raises:
        Refused: it is not what nnexp writes, with the reason in words.
        OSError: it is missing, or cannot be read.
    """
    import numpy as np

    content = content_of(path, _MOST_MEGABYTES)
    names = ("labels", "predicted", "split_fingerprint", *(["probabilities"] if probabilities else []))
    try:
        arrays = _arrays(content, names)
        labels, predicted, split = arrays["labels"], arrays["predicted"], str(arrays["split_fingerprint"])
    except Refused:
        raise
    except Exception as error:  # noqa: BLE001  zipfile and NumPy name no end to what damaged archives may raise
        raise Refused(f"damaged ({type(error).__name__})") from None
    if labels.ndim not in (1, 2) or labels.shape != predicted.shape or not labels.size:
        raise Refused("its predictions are not one for each label")
    if any(array.dtype.kind not in "biuf" or array.dtype.itemsize > 8 for array in (labels, predicted)):
        raise Refused("its labels and predictions are no numbers")
    if not probabilities:
        return Tested(labels, predicted, split, np.empty((len(labels), 0)))
    if "probabilities" not in arrays and labels.ndim == 2 and labels.dtype.kind == "f":  # values have none
        return Tested(labels, predicted, split, np.empty((len(labels), 0)))
    shares = arrays.get("probabilities", np.empty(0))
    if shares.ndim != 2 or len(shares) != len(labels) or shares.dtype.kind != "f":
        raise Refused("its probabilities are not those of each example")
    if labels.ndim == 2:
        if labels.shape != shares.shape or {*np.unique(labels), *np.unique(predicted)} - {0, 1}:
            raise Refused("its labels are not 0 and 1, with a probability each")
    elif predicted.dtype.kind not in "iu" or predicted.min() < 0 or predicted.max() >= shares.shape[1]:
        raise Refused("it predicts classes that have no probability")
    return Tested(labels, predicted, split, shares)


def _arrays(content: bytes, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """The arrays of those names. What an archive says of sizes is asked before, and held to while unpacking."""
    # The last record of a zip archive, 22 bytes, says how long the list of members is, which zipfile goes through; one
    # right before it (of zip64, 20 bytes) could say otherwise.
    end, before = content[-22:], content[-42:-22]
    if end[:4] != b"PK\5\6" or before[:4] == b"PK\6\7" or int.from_bytes(end[12:16], "little") > _LONGEST_LIST:
        raise Refused("no archive that nnexp writes")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        held = set(archive.namelist())
        members = {name: archive.getinfo(f"{name}.npy") for name in names if f"{name}.npy" in held}
        if sum(member.file_size for member in members.values()) > _MOST_MEGABYTES * 1_000_000:
            raise Refused(f"it unpacks to more than {_MOST_MEGABYTES} MB, which no run makes it")
        if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members.values()):
            raise Refused("no archive that nnexp writes")  # the others unpack whole blocks, of any size
        found = {}
        for name, member in members.items():
            with archive.open(member) as file:
                found[name] = _array(file.read(member.file_size))  # asked for so many bytes, it unpacks no more
        return found


def _array(content: bytes) -> NDArray[Any]:
    """The array of a .npy file: a view of its bytes, so that its header alone makes nothing large."""
    import numpy as np
    from numpy.lib import format as npy

    file = io.BytesIO(content)
    if npy.read_magic(file) != (1, 0):
        raise Refused("no arrays that nnexp writes")
    shape, fortran, dtype = npy.read_array_header_1_0(file)
    if dtype.hasobject:
        raise Refused("it holds pickled objects, which could run code; they are never loaded")
    return np.frombuffer(content, dtype, offset=file.tell()).reshape(shape, order="F" if fortran else "C")
