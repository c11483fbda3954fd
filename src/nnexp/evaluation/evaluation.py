"""What the predictions on a split say, whatever the task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.tasks import Task


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Predictions beside the truth, and the figures that follow from them."""

    task: Task
    labels: NDArray[Any]  # [n] int32 of classes; [n, labels] uint8 of 0 and 1; [n, targets] float32
    predicted: NDArray[Any]  # as labels
    probabilities: NDArray[np.float32] | None  # [n, classes or labels]; none where values are predicted
    figures: Mapping[str, float]  # the headline of the task first
    intervals: Mapping[str, tuple[float, float]]  # 95 %, of some of them
    details: Mapping[str, Any]  # plain data: figures by class, label or target, and what else there is

    def plain(self) -> dict[str, Any]:
        """The details, as metrics.json has them under `evaluation`."""
        return dict(self.details)
