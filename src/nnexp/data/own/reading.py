"""From what a config says of own data to its arrays and their description; read once as long as no file changes."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnexp.data.content import Arrays
from nnexp.data.own.columns import Columns
from nnexp.data.own.images import files_of
from nnexp.data.own.kinds import BadData

_SHOWN = 16  # hex digits of a hash


@dataclass(frozen=True, slots=True)
class Own:
    """Own data as it was read."""

    arrays: Arrays
    classes: tuple[str, ...]
    columns: Columns | None  # of a table
    sha256: str  # of all files: hex digits


def read_own(kind: str, parameters: Mapping[str, Any]) -> Own:
    """Read the data of a kind, with the parameters that kinds.py lists, paths absolute.

    Raises:
        BadData: they cannot be used, or are not those that `sha256` says.
    """
    for name in ("path", "test_path", "labels"):
        if said := parameters.get(name):
            _must_be_there(kind, Path(said), name)
    paths = [Path(parameters[name]) for name in ("path", "test_path") if parameters.get(name)]
    files = files_of(parameters) if kind == "images" else paths
    try:
        stamps = [[str(path), (about := path.stat()).st_size, about.st_mtime_ns] for path in files]
        own = _read(kind, json.dumps({**parameters, "sha256": ""}, sort_keys=True), json.dumps(stamps))
    except OSError as error:
        raise BadData(f"{error.filename} cannot be read: {error.strerror}") from None
    if (pinned := parameters.get("sha256")) and pinned != own.sha256:
        message = f"{parameters['path']} is not what it was: SHA-256 {own.sha256} now, {pinned} then"
        raise BadData(message, "put the old data back, or remove `sha256` to take the new", "sha256")
    return own


@functools.lru_cache(maxsize=2)
def _read(kind: str, parameters_json: str, stamps_json: str) -> Own:
    parameters = json.loads(parameters_json)
    columns = None
    if kind in ("csv", "parquet"):
        from nnexp.data.own.tables import arrays_of_table

        arrays, classes, columns = arrays_of_table(kind, parameters)
    elif kind == "npz":
        from nnexp.data.own.arrays import arrays_of_npz

        arrays, classes = arrays_of_npz(parameters)
    else:
        from nnexp.data.own.images import arrays_of_images

        arrays, classes = arrays_of_images(parameters)
    digest = hashlib.sha256()
    for path, _, _ in json.loads(stamps_json):
        if kind == "images":  # a picture's folder says what it is of
            digest.update(os.path.relpath(path, parameters["path"]).encode(errors="surrogateescape"))
        with Path(path).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return Own(arrays, classes, columns, digest.hexdigest()[:_SHOWN])


def _must_be_there(kind: str, path: Path, parameter: str) -> None:
    wants_folder = kind == "images" and parameter != "labels"
    if path.is_dir() if wants_folder else path.is_file():
        return
    what = "folder" if wants_folder else "file"
    near = [found.name for found in sorted(path.parent.iterdir())][:10] if path.parent.is_dir() else []
    hint = f"{path.parent} has: {', '.join(near)}" if near else "paths are relative to the config's folder"
    raise BadData(f"there is no {what} {path}", hint, parameter)
