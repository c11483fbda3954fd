"""`nnexp run`: one experiment from its config to its run folder."""

from __future__ import annotations

import contextlib
import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from nnexp.cli import overrides as options
from nnexp.cli.signals import handle_sigterm


def run(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The experiment's YAML file.", show_default=False)],
    hidden: options.Hidden = None,
    activation: options.Activation = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    optimizer: options.Optimizer = None,
    learning_rate: options.LearningRate = None,
    normalization: options.Normalization = None,
    dataset: options.Dataset = None,
    seed: options.Seed = None,
    sets: options.Set = None,
    runs_dir: Annotated[Path, typer.Option(metavar="DIR", help="Where run folders are made.")] = Path("runs"),
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network for data.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the run's metrics.json on stdout.")] = False,
) -> None:
    """Train one experiment, evaluate it on the test split, and keep everything in a new run folder.

    Example:  nnexp run configs/fashion_sigmoid128.yaml --epochs 15 --set optimizer.learning_rate=0.002
    """
    from nnexp.cli.console import stderr
    from nnexp.cli.fetch_progress import RichFetchProgress
    from nnexp.cli.live import Live
    from nnexp.cli.outcome import print_outcome
    from nnexp.config.experiment import load_experiment
    from nnexp.experiment import Options, run_experiment
    from nnexp.runs import record

    changes = options.collect(
        sets,
        hidden=hidden,
        activation=activation,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        learning_rate=learning_rate,
        normalization=normalization,
        dataset=dataset,
        seed=seed,
    )
    experiment = load_experiment(config, changes)
    handle_sigterm()
    with Live(stderr(), quiet=quiet) as live:
        fetching = None if quiet else RichFetchProgress(stderr())
        folder = run_experiment(experiment, Options(runs_dir, offline, sys.argv), live.report, fetching)
    done = record.read(folder)
    if not live.quiet:
        with contextlib.suppress(OSError):  # a full terminal, so to say, where the run itself is done
            print_outcome(done, stderr(), findings=False)
    if as_json:
        typer.echo(done.folder.metrics.read_text(encoding="utf-8"), nl=False)
    gc.freeze()  # the interpreter's last collection would walk all of TensorFlow, a second for nothing
