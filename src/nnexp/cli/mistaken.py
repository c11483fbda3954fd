"""What a run got wrong, in the words of its task: cells of a table, lines beneath pictures, and plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nnexp.cli.predicted import figure
from nnexp.errors import Amiss, InputError
from nnexp.inference.signature import names_of
from nnexp.mistakes import Order, WrongRows, find_largest_errors, find_mistakes, find_wrong_labels
from nnexp.runs.reading import Refused, printable
from nnexp.runs.record import RunRecord

_MOST_TARGETS = 3  # that a terminal has room for; --json has all


@dataclass(frozen=True, slots=True)
class Told:
    """Some test examples that a run got wrong, in order."""

    indices: tuple[int, ...]  # in the test part, from 0
    headline: str  # how many there are
    columns: dict[str, list[str]]  # a cell for each of them
    numbers: tuple[str, ...]  # the names of those columns that hold numbers
    captions: list[list[str]]
    plain: list[dict[str, Any]]
    facts: dict[str, Any]  # of all of them
    examples: int  # of the test part
    split: str  # its fingerprint
    left_out: Amiss = ""  # of the columns, in words
    less_asked: tuple[str, ...] = ()  # the columns that go first where there is little room


def mistaken(found: RunRecord, count: int, order: Order) -> Told:
    """At most so many mistakes of a run.

    Raises:
        InputError: its predictions cannot be used.
    """
    path, names = printable(found.path), names_of(found)
    again = f"train anew:  nnexp run {printable(found.folder.config)}"
    tell = {"classification": _classes, "multi_label": _labels, "regression": _values}[found.task]
    try:
        return tell(found, names, count, order)
    except FileNotFoundError:
        raise InputError(f"{path} is {found.status} and has no predictions.npz; {again}") from None
    except OSError as error:
        raise InputError(
            f"{printable(found.folder.predictions)} cannot be read: {error.strerror}; see that you may read it"
        ) from None
    except Refused as error:
        raise InputError(f"{printable(found.folder.predictions)} cannot be used: {error}; {again}") from None
    except IndexError:
        raise InputError(f"{path}: its metrics.json does not name all that its predictions have; {again}") from None


def _classes(found: RunRecord, names: Sequence[str], count: int, order: Order) -> Told:
    wrong = find_mistakes(found, count, order)
    true, predicted = [names[one.true] for one in wrong.shown], [names[one.predicted] for one in wrong.shown]
    rows = list(zip(wrong.shown, true, predicted, strict=True))
    return Told(
        indices=tuple(one.index for one in wrong.shown),
        headline=_wrong(wrong.wrong, wrong.examples, len(rows), order),
        columns={
            "true": true,
            "predicted": predicted,
            "probability": [f"{one.probability:.4f}" for one in wrong.shown],
            "that of the true class": [f"{one.of_truth:.4f}" for one in wrong.shown],
        },
        numbers=("probability", "that of the true class"),
        less_asked=("probability" if order == "worst" else "that of the true class",),
        captions=[[one, f"→ {other}", f"{row.probability:.1%}"] for row, one, other in rows],
        plain=[
            {"true": one, "predicted": other, "probability": row.probability, "probability_of_true": row.of_truth}
            for row, one, other in rows
        ],
        facts={"wrong": wrong.wrong, "examples": wrong.examples, "order": order},
        examples=wrong.examples,
        split=wrong.split,
    )


def _labels(found: RunRecord, names: Sequence[str], count: int, order: Order) -> Told:
    wrong = find_wrong_labels(found, count, order)
    _need_names(wrong, names)
    true, predicted = ([_listed(row, names) for row in rows] for rows in (wrong.true, wrong.predicted))
    missed = [
        {names[label]: float(share) for label, share in enumerate(shares) if said[label] != really[label]}
        for really, said, shares in zip(wrong.true, wrong.predicted, wrong.probabilities, strict=True)
    ]
    told = [", ".join(f"{name} {share:.4f}" for name, share in labels.items()) for labels in missed]
    return Told(
        indices=wrong.indices,
        headline=_wrong(wrong.wrong, wrong.examples, len(wrong.indices), order),
        columns={
            "true": [", ".join(row) or "none" for row in true],
            "predicted": [", ".join(row) or "none" for row in predicted],
            "wrong labels, with their probability": told,
        },
        numbers=(),
        captions=[
            [", ".join(one) or "none", f"→ {', '.join(other) or 'none'}"]
            for one, other in zip(true, predicted, strict=True)
        ],
        plain=[
            {"true": one, "predicted": other, "probabilities_of_wrong": labels}
            for one, other, labels in zip(true, predicted, missed, strict=True)
        ],
        facts={"wrong": wrong.wrong, "examples": wrong.examples, "order": order},
        examples=wrong.examples,
        split=wrong.split,
    )


def _values(found: RunRecord, names: Sequence[str], count: int, order: Order) -> Told:
    far = find_largest_errors(found, count)
    _need_names(far, names)
    errors = far.predicted.astype(float) - far.true
    columns: dict[str, list[str]] = {}
    for place, name in enumerate(names[:_MOST_TARGETS]):
        true, predicted = map(figure, far.true[:, place]), map(figure, far.predicted[:, place])
        off = [f"{error:+.3g}" for error in errors[:, place]]
        if len(names) == 1:
            columns = {"true": list(true), "predicted": list(predicted), "error": off}
        else:  # a column each, so that several targets have room
            columns[name] = [f"{one} → {other} ({by})" for one, other, by in zip(true, predicted, off, strict=True)]
    count, unit, hidden = len(far.indices), "", len(names) - _MOST_TARGETS
    if len(names) > 1:
        unit = ", all targets together, each in its deviations; true → predicted (error)"
    return Told(
        indices=far.indices,
        headline=f"the {count} largest errors on {far.examples:,} test examples{unit}:",
        columns=columns,
        numbers=tuple(columns),
        captions=[
            [", ".join(map(figure, one)), f"→ {', '.join(map(figure, other))}"]
            for one, other in zip(far.true, far.predicted, strict=True)
        ],
        plain=[
            {"true": one, "predicted": other, "errors": error}
            for one, other, error in zip(far.true.tolist(), far.predicted.tolist(), errors.tolist(), strict=True)
        ],
        facts={"targets": list(names), "examples": far.examples, "order": "largest error"},
        examples=far.examples,
        split=far.split,
        left_out=f"and {hidden:,} more {'targets' if hidden > 1 else 'target'}; --json has all" if hidden > 0 else "",
    )


def _wrong(wrong: int, examples: int, shown: int, order: Order) -> str:
    which = f"; the {shown} {order}:" if shown < wrong else f"; the {order} first:" if shown else ""
    return f"{wrong:,} of {examples:,} test examples are wrong{which}"


def _listed(row: Any, names: Sequence[str]) -> list[str]:
    return [names[label] for label, said in enumerate(row) if said]


def _need_names(rows: WrongRows, names: Sequence[str]) -> None:
    if rows.true.shape[1] != len(names):
        raise IndexError
