"""How the compiled engine is given its training data: all at once, or in portions that are read from disk.

A thread reads the next portion while the last one trains. Batches hold the same examples in the same order either way,
and the same operations are done on them, so that the result is the same to the bit.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.data.rows import Rows, row_bytes

BUFFER_BYTES = 64_000_000  # of examples
BUFFERS = 3  # one is filled from the file; TensorFlow has it as a copy, and that of the portion before, which trains


@dataclass(frozen=True, slots=True)
class Portion:
    """Batches that one call of the compiled loop can go through."""

    data: tuple[Any, ...]  # tensors [m, ...]: examples, targets and, where there are some, weights
    batches: Any  # a tensor [k, batch]: where in them the examples of each batch are
    steps: int  # how many of these batches there are to do


@dataclass(frozen=True, slots=True)
class Targets:
    """Targets [n, ...] made of labels [n] when they are asked for: one-hot, all of them may be many times as large."""

    labels: NDArray[Any]
    make: Callable[[NDArray[Any]], NDArray[Any]]

    def __getitem__(self, places: slice | NDArray[Any]) -> NDArray[Any]:
        return self.make(self.labels[places])


class Resident:
    """All of the data, as tensors."""

    def __init__(self, arrays: Sequence[Any]) -> None:
        """`arrays`, [n, ...] each: examples, targets and, where there are some, weights."""
        import tensorflow as tf

        self.data = tuple(tf.convert_to_tensor(array) for array in arrays)

    def portions(self, batches: NDArray[np.int32]) -> Iterator[Portion]:
        """The batches [steps, batch], each the places of its examples."""
        import tensorflow as tf

        if len(batches):
            yield Portion(self.data, tf.constant(batches), len(batches))

    def single(self, places: NDArray[np.int32]) -> tuple[tuple[Any, ...], Any]:
        """Tensors, and where in them the examples of one batch are."""
        import tensorflow as tf

        return self.data, tf.constant(places)


class Streamed:
    """Data whose examples stay in their file; all else of them is in memory."""

    def __init__(self, examples: Rows, others: Sequence[Any], batch_size: int) -> None:
        """`others`: targets and, where there are some, weights, [n, ...] each."""
        self._arrays = (examples, *others)
        self._batch_size = batch_size
        fitting = max(1, BUFFER_BYTES // (batch_size * row_bytes(examples)))
        self._steps = max(1, min(fitting, len(examples) // batch_size))
        like = [array[:1] for array in self._arrays]
        length = self._steps * batch_size
        self._buffer = [np.empty((length, *one.shape[1:]), one.dtype) for one in like]

    def portions(self, batches: NDArray[np.int32]) -> Iterator[Portion]:
        """The batches [steps, batch], each the places of its examples."""
        import tensorflow as tf

        # Each of the same shape, for which the loop is compiled. The last one may not be full, and the first one is
        # not: nothing trains while it is read.
        places = tf.reshape(tf.range(self._steps * self._batch_size), [self._steps, self._batch_size])
        edges = [0, *range(max(1, self._steps // 8), len(batches), self._steps), len(batches)]
        parts = [batches[start:end] for start, end in itertools.pairwise(edges) if start < end]
        with ThreadPoolExecutor(1, thread_name_prefix="reading") as reader:
            coming = [reader.submit(self._read, part) for part in parts[:1]]
            for number, part in enumerate(parts, 1):
                data = coming.pop().result()
                coming = [reader.submit(self._read, following) for following in parts[number : number + 1]]
                yield Portion(data, places, len(part))
                del data  # before the portion after the next one is read

    def single(self, places: NDArray[np.int32]) -> tuple[tuple[Any, ...], Any]:
        """Tensors, and where in them the examples of one batch are."""
        import tensorflow as tf

        return tuple(tf.convert_to_tensor(array[places]) for array in self._arrays), tf.range(len(places))

    def _read(self, batches: NDArray[np.int32]) -> tuple[Any, ...]:
        import tensorflow as tf

        examples, *others = self._arrays
        buffer, places = self._buffer, batches.reshape(-1)
        examples.read(places, buffer[0][: len(places)])
        for into, array in zip(buffer[1:], others, strict=True):
            into[: len(places)] = array[places]
        return tuple(map(tf.constant, buffer))


def source(arrays: Sequence[Any], batch_size: int) -> Resident | Streamed:
    """For examples, targets and, where there are some, weights: [n, ...] each."""
    examples, *others = arrays
    return Streamed(examples, others, batch_size) if isinstance(examples, Rows) else Resident(arrays)
