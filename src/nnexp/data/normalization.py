"""Normalizations: how raw input becomes what the model learns from, each described beside how it is fitted.

A normalization is fitted on the training examples only and becomes the first layer of the model, made of Keras' own
layers, so that a saved model takes raw input wherever Keras is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from nnexp.data.rows import Examples

if TYPE_CHECKING:
    import keras
    import numpy as np

LAYER_NAME = "input_normalization"
"""The name of the layer in the model."""

# Examples and bytes of float64 at a time: examples may stay in their file, and are never in memory as a whole.
_CHUNK, _CHUNK_BYTES = 4096, 2**27


MakeLayer: TypeAlias = "Callable[[], keras.Layer | None]"
"""Makes a new Keras layer, from raw examples as float32 to the same shape; None where nothing is to be done."""


@dataclass(frozen=True, slots=True)
class Normalization:
    """One way to normalize: what it does, in words, and how it is fitted."""

    name: str
    title: str
    description: str
    fit: Callable[[Examples], MakeLayer]
    """From the raw training examples, shape (n, ...)."""
    learns: bool = False
    """Whether the layer holds what was found in these."""


def fit(name: str, x_train: Examples) -> MakeLayer:
    """Fit the named normalization to the raw training examples, shape (n, ...), after validation was held out."""
    return NORMALIZATIONS[name].fit(x_train)


def _none(x_train: Examples) -> MakeLayer:
    return lambda: None


def _divide_by_255(x_train: Examples) -> MakeLayer:
    def layer() -> keras.Layer:
        import keras

        return keras.layers.Rescaling(1.0 / 255.0, name=LAYER_NAME)

    return layer


def _l2(x_train: Examples) -> MakeLayer:
    axes = list(range(1, x_train.ndim))

    def layer() -> keras.Layer:
        import keras

        return keras.layers.UnitNormalization(axis=axes, name=LAYER_NAME)

    return layer


def _standardize(x_train: Examples) -> MakeLayer:
    mean = _mean(x_train)
    variance = _mean(x_train, lambda chunk: (chunk - mean) ** 2)
    # Rounding gives a constant feature a tiny variance; scikit-learn's bound tells it from a real one.
    epsilon = x_train.shape[0] * 2.0**-52
    variance[variance <= epsilon * variance + (epsilon * mean) ** 2] = 1.0
    return lambda: _normalization(mean, variance)


def _min_max(x_train: Examples) -> MakeLayer:
    import numpy as np

    pieces = [(piece.min(axis=0), piece.max(axis=0)) for piece in _pieces(x_train)]
    low = np.min([least for least, _ in pieces], axis=0).astype("float64")
    span = np.max([most for _, most in pieces], axis=0).astype("float64") - low
    span[span == 0] = 1.0
    # (x - low) / span, which keeps more digits than x * scale + offset where low is far from zero.
    return lambda: _normalization(low, span**2)


def _mean(x: Examples, of: Callable[[np.ndarray], np.ndarray] = lambda chunk: chunk) -> np.ndarray:
    """The mean over the examples, in float64, of a function of them."""
    total = sum(of(piece.astype("float64")).sum(axis=0) for piece in _pieces(x))
    mean: np.ndarray = total / len(x)
    return mean


def _pieces(x: Examples) -> Iterator[np.ndarray]:
    step = max(1, min(_CHUNK, _CHUNK_BYTES // (8 * math.prod(x.shape[1:]))))
    for start in range(0, len(x), step):
        yield x[start : start + step]


def _normalization(mean: np.ndarray, variance: np.ndarray) -> keras.Layer:
    import keras

    axes = tuple(range(1, mean.ndim + 1))
    return keras.layers.Normalization(axis=axes, mean=mean, variance=variance, name=LAYER_NAME)


NORMALIZATIONS: Mapping[str, Normalization] = MappingProxyType(
    {
        normalization.name: normalization
        for normalization in (
            Normalization("none", "as it is", "Raw values, only made float32.", _none),
            Normalization(
                "divide_by_255", "0 to 1", "Bytes from 0–255 to 0–1: each value divided by 255.", _divide_by_255
            ),
            Normalization(
                "l2", "unit length", "Each example divided by its own length (scikit-learn's normalize).", _l2
            ),
            Normalization(
                "standardize",
                "mean 0, deviation 1",
                "Each feature (or pixel) to mean 0 and standard deviation 1 over the training examples "
                "(scikit-learn's StandardScaler); a constant feature becomes 0.",
                _standardize,
                learns=True,
            ),
            Normalization(
                "min_max",
                "0 to 1 per feature",
                "Each feature (or pixel) to 0–1 over the training examples (scikit-learn's MinMaxScaler); "
                "a constant feature becomes 0.",
                _min_max,
                learns=True,
            ),
        )
    }
)
"""Every normalization by its name."""
