"""How many examples each class has, and whether one has far more than another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_UNEQUAL = 3  # times as many examples as the rarest class has: from there class weights are worth a try


def counts(labels: np.ndarray, classes: int) -> list[int]:
    """How many examples each class, or each label, has."""
    import numpy as np

    found = np.bincount(labels, minlength=classes) if labels.ndim == 1 else labels.sum(axis=0, dtype=int)
    return [int(count) for count in found]


def unequal(sizes: Sequence[int]) -> bool:
    """Whether one class has far more examples than another."""
    return max(sizes) > _UNEQUAL * min(sizes)


def far_commonest(classes: Sequence[str], sizes: Sequence[int]) -> str:
    """The class that has far more examples than the rarest, in words ("no has 87 %"); "" where there is none."""
    if not unequal(sizes):
        return ""
    most = max(sizes)
    share = min(99, round(100 * most / sum(sizes)))  # all it has not
    return f"{classes[sizes.index(most)]} has {share} %"
