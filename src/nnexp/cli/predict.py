"""`nnexp predict`: a run's stored model applied to test examples, or to files."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnexp.cli.signals import handle_sigterm
from nnexp.errors import Amiss, InputError

if TYPE_CHECKING:
    from nnexp.inference.inputs import Inputs
    from nnexp.inference.predictions import Predictions
    from nnexp.inference.signature import Signature
    from nnexp.runs.record import RunRecord

_MOST_NOTES = 5
_MOST_DRAWN = 100  # pictures in one PNG


def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run's folder.", show_default=False)],
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE…]", help="Raw input: pictures, CSV, Parquet, NPY, NPZ.", show_default=False),
    ] = None,
    index: Annotated[
        list[int] | None, typer.Option("--index", metavar="N", help="A test example, from 0. Repeatable.")
    ] = None,
    dataset: Annotated[
        Path | None,
        typer.Option("--dataset", metavar="PATH", help="Where the run's own data are now, for --index or pictures."),
    ] = None,
    invert: Annotated[
        bool, typer.Option("--invert", help="Turn light and dark round: ink on paper for a model of light on black.")
    ] = False,
    png: Annotated[
        Path | None, typer.Option("--png", metavar="FILE.png", help="Write the pictures as the model sees them.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write a table: .csv or .json.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a table as CSV on stdout.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON on stdout.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network for data.")] = False,
) -> None:
    """Apply a run's stored model: to examples of the test part, or to pictures, tables and arrays in files.

    Input is raw, as the dataset has it: the model normalizes by itself. Load only models of people you trust.

    Prints a table; writes only what -o and --png name.

    Example:  nnexp predict runs/20261121-221332_fashion_sigmoid128 --index 0
    Example:  nnexp predict runs/20261121-221332_fashion_sigmoid128 shoe.png --invert
    Example:  nnexp predict runs/20261122-131905_flowers new.csv -o answers.csv
    """
    if bool(files) == bool(index):
        raise InputError("give either files, or test examples by --index N, such as  --index 0 --index 7")
    if as_csv and as_json:
        raise InputError("--csv and --json go to the same stdout; give one of them")
    if invert and index:
        raise InputError("--invert is for picture files; leave it out with --index")
    from nnexp.inference.inputs import PICTURES
    from nnexp.inference.model import load_model
    from nnexp.inference.predictions import predictions_of
    from nnexp.inference.signature import scaled, signature_of
    from nnexp.runs import record

    # Pictures are read, and drawn, in the range of the run's own data.
    scales = bool(index or png) or any(path.suffix.lower() in PICTURES for path in files or ())
    if dataset and not scales:
        raise InputError("--dataset says where the run's own data are, which tables and arrays need not; leave it out")
    handle_sigterm()
    _check_targets(png, output, files or [])
    found = record.read(run)
    signature = signature_of(found)
    if png and not signature.is_picture:
        raise InputError("--png: this model does not take pictures; leave it out")
    if scales:
        signature = scaled(signature, found, dataset)
    inputs = _inputs(found, signature, files or [], index or [], dataset, invert=invert, offline=offline)
    model = load_model(found, signature)
    answered = model.answers(inputs.x)
    predictions = predictions_of(signature.task, signature.classes, answered, inputs.sources, inputs.truths)
    if png:
        _save_pictures(png, inputs, predictions, signature)
    if output:
        _save(output, _text(found, predictions, as_csv=output.suffix.lower() == ".csv"))
    if as_csv or as_json:
        typer.echo(_text(found, predictions, as_csv=as_csv), nl=False)
    else:
        _print(inputs, predictions, signature)
        if files:
            _print_how_sure(found)
    gc.freeze()  # the interpreter's last collection would walk all of TensorFlow, a second for nothing


def _check_targets(png: Path | None, output: Path | None, files: Sequence[Path]) -> None:
    from nnexp.report.target import PICTURE, TABLE, check_target

    inputs = {path.resolve() for path in files}
    for option, target in (("--png", png), ("-o", output)):
        if target and target.resolve() in inputs:
            raise InputError(f"{option} {target} is one of the files to predict; give another name")

    if png:
        check_target(png, "--png", PICTURE)
    if output:
        check_target(output, "-o", TABLE)


def _inputs(
    found: RunRecord,
    signature: Signature,
    files: Sequence[Path],
    indices: Sequence[int],
    moved_to: Path | None,
    *,
    invert: bool,
    offline: bool,
) -> Inputs:
    from nnexp.cli.console import say_amiss, stderr
    from nnexp.inference.inputs import from_files, from_test_part

    if files:
        inputs = from_files(files, signature, invert=invert)
    else:
        from nnexp.cli.fetch_progress import RichFetchProgress
        from nnexp.examples import dataset_of, load_examples

        examples = load_examples(dataset_of(found, moved_to), offline=offline, progress=RichFetchProgress(stderr()))
        inputs = from_test_part(examples, indices, signature)
        if found.test_split not in ("", examples.fingerprint):
            other = "the test part on this computer is another than the run's"
            say_amiss(stderr(), f"note: {other}: it may hold examples that the model learnt from")
    for note in inputs.notes[:_MOST_NOTES]:
        say_amiss(stderr(), f"note: {note}")
    if len(inputs.notes) > _MOST_NOTES:
        say_amiss(stderr(), f"note: and {len(inputs.notes) - _MOST_NOTES} more of that kind")
    if note := _of_class_weights(found):
        say_amiss(stderr(), f"note: {note}")
    return inputs


def _of_class_weights(found: RunRecord) -> Amiss:
    """What they make of probabilities; "" where the run had none."""
    given = found.config.get("class_weight", "none")
    if found.task != "classification" or given == "none":
        return ""
    often = "not of how often they are"
    if given == "balanced":
        return f"trained with class_weight balanced: its probabilities are of classes that count the same, {often}"
    return f"trained with class weights: its probabilities are of classes that count by these, {often}"


def _print(inputs: Inputs, predictions: Predictions, signature: Signature) -> None:
    from nnexp.cli.console import stdout
    from nnexp.cli.picture import drawn
    from nnexp.cli.predicted import print_prediction, print_predictions

    console = stdout()
    if len(predictions.rows) > 1 and inputs.truths is None:
        print_predictions(predictions, console)
        return
    for place, one in enumerate(predictions.rows):
        if place:
            console.print()
        picture = None
        if console.is_terminal and signature.is_picture:
            picture = drawn(inputs.x[place], signature.value_range, console)
        print_prediction(predictions, one, console, picture)


def _print_how_sure(found: RunRecord) -> None:
    """The figure of the test part: how far off such answers are, or how often right."""
    from nnexp.cli.console import say, stdout
    from nnexp.cli.outcome import headline_text

    if told := headline_text(found):
        say(stdout(), f"on the run's test part: {told}")


def _text(found: RunRecord, predictions: Predictions, *, as_csv: bool) -> str:
    from nnexp.files import to_json
    from nnexp.inference.predictions import csv_text, plain
    from nnexp.inference.signature import NAMED
    from nnexp.runs.reading import escaped

    if as_csv:
        return csv_text(predictions)
    told = {
        "run": str(found.path),
        "task": predictions.task,
        NAMED[predictions.task]: predictions.names,
        "predictions": plain(predictions),
    }
    return escaped(to_json(told)) + "\n"


def _save(output: Path, text: str) -> None:
    from nnexp.cli.console import stderr
    from nnexp.files import write_text

    try:
        write_text(output, text)
    except OSError as error:
        raise InputError(f"-o {output}: cannot be written: {error.strerror}; give another name") from None
    stderr().print(f"predictions: {output}", soft_wrap=True)


def _save_pictures(path: Path, inputs: Inputs, predictions: Predictions, signature: Signature) -> None:
    from nnexp.cli.console import say, stderr
    from nnexp.cli.predicted import caption
    from nnexp.plots import plot_pictures

    shown = predictions.rows[:_MOST_DRAWN]
    captions = [[Path(one.source).name, *caption(predictions, one)] for one in shown]
    try:
        plot_pictures(path, inputs.x[: len(shown)], captions, signature.value_range)
    except OSError as error:
        raise InputError(f"--png {path}: cannot be written: {error.strerror}; give another name") from None
    count = len(predictions.rows)
    more = f", the first {_MOST_DRAWN} of {count:,}" if count > _MOST_DRAWN else ""
    say(stderr(), f"pictures: {path}{more}")
