"""The test examples that a run got wrong, from its stored predictions: the most confident or the worst first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from nnexp.runs.predictions import Tested, read_predictions
from nnexp.runs.reading import Refused
from nnexp.runs.record import RunRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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


@dataclass(frozen=True, slots=True)
class WrongRows:
    """Some of the examples whose labels or values a run got wrong, in the order that was asked for."""

    indices: tuple[int, ...]  # in the test part, from 0
    true: NDArray[Any]  # of these [k, labels] of 0 and 1, or [k, targets]
    predicted: NDArray[Any]  # likewise
    probabilities: NDArray[Any]  # [k, labels]; [k, 0] of values
    wrong: int  # how many there are in all; of values, all that were tested
    examples: int  # of the test part
    split: str  # its fingerprint


def find_mistakes(run: RunRecord, most: int, order: Order = "most confident") -> Mistakes:
    """At most so many mistakes of a run that tells one class of several.

    Raises:
        Refused: predictions.npz is not what nnexp writes, or its probabilities are not finite: the run diverged.
        OSError: predictions.npz is missing, or cannot be read.
    """
    import numpy as np

    tested = read_predictions(run.folder.predictions, probabilities=True)
    labels, predicted, probabilities = tested.labels, tested.predicted, tested.probabilities
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= probabilities.shape[1]:
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


def find_wrong_labels(run: RunRecord, most: int, order: Order = "most confident") -> WrongRows:
    """At most so many examples of which a run that tells several labels got one or more wrong.

    `most confident`: by the surest of an example's wrong labels; `worst`: by how many are wrong, then by the surest.

    Raises:
        Refused, OSError: as `find_mistakes`.
    """
    import numpy as np

    tested = read_predictions(run.folder.predictions, probabilities=True)
    if tested.labels.ndim != 2 or tested.probabilities.shape != tested.labels.shape:
        raise Refused("its labels are not 0 and 1, with a probability each")
    if not np.isfinite(tested.probabilities).all():
        raise Refused("its probabilities are no finite numbers")
    missed = tested.labels != tested.predicted
    # Not 0 for a label that is right: a wrong one may be stored as one half.
    surest = np.where(missed, np.abs(tested.probabilities.astype(float) - 0.5), -1).max(axis=1)
    keys = (-surest, -missed.sum(axis=1)) if order == "worst" else (-surest,)  # the last of lexsort's keys is the first
    chosen = np.lexsort(keys)[: min(most, wrong := int(missed.any(axis=1).sum()))]
    return _rows(tested, chosen, wrong)


def find_largest_errors(run: RunRecord, most: int) -> WrongRows:
    """At most so many examples whose predicted values are farthest from the true ones, the farthest first.

    Of several targets each counts in units of its deviation on the test part, and all together.

    Raises:
        Refused: predictions.npz is not what nnexp writes, or its values are not finite: the run diverged.
        OSError: predictions.npz is missing, or cannot be read.
    """
    import numpy as np

    tested = read_predictions(run.folder.predictions, probabilities=False)
    if tested.labels.ndim != 2:
        raise Refused("its labels are not values of targets")
    errors = np.abs(tested.predicted.astype(float) - tested.labels)
    if not np.isfinite(errors).all():
        raise Refused("its values are no finite numbers")
    with np.errstate(over="ignore"):  # of what a stranger may have written
        deviation = tested.labels.astype(float).std(axis=0)
        far = (errors / np.where(deviation > 0, deviation, 1)).sum(axis=1)
    return _rows(tested, np.argsort(-far, kind="stable")[:most], len(far))


def _rows(tested: Tested, chosen: NDArray[np.intp], wrong: int) -> WrongRows:
    return WrongRows(
        indices=tuple(chosen.tolist()),
        true=tested.labels[chosen],
        predicted=tested.predicted[chosen],
        probabilities=tested.probabilities[chosen],
        wrong=wrong,
        examples=len(tested.labels),
        split=tested.split,
    )
