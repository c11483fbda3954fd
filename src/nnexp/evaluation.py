"""Evaluation on the test split: from the model's outputs to figures in words and numbers.

The few lines of arithmetic are here and not imported: scikit-learn's metrics and SciPy's statistics take two seconds of
processor time and 90 MB to import. Tests hold them equal to both, to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Z = 1.959963984540054  # the 97.5 % quantile of the normal distribution: 95 % lie within


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the predictions on a split say."""

    labels: NDArray[np.int32]  # [n]
    predicted: NDArray[np.int32]  # [n]
    probabilities: NDArray[np.float32]  # [n, classes]
    accuracy: float
    accuracy_interval: tuple[float, float]  # Wilson, 95 %
    per_class: Sequence[Mapping[str, Any]]  # class, precision, recall, f1, support, predicted
    confusion: NDArray[np.int64]  # [true, predicted]
    top_confusions: Sequence[Mapping[str, Any]]  # true, predicted, count

    def plain(self) -> dict[str, Any]:
        """The figures as plain data, without the predictions themselves."""
        return {
            "per_class": list(self.per_class),
            "confusion_matrix": self.confusion.tolist(),
            "top_confusions": list(self.top_confusions),
        }


def probabilities(outputs: NDArray[np.float32], from_logits: bool) -> NDArray[np.float32]:
    """Class probabilities [n, classes] from a model's outputs [n, classes], or [n, 1] for two classes."""
    if from_logits:
        from scipy.special import expit, softmax

        outputs = expit(outputs) if outputs.shape[-1] == 1 else softmax(outputs, axis=1)
    if outputs.shape[-1] == 1:
        outputs = np.concatenate([1 - outputs, outputs], axis=1)
    return np.asarray(outputs, dtype=np.float32)


def evaluate(labels: NDArray[np.int32], probabilities: NDArray[np.float32], classes: Sequence[str]) -> Evaluation:
    """All figures from labels [n] and class probabilities [n, classes].

    Precision, recall and F1 as scikit-learn defines them: 0 where nothing is to be divided by.
    """
    predicted = probabilities.argmax(axis=1).astype(np.int32)
    pairs = labels.astype(np.int64) * len(classes) + predicted
    confusion = np.bincount(pairs, minlength=len(classes) ** 2).reshape(len(classes), len(classes))
    right, support, guessed = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    columns = _ratio(right, guessed), _ratio(right, support), _ratio(2 * right, support + guessed), support, guessed
    per_class = [
        {
            "class": name,
            "precision": float(p),
            "recall": float(r),
            "f1": float(f),
            "support": int(n),
            "predicted": int(k),
        }
        for name, p, r, f, n, k in zip(classes, *columns, strict=True)
    ]
    hits = int(confusion.trace())
    return Evaluation(
        labels=labels,
        predicted=predicted,
        probabilities=probabilities,
        accuracy=hits / len(labels),
        accuracy_interval=wilson(hits, len(labels)),
        per_class=per_class,
        confusion=confusion,
        top_confusions=_top_confusions(confusion, classes),
    )


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % score interval for a proportion (Wilson 1927), in the order of operations of SciPy's binomtest."""
    share = successes / trials
    scale = 2 * (trials + _Z**2)
    centre = (2 * trials * share + _Z**2) / scale
    half = _Z / scale * math.sqrt(4 * trials * share * (1 - share) + _Z**2)
    return centre - half if successes else 0.0, centre + half if successes < trials else 1.0


def _ratio(parts: NDArray[np.int64], wholes: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(parts, wholes, out=np.zeros(len(parts)), where=wholes > 0)


def _top_confusions(confusion: NDArray[np.int64], classes: Sequence[str], count: int = 5) -> list[dict[str, Any]]:
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    largest = np.argsort(wrong, axis=None, kind="stable")[::-1][:count]
    pairs = (divmod(int(index), len(classes)) for index in largest)
    return [
        {"true": classes[true], "predicted": classes[guess], "count": int(wrong[true, guess])}
        for true, guess in pairs
        if wrong[true, guess] > 0
    ]
