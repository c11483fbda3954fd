"""Predictions as a person reads them on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from nnexp.cli.console import print_long, table
from nnexp.inference.predictions import Prediction
from nnexp.runs.reading import printable

_MOST_CLASSES = 20  # with a bar each
_MOST_ROWS = 1000
_WIDEST_BAR = 30
_LONGEST_NAME = 40


def print_prediction(one: Prediction, classes: Sequence[str], console: Console, picture: Text | None) -> None:
    """One example in full: the picture, a bar for each class, the answer, and the truth where it is known."""
    console.print(Text(printable(one.source), "bold"), soft_wrap=True)
    if picture is not None:
        console.print(picture, no_wrap=True)
    console.print(_bars(one, classes, console))
    if len(classes) > _MOST_CLASSES:
        console.print(Text(f"and {len(classes) - _MOST_CLASSES:,} less probable classes; --json has all", "dim"))
    if one.answer is None:
        console.print(
            Text("answer  none: the probabilities are no finite numbers, as of a run that diverged", "bold red")
        )
    else:
        console.print(Text.assemble("answer  ", (_name(one.answer, classes), "bold"), f" ({one.probability:.4f})"))
    if one.truth is not None:
        verdict = ("right", "green") if one.right else ("wrong", "bold red")
        console.print(Text.assemble(f"truth   {_name(one.truth, classes)}: ", verdict))


def print_predictions(predictions: Sequence[Prediction], classes: Sequence[str], console: Console) -> None:
    """A row an example: the answer and the next one, with their probabilities."""
    columns = ("input", "answer", "probability", "next", "its probability")
    rows = [[printable(one.source), *_first_two(one, classes)] for one in predictions[:_MOST_ROWS]]
    print_long(console, columns, rows, right=("probability", "its probability"))
    if len(predictions) > _MOST_ROWS:
        console.print(Text(f"and {len(predictions) - _MOST_ROWS:,} more; --csv and --json have all", "dim"))


def _first_two(one: Prediction, classes: Sequence[str]) -> list[str]:
    if one.answer is None:
        return ["–"] * 4
    first, second = _by_probability(one)[:2]
    return [cell for label in (first, second) for cell in (_name(label, classes), f"{one.probabilities[label]:.4f}")]


def _bars(one: Prediction, classes: Sequence[str], console: Console) -> Any:
    shown = range(len(classes)) if len(classes) <= _MOST_CLASSES else _by_probability(one)[:_MOST_CLASSES]
    made = table("class", "probability", "", right=("probability",))
    longest = max(len(_name(label, classes)) for label in shown)
    room = max(0, min(_WIDEST_BAR, console.width - longest - 20))
    for label in shown:
        share = one.probabilities[label]
        bar = "█" * round(share * room) if 0 <= share <= 1 else ""
        made.add_row(_name(label, classes), f"{share:.4f}", bar, style="bold" if label == one.answer else "")
    return made


def _by_probability(one: Prediction) -> list[int]:
    """The labels, the most probable first."""
    return sorted(range(len(one.probabilities)), key=lambda label: -one.probabilities[label])


def _name(label: int, classes: Sequence[str]) -> str:
    name = printable(classes[label])
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
