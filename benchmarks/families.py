"""The model families that are timed: as nnexp's configs have them, and the matrix products that a step must do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

BATCH = 64


@dataclass(frozen=True, slots=True)
class Product:
    """[rows, inner] times [inner, columns], so many times a step."""

    rows: int
    inner: int
    columns: int
    times: int = 1

    @property
    def operations(self) -> int:
        """Floating-point operations in a step: a multiplication and an addition each."""
        return 2 * self.rows * self.inner * self.columns * self.times


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of model; so many `examples` of the training set are enough to time it."""

    layers: str
    examples: int
    parameters: int
    products: Sequence[Product]
    mlp: bool = False  # scikit-learn has it too


def _stack(*layers: str) -> str:
    return f"[{', '.join(layers)}, {{dense: {{units: 10, activation: softmax}}}}]"


def _units(units: int, activation: str) -> str:
    return f"{{dense: {{units: {units}, activation: {activation}}}}}"


def _regularized(units: int) -> str:
    return f"{{dense: {units}}}, batch_normalization, {{activation: relu}}, {{dropout: 0.3}}"


def _convolution(filters: int) -> str:
    return f"{{conv2d: {{filters: {filters}, kernel_size: 3, activation: relu}}}}"


def _layer(rows: int, inner: int, columns: int, first: bool = False) -> list[Product]:
    """Forward, the gradient of the weights, and that of the input, which the first layer does not need."""
    forward, weights = Product(rows, inner, columns), Product(inner, rows, columns)
    return [forward, weights] if first else [forward, weights, Product(rows, columns, inner)]


def _dense(*widths: int) -> tuple[int, list[Product]]:
    """The parameters and products of a stack of dense layers."""
    pairs = list(pairwise(widths))
    products = [product for place, (i, o) in enumerate(pairs) for product in _layer(BATCH, i, o, first=place == 0)]
    return sum((inputs + 1) * outputs for inputs, outputs in pairs), products


# Convolutions as the products that im2col makes of them: a row for each place of the kernel, 9 × channels wide.
_CNN = [
    *_layer(BATCH * 26 * 26, 9, 32, first=True),
    *_layer(BATCH * 11 * 11, 9 * 32, 64),
    *_layer(BATCH * 3 * 3, 9 * 64, 128),
    *_layer(BATCH, 1152, 10),
]
# The four gates together; the rows of an image in one product where no order binds them, one after the other elsewhere.
_LSTM = [
    *_layer(BATCH * 28, 28, 4 * 64, first=True),
    Product(BATCH, 64, 4 * 64, times=28),
    Product(BATCH, 4 * 64, 64, times=28),
    Product(64, BATCH * 28, 4 * 64),
    *_layer(BATCH, 64, 10),
]

FAMILIES = {
    "784-128-10": Family(_stack("flatten", _units(128, "sigmoid")), 30_000, *_dense(784, 128, 10), mlp=True),
    "784-1024-10": Family(_stack("flatten", _units(1024, "sigmoid")), 12_800, *_dense(784, 1024, 10), mlp=True),
    "784-256-128-64-10": Family(
        _stack("flatten", *(_units(units, "relu") for units in (256, 128, 64))),
        12_800,
        *_dense(784, 256, 128, 64, 10),
        mlp=True,
    ),
    "BatchNorm and Dropout": Family(
        _stack("flatten", _regularized(256), _regularized(128)), 12_800, *_dense(784, 256, 128, 10)
    ),
    "CNN 32-64-128": Family(
        _stack(
            "{reshape: {target_shape: [28, 28, 1]}}",
            *(_convolution(32), "max_pooling2d", _convolution(64), "max_pooling2d", _convolution(128), "flatten"),
        ),
        3_200,  # so that there is time for several rounds
        10 * 32 + 289 * 64 + 577 * 128 + 1153 * 10,
        _CNN,
    ),
    "LSTM 64": Family(_stack("{lstm: 64}"), 6_400, 256 * (28 + 64 + 1) + 650, _LSTM),
}
