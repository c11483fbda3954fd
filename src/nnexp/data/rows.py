"""Examples that stay in their file: rows are read when they are asked for, and no more of the file is in memory.

`Rows` has the few sides of a NumPy array that the way from data to result needs, so that both go the same way.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from nnexp import machine
from nnexp.errors import RunError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Of this machine's memory: examples that would take more are streamed. In memory they may be there twice, for nnexp and
# for TensorFlow, and a system without room for other things is slow.
_SHARE = 0.25
_PIECE = 16 * 2**20  # bytes that are looked at in one go
_BATCH = 1000  # examples that a model is asked for at once, where their number changes no result promised to the bit;
_BATCH_BYTES = 64 * 2**20  # fewer where these, as float32, would take more: its layers make as much of them again
_LOOKED_AT = 64 * 2**20  # bytes of the file that reading may leave in memory until they are given back
_OF_MEMORY = 0.5  # the system will not keep a file larger than this share of it: rows will come from the disk
_AROUND = 64 * 2**10  # what Linux maps around a byte that is read


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Examples [n, ...] in a file that is mapped to memory: all that it holds, or some."""

    stored: np.memmap[Any, Any]
    """[m, ...], as the file has them."""
    dtype: np.dtype[Any]
    """Of the examples that are given out."""
    as_mapped: tuple[int, int, int]
    """The file as it was then: its inode, size, and time of change in nanoseconds."""
    index: NDArray[np.int64] | None = None
    """[n] the places of the examples in the file, ascending; None: all of them."""

    @property
    def shape(self) -> tuple[int, ...]:
        """[n, ...]."""
        return (len(self), *self.stored.shape[1:])

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.stored.ndim

    @property
    def nbytes(self) -> int:
        """What they would take in memory."""
        return len(self) * row_bytes(self)

    def __len__(self) -> int:
        return len(self.stored if self.index is None else self.index)

    def __getitem__(self, places: int | slice | NDArray[Any] | list[int]) -> NDArray[Any]:
        """Read the examples at these places, or the one at this place."""
        import numpy as np

        if isinstance(places, int):
            one: NDArray[Any] = self[[places]][0]
            return one
        wanted = np.arange(*places.indices(len(self))) if isinstance(places, slice) else np.asarray(places)
        found = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        self.read(wanted, found)
        return found

    def part(self, mask: NDArray[np.bool_]) -> Rows:
        """Those where the mask [n] is true; nothing is read."""
        import numpy as np

        chosen = np.flatnonzero(mask)
        return replace(self, index=chosen if self.index is None else self.index[chosen])

    @property
    def _first(self) -> int:
        """The byte of the file that the map begins with: NumPy takes the last one before them where a map may."""
        return self.stored.offset - self.stored.offset % mmap.ALLOCATIONGRANULARITY

    def read(self, places: NDArray[Any], into: NDArray[Any]) -> None:
        """Read the examples at these places [k] into an array [k, ...].

        Raises:
            RunError: the file was changed.
        """
        import numpy as np

        mapped = self.stored._mmap  # type: ignore[attr-defined]
        now = _as_it_is(self.stored)
        # A new file of that name leaves this one as it was. To look beyond the end of a shorter one would kill us.
        if mapped.size() < self._first + len(mapped) or (now and now[0] == self.as_mapped[0] and now != self.as_mapped):
            raise RunError(f"{self.stored.filename} was changed while it was read; put it back as it was")
        rows = places if self.index is None else self.index[places]
        order = np.argsort(rows, kind="stable")  # neighbours in the file are read together
        step = max(1, _LOOKED_AT // (_AROUND + row_bytes(self.stored)))
        if len(mapped) > _OF_MEMORY * machine.memory():
            self._ask_for(rows[order])
        for start in range(0, len(rows), step):
            some = order[start : start + step]
            with np.errstate(over="ignore"):  # what is too large for 32 bits was refused when it was first read
                into[some] = self.stored[rows[some]]
            mapped.madvise(mmap.MADV_DONTNEED)

    def _ask_for(self, rows: NDArray[Any]) -> None:
        """Have the system read these rows ahead, many at once: waiting for each in turn takes five times as long."""
        size = row_bytes(self.stored)
        for start in (rows * size + self.stored.offset - self._first).tolist():
            page = start - start % mmap.PAGESIZE
            self.stored._mmap.madvise(mmap.MADV_WILLNEED, page, start + size - page)  # type: ignore[attr-defined]


def rows_of(stored: np.memmap[Any, Any], dtype: np.dtype[Any]) -> Rows:
    """All examples [m, ...] of a file that was just mapped, given out as this type."""
    return Rows(stored, dtype, _as_it_is(stored) or (0, 0, 0))


def _as_it_is(stored: np.memmap[Any, Any]) -> tuple[int, int, int] | None:
    """The inode, size and time of change of the file; None where there is none now."""
    try:
        found = Path(str(stored.filename)).stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


Examples: TypeAlias = "np.ndarray | Rows"
"""Raw examples [n, ...], in memory or in their file."""


def streamed(asked: str, size: int) -> bool:
    """Whether examples of so many bytes stay in their file: as is asked for (`always`, `never`), or by the memory."""
    return asked == "always" or (asked == "auto" and size > _SHARE * machine.memory())


def part(x: Examples, mask: NDArray[np.bool_]) -> Examples:
    """The examples where the mask [n] is true."""
    return x.part(mask) if isinstance(x, Rows) else x[mask]


def pieces(x: Examples) -> Iterator[NDArray[Any]]:
    """All examples in order, some at a time, so that a file is never in memory as a whole."""
    step = max(1, _PIECE // row_bytes(x))
    for start in range(0, len(x), step):
        yield x[start : start + step]


def batches(x: Examples) -> Iterator[slice]:
    """Where the examples are that a model is asked for at once, in order."""
    size = max(1, min(_BATCH, _BATCH_BYTES // (4 * math.prod(x.shape[1:]))))
    for start in range(0, len(x), size):
        yield slice(start, min(start + size, len(x)))


def extremes(x: Examples) -> tuple[float, float]:
    """The smallest and the largest value."""
    found = [(float(piece.min()), float(piece.max())) for piece in pieces(x)]
    return min(low for low, _ in found), max(high for _, high in found)


def mean(x: Examples) -> float:
    """The mean of all values."""
    return sum(float(piece.sum(dtype="float64")) for piece in pieces(x)) / (len(x) * math.prod(x.shape[1:]))


def row_bytes(x: Examples) -> int:
    """The size of one example."""
    return max(1, math.prod(x.shape[1:]) * x.dtype.itemsize)
