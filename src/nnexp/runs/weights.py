"""The arrays of a saved model, read as plain numbers: never by Keras' loading, which may run what a model describes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.runs.reading import Refused, content_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_MEGABYTES = 4000  # a billion parameters
_LONGEST_LIST = 1_000_000  # bytes; that of a model's three members takes 200
_MEMBER = "model.weights.h5"


def read_weights(path: Path) -> dict[str, NDArray[Any]]:
    """Every array of a .keras or .weights.h5 file by its path in it: the model's variables and the optimizer's.

    Raises:
        Refused: it is no such file, or holds what no model of nnexp's does, with the reason in words.
        OSError: it is missing, or cannot be read.
    """
    content = content_of(path, _MOST_MEGABYTES)
    try:
        return _arrays(_unpacked(content) if path.suffix == ".keras" else content)
    except Refused:
        raise
    except Exception as error:  # noqa: BLE001  zipfile and h5py name no end to what damaged files may raise
        raise Refused(f"damaged ({type(error).__name__})") from None


def _unpacked(content: bytes) -> bytes:
    """The weights in a .keras archive; what it says of sizes is asked before anything is unpacked."""
    end = content[-22:]  # the last record, which says how long the list of members is
    if end[:4] != b"PK\5\6" or int.from_bytes(end[12:16], "little") > _LONGEST_LIST:
        raise Refused("no model that Keras writes")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        member = archive.getinfo(_MEMBER)
        if member.file_size > _MOST_MEGABYTES * 1_000_000:
            raise Refused(f"it unpacks to more than {_MOST_MEGABYTES} MB, which no run makes it")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Refused("no model that Keras writes")  # the others unpack whole blocks, of any size
        with archive.open(member) as file:
            return file.read(member.file_size)


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    import h5py
    import numpy as np

    found: dict[str, NDArray[Any]] = {}
    left = _MOST_MEGABYTES * 1_000_000

    def keep(name: str, item: Any) -> None:
        nonlocal left
        if not isinstance(item, h5py.Dataset):
            return
        if item.external or item.is_virtual:
            raise Refused(f"its weights {name[:100]} lie in another file, which is not read")
        if item.dtype.hasobject:
            raise Refused(f"its weights {name[:100]} are no numbers")
        left -= item.nbytes
        if left < 0:
            raise Refused(f"its weights take more than {_MOST_MEGABYTES} MB, which no run makes them")
        found[name] = np.asarray(item[()])

    with h5py.File(io.BytesIO(content), "r") as file:
        file.visititems(keep)  # each object once; links to elsewhere are not followed
    return found
