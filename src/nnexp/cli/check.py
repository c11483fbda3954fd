"""`nnexp check`: everything that can be found before training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnexp.cli import overrides as options
from nnexp.errors import ConfigError, Problem

if TYPE_CHECKING:
    from nnexp.config.experiment import Experiment
    from nnexp.config.overrides import Override

_SHOWN = 5  # points or seeds in a line
_MOST_SIZES = 12  # lines that say how many parameters models have


def check(
    configs: Annotated[
        list[Path], typer.Argument(metavar="CONFIG…", help="Configs and sweep files to check.", show_default=False)
    ],
    keras: Annotated[
        bool, typer.Option("--keras", help="Have Keras build each model too (it does so anyway for rarer layers).")
    ] = False,
    sets: options.Set = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print problems, warnings and models as JSON on stdout.")
    ] = False,
) -> None:
    """Check configs without training: names, values, shapes, loss against labels, and what will likely go wrong.

    Writes nothing, and starts nothing.

    Example:  nnexp check configs/*.yaml
    Example:  nnexp check iris.yaml --set layers.0.units=64
    """
    from nnexp.config.experiment import is_sweep, parse_experiment
    from nnexp.config.loading import read_config
    from nnexp.config.overrides import apply

    changes = options.collect(sets)
    problems: list[Problem] = []
    told: list[dict[str, Any]] = []
    for path in configs:
        wrong: Sequence[Problem] = ()
        found: dict[str, Any] = {}
        try:
            config = read_config(path)
            if is_sweep(config):
                found = _check_sweep(path, changes, build=keras, show=not as_json)
            else:
                experiment = parse_experiment(apply(config, changes), path.stem)
                found = _check(path, experiment, build=keras, show=not as_json)
        except ConfigError as error:
            wrong = error.problems
        problems += wrong
        told.append({"config": str(path), "problems": [asdict(problem) for problem in wrong], **found})
    if as_json:
        from nnexp.files import to_json
        from nnexp.runs.reading import escaped

        typer.echo(escaped(to_json(told)))
        raise typer.Exit(ConfigError.exit_code if problems else 0)
    if problems:
        raise ConfigError(problems)


def _check_sweep(path: Path, changes: Sequence[Override], *, build: bool, show: bool) -> dict[str, Any]:
    """Check every point of a sweep, and say what came of it; `changes` are axes, as `nnexp sweep` takes them."""
    from nnexp.config.sweep import parse_axis
    from nnexp.data.datasets import describe
    from nnexp.preflight import preflight
    from nnexp.sweeps.baseline import without_baseline
    from nnexp.sweeps.expand import load_points, noticed

    plan, points = load_points(path, [parse_axis(change.path, change.value, "--set") for change in changes])
    seeds = sorted({point.seed for point in points})
    models = {point.stem: point.experiment for point in points if point.experiment}  # one for all repeats
    sizes = {point.stem: point.total_parameters for point in points if point.experiment}
    for stem, experiment in models.items():
        dataset = describe(experiment.dataset.name, experiment.dataset.parameters)
        if build or preflight(experiment, dataset).layers is None:
            from nnexp.training.rehearsal import rehearse

            sizes[stem] = rehearse(experiment, dataset)[1]["total"]
    findings = noticed(points)
    plain = [{**finding.plain(), "points": list(stems)} for finding, stems in findings]
    refused = {point.stem: str(point.refusal) for point in points if point.refusal}
    told = {
        "runs": plan.runs,
        "seeds": seeds,
        "total_parameters": sizes,
        "refused_as_expected": refused,
        "findings": plain,
    }
    if not show:
        return told

    from nnexp.cli.console import say, say_amiss, say_of, stdout
    from nnexp.cli.outcome import in_a_sweep, print_finding

    console = stdout()
    with_seeds = f"with {'the seed' if len(seeds) == 1 else 'the seeds'} {_listed(seeds)}"
    runs = f"good, {len(points) - len(refused)} runs {with_seeds}"
    if plan.search:
        runs = f"good, {plan.search.trials} trials by {plan.search.sampler}"
        if plan.search.finalists:
            runs += f", then the best {plan.search.finalists} with {plan.repeats} fresh seeds each"
        runs += f"; {len(points)} points of the space were looked at"
    say_of(console, f"{_shown(path)}: ", "bold", runs, "green")
    if lost := without_baseline(plan):
        say_amiss(console, lost)
    for count, stems in [] if plan.search else _by_size(sizes)[:_MOST_SIZES]:
        say(console, f"{count:,} parameters: {_listed(stems)}")
    for point in points:
        if point.refusal:
            say_amiss(console, f"{point.stem} is refused, as expected: {point.refusal}")
    for finding, stems in findings:
        said = {
            "message": f"{_listed(stems)}: {finding.message}",
            "suggestion": in_a_sweep(finding.message, finding.suggestion),
        }
        print_finding(console, {**finding.plain(), **said})
    return told


def _shown(path: Path) -> str:
    """The path without what steers a terminal, and without bytes that are no text."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in str(path))


def _by_size(sizes: Mapping[str, int | None]) -> list[tuple[int, list[str]]]:
    """The points by how many parameters their models have, the smallest first."""
    counts = sorted({size for size in sizes.values() if size is not None})
    return [(count, [stem for stem, size in sizes.items() if size == count]) for count in counts]


def _listed(items: Sequence[object]) -> str:
    """The items in a row, a long one cut short."""
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(map(str, items[:_SHOWN])) + more


def _check(path: Path, experiment: Experiment, *, build: bool, show: bool) -> dict[str, Any]:
    from nnexp.data.datasets import describe
    from nnexp.preflight import preflight

    dataset = describe(experiment.dataset.name, experiment.dataset.parameters)
    checked = preflight(experiment, dataset)
    if checked.problems:
        raise ConfigError(checked.problems)

    if build or checked.layers is None:
        from nnexp.training.rehearsal import rehearse

        rows, parameters = rehearse(experiment, dataset)
    else:
        rows = [_row(layer) for layer in checked.layers]
        parameters = {
            "total": sum(layer.parameters for layer in checked.layers),
            "trainable": sum(layer.trainable for layer in checked.layers),
        }
    findings = [finding.plain() for finding in checked.warnings]
    if show:
        from nnexp.cli.console import say_of, stdout
        from nnexp.cli.outcome import model_table, print_finding  # a bad config is answered without Rich

        console = stdout()
        say_of(console, f"{_shown(path)}: ", "bold", "good", "green")
        console.print(model_table(rows, parameters))
        for finding in findings:
            print_finding(console, finding)
    return {"model": rows, "parameters": parameters, "findings": findings}


def _row(layer: Any) -> dict[str, Any]:
    shape = ", ".join(str(size) for size in layer.output)
    return {
        "layer": f"layers.{layer.index}",
        "kind": layer.name,
        "output": f"({shape})",
        "parameters": layer.parameters,
    }
