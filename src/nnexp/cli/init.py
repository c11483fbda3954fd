"""`nnexp init`: a first config, made from a look at the data."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnexp.errors import Amiss

if TYPE_CHECKING:
    from nnexp.events import Event


def init(
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DATA]",
            help="A folder of data, or a file; the config goes there too. By default here; without data an example.",
            show_default=False,
        ),
    ] = None,
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="KIND",
            help="csv, parquet, npz, npy, idx or images in DATA; or a dataset such as mnist. By default what is there.",
        ),
    ] = "",
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="The column of a table to learn, again for several; guessed by default."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the config and where it is as JSON on stdout.")
    ] = False,
) -> None:
    """Look at the data and write a commented config that trains as it is; without data, one for Fashion-MNIST.

    It is printed, and written beside the data; a config that is there already is left as it is.

    Example:  nnexp init --from iris
    Example:  nnexp init flowers
    Example:  nnexp init houses.csv --target price
    """
    from nnexp.config.experiment import parse_experiment
    from nnexp.config.loading import parse_config
    from nnexp.data.datasets import DATASETS, describe
    from nnexp.errors import ConfigError, InputError
    from nnexp.files import meant, to_json, write_text
    from nnexp.preflight import preflight
    from nnexp.starter import A_SWEEP, EXAMPLE, NoData, config_text

    place = data or Path()
    folder = place.parent if place.is_file() else place
    if not folder.is_dir():
        kind, fits = ("file", Path.is_file) if place.suffix else ("folder", Path.is_dir)
        near = meant(place, fits)
        hint = f"did you mean '{near}'? " if near else ""
        raise InputError(f"there is no {kind} {place}; {hint}make it, or name the one that holds your data")
    if folder != place and start in DATASETS:
        raise InputError(f"--from {start} takes no data; leave {place} out, or name a folder for the config")
    example = False
    try:
        text, name = config_text(place, start, target or (), _report)
    except NoData:
        example = not (data or start or target)
        if not example:
            raise
        text, name = config_text(folder, EXAMPLE)
    path = folder / name
    # From its own folder, as it will be read.
    experiment = parse_experiment(parse_config(text, str(path)), path.stem)
    if problems := preflight(experiment, describe(experiment.dataset.name, experiment.dataset.parameters)).problems:
        raise ConfigError(problems)
    if path.exists():
        raise InputError(f"{path} is there already; remove it, or move it away")
    try:
        write_text(path, text)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; see that you may write in {folder}") from None
    typer.echo(to_json({"config": str(path), "text": text}) if as_json else text)
    if example:
        told: Amiss = "no data here, so this is an example; for your own:\n  nnexp init FILE_OR_FOLDER"
        typer.echo(told, err=True)
    shown = shlex.quote(str(path))
    said = f"""written to {path}
train it, then ask it something:
  nnexp run {shown}
  nnexp sweep {shown} {A_SWEEP}"""
    typer.echo(said, err=True)


def _report(event: Event) -> None:
    """What takes a while, for who waits for it."""
    from nnexp.cli.console import say, stderr
    from nnexp.events import plain_text

    if stderr().is_terminal:
        say(stderr(), plain_text(event) or "", "dim")
