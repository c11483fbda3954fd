"""`nnexp run`: one experiment from its config to its run folder."""

from __future__ import annotations

import contextlib
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnexp.cli import overrides as options
from nnexp.cli.signals import end_at_once_when_told_twice, handle_sigterm

if TYPE_CHECKING:
    from collections.abc import Callable

    from nnexp.config.experiment import Experiment
    from nnexp.data.progress import FetchProgress
    from nnexp.events import Report
    from nnexp.experiment import Options
    from nnexp.profile import Profile


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
    track: options.Track = None,
    sets: options.Set = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the newest run of this config that was cut off, if any."),
    ] = False,
    hosts: options.Hosts = None,
    wait: options.Wait = 300,
    runs_dir: Annotated[Path, typer.Option(metavar="DIR", help="Where run folders are made.")] = Path("runs"),
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network for data.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the run's metrics.json on stdout.")] = False,
    profiled: Annotated[
        bool, typer.Option("--profile", help="Measure where the time goes; shown at the end, and in metrics.json.")
    ] = False,
    notify: options.Notify = False,  # see decoding.Command
) -> None:
    """Train one experiment, evaluate it on the test split, and keep everything in a new run folder.

    Writes runs/DATE_TIME_NAME: config, metrics, history, plots, predictions, model, log.

    Example:  nnexp run configs/fashion_sigmoid128.yaml
    Example:  nnexp run configs/fashion_sigmoid128.yaml --hidden 256x128 --epochs 15
    Example:  nnexp run iris.yaml --set optimizer.learning_rate=0.002 --seed 7
    """
    profile = begin_profile() if profiled else None
    from nnexp.config.experiment import load_experiment
    from nnexp.experiment import Options, run_experiment

    several = options.of_hosts(hosts, wait)
    changes = options.collect(
        [*(sets or []), "distribute=mirrored"] if several else sets,
        hidden=hidden,
        activation=activation,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        learning_rate=learning_rate,
        normalization=normalization,
        dataset=dataset,
        seed=seed,
        track=options.trackers(track),
    )
    experiment = load_experiment(config, changes)
    how = Options(runs_dir, offline, sys.argv, profile=profile, **several)
    if resume and (unfinished := _newest_unfinished(experiment, runs_dir, quiet=quiet)):
        resume_run(unfinished, how, quiet=quiet, as_json=as_json)
    else:
        show_run(
            lambda report, fetching: run_experiment(experiment, how, report, fetching), quiet=quiet, as_json=as_json
        )


def begin_profile() -> Profile:
    """Measure where the time goes from here on; what was before is the start."""
    from nnexp.profile import Profile

    profile = Profile()
    profile.mark("config")
    return profile


def resume_run(path: Path, how: Options, *, force: bool = False, quiet: bool, as_json: bool) -> None:
    """Go on with one run, shown as one that begins."""
    from nnexp.resume import resume

    show_run(lambda report, fetching: resume(path, how, report, fetching, force=force), quiet=quiet, as_json=as_json)


def show_run(do: Callable[[Report, FetchProgress | None], Path], *, quiet: bool, as_json: bool) -> None:
    """Do a run, or the rest of one, live on the terminal, and print its outcome."""
    from nnexp.cli.console import stderr
    from nnexp.cli.fetch_progress import RichFetchProgress
    from nnexp.cli.live import Live
    from nnexp.cli.outcome import print_outcome
    from nnexp.cli.profiled import print_profile
    from nnexp.runs import record

    handle_sigterm()
    end_at_once_when_told_twice()
    with Live(stderr(), quiet=quiet) as live:
        folder = do(live.report, None if quiet else RichFetchProgress(stderr()))
    done = record.read(folder)
    if not live.quiet:
        with contextlib.suppress(OSError):  # a full terminal, so to say, where the run itself is done
            print_outcome(done, stderr(), findings=False)
            print_profile(done.metrics, stderr())
    if as_json:
        typer.echo(record.metrics_text(folder), nl=False)
    gc.freeze()  # the interpreter's last collection would walk all of TensorFlow, a second for nothing


def _newest_unfinished(experiment: Experiment, runs: Path, *, quiet: bool) -> Path | None:
    from nnexp.cli.console import say_amiss, stderr
    from nnexp.resume import newest_unfinished

    found = newest_unfinished(runs, experiment)
    if not found and not quiet:
        say_amiss(stderr(), f"no run of this config in {runs} was cut off: a new one begins")
    return found
