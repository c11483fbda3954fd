"""`nnexp check`: everything that can be found before training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnexp.cli import overrides as options
from nnexp.errors import ConfigError, Problem

if TYPE_CHECKING:
    from nnexp.config.experiment import Experiment


def check(
    configs: Annotated[list[Path], typer.Argument(metavar="CONFIG…", help="Configs to check.", show_default=False)],
    keras: Annotated[
        bool, typer.Option("--keras", help="Have Keras build each model too (it does so anyway for rarer layers).")
    ] = False,
    sets: options.Set = None,
) -> None:
    """Check configs without training: names, values, shapes, loss against labels, and what will likely go wrong.

    Example:  nnexp check configs/*.yaml
    """
    from nnexp.config.experiment import load_experiment

    changes = options.collect(sets)
    problems: list[Problem] = []
    for path in configs:
        try:
            _check(path, load_experiment(path, changes), build=keras)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)


def _check(path: Path, experiment: Experiment, *, build: bool) -> None:
    from nnexp.data.datasets import DATASETS
    from nnexp.preflight import preflight

    dataset = DATASETS[experiment.dataset.name]
    checked = preflight(experiment, dataset)
    if checked.problems:
        raise ConfigError(checked.problems)

    from rich.text import Text  # a bad config is answered without Rich

    from nnexp.cli.console import stdout
    from nnexp.cli.outcome import model_table, print_finding

    if build or checked.layers is None:
        from nnexp.training.session import rehearse

        rows, parameters = rehearse(experiment, dataset)
    else:
        rows = [_row(layer) for layer in checked.layers]
        parameters = {
            "total": sum(layer.parameters for layer in checked.layers),
            "trainable": sum(layer.trainable for layer in checked.layers),
        }
    console = stdout()
    console.print(Text.assemble((f"{path}: ", "bold"), ("good", "green")), soft_wrap=True)
    console.print(model_table(rows, parameters))
    for finding in checked.warnings:
        print_finding(console, finding.plain())


def _row(layer: Any) -> dict[str, Any]:
    shape = ", ".join(str(size) for size in layer.output)
    return {"layer": str(layer.index + 1), "kind": layer.name, "output": f"({shape})", "parameters": layer.parameters}
