"""`nnexp data ls | fetch | show`: which datasets there are, getting them, looking at them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnexp.errors import DataUnavailable, InputError

if TYPE_CHECKING:
    import numpy as np
    from rich.table import Table

    from nnexp.data.datasets import Arrays, Dataset

app = typer.Typer(help="List, fetch and look at the datasets.", no_args_is_help=True)

Offline = Annotated[bool, typer.Option("--offline", help="Ask no server; use what this machine has.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

_IMAGES, _ROWS = 10, 5  # how many examples are shown unless --count says otherwise


@app.command("ls")
def list_datasets(as_json: Json = False) -> None:
    """List the datasets: what they hold, and whether they are here."""
    from nnexp.cli.console import stdout, table
    from nnexp.data.datasets import DATASETS, where
    from nnexp.files import to_json

    if as_json:
        typer.echo(to_json([_facts(dataset) for dataset in DATASETS.values()]))
        return
    shown = table(
        "name", "title", "shape", "classes", "train", "test", "licence", "where", right=("classes", "train", "test")
    )
    shown.padding = (0, 1, 0, 0)
    for column in shown.columns:
        column.no_wrap = column.header != "licence"  # which gives way on a narrow terminal
    for dataset in DATASETS.values():
        classes, train, test = str(len(dataset.classes)), f"{dataset.train_size:,}", f"{dataset.test_size:,}"
        shape, licence = _shape(dataset.shape), dataset.licence
        shown.add_row(dataset.name, dataset.title, shape, classes, train, test, licence, where(dataset))
    stdout().print(shown)


@app.command("fetch")
def fetch_datasets(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Datasets, as `nnexp data ls` names them.")],
    offline: Offline = False,
) -> None:
    """Get datasets, check them and keep them in the cache."""
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
        typer.echo(f"{dataset.name}: {size}, verified; {origin}.")
    if failures:
        raise DataUnavailable("\n\n".join(failures))


@app.command("show")
def show_dataset(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A dataset, as `nnexp data ls` names it.")],
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
    """Show a dataset: its first examples, class balance, shape and value range."""
    from nnexp.cli.console import stdout
    from nnexp.data.datasets import find
    from nnexp.files import to_json

    dataset = find(name)
    if output is not None:
        _check_output(dataset, output)
    arrays = _load(dataset, offline=offline)
    balance = _balance(dataset, arrays)
    picture = None
    if not dataset.feature_names and (output is not None or not as_json):
        picture = output or Path(f"{dataset.name}.png")
        _save_picture(dataset, arrays, min(count or _IMAGES, len(arrays.x_train)), picture)
    if as_json:
        low, high = float(arrays.x_train.min()), float(arrays.x_train.max())
        saved = None if picture is None else str(picture)
        typer.echo(
            to_json(_facts(dataset) | {"training_range": [low, high], "class_balance": balance, "picture": saved})
        )
        return
    for shown in (_facts_table(dataset, arrays), _balance_table(balance)):
        stdout().print(shown)
    if picture is None:
        stdout().print(_rows_table(dataset, arrays, count or _ROWS))
    else:
        stdout().print(f"The first training images: {picture}", soft_wrap=True)


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

    low, high = dataset.value_range
    shown = table("", dataset.title)
    shown.add_row("one example", f"{_shape(dataset.shape)}, {dataset.dtype}")
    shown.add_row("values", f"{low:g} to {high:g}; mean of the training part {arrays.x_train.mean():.4g}")
    shown.add_row("examples", f"{len(arrays.x_train):,} training, {len(arrays.x_test):,} test")
    shown.add_row("split", dataset.split)
    shown.add_row("source", dataset.source)
    shown.add_row("licence", dataset.licence)
    shown.add_row("homepage", dataset.homepage)
    shown.add_row("fetched from", provenance(dataset))
    return shown


def _balance(dataset: Dataset, arrays: Arrays) -> list[dict[str, Any]]:
    """How many examples each class has."""
    train, test = _counts(arrays.y_train, len(dataset.classes)), _counts(arrays.y_test, len(dataset.classes))
    return [
        {"label": label, "class": name, "train": train[label], "test": test[label]}
        for label, name in enumerate(dataset.classes)
    ]


def _counts(labels: np.ndarray, classes: int) -> list[int]:
    import numpy as np

    return [int(count) for count in np.bincount(labels, minlength=classes)]


def _balance_table(balance: list[dict[str, Any]]) -> Table:
    from nnexp.cli.console import table

    shown = table(
        "label", "class", "train", "test", "share of train", right=("label", "train", "test", "share of train")
    )
    total = sum(row["train"] for row in balance)
    for row in balance:
        share = f"{row['train'] / total:.1%}"
        shown.add_row(str(row["label"]), row["class"], f"{row['train']:,}", f"{row['test']:,}", share)
    return shown


def _rows_table(dataset: Dataset, arrays: Arrays, count: int) -> Table:
    """The first examples of a table, each a column: features are many and their names long."""
    from nnexp.cli.console import table

    examples, labels = arrays.x_train[:count], arrays.y_train[:count]
    columns = [f"{number}: {dataset.classes[label]}" for number, label in enumerate(labels, start=1)]
    shown = table("training example", *columns, right=tuple(columns))
    for index, feature in enumerate(dataset.feature_names):
        shown.add_row(feature, *(f"{value:g}" for value in examples[:, index]))
    return shown


def _check_output(dataset: Dataset, output: Path) -> None:
    if dataset.feature_names:
        raise InputError(f"{dataset.name} is a table, so there is no picture to save.\nLeave --output away.")
    if output.suffix.lower() != ".png":
        raise InputError(f"--output {output}: the picture is a PNG.\nGive a name that ends in .png.")
    if not output.parent.is_dir():
        raise InputError(f"--output {output}: the folder {output.parent} does not exist.\nMake it first.")


def _save_picture(dataset: Dataset, arrays: Arrays, count: int, path: Path) -> None:
    """The first training images side by side, ten in a row, each under the name of its class."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from nnexp.files import replacing

    columns = min(count, 10)
    rows = -(-count // columns)
    low, high = dataset.value_range
    figure = Figure(figsize=(1.1 * columns, 1.35 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for index, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.set_axis_off()
        if index < count:
            image = arrays.x_train[index]
            scaled = (image - low) / (high - low)  # colour images must be 0 to 1
            axes.imshow(scaled, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_title(dataset.classes[arrays.y_train[index]], fontsize=9)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
