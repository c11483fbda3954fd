"""Evaluation on the test split: from the model's outputs to figures in words and numbers."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95


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


def warm_up() -> None:
    """Import what evaluation needs: seconds that pass unnoticed while the model trains."""
    for name in ("scipy.special", "scipy.stats", "sklearn.metrics"):
        importlib.import_module(name)


def probabilities(outputs: NDArray[np.float32], from_logits: bool) -> NDArray[np.float32]:
    """Class probabilities [n, classes] from a model's outputs [n, classes], or [n, 1] for two classes."""
    from scipy.special import expit, softmax

    if outputs.shape[-1] == 1:
        positive = expit(outputs) if from_logits else outputs
        return np.concatenate([1 - positive, positive], axis=1)
    return np.asarray(softmax(outputs, axis=1) if from_logits else outputs, dtype=np.float32)


def evaluate(labels: NDArray[np.int32], probabilities: NDArray[np.float32], classes: Sequence[str]) -> Evaluation:
    """All figures from labels [n] and class probabilities [n, classes]; scikit-learn's definitions throughout."""
    from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

    predicted = probabilities.argmax(axis=1).astype(np.int32)
    numbers = range(len(classes))
    confusion = confusion_matrix(labels, predicted, labels=numbers)
    columns = precision_recall_fscore_support(labels, predicted, labels=numbers, zero_division=0)
    per_class = [
        {
            "class": name,
            "precision": float(p),
            "recall": float(r),
            "f1": float(f),
            "support": int(n),
            "predicted": int(k),
        }
        for name, p, r, f, n, k in zip(classes, *columns, confusion.sum(axis=0), strict=True)
    ]
    return Evaluation(
        labels=labels,
        predicted=predicted,
        probabilities=probabilities,
        accuracy=float(accuracy_score(labels, predicted)),
        accuracy_interval=wilson(int(confusion.trace()), len(labels)),
        per_class=per_class,
        confusion=confusion,
        top_confusions=_top_confusions(confusion, classes),
    )


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % score interval for a proportion (Wilson 1927; SciPy's implementation)."""
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


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
