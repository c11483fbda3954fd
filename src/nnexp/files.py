"""Files that are whole or absent: atomic writes, and JSON that every reader can parse."""

from __future__ import annotations

import difflib
import json
import math
import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_TEMPORARY = re.compile(r"\.[0-9a-f]{32}-")


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, it becomes `path` in one step.

    The data reach the disk before the name does (fsync, rename, fsync of the directory), so that a reader, at any
    instant and after any crash, finds the old content or the new. If the block raises, `path` is as it was. What is
    not `durable` is not waited for: when the machine itself goes down, `path` may hold anything.
    """
    temporary = temporary_beside(path)
    try:
        yield temporary
        if durable:
            sync(temporary)
        temporary.replace(path)
        if durable:
            sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def nearest(path: Path) -> str:
    """What to say of a path at which nothing is: the name beside it that may have been meant."""
    near = meant(path)
    return f"did you mean '{near}'?" if near else "see how it is spelled, and from where"


def meant(path: Path, fits: Callable[[Path], bool] = Path.exists) -> Path | None:
    """What fits beside a path at which nothing is, and is called nearly so but for its ending."""
    try:
        found = sorted(path.parent.iterdir(), key=lambda entry: (entry.suffix == path.suffix, entry.name))
        beside = {entry.stem: entry for entry in found if fits(entry)}  # of one name that with the same ending
    except (OSError, ValueError):
        return None
    near = difflib.get_close_matches(path.stem, beside, n=1)
    return beside[near[0]] if near else None


def temporary_beside(path: Path) -> Path:
    """A path for what is to become `path`. The name stays last: savers such as Keras' and NumPy's look at its end."""
    return path.with_name(f".{uuid.uuid4().hex}-{path.name}")


def is_temporary(path: Path) -> bool:
    """Whether a path is one that `temporary_beside` gives."""
    return _TEMPORARY.match(path.name) is not None


def remove_temporaries(folder: Path) -> None:
    """Remove what a process that was killed within `replacing` left in a folder, or one level below it."""
    for path in [*folder.glob(".*-*"), *folder.glob("*/.*-*")]:
        if is_temporary(path) and path.is_file():
            path.unlink(missing_ok=True)


def remove_temporaries_of(path: Path) -> None:
    """Remove what a process that was killed within `replacing` left beside `path`; another one there now fails."""
    for left in path.parent.glob(f".*-{path.name}"):
        if is_temporary(left):
            left.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` as UTF-8, atomically."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write strict JSON, atomically: NaN and the infinities, which JSON lacks, become null."""
    write_text(path, to_json(value) + "\n")


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """Strict JSON text of plain data (and of NumPy scalars and arrays); NaN and the infinities become null."""
    return json.dumps(_strict(value), indent=indent, ensure_ascii=False, allow_nan=False)


def sync(path: Path) -> None:
    """Ask the operating system to put a file or directory on the disk now."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays, without importing NumPy
        return _strict(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
