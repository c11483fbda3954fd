"""Any number of labels: each a yes or a no of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nnexp.evaluation.classes import by_class
from nnexp.evaluation.curves import calibration, ranked
from nnexp.evaluation.evaluation import Evaluation
from nnexp.evaluation.intervals import wilson


def probabilities(outputs: NDArray[np.float32], from_logits: bool) -> NDArray[np.float32]:
    """Probabilities [n, labels] from a model's outputs [n, labels]."""
    if from_logits:
        from scipy.special import expit

        outputs = expit(outputs)
    return np.asarray(outputs, dtype=np.float32)


def evaluate(labels: NDArray[np.uint8], probabilities: NDArray[np.float32], names: Sequence[str]) -> Evaluation:
    """All figures from labels [n, labels] of 0 and 1 and their probabilities [n, labels].

    A label is predicted where its probability is above a half. `exact_match` is scikit-learn's accuracy of several
    labels, `f1` its macro mean.
    """
    predicted = (probabilities > 0.5).astype(np.uint8)
    right = (labels & predicted).sum(axis=0, dtype=np.int64)
    rows = by_class(names, right, labels.sum(axis=0, dtype=np.int64), predicted.sum(axis=0, dtype=np.int64))
    for place, row in enumerate(rows):
        row |= ranked(labels[:, place] == 1, probabilities[:, place])
    hits = int((labels == predicted).all(axis=1).sum())
    return Evaluation(
        task="multi_label",
        labels=labels,
        predicted=predicted,
        probabilities=probabilities,
        figures={"exact_match": hits / len(labels), "f1": sum(row["f1"] for row in rows) / len(rows)},
        intervals={"exact_match": wilson(hits, len(labels))},
        details={
            "per_class": rows,
            "calibration_error": calibration(labels.ravel() == 1, probabilities.ravel()).error,
        },
    )
