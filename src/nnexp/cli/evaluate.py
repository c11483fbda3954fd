"""`nnexp evaluate`: a run's stored model on the test part of a dataset."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnexp.cli.signals import handle_sigterm

if TYPE_CHECKING:
    from nnexp.evaluation import Evaluation
    from nnexp.inference.labelled import Labelled
    from nnexp.inference.signature import Signature
    from nnexp.runs.record import RunRecord


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run's folder.", show_default=False)],
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", metavar="NAME|PATH", help="Another dataset, or examples of your own with labels."),
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option("--plots", metavar="DIR", help="Draw curves and confusions, or residuals, into this directory."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON on stdout.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network for data.")] = False,
) -> None:
    """Apply a run's stored model to a test part, or to examples of your own, and print its figures.

    Your own are an .npz file of examples and labels, pictures in a folder for each class or with a CSV file of labels
    (columns file and label), or, for a run on an own table, such a table.

    Prints figures; writes only the pictures of --plots.

    Example:  nnexp evaluate runs/20261121-221332_fashion_sigmoid128
    Example:  nnexp evaluate runs/20261122-131905_flowers --dataset new.csv
    """
    from nnexp import evaluation
    from nnexp.inference.model import load_model
    from nnexp.inference.signature import signature_of
    from nnexp.runs import record

    handle_sigterm()
    if plots:
        _check_folder(plots)
    found = record.read(run)
    signature = signature_of(found)
    examples = _examples(found, dataset, signature, offline=offline)
    model = load_model(found, signature)
    figures = evaluation.evaluate(found.task, examples.labels, model.answers(examples.x), signature.classes)
    if plots:
        _draw(plots, f"{found.name}: {examples.name}", figures, signature.classes)
    if as_json:
        _print_json(found, examples, figures)
    else:
        _print(found, examples, figures)
    gc.freeze()  # the interpreter's last collection would walk all of TensorFlow, a second for nothing


def _examples(found: RunRecord, name: str | None, signature: Signature, *, offline: bool) -> Labelled:
    """The test part of the run's dataset, or of the one of that name; or all examples at that path.

    Where the run's own data are at that path, their test part: it was trained on the others.
    """
    from nnexp.cli.console import stderr
    from nnexp.cli.fetch_progress import RichFetchProgress
    from nnexp.data.datasets import DATASETS, find
    from nnexp.examples import dataset_of, load_examples, own_dataset_at
    from nnexp.inference.inputs import must_fit
    from nnexp.inference.labelled import Labelled, labelled_in
    from nnexp.inference.signature import scaled
    from nnexp.runs.record import kind_of

    if name and name not in DATASETS and (Path(name).suffix or kind_of(Path(name)) != "nothing"):
        chosen = own_dataset_at(found, Path(name))
        if chosen is None:
            arrays = Path(name).suffix.lower() == ".npz"
            return labelled_in(Path(name), signature if arrays else scaled(signature, found))
    else:
        chosen = find(name) if name else dataset_of(found)
    examples = load_examples(chosen, offline=offline, progress=RichFetchProgress(stderr()))
    must_fit(examples, signature)
    return Labelled(f"the test part of {chosen.name}", examples.x, examples.labels, examples.fingerprint)


def _check_folder(plots: Path) -> None:
    """See, before any work, that pictures may be written there: a run has such of its own."""
    from nnexp.errors import InputError
    from nnexp.runs.record import kind_of

    if kind_of(plots) not in ("directory", "nothing") or kind_of(plots.absolute().parent) != "directory":
        raise InputError(f"--plots {plots}: there is nowhere to make it; give a directory in one that is there")
    if kind_of(plots / "metrics.json") != "nothing":
        raise InputError(f"--plots {plots}: that is a run, which stays as it was; give another directory")


def _draw(folder: Path, title: str, figures: Evaluation, names: Sequence[str]) -> None:
    import numpy as np

    from nnexp.cli.console import stderr
    from nnexp.errors import InputError
    from nnexp.plots import plot_confusion, plot_curves, plot_residuals

    truth, probabilities = figures.labels, figures.probabilities
    try:
        folder.mkdir(exist_ok=True)
        if probabilities is None:
            plot_residuals(folder / "residuals.png", title, truth, figures.predicted, names)
        elif figures.task == "multi_label":
            plot_curves(folder / "curves.png", title, truth, probabilities, names)
        else:
            plot_confusion(folder / "confusion_matrix.png", title, figures.details["confusion_matrix"], names)
            first = 1 if len(names) == 2 else 0  # of two classes the second against the first; else each against all
            against = truth[:, None] == np.arange(len(names))
            plot_curves(folder / "curves.png", title, against[:, first:], probabilities[:, first:], names[first:])
    except OSError as error:
        raise InputError(f"--plots {folder}: cannot be written: {error.strerror}; give another directory") from None
    stderr().print(f"pictures: {folder}", soft_wrap=True)


def _print(found: RunRecord, examples: Labelled, figures: Evaluation) -> None:
    from rich.text import Text

    from nnexp.cli.console import print_fact, say, say_amiss, stdout
    from nnexp.cli.outcome import print_evaluation
    from nnexp.tasks import in_words

    console, headline = stdout(), found.headline
    value = figures.figures[headline]
    say(console, f"{len(figures.labels):,} examples: {examples.name}")
    width = max(map(len, map(in_words, figures.figures)))
    for name, said in figures.figures.items():
        interval = figures.intervals.get(name)
        beside = "  (95 % interval {:.4f} to {:.4f})".format(*interval) if interval else ""
        print_fact(console, in_words(name), Text(f"{said:.4f}{beside}"), width)
    recorded = found.test.get(headline)
    if recorded is not None and found.test_split == examples.fingerprint:
        same = abs(recorded - value) < 1e-6 * max(1, abs(recorded))
        if same:
            say(console, "the same as the run recorded")
        else:
            changed = "the model, the versions or the computer are others now"
            say_amiss(console, f"the run recorded {recorded:.4f} on these very examples: {changed}")
    elif found.test_split:
        say_amiss(console, "these are other examples than those that the run was tested on: the figures may differ")
    print_evaluation(figures.plain(), console)


def _print_json(found: RunRecord, examples: Labelled, figures: Evaluation) -> None:
    from nnexp.files import to_json
    from nnexp.runs.reading import escaped

    told = {
        "run": str(found.path),
        "dataset": examples.name,
        "examples": len(figures.labels),
        "test_split": examples.fingerprint,
        **figures.figures,
        **{f"{name}_interval": interval for name, interval in figures.intervals.items()},
        **figures.plain(),
    }
    typer.echo(escaped(to_json(told)))
