"""What a model says of examples, as plain data and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from nnexp.comparison.table import spreadsheet_cell
from nnexp.tasks import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Row: TypeAlias = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of one example."""

    source: str  # where the example is from
    outputs: Row  # probabilities of each class or label, or values of each target
    truth: Row | None  # the label alone; 0 or 1 of each label; values of each target. None where it is not known
    finite: bool  # whether all outputs are; a run that diverged gives others


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model says of some examples, in their order."""

    task: Task
    names: tuple[str, ...]  # of the classes, labels or targets
    rows: tuple[Prediction, ...]

    def answer(self, one: Prediction) -> list[int] | None:
        """The label of the most probable class alone, or those of the labels above one half; None: no finite numbers.

        Values of targets are their own answer.
        """
        if not one.finite or self.task == "regression":
            return None
        if self.task == "classification":
            return [max(range(len(one.outputs)), key=one.outputs.__getitem__)]
        return [label for label, share in enumerate(one.outputs) if share > 0.5]

    def truth(self, one: Prediction) -> list[int] | None:
        """The labels that are true; None where that is not known."""
        if one.truth is None or self.task == "regression":
            return None
        if self.task == "classification":
            return [int(one.truth[0])]
        return [label for label, said in enumerate(one.truth) if said]

    def right(self, one: Prediction) -> bool | None:
        """Whether the whole answer is true; None where the truth is not known."""
        truth = self.truth(one)
        return None if truth is None else self.answer(one) == truth

    def errors(self, one: Prediction) -> list[float] | None:
        """How far each value is above the true one; None where that is not known."""
        if one.truth is None:
            return None
        return [said - true for said, true in zip(one.outputs, one.truth, strict=True)]


def predictions_of(
    task: Task,
    names: Sequence[str],
    answered: NDArray[np.float32],
    sources: Sequence[str],
    truths: NDArray[Any] | None = None,
) -> Predictions:
    """A row for each of what a model answered [n, k]; `truths` are labels as `Arrays` has them."""
    import numpy as np

    true: list[Row | None] = [None] * len(answered)
    if truths is not None:
        true = [tuple(row) for row in truths.reshape(len(truths), -1).tolist()]
    finite = [bool(np.isfinite(row).all()) for row in answered]
    rows = (
        Prediction(source, tuple(outputs), truth, good)
        for source, outputs, truth, good in zip(sources, answered.tolist(), true, finite, strict=True)
    )
    return Predictions(task, tuple(names), tuple(rows))


def plain(said: Predictions) -> list[dict[str, Any]]:
    """As JSON has them; what is of the truth only where that is known."""
    return [dict(_plain(said, one)) for one in said.rows]


def _plain(said: Predictions, one: Prediction) -> Iterator[tuple[str, Any]]:
    yield "input", one.source
    if said.task == "regression":
        yield "values", list(one.outputs)
        if one.truth is not None:
            yield "truth", list(one.truth)
            yield "errors", said.errors(one)
        return
    answer, truth = said.answer(one), said.truth(one)
    yield "answer", _named(said, answer)
    if said.task == "classification":
        yield "probability", None if answer is None else one.outputs[answer[0]]
    if truth is not None:
        yield "truth", _named(said, truth)
        yield "right", said.right(one)
    yield "probabilities", list(one.outputs)


def csv_text(said: Predictions) -> str:
    """A row for each, with a header; the last columns are the probabilities of all classes or labels.

    Of several labels those that are true stand in one cell, with ; between them. Of values there is a column for each
    target, and where the truth is known one for the true value and one for the error.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    rows = [list(_cells(said, row)) for row in plain(said)]
    if rows:
        writer.writerow([spreadsheet_cell(title) for title, _ in rows[0]])
        writer.writerows([spreadsheet_cell(cell) for _, cell in row] for row in rows)
    return text.getvalue()


def _cells(said: Predictions, row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    titles = {"values": "{}", "truth": "true {}", "errors": "error of {}", "probabilities": "p({})"}
    for key, value in row.items():
        if not isinstance(value, list):
            yield key, value
        elif said.task == "multi_label" and key != "probabilities":
            yield key, "; ".join(value)
        else:
            yield from zip((titles[key].format(name) for name in said.names), value, strict=True)


def _named(said: Predictions, labels: Sequence[int] | None) -> Any:
    """The name of the one class, or those of all labels."""
    if labels is None:
        return None
    return said.names[labels[0]] if said.task == "classification" else [said.names[label] for label in labels]
