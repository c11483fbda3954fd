"""The test examples that a run got wrong, from its stored predictions: the most confident or the worst first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from nnexp.runs.predictions import read_predictions
from nnexp.runs.reading import Refused
from nnexp.runs.record import RunRecord

Order: TypeAlias = Literal["most confident", "worst"]
"""By the highest probability of the predicted class, or by the lowest one of the true class."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A test example that the run got wrong."""

    index: int  # in the test part, from 0
    true: int  # labels
    predicted: int
    probability: float  # of the predicted class, as the model gave it
    of_truth: float  # the probability of the true class


@dataclass(frozen=True, slots=True)
class Mistakes:
    """Some of a run's mistakes, in the order that was asked for."""

    shown: tuple[Mistake, ...]
    wrong: int  # how many there are in all
    examples: int  # of the test part
    split: str  # its fingerprint


def find_mistakes(run: RunRecord, most: int, order: Order = "most confident") -> Mistakes:
    """At most so many mistakes of a run.

    Raises:
        Refused: predictions.npz is not what nnexp writes, or its probabilities are not finite: the run diverged.
        OSError: predictions.npz is missing, or cannot be read.
    """
    import numpy as np

    tested = read_predictions(run.folder.predictions, probabilities=True)
    labels, predicted, probabilities = tested.labels, tested.predicted, tested.probabilities
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= probabilities.shape[1]:
        raise Refused("its labels are no classes that have a probability")
    wrong = np.flatnonzero(labels != predicted)
    confidence = probabilities[wrong, predicted[wrong]].astype(float)
    of_truth = probabilities[wrong, labels[wrong]].astype(float)
    if not (np.isfinite(confidence).all() and np.isfinite(of_truth).all()):
        raise Refused("its probabilities are no finite numbers")
    first = np.argsort(-confidence if order == "most confident" else of_truth, kind="stable")[:most]
    shown = (
        Mistake(
            index=int(wrong[place]),
            true=int(labels[wrong[place]]),
            predicted=int(predicted[wrong[place]]),
            probability=float(confidence[place]),
            of_truth=float(of_truth[place]),
        )
        for place in first
    )
    return Mistakes(tuple(shown), len(wrong), len(labels), tested.split)
