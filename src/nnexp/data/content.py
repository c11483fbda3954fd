"""What a dataset's files hold: pinned parts, and how their bytes become arrays.

A hash is taken of the decoded bytes. Those of a .gz file would not do: its header differs by distributor.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from nnexp.data.rows import Examples

if TYPE_CHECKING:
    import tarfile

    import numpy as np


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a dataset: its name, and the size in bytes and SHA-256 (hex) of its decoded content."""

    name: str
    size: int
    sha256: str


Content: TypeAlias = Mapping[str, bytes]
"""The decoded bytes of each part, by its name."""


@dataclass(frozen=True, slots=True)
class Arrays:
    """A dataset: examples as they come (uint8 may be a read-only memory map), or in their file.

    Labels are int32 [n] of classes, uint8 [n, labels] of 0 and 1, or float32 [n, targets] of values.
    """

    x_train: Examples
    y_train: np.ndarray
    x_test: Examples
    y_test: np.ndarray
    weights: np.ndarray | None = None
    """How much each training example counts, float32 [n]; None where all count the same."""
    held_out: np.ndarray | None = None
    """Which examples of the one file that has all are the test part, [n]; None where parts have files of their own."""


Decode: TypeAlias = Callable[[Content], Arrays]

IDX_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
CIFAR_ARCHIVE = "cifar-10-binary.tar.gz"

_CIFAR_RECORD = 1 + 3 * 32 * 32  # a label, then the red, green and blue planes of 32 x 32 pixels
_UINT8 = 0x08  # the type code of unsigned bytes in an IDX header


class WrongContent(Exception):
    """Bytes that are not what is pinned; the message says which part and how they differ."""


def verify(parts: Sequence[Part], content: Content) -> None:
    """Raise WrongContent unless `content` holds every part, byte for byte."""
    import hashlib

    for part in parts:
        found = content.get(part.name)
        if found is None:
            raise WrongContent(f"{part.name} is missing")
        if len(found) != part.size:
            raise WrongContent(f"{part.name} has {len(found):,} bytes, not {part.size:,}")
        if hashlib.sha256(found).hexdigest() != part.sha256:
            raise WrongContent(f"{part.name} has another content than the original (its SHA-256 differs)")


def idx_parts(train_x: str, train_y: str, test_x: str, test_y: str) -> tuple[Part, ...]:
    """The four parts of an MNIST-like dataset (60,000 + 10,000 images of 28 x 28 bytes), from their hashes."""
    sizes = (16 + 60_000 * 784, 8 + 60_000, 16 + 10_000 * 784, 8 + 10_000)
    return tuple(map(Part, IDX_NAMES, sizes, (train_x, train_y, test_x, test_y)))


def idx_encode(array: np.ndarray) -> bytes:
    """An array of bytes in the IDX format: two zeros, the type, the rank, each size as a big-endian int, the data."""
    return struct.pack(f">4B{array.ndim}I", 0, 0, _UINT8, array.ndim, *array.shape) + array.astype("uint8").tobytes()


def idx_decode(content: Content) -> Arrays:
    """The arrays of the four IDX files: images (n, 28, 28) uint8, labels (n,) int32."""
    x_train, y_train, x_test, y_test = (_idx_array(content[name]) for name in IDX_NAMES)
    return Arrays(x_train, y_train.astype("int32"), x_test, y_test.astype("int32"))


def idx_content(x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> Content:
    """Arrays that came in another wrapping, back as the content of the IDX files, so that the one pin holds for all."""
    return dict(zip(IDX_NAMES, map(idx_encode, (x_train, y_train, x_test, y_test)), strict=True))


def cifar_decode(content: Content) -> Arrays:
    """The arrays of CIFAR-10's binary archive: images (n, 32, 32, 3) uint8, labels (n,) int32.

    Members are read by name, in memory: nothing is unpacked to the disk.
    """
    import io
    import tarfile

    import numpy as np

    with tarfile.open(fileobj=io.BytesIO(content[CIFAR_ARCHIVE]), mode="r:gz") as archive:
        train = [_cifar_records(archive, f"data_batch_{number}.bin") for number in range(1, 6)]
        test = _cifar_records(archive, "test_batch.bin")
    return Arrays(*_cifar_examples(np.concatenate(train)), *_cifar_examples(test))


def _idx_array(data: bytes) -> np.ndarray:
    import numpy as np

    rank = data[3]
    shape = struct.unpack_from(f">{rank}I", data, 4)
    return np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * rank).reshape(shape)


def _cifar_records(archive: tarfile.TarFile, name: str) -> np.ndarray:
    import numpy as np

    member = archive.extractfile(f"cifar-10-batches-bin/{name}")
    if member is None:
        raise WrongContent(f"{name} in {CIFAR_ARCHIVE} is not a file")
    return np.frombuffer(member.read(), dtype=np.uint8).reshape(-1, _CIFAR_RECORD)


def _cifar_examples(records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return planes.transpose(0, 2, 3, 1).copy(), records[:, 0].astype("int32")
