"""`nnexp export`: a run's model in the format of another tool, or the run as a Keras program."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnexp.cli.signals import end_at_once_when_told_twice, handle_sigterm

if TYPE_CHECKING:
    from nnexp.export.exporting import Exported


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    name: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="keras, saved_model, onnx or tflite: the model; script or notebook: the run as a Keras program.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="PATH", help="Where to; by default here, under the run's name."),
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option("--dataset", metavar="PATH", help="Where the run's own data are now.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what an earlier export left there.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network for data.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON on stdout.")] = False,
) -> None:
    """Write the trained model for other tools, or the run as a short Keras program without nnexp.

    A model takes raw examples: its normalization is inside. It is loaded back with the format's own runtime and must
    predict what the run's model does, on 256 test examples, else nothing is kept.

    Example:  nnexp export runs/20261121-221332_fashion_sigmoid128 --format onnx
    Example:  nnexp export runs/20261121-221332_fashion_sigmoid128 -f script -o train.py
    """
    from nnexp.cli.console import say, stderr, stdout
    from nnexp.cli.fetch_progress import RichFetchProgress
    from nnexp.export.exporting import export
    from nnexp.files import to_json

    handle_sigterm()
    end_at_once_when_told_twice()
    progress = RichFetchProgress(stderr())
    done = export(run, name, output, moved_to=dataset, force=force, offline=offline, progress=progress)
    if as_json:
        typer.echo(to_json(done.plain()))
    else:
        say(stdout(), "\n".join(_told(done)))
    gc.freeze()  # the interpreter's last collection would walk all of TensorFlow, a second for nothing


def _told(done: Exported) -> Iterator[str]:
    from nnexp.runs.reading import printable

    yield f"written: {printable(done.path)}"
    if done.check:
        check = done.check
        yield f"  takes raw examples, {check.input}; gives {check.output}"
        apart = f"largest difference {check.difference:.2g} over {check.examples} examples"
        if check.largest > 1:
            apart += f", where predictions are up to {check.largest:.4g} (at most {check.allowed:.2g} is allowed)"
        yield f"  loaded back with {check.runtime}: {apart}"
