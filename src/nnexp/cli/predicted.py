"""Predictions as a person reads them on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from nnexp.cli.console import print_fact, print_long, say_amiss, table
from nnexp.errors import Amiss
from nnexp.inference.predictions import Prediction, Predictions
from nnexp.runs.reading import printable

_MOST_CLASSES = 20  # with a bar each
_MOST_ROWS = 1000
_MOST_TARGETS = 8  # beside each other
_WIDEST_BAR = 30
_LONGEST_NAME = 40  # in a table
_LONGEST_ANSWER = 200


def print_prediction(said: Predictions, one: Prediction, console: Console, picture: Text | None) -> None:
    """One example in full: the picture, a row for each class, label or target, the answer, and the truth if known."""
    console.print(Text(printable(one.source), "bold"), soft_wrap=True)
    if picture is not None:
        console.print(picture, no_wrap=True)
    if said.task == "regression":
        console.print(_values(said, one))
        if not one.finite:
            say_amiss(console, _no_answer("values"), "bold red")
        return
    console.print(_bars(said, one, console))
    if len(said.names) > _MOST_CLASSES:
        what = "classes" if said.task == "classification" else "labels"
        say_amiss(console, f"and {len(said.names) - _MOST_CLASSES:,} less probable {what}; --json has all", "dim")
    answer, truth = said.answer(one), said.truth(one)
    if answer is None:
        print_fact(console, "answer", Text(_no_answer("probabilities"), "bold red"), 6)
    else:
        share = f" ({one.outputs[answer[0]]:.4f})" if said.task == "classification" else ""
        print_fact(console, "answer", Text.assemble((_listed(said, answer, _LONGEST_ANSWER), "bold"), share), 6)
    if truth is not None:
        verdict = ("right", "green") if said.right(one) else ("wrong", "bold red")
        print_fact(console, "truth", Text.assemble(f"{_listed(said, truth, _LONGEST_ANSWER)}: ", verdict), 6)


def _no_answer(what: str) -> Amiss:
    return f"none: the {what} are no finite numbers, as of a run that diverged"


def print_predictions(said: Predictions, console: Console) -> None:
    """A row an example, of which the truth is not known: the answer with its probability, or the values."""
    if said.task == "classification":
        columns, right = ["input", "answer", "probability", "next", "its probability"], ["probability"]
        right += ["its probability"]
        rows = [_first_two(said, one) for one in said.rows[:_MOST_ROWS]]
    elif said.task == "multi_label":
        columns, right = ["input", "answer", "least certain", "its probability"], ["its probability"]
        rows = [_least_certain(said, one) for one in said.rows[:_MOST_ROWS]]
    else:
        right = [_name(name) for name in said.names[:_MOST_TARGETS]]
        columns = ["input", *right]
        rows = [[*map(figure, one.outputs[:_MOST_TARGETS])] for one in said.rows[:_MOST_ROWS]]
    sources = _sources(said, console)
    rows = [[source, *cells] for source, cells in zip(sources, rows, strict=True)]
    print_long(console, columns, rows, tuple(right), less_asked=[*reversed(columns[2:])])
    if said.task == "regression" and len(said.names) > _MOST_TARGETS:
        say_amiss(console, f"and {len(said.names) - _MOST_TARGETS:,} more targets; --csv and --json have all", "dim")
    if len(said.rows) > _MOST_ROWS:
        say_amiss(console, f"and {len(said.rows) - _MOST_ROWS:,} more; --csv and --json have all", "dim")


def _sources(said: Predictions, console: Console) -> list[str]:
    """What each row was read from; a terminal has no room for a folder that all of them lie in."""
    sources = [printable(one.source) for one in said.rows[:_MOST_ROWS]]
    folders = {source.rpartition("/")[0] for source in sources}
    return [source.rpartition("/")[2] for source in sources] if console.is_terminal and len(folders) == 1 else sources


def caption(said: Predictions, one: Prediction) -> Iterator[str]:
    """The lines beneath a picture: the answer, and the truth where it is known."""
    if said.task == "regression":
        yield ", ".join(map(figure, one.outputs)) if one.finite else "no answer"
        if one.truth is not None:
            yield f"true: {', '.join(map(figure, one.truth))}"
        return
    answer, truth = said.answer(one), said.truth(one)
    share = f"  {one.outputs[answer[0]]:.1%}" if answer and said.task == "classification" else ""
    yield "no answer" if answer is None else f"{_listed(said, answer)}{share}"
    if truth is not None:
        yield f"true: {_listed(said, truth)}"


def figure(value: float) -> str:
    """A value of a target: five digits, and all of them before the point."""
    return f"{value:.0f}" if 1e5 <= abs(value) < 1e15 else f"{value:.5g}"


def _first_two(said: Predictions, one: Prediction) -> list[str]:
    if said.answer(one) is None:
        return ["–"] * 4
    first, second = _by_probability(one)[:2]
    return [cell for label in (first, second) for cell in (_name(said.names[label]), f"{one.outputs[label]:.4f}")]


def _least_certain(said: Predictions, one: Prediction) -> list[str]:
    answer = said.answer(one)
    if answer is None:
        return ["–"] * 3
    nearest = min(range(len(one.outputs)), key=lambda label: abs(one.outputs[label] - 0.5))
    return [_listed(said, answer), _name(said.names[nearest]), f"{one.outputs[nearest]:.4f}"]


def _values(said: Predictions, one: Prediction) -> Any:
    errors = said.errors(one)
    columns = ("predicted", *(("true", "error") if errors else ()))
    made = table("target", *columns, right=columns)
    for place, name in enumerate(said.names):
        beside = [figure(one.truth[place]), f"{errors[place]:+.5g}"] if one.truth and errors else []
        made.add_row(_name(name), Text(figure(one.outputs[place]), "bold"), *beside)
    return made


def _bars(said: Predictions, one: Prediction, console: Console) -> Any:
    many = len(said.names) > _MOST_CLASSES
    shown = _by_probability(one)[:_MOST_CLASSES] if many else range(len(said.names))
    several = said.task == "multi_label"
    answer, truth = said.answer(one) or (), said.truth(one)
    columns = ["answer", *(["truth"] if truth is not None else [])] if several else []
    longest = max(len(_name(said.names[label])) for label in shown)
    room = max(0, min(_WIDEST_BAR, console.width - longest - 20 - 9 * len(columns)))
    bars = [""] if room else []
    made = table("label" if several else "class", "probability", *columns, *bars, right=("probability",))
    for label in shown:
        share = one.outputs[label]
        bar = "█" * round(share * room) if 0 <= share <= 1 else ""
        cells = [f"{share:.4f}", *(_yes_or_no(label, answer, truth) if several else ()), *([bar] if bars else [])]
        made.add_row(_name(said.names[label]), *cells, style="bold" if label in answer else "")
    return made


def _yes_or_no(label: int, answer: Sequence[int], truth: Sequence[int] | None) -> Iterator[Text]:
    yield Text("yes" if label in answer else "no")
    if truth is not None:
        right = (label in answer) == (label in truth)
        yield Text("yes" if label in truth else "no", "" if right else "bold red")


def _by_probability(one: Prediction) -> list[int]:
    """The labels, the most probable first."""
    return sorted(range(len(one.outputs)), key=lambda label: -one.outputs[label])


def _listed(said: Predictions, labels: Sequence[int], longest: int = _LONGEST_NAME) -> str:
    return ", ".join(_name(said.names[label], longest) for label in labels) or "none of them"


def _name(name: str, longest: int = _LONGEST_NAME) -> str:
    shown = printable(name)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
