"""From a sweep file to its points, all validated before the first one trains."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from nnexp.config import catalog
from nnexp.config.experiment import Experiment, parse_experiment
from nnexp.config.loading import Node
from nnexp.config.overrides import Override, apply
from nnexp.config.sweep import Axis, Base, SweepFile, UnsoundSweep, Variant, load_sweep
from nnexp.config.sweep.space import Search
from nnexp.data.datasets import describe
from nnexp.errors import ConfigError, Place, Problem, in_order
from nnexp.findings import Finding
from nnexp.preflight import preflight
from nnexp.preflight.measures import compared_metrics, logged_metrics
from nnexp.sweeps.baseline import baseline_of, stem_of, values_of
from nnexp.sweeps.draws import draw, ends
from nnexp.sweeps.labels import distinct, safe, written
from nnexp.tasks import Task, figure_called

_SHOWN = 4  # labels in a message
_MOST_UNSOUND = 1000  # points that are looked at though their file is wrong: a second or two
_MOST_POINTS = 10_000  # among which the baseline of a file is looked for, where the caller gives axes
_MOST_VALUES = 500_000  # in their configs
_MOST_DRAWN = 100  # points of a search that are looked at beforehand, besides its ends


@dataclass(frozen=True, slots=True)
class Point:
    """One run of a sweep."""

    label: str  # its folder's name, which says what differs: "hidden=512_seed=43"; unique, also where case is ignored
    stem: str  # the label without the seed: what all repeats of the point share
    parameters: Mapping[str, Any]  # what differs but for the seed: "variant", "base" or an axis -> value
    seed: int
    experiment: Experiment | None  # with this seed; None where an error was expected, and found
    config: Mapping[str, Any]  # complete plain data; as it was written where experiment is None
    refusal: str = ""  # the message of the expected error
    warnings: tuple[Finding, ...] = ()
    total_parameters: int | None = None  # of its model; None where only Keras can count them

    def said(self) -> dict[str, Any]:
        """As sweep.json has it."""
        return {"label": self.label, "stem": self.stem, "seed": self.seed, "parameters": dict(self.parameters)}


def load_points(
    source: Path | Node | None, axes: Sequence[Axis] = (), **options: Any
) -> tuple[SweepFile, tuple[Point, ...]]:
    """The sweep that `load_sweep` reads, and its points.

    Raises:
        ConfigError: with all that is wrong with the file and with any point that it makes all the same.
        InputError: as `load_sweep` does.
    """
    try:
        plan = load_sweep(source, axes, **options)
    except UnsoundSweep as error:
        raise ConfigError(in_order([*error.problems, *_further_problems(error.sweep)])) from None
    if not (plan.own and plan.baseline):
        points = expand(plan)
        return replace(plan, metric=_metric_of(points, plan)), points
    points = expand(replace(plan, baseline=""))
    plan = replace(plan, baseline=_baseline_among(points, plan, plan.own))
    if told := list(_baseline_problems(points, plan)):
        raise ConfigError(told)
    return replace(plan, metric=_metric_of(points, plan)), points


def _further_problems(sweep: SweepFile) -> list[Problem]:
    """What is wrong with the points of a sweep of which a part could not be read: such as the values of good axes."""
    sound = tuple(replace(variant, repeats=None) for variant in sweep.variants if not variant.expects_error)
    readable = replace(sweep, variants=sound, repeats=1)
    too_many = readable.runs > _MOST_UNSOUND or readable.values > _MOST_VALUES
    if sweep.search or too_many or (sweep.variants and not sound):
        return []
    points, told = _made(readable)
    return told if told or sweep.own else list(_baseline_problems(points, readable))


def expand(sweep: SweepFile) -> tuple[Point, ...]:
    """All points of a sweep, in the order of the file, each with its seeds.

    Of a search, which points there are is not known beforehand: these are the ends of its space, each once, and points
    drawn from it at random, which show whether it can work.

    Raises:
        ConfigError: with all that is wrong with any point; what is wrong with several is told once.
    """
    points, told = _made(sweep)
    if sweep.search:
        told = told or [*_doubles(points, sweep), *_objective_problems(points, sweep.search)]
        told = told or list(_metric_problems(points, sweep))
        points = [replace(point, warnings=()) for point in points]  # what is unusual there the search finds out
    else:
        told = told or [*_doubles(points, sweep), *_baseline_problems(points, sweep), *_metric_problems(points, sweep)]
    if told:
        raise ConfigError(in_order(told))
    return tuple(points)


def _made(sweep: SweepFile) -> tuple[list[Point], list[Problem]]:
    """The points that are sound, and what is wrong with the others."""
    settings = list(_probes(sweep, sweep.search) if sweep.search else _settings(sweep))
    labels = distinct([setting.label() for setting in settings])
    several_seeds = any(len(setting.seeds) > 1 for setting in settings)
    points: list[Point] = []
    problems: dict[Problem, list[str]] = {}
    for label, setting in zip(labels, settings, strict=True):
        point, found = _point(label, setting)
        for problem in found:
            problems.setdefault(problem, []).append(label)
        points += [_with_seed(point, seed, named=several_seeds) for seed in setting.seeds if point]
    return points, [_told(problem, at, len(labels)) for problem, at in _merged(problems).items()]


def identity(points: Sequence[Point], plan: SweepFile | None = None) -> str:
    """A hash of all that affects the results of a sweep, 16 hex digits; of a search its plan does so too."""
    content: list[Any] = [
        [point.label, point.experiment.identity if point.experiment else dict(point.config)] for point in points
    ]
    if plan and plan.search:
        content += [plan.search.plain(), plan.repeats]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def trial_of(sweep: SweepFile, label: str, values: Mapping[str, Any], seed: int) -> Point:
    """The point of a search that has these values of its dimensions; one without experiment where it cannot work.

    Raises:
        ValueError: the values are no point of the space.
    """
    assert sweep.search is not None
    if [one.name for one in sweep.search.space if one.counts(values)] != list(values):
        raise ValueError("other dimensions than count there")
    if not all(one.values.holds(values[one.name]) for one in sweep.search.space if one.name in values):
        raise ValueError("a value that its dimension does not have")
    setting = _drawn(sweep, sweep.search, values, seed)
    point, problems = _point(label, setting)
    return point or Point(
        label, label, values, seed, None, setting.config().plain(), "\n".join(problem.message for problem in problems)
    )


def noticed(points: Sequence[Point]) -> list[tuple[Finding, list[str]]]:
    """What will likely go wrong: each finding once, with the stems of the points that it is of."""
    found: dict[str, tuple[Finding, dict[str, None]]] = {}
    for point in points:
        for finding in point.warnings:
            found.setdefault(finding.message, (finding, {}))[1][point.stem] = None
    return [(finding, list(stems)) for finding, stems in found.values()]


@dataclass(frozen=True, slots=True)
class _Setting:
    """A point before it is validated, with all its seeds."""

    base: Base
    variant: Variant | None
    overrides: tuple[Override, ...]
    parameters: Mapping[str, Any]
    seeds: tuple[int, ...]

    def label(self) -> str:
        """What differs, in the name of a folder."""
        names = [
            str(value) if key in ("variant", "base") else f"{key}={written(value)}"
            for key, value in self.parameters.items()
        ]
        return safe("_".join(names) or self.base.name)

    def config(self) -> Node:
        """The base with its changes: whole keys before parts of them, in whatever order they were asked for."""
        config = apply(self.base.config, sorted(self.overrides, key=attrgetter("depth")))
        if self.variant:
            assert isinstance(config.value, dict)
            config.value["name"] = Node(self.variant.name, self.variant.place)
            config.keys["name"] = self.variant.place
        return config


def _settings(sweep: SweepFile) -> Iterator[_Setting]:
    rows = list(zip(*(_changes(axis) for axis in sweep.zip), strict=True)) if sweep.zip else [()]
    combinations = [_changes(axis) for axis in sweep.grid]
    for variant, base in _origins(sweep):
        seeds = sweep.seeds(variant.repeats if variant else None)
        said: dict[str, Any] = {"variant": variant.name} if variant else {}
        if len(sweep.bases) > 1 and not (variant and variant.base):
            said["base"] = base.name
        own = tuple(axis.changes[0] for axis in variant.changes) if variant else ()
        for row in rows:
            for combination in itertools.product(*combinations):
                chosen = (*row, *combination)
                yield _Setting(
                    base=base,
                    variant=variant,
                    overrides=(*_question(sweep, variant), *own, *(change for change, _ in chosen)),
                    parameters=said | {name: value for _, differing in chosen for name, value in differing.items()},
                    seeds=seeds[:1] if variant and variant.expects_error else seeds,
                )


def _question(sweep: SweepFile, variant: Variant | None = None) -> tuple[Override, ...]:
    """The sweep's description for a run, in place of that of the one base, which is true of the base alone."""
    if not sweep.description or len(sweep.bases) != 1 or (variant and (variant.base or variant.expects_error)):
        return ()
    return (Override("description", "", "", Node(sweep.description, sweep.place)),)


def _drawn(sweep: SweepFile, search: Search, values: Mapping[str, Any], seed: int) -> _Setting:
    fixed = (axis.changes[0] for axis in sweep.for_all)
    changes = (*fixed, *(one.change(values[one.name]) for one in search.space if one.name in values))
    return _Setting(sweep.bases[0], None, (*_question(sweep), *changes), values, (seed,))


def _probes(sweep: SweepFile, search: Search) -> Iterator[_Setting]:
    seen = []
    drawn = (draw(search.space, sweep.seeds()[0], number) for number in range(1, min(search.trials, _MOST_DRAWN) + 1))
    for values in itertools.chain(ends(search.space), drawn):
        if values not in seen:
            seen.append(values)
            yield _drawn(sweep, search, values, sweep.seeds()[0])


def _objective_problems(points: Sequence[Point], search: Search) -> list[Problem]:
    """That what is sought is measured at every point, and not on the test split."""
    for point in points:
        experiment = point.experiment
        assert experiment is not None
        if experiment.validation == "test":
            why = "the best of many by the test split looks better than it is"
            hint = "set `validation: 0.1` in the base"
            return [Problem(search.place, f"{search.objective} is measured on the test split here: {why}", hint)]
        if experiment.validation == "none":
            hint = "set `validation: 0.1` in the base"
            return [Problem(search.place, f"{search.objective} needs examples that are held out", hint)]
        logged = [name for name in logged_metrics(experiment) if name.startswith("val_")]
        if search.objective not in logged:
            near = catalog.nearest(search.objective, logged)
            hint = f"did you mean '{near}'? " if near else ""
            hint += f"there are: {', '.join(logged)}; further ones come with `metrics`"
            return [Problem(search.place, f"no figure is called {search.objective}", hint)]
    return []


def _origins(sweep: SweepFile) -> list[tuple[Variant | None, Base]]:
    if not sweep.variants:
        return [(None, base) for base in sweep.bases]
    return [
        (variant, base) for variant in sweep.variants for base in ((variant.base,) if variant.base else sweep.bases)
    ]


def _changes(axis: Axis) -> list[tuple[Override, dict[str, Any]]]:
    """Each change of an axis, with what it says of a point: nothing where it is the same at all points."""
    differs = len(axis.changes) > 1
    return [
        (change, {axis.name: value} if differs else {}) for change, value in zip(axis.changes, axis.values, strict=True)
    ]


def _point(label: str, setting: _Setting) -> tuple[Point | None, Sequence[Problem]]:
    """The point with its first seed, or all that is wrong with it."""
    config = setting.config()
    seed = setting.seeds[0]
    try:
        experiment = replace(parse_experiment(config, setting.base.name), seed=seed)
        checked = preflight(experiment, describe(experiment.dataset.name, experiment.dataset.parameters))
        if checked.problems:
            raise ConfigError(checked.problems)
    except ConfigError as error:
        if setting.variant and setting.variant.expects_error:
            return Point(label, label, setting.parameters, seed, None, config.plain(), str(error)), ()
        return None, error.problems
    if setting.variant and setting.variant.expects_error:
        message = "an error is expected here, but nothing is wrong"
        return None, (Problem(setting.variant.place, message, "remove `expect: error`"),)
    total = None if checked.layers is None else sum(layer.parameters for layer in checked.layers)
    plain = experiment.plain()
    return Point(label, label, setting.parameters, seed, experiment, plain, "", checked.warnings, total), ()


def _with_seed(point: Point, seed: int, *, named: bool) -> Point:
    label = f"{point.stem}_seed={seed}" if named else point.stem
    if point.experiment is None:
        return replace(point, label=label)
    experiment = replace(point.experiment, seed=seed)
    return replace(point, label=label, seed=seed, experiment=experiment, config={**point.config, "seed": seed})


def _doubles(points: Sequence[Point], sweep: SweepFile) -> list[Problem]:
    """That two points are one experiment, which would count it twice."""
    by_stem: dict[str, Point] = {}
    for point in points:
        by_stem.setdefault(point.stem, point)  # the repeats of a point are as like as it is
    first: dict[str, str] = {}
    doubles = []
    for stem, point in by_stem.items():
        if point.experiment and (other := first.setdefault(point.experiment.identity, stem)) != stem:
            doubles.append((stem, other))
    if not doubles:
        return []
    (stem, other), more = doubles[0], len(doubles) - 1
    message = f"'{stem}' is the same experiment as '{other}'"
    message += f"; {more} more like that" if more else ""
    hint = "remove one of the two (engine and threads change how a run is done, not what it is)"
    return [Problem(sweep.place, message, hint)]


def _baseline_among(points: Sequence[Point], sweep: SweepFile, own: SweepFile) -> str:
    """What the baseline of a file is called among the points that the caller's axes make; "" where it is none of them.

    It is looked for by its name, and then by what it is: the file's point with what now holds for all points.
    """
    if stem := stem_of({point.stem: point.parameters for point in points if point.experiment}, own.baseline):
        return stem
    settings = list(itertools.islice(_settings(own), _MOST_POINTS))
    known = dict(zip(distinct([setting.label() for setting in settings]), settings, strict=True))
    stem = stem_of({stem: setting.parameters for stem, setting in known.items()}, own.baseline)
    if not stem:
        several = values_of([setting.parameters for setting in settings], own.baseline)
        return baseline_of(points, own.baseline) if several else own.baseline  # a mistake of the file's
    for_all = [axis for axis in sweep.for_all if axis.name not in known[stem].parameters]
    overrides = (*known[stem].overrides, *(axis.changes[0] for axis in for_all))
    point, _ = _point(stem, replace(known[stem], overrides=overrides, seeds=sweep.seeds()))
    if not (point and point.experiment):
        return ""
    same = [one.stem for one in points if one.experiment and one.experiment.identity == point.experiment.identity]
    return same[0] if same else ""


def _baseline_problems(points: Sequence[Point], sweep: SweepFile) -> Iterator[Problem]:
    trained = {point.stem: None for point in points if point.experiment}
    if sweep.baseline and not baseline_of(points, sweep.baseline):
        near = catalog.nearest(sweep.baseline, trained)
        hint = f"did you mean '{near}'? " if near else ""
        message = f"the baseline '{sweep.baseline}' is no point that is trained"
        yield Problem(sweep.baseline_place or sweep.place, message, f"{hint}points: {', '.join(trained)}")


def _metric_problems(points: Sequence[Point], sweep: SweepFile) -> Iterator[Problem]:
    """That the figure by which the points are to be compared is measured at one of them at least."""
    known = _compared(points, sweep)
    if known and not _metric_of(points, sweep):
        near = catalog.nearest(sweep.metric, known)
        hint = f"did you mean '{near}'? " if near else ""
        hint += f"there are: {', '.join(known)}; further ones come with `metrics`"
        yield Problem(sweep.metric_place or sweep.place, f"no figure is called {sweep.metric}", hint)


def _metric_of(points: Sequence[Point], sweep: SweepFile) -> str:
    """The whole name of the figure by which a sweep is to be compared; "" where none is asked for, or measured."""
    known = _compared(points, sweep)
    return sweep.metric if sweep.metric in known or not known else figure_called(sweep.metric, known)


def _compared(points: Sequence[Point], sweep: SweepFile) -> tuple[str, ...]:
    """The figures that the points have, where the sweep names one."""
    known: dict[str, None] = {}
    tasks: dict[str, Task] = {}
    for experiment in (point.experiment for point in points if point.experiment and sweep.metric):
        data = experiment.dataset
        if (said := repr(data)) not in tasks:
            tasks[said] = describe(data.name, data.parameters).task
        known |= dict.fromkeys(compared_metrics(experiment, tasks[said]))
    return tuple(known)


def _merged(problems: Mapping[Problem, Sequence[str]]) -> dict[Problem, list[str]]:
    """The problems with their points; what is wrong alike with several values of a `--set` stands once."""
    alike: dict[Problem, list[Problem]] = {}
    for problem in problems:
        path, _, value = problem.place.source.partition("=")
        of_all = replace(problem, place=Place(f"{path}=…")) if value and path.startswith("--set ") else problem
        alike.setdefault(of_all, []).append(problem)
    return {
        found[0] if len(found) == 1 else of_all: list(dict.fromkeys(label for one in found for label in problems[one]))
        for of_all, found in alike.items()
    }


def _told(problem: Problem, at: Sequence[str], points: int) -> Problem:
    """The problem with the points that have it, unless all do."""
    if len(at) == points:
        return problem
    shown = ", ".join(at[:_SHOWN]) + (", …" if len(at) > _SHOWN else "")
    return replace(problem, message=f"{problem.message} (in {len(at)} of {points} points: {shown})")
