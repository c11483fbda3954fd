"""The arrays in an NPZ file, which is a ZIP archive of NPY files: looked at first, then read, mapped, or unpacked.

An array that is not compressed lies in the archive as it is, and is streamed from there. All others are unpacked once,
into a file of the cache. The archive may be a stranger's: what it claims is held against what it has.
"""

from __future__ import annotations

import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from nnexp import machine
from nnexp.data.own.decoded import decoded
from nnexp.data.own.kinds import BadData
from nnexp.data.rows import Rows, rows_of
from nnexp.errors import Reason

if TYPE_CHECKING:
    import numpy as np

_ENDING = ".npy"
_PIECE = 16 * 2**20  # bytes that are unpacked in one go
_SHARE = 16  # of the memory one part holds what one reading of an array in Fortran order gathers
_LOCAL = struct.Struct("<26xHH")  # a file's header in a ZIP archive ends in the lengths of its name and its extra field
BAD_HEADER = (ValueError, EOFError, SyntaxError, tokenize.TokenError)
"""What NumPy raises where an NPY file begins with other things than it should."""
UNREADABLE = (*BAD_HEADER, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError)
"""What is raised of a damaged NPZ file, or one that is packed in a way that is not known here."""
_HINT = "numpy.savez(file, x=…, y=…) writes one; arrays of objects cannot be read"


@dataclass(frozen=True, slots=True)
class Member:
    """An array in an archive, of which only the header was read."""

    path: Path
    info: zipfile.ZipInfo
    place: int
    """Its number in the archive."""
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    """Whether its first axis is the fastest."""
    start: int
    """Where its values begin, from the start of the NPY file that it is."""

    def read(self) -> np.ndarray:
        """All of it, in memory.

        Raises:
            BadData: the archive is damaged, or the memory too small.
        """
        import numpy as np

        with _reading(self.path), zipfile.ZipFile(self.path) as archive, archive.open(self.info) as file:
            return np.lib.format.read_array(file, allow_pickle=False)

    def rows(self, dtype: np.dtype[Any], sha256: str, parameter: str) -> Rows:
        """It as examples of that type that stay on disk: in the archive, or in the cache.

        `sha256` and `parameter` say which archive it is.

        Raises:
            BadData: the archive is damaged, or the cache cannot hold it.
        """
        if self.info.compress_type == zipfile.ZIP_STORED and not self.fortran:
            return rows_of(self._mapped(), dtype)
        smaller: Reason = "save it in C order with numpy.savez, which does not compress: then it stays where it is"
        return decoded(
            f"{sha256}-npz-{parameter}-{self.place}", self.shape, dtype, partial(self._unpacked, dtype), smaller
        )

    def _mapped(self) -> np.memmap[Any, Any]:
        import numpy as np

        with _reading(self.path):
            for _ in self._content(_PIECE):
                pass  # to its end, where its checksum is compared
            with self.path.open("rb") as file:
                file.seek(self.info.header_offset)
                first = self.info.header_offset + _LOCAL.size + sum(_LOCAL.unpack(file.read(_LOCAL.size)))
            return np.memmap(self.path, self.dtype, "r", first + self.start, self.shape)

    def _unpacked(self, dtype: np.dtype[Any]) -> Iterator[np.ndarray]:
        """Its examples in order, some at a time."""
        import numpy as np

        with _reading(self.path):
            for examples in self._by_column() if self.fortran else self._by_row():
                with np.errstate(over="ignore"):  # what is too large is told as not finite
                    converted = examples.astype(dtype, copy=False)
                yield converted

    def _by_row(self) -> Iterator[np.ndarray]:
        import numpy as np

        size = math.prod(self.shape[1:]) * self.dtype.itemsize
        for data in self._content(max(1, _PIECE // size) * size):
            yield np.frombuffer(data, self.dtype).reshape(-1, *self.shape[1:])

    def _by_column(self) -> Iterator[np.ndarray]:
        """The array is read as often as it takes, each time for as many examples as a part of the memory holds."""
        import numpy as np

        count, columns = self.shape[0], math.prod(self.shape[1:])
        some = max(1, machine.memory() // (_SHARE * columns * self.dtype.itemsize))
        size = count * self.dtype.itemsize
        for first in range(0, count, some):
            gathered = np.empty((columns, min(some, count - first)), self.dtype)
            done = 0
            for data in self._content(max(1, _PIECE // size) * size):
                values = np.frombuffer(data, self.dtype).reshape(-1, count)
                gathered[done : done + len(values)] = values[:, first : first + some]
                done += len(values)
            examples = gathered.reshape(*self.shape[:0:-1], -1).T
            step = max(1, _PIECE * count // self._bytes)
            for place in range(0, len(examples), step):  # each piece will be copied into C order
                yield examples[place : place + step]

    @property
    def _bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def _content(self, size: int) -> Iterator[bytes]:
        """The bytes of its values, so many at a time."""
        left = self._bytes
        with zipfile.ZipFile(self.path) as archive, archive.open(self.info) as file:
            file.read(self.start)
            while left:
                data = file.read(min(size, left))
                if len(data) != min(size, left):
                    raise EOFError
                left -= len(data)
                yield data


def members_of(path: Path) -> dict[str, Member]:
    """The arrays of an archive by their names.

    Raises:
        BadData: it is none, or a damaged one.
    """
    import numpy as np

    with path.open("rb") as file:
        if file.read(6) == np.lib.format.MAGIC_PREFIX:
            raise BadData(f"{path.name} is a single array, no NPZ file", _HINT)
    found = {}
    with _reading(path), zipfile.ZipFile(path) as archive:
        for place, info in enumerate(archive.infolist()):
            if info.filename.endswith(_ENDING):
                with archive.open(info) as file:
                    found[info.filename.removesuffix(_ENDING)] = _member(path, info, place, file)
    return found


def _member(path: Path, info: zipfile.ZipInfo, place: int, file: IO[bytes]) -> Member:
    import numpy as np

    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    start = file.tell()
    if min(shape, default=0) < 0 or (
        not dtype.hasobject and info.file_size != start + math.prod(shape) * dtype.itemsize
    ):
        raise EOFError
    return Member(path, info, place, shape, dtype, fortran, start)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever is wrong with an archive is one message."""
    try:
        yield
    except (*UNREADABLE, OSError) as error:
        if isinstance(error, OSError) and error.filename:  # it may not be opened
            raise
        raise BadData(f"{path.name} is no NPZ file, or a damaged one", _HINT) from None
    except MemoryError:
        message = f"{path.name} has an array that is larger than the memory"
        raise BadData(message, "leave `stream` out, or write  stream: always") from None
