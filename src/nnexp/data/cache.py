"""The cache: a folder per dataset, of decoded .npy files and a manifest, made whole and then renamed into place."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from nnexp.data.content import Arrays, Part
from nnexp.files import sync, write_json

_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
_MANIFEST = "manifest.json"


class Damaged(Exception):
    """What is cached is not what was stored; the message says how."""


def home() -> Path:
    """The folder of all that nnexp caches: $NNEXP_CACHE_DIR, else where this system keeps caches of a user."""
    import platformdirs

    return Path(os.environ.get("NNEXP_CACHE_DIR") or platformdirs.user_cache_dir("nnexp")).expanduser()


def size() -> int:
    """The bytes of all that is cached."""
    found = 0
    for path in home().rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # another process has just removed it
            found += 0 if path.is_dir() else path.lstat().st_size
    return found


def root() -> Path:
    """The folder of all cached datasets."""
    return home() / "datasets"


def read(folder: Path, parts: Sequence[Part]) -> Arrays | None:
    """The arrays cached in `folder`, examples as read-only memory maps; None where there are none yet.

    Every byte is compared with the manifest's SHA-256 (0.03 s for 55 MB, 0.15 s where the CPU lacks SHA instructions).
    Raises Damaged.
    """
    try:
        return _verified(folder, parts)
    except (ValueError, KeyError, TypeError, EOFError, RecursionError) as error:
        raise Damaged("its files cannot be read") from error


def _verified(folder: Path, parts: Sequence[Part]) -> Arrays | None:
    import numpy as np

    manifest = _manifest(folder)
    if manifest is None:
        return None
    if not describes(folder, parts):
        raise Damaged("its files are incomplete or of another version")
    for name in _ARRAYS:
        with _array_path(folder, name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != manifest["files"][name]["sha256"]:
                raise Damaged(f"{name}.npy has changed")
    x_train, y_train, x_test, y_test = (
        np.load(_array_path(folder, name), mmap_mode="r", allow_pickle=False) for name in _ARRAYS
    )
    return Arrays(x_train, np.array(y_train), x_test, np.array(y_test))


def describes(folder: Path, parts: Sequence[Part]) -> bool:
    """Whether `folder` looks whole and made of just these parts; only the manifest and the sizes are looked at."""
    try:
        manifest = _manifest(folder)
        return (
            manifest is not None
            and manifest["parts"] == [list(astuple(part)) for part in parts]
            and all(_array_path(folder, name).stat().st_size == manifest["files"][name]["bytes"] for name in _ARRAYS)
        )
    except (OSError, KeyError, TypeError, Damaged):
        return False


def source(folder: Path) -> str | None:
    """The title of the source that the cached arrays came from."""
    try:
        manifest = _manifest(folder)
    except Damaged:
        return None
    return None if manifest is None else str(manifest.get("source"))


def store(folder: Path, parts: Sequence[Part], arrays: Arrays, origin: str) -> None:
    """Put the arrays in the cache as `folder`, in one step; the caller holds the dataset's lock.

    What was there before is replaced; a process that has it mapped keeps it until it lets go.
    """
    import numpy as np

    temporary = folder.with_name(temporary_prefix(folder) + uuid.uuid4().hex)
    temporary.mkdir()
    try:
        files = {}
        for name in _ARRAYS:
            path = _array_path(temporary, name)
            np.save(path, getattr(arrays, name), allow_pickle=False)
            sync(path)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            files[name] = {"bytes": path.stat().st_size, "sha256": digest}
        manifest = {"schema": 1, "source": origin, "parts": [astuple(part) for part in parts], "files": files}
        write_json(temporary / _MANIFEST, manifest)
        if folder.exists():
            folder.rename(folder.with_name(temporary_prefix(folder) + uuid.uuid4().hex))
        temporary.rename(folder)
        sync(folder.parent)
    finally:
        clean(folder)


def clean(folder: Path) -> None:
    """Remove what a killed process left half-made beside `folder`; the caller holds the dataset's lock."""
    for leftover in folder.parent.glob(f"{temporary_prefix(folder)}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def temporary_prefix(folder: Path) -> str:
    """How the names of half-made folders of this dataset begin."""
    return f".{folder.name}-"


def _array_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.npy"


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if folder.is_dir():
            raise Damaged("its manifest is missing") from error
        return None
    except (ValueError, RecursionError) as error:
        raise Damaged("its manifest cannot be read") from error
    if not isinstance(manifest, dict):
        raise Damaged("its manifest is none of ours")
    return manifest
