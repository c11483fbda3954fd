"""`nnexp data ls | fetch | show`: which datasets there are, getting them, looking at them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnexp.cli.decoding import Command
from nnexp.errors import DataUnavailable, InputError

if TYPE_CHECKING:
    from rich.table import Table

    from nnexp.data.datasets import Arrays, Dataset
    from nnexp.data.own.repeats import Repeats

app = typer.Typer(help="List, fetch and look at the datasets.", no_args_is_help=True)

Offline = Annotated[bool, typer.Option("--offline", help="Ask no server; use what this machine has.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

_IMAGES, _ROWS = 10, 5  # how many examples are shown unless --count says otherwise
_MOST_COLUMNS = 20  # of a table, that are named
_MOST_NUMBERS = 20  # of an example that is no picture and has no names for them


@app.command("ls", cls=Command)
def list_datasets(as_json: Json = False) -> None:
    """List the datasets: what they hold, and whether they are here.

    Example:  nnexp data ls
    """
    from nnexp import machine
    from nnexp.cli.console import print_left_out, stdout, table, that_fit
    from nnexp.data import cache
    from nnexp.data.datasets import DATASETS, where
    from nnexp.files import to_json

    if as_json:
        typer.echo(to_json([_facts(dataset) for dataset in DATASETS.values()]))
        return
    columns = ("name", "shape", "learnt", "train", "test", "licence", "where")
    rows = []
    for dataset in DATASETS.values():
        train, test = f"{dataset.train_size:,}", f"{dataset.test_size:,}"
        shape, learnt, licence = _shape(dataset.shape), _learnt(dataset), dataset.licence
        rows.append((dataset.name, shape, learnt, train, test, licence, where(dataset)))
    kept = that_fit(columns, rows, stdout().width, ("licence", "shape"), gap=2)
    shown = table(*(columns[place] for place in kept), right=("train", "test"))
    shown.padding = (0, 1, 0, 0)
    for row in rows:
        shown.add_row(*(row[place] for place in kept))
    stdout().print(shown)
    print_left_out(stdout(), columns, kept)
    stdout().print(f"the cache: {machine.written(cache.size())} in {cache.home()}", soft_wrap=True)


@app.command("fetch", cls=Command)
def fetch_datasets(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Datasets, as `nnexp data ls` names them.")],
    offline: Offline = False,
) -> None:
    """Get datasets, check them and keep them in the cache.

    Example:  nnexp data fetch mnist fashion_mnist
    """
    from nnexp.cli.console import say, stdout
    from nnexp.data.datasets import find, provenance, where

    failures = []
    for dataset in [find(name) for name in names]:
        was_here = where(dataset) == "cached"
        try:
            _load(dataset, offline=offline)
        except DataUnavailable as error:
            failures.append(str(error))
            continue
        origin = "was in the cache" if was_here else f"from {provenance(dataset)}"
        size = f"{dataset.train_size:,} training and {dataset.test_size:,} test examples"
        say(stdout(), f"{dataset.name}: {size}, verified; {origin}.")
    if failures:
        raise DataUnavailable("\n\n".join(failures))


@app.command("show", cls=Command)
def show_dataset(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A dataset, as `nnexp data ls` names it, or a config: its data.")
    ],
    count: Annotated[
        int | None,
        typer.Option(min=1, max=100, help=f"How many examples to show; {_IMAGES} pictures or {_ROWS} rows by default."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.png", help="Where the picture goes; NAME.png by default."),
    ] = None,
    offline: Offline = False,
    as_json: Json = False,
) -> None:
    """Show a dataset: its first examples, what is learnt of them, shape and value range.

    Of pictures it writes one of the first examples: NAME.png, or where -o says.

    Example:  nnexp data show iris
    Example:  nnexp data show mnist --count 20 -o digits.png
    """
    from nnexp.cli.console import say, stdout
    from nnexp.data.balance import far_commonest
    from nnexp.data.own.repeats import told_of
    from nnexp.data.rows import extremes
    from nnexp.files import to_json

    dataset = _dataset(name)
    if output is not None:
        _check_output(dataset, output)
    arrays = _load(dataset, offline=offline)
    key, rows = (
        ("targets", _spread(dataset, arrays))
        if dataset.task == "regression"
        else ("class_balance", _balance(dataset, arrays))
    )
    repeats = _repeats(dataset)
    picture = None
    if _is_picture(dataset) and (output is not None or not as_json):
        picture = output or Path(f"{Path(dataset.name).stem}.png")
        _save_picture(dataset, arrays, min(count or _IMAGES, len(arrays.x_train)), picture)
    if as_json:
        low, high = extremes(arrays.x_train)
        saved = None if picture is None else str(picture)
        columns: dict[str, Any] = {"columns": dataset.columns.plain()} if dataset.columns else {}
        if repeats:
            columns["repeated_rows"] = asdict(repeats)
        typer.echo(to_json(_facts(dataset) | columns | {"training_range": [low, high], key: rows, "picture": saved}))
        return
    learnt = _spread_table(rows) if dataset.task == "regression" else _balance_table(rows, len(arrays.y_train))
    for shown in (_facts_table(dataset, arrays), learnt):
        stdout().print(shown)
    if dataset.task == "classification" and (told := far_commonest(dataset.classes, [row["train"] for row in rows])):
        weights = "in a config  class_weight: balanced  makes rare classes count as much"
        say(stdout(), f"{told} of the training examples: {weights}.")
    if repeats:
        say(stdout(), told_of(repeats))
    if picture is None:
        stdout().print(_rows_table(dataset, arrays, count or _ROWS))
    else:
        stdout().print(f"The first training images: {picture}", soft_wrap=True)


def _dataset(name: str) -> Dataset:
    """The one that nnexp knows by that name; or that of a config, own data read as it says."""
    from nnexp.data.datasets import describe, find

    if not name.endswith((".yaml", ".yml")):
        return find(name)
    from nnexp.config.experiment import load_experiment

    entry = load_experiment(Path(name)).dataset
    return describe(entry.name, entry.parameters)


def _repeats(dataset: Dataset) -> Repeats | None:
    """Which rows are the same, of an own table."""
    from nnexp.data.dataset import OwnFiles
    from nnexp.data.own.repeats import repeats_of

    if not (dataset.columns and isinstance(dataset.origin, OwnFiles)):
        return None
    return repeats_of(dataset.origin.kind, dataset.origin.parameters)


def _is_picture(dataset: Dataset) -> bool:
    return len(dataset.shape) == 2 or (len(dataset.shape) == 3 and dataset.shape[2] in (1, 3))


def _load(dataset: Dataset, *, offline: bool) -> Arrays:
    from nnexp.cli.console import stderr
    from nnexp.cli.fetch_progress import RichFetchProgress
    from nnexp.data.datasets import load

    return load(dataset, offline=offline, progress=RichFetchProgress(stderr()))


def _facts(dataset: Dataset) -> dict[str, Any]:
    from nnexp.data.datasets import where

    return {
        "name": dataset.name,
        "title": dataset.title,
        "shape": dataset.shape,
        "dtype": dataset.dtype,
        "task": dataset.task,
        "value_range": dataset.value_range,
        "classes": dataset.classes,
        "feature_names": dataset.feature_names,
        "train_size": dataset.train_size,
        "test_size": dataset.test_size,
        "licence": dataset.licence,
        "homepage": dataset.homepage,
        "source": dataset.source,
        "split": dataset.split,
        "where": where(dataset),
    }


def _facts_table(dataset: Dataset, arrays: Arrays) -> Table:
    from nnexp.cli.console import table
    from nnexp.data.datasets import provenance
    from nnexp.data.rows import Rows, mean

    low, high = dataset.value_range
    shown = table("", dataset.title)
    numbers = "" if len(dataset.shape) > 1 else " number" if dataset.shape == (1,) else " numbers"
    shown.add_row("one example", f"{_shape(dataset.shape)}{numbers}, {dataset.dtype}")
    if not dataset.feature_names:  # those of a table have each their own
        shown.add_row("values", f"{low:g} to {high:g}; mean of the training part {mean(arrays.x_train):.4g}")
    for fact, said in _column_facts(dataset):
        shown.add_row(fact, said)
    shown.add_row("examples", f"{len(arrays.x_train):,} training, {len(arrays.x_test):,} test")
    shown.add_row("learnt", f"{_learnt(dataset)} ({dataset.task})")
    shown.add_row("split", dataset.split)
    shown.add_row("source", dataset.source)
    if isinstance(arrays.x_train, Rows):
        shown.add_row("streamed from", str(arrays.x_train.stored.filename))
    shown.add_row("licence", dataset.licence)
    if dataset.homepage:  # not one's own
        shown.add_row("homepage", dataset.homepage)
        shown.add_row("fetched from", provenance(dataset))
    return shown


def _column_facts(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """What became of texts and of empty cells of an own table."""
    columns = dataset.columns.columns if dataset.columns else ()
    if texts := [f"{column.name} ({len(column.categories)} values)" for column in columns if column.categories]:
        yield "texts", f"{_few(texts)}: a column of 0 and 1 for each value"
    if empty := [f"{column.name} {column.missing:,}" for column in columns if column.missing]:
        stands = "the median stands in, for texts a value of its own"
        yield "empty cells", f"{_few(empty)}, of the training part; {stands}"


def _few(names: Sequence[str]) -> str:
    more = [f"{len(names) - _MOST_COLUMNS:,} more"] if len(names) > _MOST_COLUMNS else []
    return ", ".join([*names[:_MOST_COLUMNS], *more])


def _balance(dataset: Dataset, arrays: Arrays) -> list[dict[str, Any]]:
    """How many examples each class, or each label, has, in each part."""
    from nnexp.data.balance import counts

    train, test = counts(arrays.y_train, len(dataset.classes)), counts(arrays.y_test, len(dataset.classes))
    return [
        {"label": label, "class": name, "train": train[label], "test": test[label]}
        for label, name in enumerate(dataset.classes)
    ]


def _balance_table(balance: list[dict[str, Any]], total: int) -> Table:
    from nnexp.cli.console import table

    shown = table(
        "label", "class", "train", "test", "share of train", right=("label", "train", "test", "share of train")
    )
    for row in balance:
        share = f"{row['train'] / total:.1%}"
        shown.add_row(str(row["label"]), row["class"], f"{row['train']:,}", f"{row['test']:,}", share)
    return shown


def _spread(dataset: Dataset, arrays: Arrays) -> list[dict[str, Any]]:
    """Where the numbers to learn lie, in each part."""
    return [
        {
            "target": name,
            "part": part,
            "least": float(values[:, place].min()),
            "mean": float(values[:, place].mean()),
            "most": float(values[:, place].max()),
            "deviation": float(values[:, place].std()),
        }
        for place, name in enumerate(dataset.classes)
        for part, values in (("train", arrays.y_train), ("test", arrays.y_test))
    ]


def _spread_table(rows: list[dict[str, Any]]) -> Table:
    from nnexp.cli.console import table

    figures = ("least", "mean", "most", "deviation")
    shown = table("target", "part", *figures, right=figures)
    for row in rows:
        shown.add_row(row["target"], row["part"], *(f"{row[figure]:.4g}" for figure in figures))
    return shown


def _rows_table(dataset: Dataset, arrays: Arrays, count: int) -> Table:
    """The first examples of a table, each a column: features are many and their names long."""
    from nnexp.cli.console import table

    examples = arrays.x_train[:count].reshape(len(arrays.x_train[:count]), -1)
    columns = [f"{number}: {_said(dataset, label)}" for number, label in enumerate(arrays.y_train[:count], start=1)]
    shown = table("training example", *columns, right=tuple(columns))
    for index, feature in enumerate(dataset.feature_names or map(str, range(min(examples.shape[1], _MOST_NUMBERS)))):
        shown.add_row(feature, *(f"{value:g}" for value in examples[:, index]))
    return shown


def _said(dataset: Dataset, label: Any) -> str:
    """What is to be learnt of an example: its class, its labels, or its numbers."""
    if dataset.task == "classification":
        return dataset.classes[int(label)]
    if dataset.task == "multi_label":
        return ", ".join(name for name, has in zip(dataset.classes, label, strict=True) if has) or "none"
    return ", ".join(f"{value:g}" for value in label)


def _learnt(dataset: Dataset) -> str:
    count = len(dataset.classes)
    if dataset.task == "classification":
        return f"{count} classes"
    what = "label" if dataset.task == "multi_label" else "number"
    return f"{count} {what}{'s' if count > 1 else ''}"


def _check_output(dataset: Dataset, output: Path) -> None:
    if not _is_picture(dataset):
        raise InputError(f"{dataset.name} is a table, so there is no picture to save; leave --output out")
    if output.suffix.lower() != ".png":
        raise InputError(f"--output {output}: the picture is a PNG; give a name that ends in .png")
    if not output.parent.is_dir():
        raise InputError(
            f"--output {output}: the folder {output.parent} does not exist; make it, or give another place"
        )


def _save_picture(dataset: Dataset, arrays: Arrays, count: int, path: Path) -> None:
    """The first training images side by side, ten in a row, each under the name of its class."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from nnexp.files import replacing

    columns = min(count, 10)
    rows = -(-count // columns)
    low, high = dataset.value_range
    images = arrays.x_train[:count]
    figure = Figure(figsize=(1.1 * columns, 1.35 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for index, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.set_axis_off()
        if index < count:
            scaled = (images[index] - low) / (high - low or 1)  # colour images must be 0 to 1
            axes.imshow(scaled, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_title(_said(dataset, arrays.y_train[index]), fontsize=9)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
