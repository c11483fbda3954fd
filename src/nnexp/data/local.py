"""Sources on this machine: folders of files, and the archive that Keras leaves in its home."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from nnexp.data.content import Content, Part, idx_content
from nnexp.data.progress import FetchProgress
from nnexp.data.sources import SourceFailed

_NPY_HEADER = 1024  # bytes, at most, before an array's own


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that holds the parts, as they are or as .gz; `path` may begin with $NNEXP_DATA_DIR or $KERAS_HOME."""

    path: str
    network: ClassVar[bool] = False

    @property
    def title(self) -> str:
        return f"folder {self.path}"

    def read(self, parts: Sequence[Part], workspace: Path, progress: FetchProgress) -> Content:
        folder = resolve(self.path)
        if not folder.is_dir():
            raise SourceFailed("there is no such folder")
        return {part.name: read_part(folder, part) for part in parts}


@dataclass(frozen=True, slots=True)
class NpzFile:
    """An MNIST-like dataset as Keras keeps it: one .npz of x_train, y_train, x_test, y_test."""

    path: str
    network: ClassVar[bool] = False

    @property
    def title(self) -> str:
        return f"file {self.path}"

    def read(self, parts: Sequence[Part], workspace: Path, progress: FetchProgress) -> Content:
        return read_npz(resolve(self.path), parts)


def resolve(path: str) -> Path:
    """The path with its leading variable filled in; SourceFailed where that is not set."""
    if not path.startswith("$"):
        return Path(path)
    variable, _, rest = path[1:].partition("/")
    value = os.environ.get(variable) or {"KERAS_HOME": "~/.keras"}.get(variable)
    if not value:
        raise SourceFailed(f"{variable} is not set")
    return Path(value).expanduser() / rest


def read_part(folder: Path, part: Part) -> bytes:
    """The decoded bytes of a part; no more than one byte over its size, so that no archive can fill the memory."""
    import gzip

    plain = folder / part.name
    if plain.is_file():
        with plain.open("rb") as file:
            return file.read(part.size + 1)
    packed = folder / f"{part.name}.gz"
    if packed.is_file():
        with gzip.open(packed) as file:
            return file.read(part.size + 1)
    raise SourceFailed(f"{part.name} (or {packed.name}) is not there")


def read_npz(path: Path, parts: Sequence[Part]) -> Content:
    """The arrays of an .npz as the content of the IDX files; none is read that is larger than the largest part."""
    import zipfile

    import numpy as np

    most = max(part.size for part in parts) + _NPY_HEADER
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.file_size > most:
                raise SourceFailed(f"{member.filename} in it has {member.file_size:,} bytes, more than the dataset")
    with np.load(path, allow_pickle=False) as arrays:
        return idx_content(*(arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")))
