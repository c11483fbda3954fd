"""`nnexp mistakes`: the test examples that a run got wrong, as a grid of pictures or as rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnexp.errors import InputError, NnexpError

if TYPE_CHECKING:
    from nnexp.examples import Examples
    from nnexp.mistakes import Mistake, Mistakes, Order
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
    as_json: Annotated[bool, typer.Option("--json", help="Print the mistakes as JSON on stdout.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network for data.")] = False,
) -> None:
    """Show what a run got wrong on the test part: pictures in a grid, rows of a table in a table.

    Nothing is computed anew: the predictions are those that the run stored.

    Example:  nnexp mistakes runs/20261121-221332_fashion_sigmoid128 --worst -o worst.png
    """
    from nnexp.cli.console import stderr
    from nnexp.report.target import PICTURE, check_target
    from nnexp.runs import record

    target = output or (None if as_json else Path("mistakes.png"))
    if target:
        check_target(target, "-o", PICTURE)
    found = record.read(run)
    order: Order = "worst" if worst else "most confident"
    wrong, classes = _wrong(found, count, order)
    examples = _examples(found, wrong, offline=offline) if wrong.shown else None
    are_pictures = examples is not None and _are_pictures(examples)
    if output and wrong.shown and not are_pictures:
        raise InputError(f"-o {output}: there are no pictures of these test examples; leave -o away")
    written = target if are_pictures else None
    if written and examples:
        _save(written, examples, wrong.shown, classes)
    if as_json:
        _print_json(found, wrong, classes, examples, order, written)
        return
    _print(wrong, classes, examples, order)
    if written:
        stderr().print(f"pictures: {written}", soft_wrap=True)


def _wrong(found: RunRecord, count: int, order: Order) -> tuple[Mistakes, list[str]]:
    """The mistakes of a run, and the names of its classes."""
    from nnexp.mistakes import find_mistakes
    from nnexp.runs.reading import Refused, printable

    path = printable(found.path)
    classes = [row["class"] for row in found.evaluation.get("per_class", ())]
    try:
        wrong = find_mistakes(found, count, order)
    except FileNotFoundError:
        raise InputError(f"{path} is {found.status} and has no predictions.npz") from None
    except OSError as error:
        raise InputError(f"{printable(found.folder.predictions)} cannot be read: {error.strerror}") from None
    except Refused as error:
        raise InputError(f"{printable(found.folder.predictions)} cannot be used: {error}") from None
    if any(max(one.true, one.predicted) >= len(classes) for one in wrong.shown):
        raise InputError(f"{path}: its metrics.json does not name all classes that its predictions have")
    return wrong, classes


def _examples(found: RunRecord, wrong: Mistakes, *, offline: bool) -> Examples | None:
    """The run's own test examples; None, and it is said why, where this computer has them not."""
    from nnexp.cli.console import stderr
    from nnexp.cli.fetch_progress import RichFetchProgress
    from nnexp.examples import dataset_of, load_examples

    try:
        examples = load_examples(dataset_of(found), offline=offline, progress=RichFetchProgress(stderr()))
    except NnexpError as error:
        why = str(error)
    else:
        if examples.fingerprint == (found.test_split or wrong.split) and len(examples.labels) == wrong.examples:
            return examples
        why = "the test part on this computer is another than the run's"
    stderr().print(f"note: the examples themselves are not shown: {why}", soft_wrap=True)
    return None


def _are_pictures(examples: Examples) -> bool:
    return examples.x.ndim == 3 or (examples.x.ndim == 4 and examples.x.shape[3] in (1, 3))


def _save(path: Path, examples: Examples, shown: Sequence[Mistake], classes: Sequence[str]) -> None:
    from nnexp.plots import plot_pictures

    captions = [
        [classes[one.true], f"→ {classes[one.predicted]}", f"{one.probability:.1%}  (example {one.index})"]
        for one in shown
    ]
    pictures = examples.x[[one.index for one in shown]]
    try:
        plot_pictures(path, pictures, captions, examples.dataset.value_range)
    except OSError as error:
        raise InputError(f"-o {path}: cannot be written: {error.strerror}") from None


def _print(wrong: Mistakes, classes: Sequence[str], examples: Examples | None, order: Order) -> None:
    """How many there are, and a row a mistake; of a table its own columns too, as many as there is room for."""
    from nnexp.cli.console import print_long, stdout

    console, shown = stdout(), wrong.shown
    which = f"; the {len(shown)} {order}:" if len(shown) < wrong.wrong else f"; the {order} first:" if shown else ""
    console.print(f"{wrong.wrong:,} of {wrong.examples:,} test examples are wrong{which}", soft_wrap=True)
    if not shown:
        return
    columns = {
        "example": [str(one.index) for one in shown],
        "true": [classes[one.true] for one in shown],
        "predicted": [classes[one.predicted] for one in shown],
        "probability": [f"{one.probability:.4f}" for one in shown],
        "of the true": [f"{one.of_truth:.4f}" for one in shown],
    }
    features = _features(examples, shown)
    room = console.width - sum(_width(name, cells) for name, cells in columns.items())
    for name, cells in features.items():
        room -= _width(name, cells)
        if room < 0:
            break
        columns[name] = cells
    right = ("example", "probability", "of the true", *features)
    print_long(console, list(columns), list(zip(*columns.values(), strict=True)), right)
    if hidden := len(features.keys() - columns.keys()):
        console.print(f"no room here for {hidden} more columns; --json has all", style="dim")


def _features(examples: Examples | None, shown: Sequence[Mistake]) -> dict[str, list[str]]:
    """Of a table the cells of each column."""
    if examples is None:
        return {}
    names = enumerate(examples.dataset.feature_names)
    return {name: [f"{examples.x[one.index][place]:g}" for one in shown] for place, name in names}


def _width(name: str, cells: Sequence[str]) -> int:
    return max(map(len, [name, *cells])) + _GAP


def _print_json(
    found: RunRecord,
    wrong: Mistakes,
    classes: Sequence[str],
    examples: Examples | None,
    order: Order,
    written: Path | None,
) -> None:
    from nnexp.files import to_json
    from nnexp.runs.reading import escaped

    features = examples.dataset.feature_names if examples else ()

    def told(one: Mistake) -> dict[str, Any]:
        said = {
            "index": one.index,
            "true": classes[one.true],
            "predicted": classes[one.predicted],
            "probability": one.probability,
            "probability_of_true": one.of_truth,
        }
        values = dict(zip(features, examples.x[one.index].tolist(), strict=True)) if examples and features else {}
        return said | ({"features": values} if values else {})

    whole = {
        "run": str(found.path),
        "wrong": wrong.wrong,
        "examples": wrong.examples,
        "order": order,
        "picture": None if written is None else str(written),
        "mistakes": [told(one) for one in wrong.shown],
    }
    typer.echo(escaped(to_json(whole)))
