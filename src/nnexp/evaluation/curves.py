"""What scores say beyond the answer at one half: ROC and precision-recall curves, and calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Curve:
    """Points from left to right, and the area that stands for the curve; None where one kind of example is missing."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    area: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often it was true where a probability was said: a row for each bin of probabilities that has examples."""

    predicted: NDArray[np.float64]  # mean probability
    observed: NDArray[np.float64]  # share of true ones
    counts: NDArray[np.int64]
    error: float | None  # expected calibration error (Guo et al. 2017): the mean gap, weighted by counts


def roc(labels: NDArray[np.bool_], scores: NDArray[np.floating]) -> Curve:
    """The false positive rate across and the true positive rate up, from labels [n] and scores [n]."""
    true, false = _counts(labels, scores)
    if not (true[-1] and false[-1]):
        return Curve(np.empty(0), np.empty(0), None)
    x, y = np.append(0, false / false[-1]), np.append(0, true / true[-1])
    return Curve(x, y, float(np.trapezoid(y, x)))


def precision_recall(labels: NDArray[np.bool_], scores: NDArray[np.floating]) -> Curve:
    """Recall across and precision up; the area is the average precision, as scikit-learn has it."""
    true, false = _counts(labels, scores)
    if not true[-1]:
        return Curve(np.empty(0), np.empty(0), None)
    recall, precision = np.append(0, true / true[-1]), np.append(1, true / (true + false))
    return Curve(recall, precision, float(np.sum(np.diff(recall) * precision[1:])))


def calibration(labels: NDArray[np.bool_], scores: NDArray[np.floating], bins: int = 10) -> Calibration:
    """Probabilities [n] held against what was true [n], in bins of the same width."""
    known = np.isfinite(scores)
    labels, scores = labels[known], scores[known].astype(np.float64)
    # As scikit-learn's calibration_curve: a bin has its upper end, not its lower one.
    place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], scores)
    counts = np.bincount(place, minlength=bins)
    met = counts > 0
    predicted = np.bincount(place, weights=scores, minlength=bins)[met] / counts[met]
    observed = np.bincount(place, weights=labels, minlength=bins)[met] / counts[met]
    error = float(np.sum(counts[met] * np.abs(predicted - observed)) / len(scores)) if len(scores) else None
    return Calibration(predicted, observed, counts[met], error)


def ranked(labels: NDArray[np.bool_], scores: NDArray[np.floating]) -> dict[str, float | None]:
    """The areas under both curves, by their names in metrics.json."""
    if not np.isfinite(scores).all():  # of a diverged model
        return {"roc_auc": None, "average_precision": None}
    return {"roc_auc": roc(labels, scores).area, "average_precision": precision_recall(labels, scores).area}


def _counts(labels: NDArray[np.bool_], scores: NDArray[np.floating]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many true and how many false examples score at least as much, for each score from the highest down."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # of each score
    true = np.cumsum(labels[order], dtype=np.int64)[last]
    return true, last + 1 - true
