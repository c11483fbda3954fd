"""The SHA-256 of a file of own data; that of a large one is kept in nnexp's cache, so that it is read for it once."""

from __future__ import annotations

import contextlib
import hashlib
import re
from pathlib import Path

from nnexp.data import cache
from nnexp.files import write_text

_LARGE = 10**9  # bytes: less is read in about a second


def file_sha256(path: Path) -> str:
    """64 hex digits; an OSError where the file cannot be read.

    A kept one is of the very file that was read: its place on the disk, its size, and when it was last changed, which
    the system alone can set, are in the name that it is kept under.
    """
    if path.stat().st_size < _LARGE:
        return _read(path)
    stamp = _stamp(path)
    kept = cache.home() / "hashes" / hashlib.sha256(stamp.encode(errors="surrogateescape")).hexdigest()
    with contextlib.suppress(OSError, ValueError):
        if re.fullmatch("[0-9a-f]{64}", said := kept.read_text(encoding="ascii")):
            return said
    found = _read(path)
    if _stamp(path) == stamp:  # it did not change meanwhile
        with contextlib.suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_text(kept, found)
    return found


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(path: Path) -> str:
    about = path.stat()
    numbers = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
    return f"{path} {numbers}"
