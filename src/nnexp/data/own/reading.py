"""From what a config says of own data to its arrays and their description; read once as long as no file changes."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.content import Arrays
from nnexp.data.own.columns import Columns
from nnexp.data.own.hashing import file_sha256
from nnexp.data.own.kinds import KINDS, BadData
from nnexp.files import meant
from nnexp.tasks import Task

if TYPE_CHECKING:
    import numpy as np

_SHOWN = 16  # hex digits of a hash
_MOST_KEPT = 4  # of two datasets, each with its task given and without

_KEPT: dict[str, Own] = {}


@dataclass(frozen=True, slots=True)
class Own:
    """Own data as it was read."""

    arrays: Arrays
    task: Task
    classes: tuple[str, ...]
    columns: Columns | None  # of a table
    sha256: str  # of all files: hex digits
    test_rows: np.ndarray | None  # of a table, where known: the row of each test example, as editors count them


def read_own(kind: str, parameters: Mapping[str, Any]) -> Own:
    """Read the data of a kind, with parameters as kinds.py lists them, paths absolute; else its defaults hold.

    Raises:
        BadData: they cannot be used, or are not those that `sha256` says.
    """
    defaults = {name: known.default for name, known in KINDS[kind].items() if known.default is not None}
    parameters = {**defaults, **parameters}
    try:
        for name in _paths(kind, parameters):
            _must_be_there(kind, Path(parameters[name]), name)
        files = _files(kind, parameters)
        stamps = [[name, str(path), (about := path.stat()).st_size, about.st_mtime_ns] for name, path in files]
        sha256 = _sha256(json.dumps(stamps))
        if (pinned := parameters.get("sha256")) and pinned != sha256:
            message = f"{parameters['path']} is not what it was: SHA-256 {sha256} now, {pinned} then"
            raise BadData(message, "put the old data back, or remove `sha256` to take the new", "sha256")
        return _kept(kind, {**parameters, "sha256": sha256})
    except OSError as error:
        raise BadData(f"{error.filename} cannot be read: {error.strerror}", "see that you may read it") from None


def _kept(kind: str, parameters: Mapping[str, Any]) -> Own:
    """As it was read before, if it was. By the SHA-256 in `parameters`: files that have changed are read anew."""
    asked = json.dumps([kind, parameters], sort_keys=True)
    if asked not in _KEPT:
        own = _read(kind, parameters)
        told = json.dumps([kind, {**parameters, "task": own.task}], sort_keys=True)  # as the config of a run says it
        while len(_KEPT) > _MOST_KEPT - 2:
            _KEPT.pop(next(iter(_KEPT)))
        _KEPT.update({asked: own, told: own})
    return _KEPT[asked]


def _files(kind: str, parameters: Mapping[str, Any]) -> list[tuple[str, Path]]:
    """Every file that the data are of, in a fixed order, with what its name says of it: a picture's class, for one."""
    if kind != "images":
        return [("", Path(parameters[name])) for name in _paths(kind, parameters)]
    from nnexp.data.own.images import parts_of

    return [(f"{place} {name}", path) for place, part in enumerate(parts_of(parameters)) for path, name in part]


def _paths(kind: str, parameters: Mapping[str, Any]) -> list[str]:
    """The parameters that name files or folders."""
    return [name for name, known in KINDS[kind].items() if known.type == "path" and parameters.get(name)]


@functools.lru_cache(maxsize=2)
def _sha256(stamps_json: str) -> str:
    """Of all files and what their names say: 16 hex digits."""
    digest = hashlib.sha256()
    for name, path, _, _ in json.loads(stamps_json):
        digest.update(f"{name}\0{file_sha256(Path(path))}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:_SHOWN]


def _read(kind: str, parameters: Mapping[str, Any]) -> Own:
    columns = rows = None
    if kind in ("csv", "parquet"):
        from nnexp.data.own.tables import arrays_of_table

        arrays, targets, columns, rows = arrays_of_table(kind, parameters)
    elif kind == "npz":
        from nnexp.data.own.arrays import arrays_of_npz

        arrays, targets = arrays_of_npz(parameters)
    elif kind in ("npy", "idx"):
        from nnexp.data.own.stored import arrays_of_stored

        arrays, targets = arrays_of_stored(kind, parameters)
    else:
        from nnexp.data.own.images import arrays_of_images

        arrays, targets = arrays_of_images(parameters)
    return Own(arrays, targets.task, targets.classes, columns, parameters["sha256"], rows)


def _must_be_there(kind: str, path: Path, parameter: str) -> None:
    wants_folder = kind == "images" and parameter != "labels"
    if path.is_dir() if wants_folder else path.is_file():
        return
    what = "folder" if wants_folder else "file"
    beside = [found.name for found in sorted(path.parent.iterdir())][:10] if path.parent.is_dir() else []
    near = meant(path, Path.is_dir if wants_folder else Path.is_file)
    hint = f"did you mean '{near}'? " if near else ""
    hint += f"{path.parent} has: {', '.join(beside)}" if beside else "paths are relative to the config's folder"
    raise BadData(f"there is no {what} {path}", hint, parameter)
