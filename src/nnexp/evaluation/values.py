"""Numbers: how far the predicted values are from the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.evaluation.evaluation import Evaluation
from nnexp.evaluation.intervals import bootstrap
from nnexp.tasks import FIGURES

_FIGURES = FIGURES["regression"]


def evaluate(truth: NDArray[np.float32], predicted: NDArray[np.float32], targets: Sequence[str]) -> Evaluation:
    """All figures from true and predicted values [n, targets].

    Each figure is the mean over the targets, as scikit-learn has it, with a percentile bootstrap interval; one example
    says nothing of others, and has none.
    """
    true, error = truth.astype(np.float64), predicted.astype(np.float64) - truth
    centred = true - true.mean(axis=0)  # R² asks for the spread alone, and loses no digits to a large mean
    sums = np.concatenate([np.abs(error), error**2, centred, centred**2], axis=1)  # [n, 4 targets]
    found = _figures(sums.mean(axis=0))  # [3, targets]
    rows: list[dict[str, Any]] = [
        {
            "target": name,
            **dict(zip(_FIGURES, map(float, found[:, place]), strict=True)),
            "mean": float(true[:, place].mean()),
            "deviation": float(true[:, place].std()),
        }
        for place, name in enumerate(targets)
    ]
    with np.errstate(invalid="ignore"):  # predictions may be infinite
        low, high = bootstrap(sums, lambda means: _figures(means).mean(axis=1))
    return Evaluation(
        task="regression",
        labels=truth,
        predicted=np.asarray(predicted, np.float32),
        probabilities=None,
        figures=dict(zip(_FIGURES, map(float, found.mean(axis=1)), strict=True)),
        intervals={name: (float(low[i]), float(high[i])) for i, name in enumerate(_FIGURES)} if len(truth) > 1 else {},
        details={"per_target": rows},
    )


def _figures(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Absolute error, root of the squared one and R² [3, targets], from the means over the examples [4 targets]."""
    absolute, squared, mean, square = means.reshape(4, -1)
    spread = square - mean**2
    # As scikit-learn's r2_score: a target that does not vary gives 1 where it is met, else 0.
    fallback = np.where(squared > 0, 0.0, 1.0)
    explained = np.divide(squared, spread, out=1 - fallback, where=spread > 0)
    return np.stack([absolute, np.sqrt(squared), 1 - explained])
