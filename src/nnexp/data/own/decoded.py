"""Examples that were decoded once, into an .npy file of nnexp's cache with its SHA-256 beside it, to be streamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import math
import os
import shutil
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp import machine
from nnexp.data import cache
from nnexp.data.own.kinds import BadData
from nnexp.data.progress import decoding
from nnexp.data.rows import Rows, rows_of
from nnexp.files import remove_temporaries_of, replacing, write_text

if TYPE_CHECKING:
    import numpy as np

_FOLDER = "decoded"
_KEPT = 30 * 24 * 3600  # seconds that a file stays which nobody uses


def decoded(
    name: str, shape: tuple[int, ...], dtype: np.dtype[Any], decode: Callable[[], Iterable[np.ndarray]], smaller: str
) -> Rows:
    """What `decode` gives, some examples at a time, [n, ...] of that type in all: from the cache, if it is whole there.

    `name` says all that it depends on, `smaller` how the user could have less of it. Processes that ask at once decode
    once.

    Raises:
        BadData: the cache cannot hold them; or as `decode` does. Nothing half-written is left.
    """
    import numpy as np
    from filelock import FileLock

    path = cache.home() / _FOLDER / f"{name}.npy"
    try:
        stored = _whole(path, shape, dtype)
        if stored is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                stored = _whole(path, shape, dtype)  # another process may have made it just now
                if stored is None:
                    _remove_old(path.parent)
                    _write(path, shape, dtype, decode)
                    stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        size = machine.written(_bytes(shape, dtype))
        message = f"the decoded examples, {size}, cannot be kept in {path.parent}: {error.strerror or error}"
        hint = f"make room there, or set NNEXP_CACHE_DIR to another folder; or {smaller}"
        raise BadData(message, hint) from None
    with contextlib.suppress(OSError):  # a cache that may only be read
        os.utime(_beside(path))  # it is in use
    return rows_of(stored, stored.dtype)


def _remove_old(folder: Path) -> None:
    """Remove what nobody has used for long. A process that still has it mapped keeps it until it lets go."""
    from filelock import FileLock, Timeout

    for lock in folder.glob("*.lock"):  # these stay, empty: others may be waiting for them
        path = lock.with_suffix(".npy")
        with contextlib.suppress(OSError, Timeout), FileLock(lock, blocking=False):
            remove_temporaries_of(path)
            used = (_beside(path) if _beside(path).exists() else path).stat().st_mtime
            if time.time() - used > _KEPT:
                _beside(path).unlink(missing_ok=True)
                path.unlink()


def _whole(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.memmap[Any, Any] | None:
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
    return stored if stored.shape == shape and stored.dtype == dtype else None


def _write(
    path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], decode: Callable[[], Iterable[np.ndarray]]
) -> None:
    """Write the file, the lock is held. Not through a memory map: to write to one kills the process on a full disk."""
    import numpy as np

    remove_temporaries_of(path)
    path.unlink(missing_ok=True)  # a damaged one: its room may be needed
    if shutil.disk_usage(path.parent).free < _bytes(shape, dtype):  # sooner than after minutes
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with replacing(path) as temporary:
        with temporary.open("wb") as file, contextlib.closing(_told(decode(), shape, dtype)) as told:
            about = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_2_0(file, about)
            for examples in told:
                file.write(np.ascontiguousarray(examples, dtype).data)
        with temporary.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    write_text(_beside(path), _line(digest, path))


def _told(some: Iterable[np.ndarray], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Generator[np.ndarray]:
    """The same, while it is told how far it is: it may take minutes."""
    progress = decoding.get()()
    progress.start(f"{shape[0]:,} examples into the cache", _bytes(shape, dtype))
    try:
        for examples in some:
            yield examples
            progress.advance(examples.size * dtype.itemsize)
    finally:
        progress.done()


def _bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return math.prod(shape) * dtype.itemsize


def _beside(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _line(digest: str, path: Path) -> str:
    """As sha256sum(1) writes and checks it."""
    return f"{digest}  {path.name}\n"
