"""Which examples a run trains on and is checked on, as a config says it: `validation` and `train_size`."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from nnexp.config.entries import Problems
from nnexp.config.loading import Node, kind_of

Validation: TypeAlias = 'float | Literal["none", "test"]'
"""Nothing, the test part, or the fraction of the training examples that is held out."""
TrainSize: TypeAlias = 'int | float | Literal["none"]'
"""How many training examples are used, or which share of them; none: all."""
_MOST = 2**31 - 1


def read_validation(node: Node | None, problems: Problems) -> Validation:
    """What is held out of the training examples, or else looked at after each epoch."""
    if node is None or node.value == "none":
        return "none"
    if node.value == "test":
        return "test"
    value = node.value
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1 and math.isfinite(value):
        return float(value)
    hint = "none, a fraction of the training set such as 0.1, or test"
    problems.add(node.place, f"validation cannot be {kind_of(node)}", f"allowed: {hint}")
    return "none"


def read_train_size(node: Node | None, problems: Problems) -> TrainSize:
    """How much of what validation leaves is trained on.

    A number or a share, as `train_size` of scikit-learn's `train_test_split` and `train_sizes` of its `learning_curve`
    have it: there too 1.0 is all.
    """
    if node is None or node.value == "none":
        return "none"
    value = node.value
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST:
        return value
    if isinstance(value, float) and 0 < value <= 1:
        return value if value < 1 else "none"
    hint = "none (all), a whole number of examples such as 3000, or a fraction of them such as 0.1"
    problems.add(node.place, f"train_size cannot be {kind_of(node)}", f"allowed: {hint}")
    return "none"
