"""Examples that were decoded once, into an .npy file of nnexp's cache with its SHA-256 beside it, to be streamed."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp import machine
from nnexp.data import cache
from nnexp.data.own.kinds import BadData
from nnexp.data.rows import Rows, rows_of
from nnexp.files import remove_temporaries_of, replacing, write_text

if TYPE_CHECKING:
    import numpy as np

_FOLDER = "pictures"


def decoded(name: str, shape: tuple[int, ...], decode: Callable[[], Iterable[np.ndarray]]) -> Rows:
    """What `decode` gives one by one, bytes of that shape [n, ...] in all: from the cache, where it has them whole.

    `name` says all that the bytes depend on. Processes that ask at once decode once.

    Raises:
        BadData: the cache cannot hold them; or as `decode` does. Nothing half-written is left.
    """
    import numpy as np
    from filelock import FileLock

    path = cache.home() / _FOLDER / f"{name}.npy"
    try:
        stored = _whole(path, shape)
        if stored is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                stored = _whole(path, shape)  # another process may have made it just now
                if stored is None:
                    _write(path, shape, decode)
                    stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        size = machine.written(math.prod(shape))
        message = f"the decoded pictures, {size}, cannot be kept in {path.parent}: {error.strerror or error}"
        hint = "make room there, or set NNEXP_CACHE_DIR to another folder; or make the pictures smaller with `size`"
        raise BadData(message, hint) from None
    return rows_of(stored, stored.dtype)


def _whole(path: Path, shape: tuple[int, ...]) -> np.memmap[Any, Any] | None:
    """What the file holds, if every byte of it is as it was written."""
    import numpy as np

    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if _beside(path).read_text(encoding="utf-8") != _line(digest, path):
            return None
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError):
        return None
    return stored if stored.shape == shape and stored.dtype == np.uint8 else None


def _write(path: Path, shape: tuple[int, ...], decode: Callable[[], Iterable[np.ndarray]]) -> None:
    """Write the file, the lock is held. Not through a memory map: to write to one kills the process on a full disk."""
    import numpy as np

    remove_temporaries_of(path)
    path.unlink(missing_ok=True)  # a damaged one: its room may be needed
    if shutil.disk_usage(path.parent).free < math.prod(shape):  # sooner than after minutes
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            np.lib.format.write_array_header_2_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
            for example in decode():
                file.write(np.ascontiguousarray(example).data)
        with temporary.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    write_text(_beside(path), _line(digest, path))


def _beside(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _line(digest: str, path: Path) -> str:
    """As sha256sum(1) writes and checks it."""
    return f"{digest}  {path.name}\n"
