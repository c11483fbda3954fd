"""The three parts of the data: what is trained on, what choices are made on, and what the result is measured on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from nnexp.data.content import Arrays
from nnexp.data.rows import Examples, part, pieces
from nnexp.errors import InputError

if TYPE_CHECKING:
    import numpy as np

# They set these generators' streams apart from all others that come from the same seed.
VALIDATION_STREAM = 0x76616C  # "val"
SIZE_STREAM = 0x73697A65  # "size"


@dataclass(frozen=True, slots=True)
class Splits:
    """Raw examples and labels of each part; validation is None where there is none."""

    x_train: Examples
    y_train: np.ndarray
    x_val: Examples | None
    y_val: np.ndarray | None
    x_test: Examples
    y_test: np.ndarray
    fingerprint: str
    """16 hex digits of the SHA-256 of the test part: results with the same one can be paired example by example."""
    weights: np.ndarray | None = None
    """How much each training example counts, float32 [n]; None where all count the same."""

    @property
    def counts(self) -> dict[str, int]:
        """How many examples each part has; validation 0 where nothing is held out for it."""
        held_out = 0 if self.y_val is None or self.y_val is self.y_test else len(self.y_val)
        return {"train": len(self.y_train), "validation": held_out, "test": len(self.y_test)}


def split(
    arrays: Arrays, validation: float | Literal["none", "test"], seed: int, train_size: float | Literal["none"] = "none"
) -> Splits:
    """Hold out validation data: nothing, a fraction of the training part, or the test part; and leave examples unused.

    A fraction is drawn from the seed, stratified by class. Of what is left to train on as many are drawn as
    `train_size` says, with a stream of their own: neither draw changes the other. All parts keep the order of the
    training examples. InputError where a part would be empty, or fewer are left than are asked for.
    """
    whole = _held_out(arrays, validation, seed)
    left = len(whole.y_train)
    count = wanted(train_size, left)
    if not 0 < count <= left:
        raise InputError(
            f"train_size: {train_size:,} of {left:,} training examples cannot be; give a number from 1 to {left}, "
            "a larger fraction, or `none`"
        )
    if count == left:
        return whole
    used = first(strata(whole.y_train), count, seed, SIZE_STREAM)
    weights = None if whole.weights is None else whole.weights[used]
    return replace(whole, x_train=part(whole.x_train, used), y_train=whole.y_train[used], weights=weights)


def wanted(train_size: float | Literal["none"], left: int) -> int:
    """How many of the training examples that are left a `train_size` asks for: a whole number, a share, or all."""
    if train_size == "none":
        return left
    return train_size if isinstance(train_size, int) else round(left * train_size)


def _held_out(arrays: Arrays, validation: float | Literal["none", "test"], seed: int) -> Splits:
    x, y, weights = arrays.x_train, arrays.y_train, arrays.weights
    test = (arrays.x_test, arrays.y_test, fingerprint(arrays.x_test, arrays.y_test))
    if validation == "none":
        return Splits(x, y, None, None, *test, weights)
    if validation == "test":
        return Splits(x, y, arrays.x_test, arrays.y_test, *test, weights)
    if not 0 < round(len(y) * float(validation)) < len(y):
        raise InputError(
            f"validation: {validation:g} of {len(y):,} training examples would leave one part empty; "
            "give a larger or smaller fraction, or `none`"
        )
    held_out = stratified(strata(y), float(validation), seed, VALIDATION_STREAM)
    rest = None if weights is None else weights[~held_out]
    return Splits(part(x, ~held_out), y[~held_out], part(x, held_out), y[held_out], *test, rest)


def fingerprint(x: Examples, y: np.ndarray) -> str:
    """16 hex digits of the SHA-256 over shapes, types and bytes of the examples and their labels."""
    import numpy as np

    digest = hashlib.sha256()
    for array in (x, y):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        for piece in pieces(array):
            digest.update(np.ascontiguousarray(piece).data)
    return digest.hexdigest()[:16]


def strata(y: np.ndarray) -> np.ndarray:
    """What a draw is stratified by, [n]: the class; nothing where examples have several labels, or values."""
    import numpy as np

    return y if y.ndim == 1 else np.zeros(len(y), dtype=np.int32)


def stratified(labels: np.ndarray, fraction: float, seed: int, stream: int) -> np.ndarray:
    """A mask of `fraction` of the examples, to the nearest one, each class with its share to within one example.

    Drawn from the seed and from `stream`, a number that sets one use of a seed apart from the others.
    """
    import numpy as np

    wanted = round(len(labels) * fraction)
    classes, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    shares = counts * wanted / len(labels)
    quota = np.floor(shares).astype(int)
    # Whole examples left over go to the classes with the largest remainders.
    quota[np.argsort(quota - shares, kind="stable")[: wanted - quota.sum()]] += 1
    generator = _generator(seed, stream)
    held_out = np.zeros(len(labels), dtype=bool)
    for label in range(len(classes)):
        held_out[generator.permutation(np.flatnonzero(index == label))[: quota[label]]] = True
    return held_out


def first(labels: np.ndarray, count: int, seed: int, stream: int) -> np.ndarray:
    """A mask of `count` of the examples, of each class the same share; with a larger count, these and others.

    All are put in an order in which each stretch from the start has this share of each class, to the nearest whole
    example of one ratio for all; examples that come at once do so by chance.
    """
    import numpy as np

    order = _generator(seed, stream).permutation(len(labels))
    _, index, counts = np.unique(labels[order], return_inverse=True, return_counts=True)
    within = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)  # its class' first is 0
    turn = np.empty(len(labels))
    turn[np.argsort(index, kind="stable")] = (within + 0.5) / np.repeat(counts, counts)
    chosen = np.zeros(len(labels), dtype=bool)
    chosen[order[np.argsort(turn, kind="stable")[:count]]] = True
    return chosen


def _generator(seed: int, stream: int) -> np.random.Generator:
    import numpy as np

    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, stream])))
