"""Checkpoints: one file holds all that an unfinished run needs to go on, and its hash tells whether it is whole.

Layout of a file: the SHA-256 of all that follows (32 bytes), then an uncompressed npz of the arrays and of the plain
data as JSON. It is never unpickled. A file reaches the disk under another name before it gets its own
(`files.replacing`), and the one before it stays, so that there is a whole one at any instant and after any crash.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

from nnexp.files import replacing
from nnexp.runs.reading import Refused, content_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NAME = re.compile(r"epoch-(\d{6,9})\.checkpoint")
_KEPT = 2
_HASH_BYTES = 32
_PLAIN = "plain.json"  # the name of the plain data among the arrays


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a run at the end of an epoch. Plain data are JSON types; NaN and the infinities may occur."""

    epoch: int  # from 1
    stop: bool  # training ended with it
    logs: Mapping[str, float]  # of that epoch
    history: Sequence[Mapping[str, Any]]  # a row an epoch, up to it
    stopped: Mapping[str, Any] | None
    diverged_at: int | None  # the first epoch whose loss was no finite number
    timings: Mapping[str, float]  # seconds by stage so far
    training: Mapping[str, Any]  # the plain part of the state of model and callbacks
    arrays: Mapping[str, NDArray[Any]]  # and its arrays


_KINDS: dict[str, Any] = {
    "epoch": int,
    "stop": bool,
    "logs": dict,
    "history": list,
    "stopped": (dict, NoneType),
    "diverged_at": (int, NoneType),
    "timings": dict,
    "training": dict,
}


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint into `folder`, and remove all but the last two."""
    import numpy as np

    plain = json.dumps({name: getattr(checkpoint, name) for name in _KINDS})
    arrays: dict[str, Any] = {_PLAIN: np.frombuffer(plain.encode(), dtype=np.uint8), **checkpoint.arrays}
    content = io.BytesIO()
    np.savez(content, **arrays)
    folder.mkdir(exist_ok=True)
    with (
        replacing(folder / f"epoch-{checkpoint.epoch:06}.checkpoint") as temporary,
        temporary.open("xb") as file,
    ):
        file.write(hashlib.sha256(content.getbuffer()).digest())
        file.write(content.getbuffer())
    for path in list(_newest_first(folder))[_KEPT:]:
        path.unlink()


def drop_after(folder: Path, epoch: int) -> None:
    """Remove the checkpoints of later epochs: where they are damaged, they would pass for the last two."""
    for path in _newest_first(folder):
        if _epoch(path) > epoch:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def latest(folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint in `folder`; None where there is none. A damaged one is passed over."""
    return next((found for path in _newest_first(folder) if (found := _read(path))), None)


def _newest_first(folder: Path) -> Iterator[Path]:
    try:
        paths = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except (FileNotFoundError, NotADirectoryError):
        return
    yield from sorted(paths, key=_epoch, reverse=True)


def _epoch(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    assert found
    return int(found[1])


def _read(path: Path) -> Checkpoint | None:
    import psutil

    try:
        # Its bytes and its arrays are in memory at once: what has no room there is none that this machine can use.
        whole = memoryview(content_of(path, psutil.virtual_memory().available // 2_000_000))
    except (OSError, Refused):  # the disk is damaged there, for one
        return None
    content = whole[_HASH_BYTES:]
    if hashlib.sha256(content).digest() != whole[:_HASH_BYTES]:
        return None
    try:
        arrays = _arrays(io.BytesIO(content))
        plain = json.loads(arrays.pop(_PLAIN).tobytes())
    except (ValueError, KeyError, EOFError, RecursionError, MemoryError, zipfile.BadZipFile):  # whole, but not ours
        return None
    if not _is_ours(plain):
        return None
    return Checkpoint(arrays=arrays, **{name: plain[name] for name in _KINDS})


def _is_ours(plain: Any) -> bool:
    return (
        isinstance(plain, dict)
        and all(isinstance(plain.get(name), kind) for name, kind in _KINDS.items())
        and _are_numbers(plain["timings"])
        and _are_numbers(plain["logs"])
        and all(isinstance(row, dict) and _are_numbers(row) and "loss" in row for row in plain["history"])
        and [row.get("epoch") for row in plain["history"]] == list(range(1, plain["epoch"] + 1))
        and all(row.keys() == plain["history"][0].keys() for row in plain["history"])
        and (plain["stopped"] is None or {"epoch", "reason"} <= plain["stopped"].keys())
    )


def _are_numbers(values: Mapping[str, Any]) -> bool:
    return all(isinstance(value, (int, float)) for value in values.values())


def _arrays(file: io.BytesIO) -> dict[str, np.ndarray[Any, Any]]:
    import numpy as np

    with zipfile.ZipFile(file) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("ours are not compressed; this could grow without bound")
    file.seek(0)
    with np.load(file, allow_pickle=False) as found:
        return dict(found)
