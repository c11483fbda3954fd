"""One class of several: accuracy, precision, recall, F1 and confusions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.evaluation.curves import calibration, ranked
from nnexp.evaluation.evaluation import Evaluation
from nnexp.evaluation.intervals import wilson


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

    Precision, recall and F1 as scikit-learn defines them: 0 where nothing is to be divided by. With two classes the
    areas under the curves too, which look at the second against the first.
    """
    predicted = probabilities.argmax(axis=1).astype(np.int32)
    pairs = labels.astype(np.int64) * len(classes) + predicted
    confusion = np.bincount(pairs, minlength=len(classes) ** 2).reshape(len(classes), len(classes))
    rows = by_class(classes, confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0))
    details: dict[str, Any] = {
        "per_class": rows,
        "confusion_matrix": confusion.tolist(),
        "top_confusions": _top_confusions(confusion, classes),
    }
    if len(classes) == 2:
        for label, row in enumerate(rows):
            row |= ranked(labels == label, probabilities[:, label])
        details["calibration_error"] = calibration(labels == 1, probabilities[:, 1]).error
    hits = int(confusion.trace())
    return Evaluation(
        task="classification",
        labels=labels,
        predicted=predicted,
        probabilities=probabilities,
        figures={"accuracy": hits / len(labels)},
        intervals={"accuracy": wilson(hits, len(labels))},
        details=details,
    )


def by_class(
    names: Sequence[str], right: NDArray[np.int64], support: NDArray[np.int64], guessed: NDArray[np.int64]
) -> list[dict[str, Any]]:
    """A row a class, from how many examples [classes] were rightly said to be of it, are of it, and were said to be."""
    columns = _ratio(right, guessed), _ratio(right, support), _ratio(2 * right, support + guessed), support, guessed
    return [
        {
            "class": name,
            "precision": float(p),
            "recall": float(r),
            "f1": float(f),
            "support": int(n),
            "predicted": int(k),
        }
        for name, p, r, f, n, k in zip(names, *columns, strict=True)
    ]


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
