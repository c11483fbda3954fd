"""`nnexp mistakes`: the test examples that a run got wrong, as a grid of pictures or as rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnexp.errors import InputError, NnexpError

if TYPE_CHECKING:
    from nnexp.cli.mistaken import Told
    from nnexp.examples import Examples
    from nnexp.mistakes import Order
    from nnexp.runs.record import RunRecord

_GAP = 3  # between the columns of a table


def mistakes(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run's folder.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.png", help="Where the pictures go; mistakes.png by default."),
    ] = None,
    worst: Annotated[
        bool,
        typer.Option(
            "--worst/--most-confident",
            help="First those whose true class was the least probable; else those whose wrong answer was the surest.",
        ),
    ] = False,
    count: Annotated[int, typer.Option("--count", min=1, max=400, help="How many at most.")] = 24,
    dataset: Annotated[
        Path | None, typer.Option("--dataset", metavar="PATH", help="Where the run's own data are now.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the mistakes as JSON on stdout.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network for data.")] = False,
) -> None:
    """Show what a run got wrong on the test part: pictures in a grid, rows of a table in a table.

    Of several labels any that is wrong makes a mistake; of values the largest errors are shown.
    Nothing is computed anew: the predictions are those that the run stored.

    Pictures go to mistakes.png, or where -o says.

    Example:  nnexp mistakes runs/20261121-221332_fashion_sigmoid128
    Example:  nnexp mistakes runs/20261121-221332_fashion_sigmoid128 --worst -o worst.png
    """
    from nnexp.cli.console import stderr
    from nnexp.cli.mistaken import mistaken
    from nnexp.report.target import PICTURE, check_target
    from nnexp.runs import record

    target = output or (None if as_json else Path("mistakes.png"))
    if target:
        check_target(target, "-o", PICTURE)
    found = record.read(run)
    order: Order = "worst" if worst else "most confident"
    wrong = mistaken(found, count, order)
    examples = _examples(found, wrong, dataset, offline=offline) if wrong.indices else None
    are_pictures = examples is not None and _are_pictures(examples)
    if output and wrong.indices and not are_pictures:
        raise InputError(f"-o {output}: there are no pictures of these test examples; leave -o out")
    written = target if are_pictures else None
    if written and examples:
        _save(written, examples, wrong)
    if as_json:
        _print_json(found, wrong, examples, written)
        return
    _print(wrong, examples)
    if written:
        stderr().print(f"pictures: {written}", soft_wrap=True)


def _examples(found: RunRecord, wrong: Told, moved_to: Path | None, *, offline: bool) -> Examples | None:
    """The run's own test examples; None, and it is said why, where this computer has them not."""
    from nnexp.cli.console import say_amiss, stderr
    from nnexp.cli.fetch_progress import RichFetchProgress
    from nnexp.examples import dataset_of, load_examples

    try:
        examples = load_examples(dataset_of(found, moved_to), offline=offline, progress=RichFetchProgress(stderr()))
    except NnexpError as error:
        why = str(error)
    else:
        if examples.fingerprint == (found.test_split or wrong.split) and len(examples.labels) == wrong.examples:
            return examples
        why = "the test part on this computer is another than the run's"
    say_amiss(stderr(), f"note: the examples themselves are not shown: {why}")
    return None


def _are_pictures(examples: Examples) -> bool:
    return examples.x.ndim == 3 or (examples.x.ndim == 4 and examples.x.shape[3] in (1, 3))


def _save(path: Path, examples: Examples, wrong: Told) -> None:
    from nnexp.plots import plot_pictures

    captions = [
        [*lines[:-1], f"{lines[-1]}  (example {index})"]
        for index, lines in zip(wrong.indices, wrong.captions, strict=True)
    ]
    try:
        plot_pictures(path, examples.x[list(wrong.indices)], captions, examples.dataset.value_range)
    except OSError as error:
        raise InputError(f"-o {path}: cannot be written: {error.strerror}; give another name") from None


def _print(wrong: Told, examples: Examples | None) -> None:
    """How many there are, and a row a mistake; of a table its own columns too, as many as there is room for."""
    from nnexp.cli.console import print_long, say, say_amiss, stdout

    console = stdout()
    say(console, wrong.headline)
    if not wrong.indices:
        return
    columns = [("example", list(map(str, wrong.indices)))]
    if examples and examples.rows is not None:
        columns.append(("row", [examples.name_of(index) for index in wrong.indices]))
    columns += wrong.columns.items()
    features = [(name, list(map(_cell, cells))) for name, cells in _features(examples, wrong.indices).items()]
    room = console.width - sum(_width(name, cells) for name, cells in columns)
    shown = 0
    for name, cells in features:
        room -= _width(name, cells)
        if room < 0:
            break
        shown += 1
    columns += features[:shown]
    titles, cells_by_column = zip(*columns, strict=True)
    right = ("example", *wrong.numbers, *(name for name, _ in features))
    print_long(console, titles, list(zip(*cells_by_column, strict=True)), right, less_asked=wrong.less_asked)
    if wrong.left_out:
        say_amiss(console, wrong.left_out, "dim")
    if hidden := len(features) - shown:
        columns_ = "columns" if hidden > 1 else "column"
        say_amiss(console, f"no room here for {hidden} more {columns_}; --json has all", "dim")


def _features(examples: Examples | None, indices: Sequence[int]) -> dict[str, list[float | str]]:
    """Of a table the cells of each of its columns; a category that training never met is empty."""
    if examples is None or not examples.dataset.feature_names:
        return {}
    x, columns = examples.x[list(indices)], examples.dataset.columns
    if columns is None:
        return {name: x[:, place].tolist() for place, name in enumerate(examples.dataset.feature_names)}
    found: dict[str, list[float | str]] = {}
    start = 0
    for column in columns.columns:
        cells = x[:, start : start + len(column.features)].tolist()
        start += len(column.features)
        if column.categories:
            found[column.name] = [column.categories[row.index(1)] if 1 in row else "" for row in cells]
        else:
            found[column.name] = [row[0] for row in cells]
    return found


def _cell(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _width(name: str, cells: Sequence[str]) -> int:
    return max(map(len, [name, *cells])) + _GAP


def _print_json(found: RunRecord, wrong: Told, examples: Examples | None, written: Path | None) -> None:
    from nnexp.files import to_json
    from nnexp.runs.reading import escaped

    features = _features(examples, wrong.indices)

    def told(place: int) -> dict[str, Any]:
        values = {name: cells[place] for name, cells in features.items()}
        index = wrong.indices[place]
        row = {"row": examples.name_of(index)} if examples and examples.rows is not None else {}
        return {"index": index} | row | wrong.plain[place] | ({"features": values} if values else {})

    whole = {
        "run": str(found.path),
        **wrong.facts,
        "picture": None if written is None else str(written),
        "mistakes": [told(place) for place in range(len(wrong.indices))],
    }
    typer.echo(escaped(to_json(whole)))
