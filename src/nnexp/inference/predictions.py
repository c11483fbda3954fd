"""What a model says of examples, as plain data and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnexp.comparison.table import spreadsheet_cell

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of one example."""

    source: str  # where the example is from
    probabilities: tuple[float, ...]  # of each class
    answer: int | None  # the label of the most probable class; None where the probabilities are no finite numbers
    truth: int | None  # the label, where it is known

    @property
    def probability(self) -> float | None:
        """Of the answer."""
        return None if self.answer is None else self.probabilities[self.answer]

    @property
    def right(self) -> bool | None:
        """Whether the answer is true; None where the truth is not known."""
        return None if self.truth is None else self.answer == self.truth


def predictions_of(
    probabilities: NDArray[np.float32], sources: Sequence[str], truths: Sequence[int | None]
) -> list[Prediction]:
    """One for each row of probabilities [n, classes]."""
    import numpy as np

    answers = [int(row.argmax()) if np.isfinite(row).all() else None for row in probabilities]
    return [
        Prediction(source, tuple(row), answer, truth)
        for source, row, answer, truth in zip(sources, probabilities.tolist(), answers, truths, strict=True)
    ]


def plain(predictions: Sequence[Prediction], classes: Sequence[str]) -> list[dict[str, Any]]:
    """As JSON has them; `truth` and `right` only where the truth is known."""
    return [
        {
            "input": one.source,
            "answer": _name(one.answer, classes),
            "probability": one.probability,
            **({"truth": _name(one.truth, classes), "right": one.right} if one.truth is not None else {}),
            "probabilities": list(one.probabilities),
        }
        for one in predictions
    ]


def csv_text(predictions: Sequence[Prediction], classes: Sequence[str]) -> str:
    """A row for each, with a header; the last columns are the probabilities of all classes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    rows = plain(predictions, classes)
    if rows:
        single = [name for name in rows[0] if name != "probabilities"]
        writer.writerow([*single, *(spreadsheet_cell(f"p({name})") for name in classes)])
        writer.writerows([*(spreadsheet_cell(row[name]) for name in single), *row["probabilities"]] for row in rows)
    return text.getvalue()


def _name(label: int | None, classes: Sequence[str]) -> str | None:
    return None if label is None else classes[label]
