"""Which models train on their batches in parts, and how many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnexp.training import backend, shards

backend.prepare(threads=2)

CNN = "{conv2d: {filters: 4, kernel_size: 3}}, max_pooling2d, flatten"


@pytest.mark.parametrize(
    ("layers", "more", "threads", "parts"),
    [
        (CNN, "", 2, 2),
        (CNN, "", 4, 4),
        (CNN, "", 1, 1),
        (CNN, "", 5, 1),  # not tried on so many
        (CNN, "engine: graph", 2, 2),
        (CNN, "engine: xla", 2, 1),
        (CNN, "callbacks: [terminate_on_nan]", 2, 1),
        (CNN, "batch_size: 8", 2, 2),
        (CNN, "batch_size: 7", 2, 1),
        ("flatten", "", 2, 1),
        (f"{CNN}, {{dropout: 0.3}}", "", 2, 1),  # parts would draw other numbers
        (f"{CNN}, batch_normalization", "", 2, 1),  # a mean over the whole batch
        ("{conv2d: {filters: 4, kernel_size: 3, activity_regularizer: l2}}, flatten", "", 2, 1),
    ],
)
def test_parts_are_for_plain_convolutions(experiment: Any, layers: str, more: str, threads: int, parts: int) -> None:
    text = f"dataset: digits\nlayers: [{{reshape: [8, 8, 1]}}, {layers}, dense: 10]\n{more}\n"
    assert shards.parts(experiment(text), threads) == parts


@pytest.mark.parametrize(
    ("examples", "count", "lengths"),
    [(64, 2, [32, 32]), (65, 2, [32, 33]), (64, 3, [21, 21, 22]), (7, 2, [7]), (0, 2, [0]), (64, 1, [64])],
)
def test_parts_are_nearly_equal_and_never_tiny(examples: int, count: int, lengths: list[int]) -> None:
    import tensorflow as tf

    x = np.arange(examples)
    cut = shards.cut(tf.constant(x), count)
    assert [len(part) for part in cut] == lengths
    assert np.concatenate(cut).tolist() == x.tolist()
