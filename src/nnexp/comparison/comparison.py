"""From the records of runs to what can be said of them: `compare`, read from top to bottom."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nnexp.comparison import notes
from nnexp.comparison.effects import NoEffects, effects_of
from nnexp.comparison.estimates import group_of, mean, with_examples
from nnexp.comparison.grouping import Repeats, labels_of, repeats_of, settle, short_labels, spoken_labels
from nnexp.comparison.metrics import greater_is_better, in_order
from nnexp.comparison.parameters import flatten, with_variants
from nnexp.comparison.predictions import Predictions
from nnexp.comparison.result import Comparison, Group, Outcome, Verdict
from nnexp.comparison.selection import OF_RUNS, Baseline, Filter, baseline_of, ordered, resolve
from nnexp.comparison.testing import comparable
from nnexp.comparison.verdicts import Words, judge
from nnexp.errors import InputError
from nnexp.runs.index import Index
from nnexp.runs.record import RunRecord
from nnexp.tasks import HEADLINES, Task

# So many groups are tested against the best, or the baseline: the nearest. It bounds the predictions to be read.
MOST_TESTED = 20


def compare(
    records: Sequence[RunRecord],
    *,
    metric: str | None = None,
    sort: str | None = None,
    filters: Sequence[str] = (),
    baseline: str | None = None,
    unreadable: Sequence[str] = (),
    notes: Sequence[str] = (),
    index: Index | None = None,
) -> Comparison:
    """Group runs into repeats, estimate each metric, and test the best group (or the baseline) against the others.

    `metric` is by default the headline of the runs, or of most of them, or the first there is. `sort` names a parameter
    or metric, `-name` turns it round; by default the best come first. `filters` are conditions such as hidden>=512.
    `baseline` names a group by its label, its value (512), the name of its runs, or one of its run folders; or, by a
    value of some parameters (rate=0), several: each group is held against the one that is like it in all else. `notes`
    come before its own. `index` is asked how the runs did on each test example; a run whose predictions give another
    figure than it says is left out of the means.

    Raises:
        InputError: a name that is none, a condition that cannot be read, or one that no run passes.
    """
    predictions = Predictions(index or Index())
    chosen = _Asked(metric, sort, filters, baseline, unreadable, notes)
    distrusted: Mapping[Path, str] = {}
    while True:
        comparison = _compare(records, chosen, predictions, distrusted)
        if predictions.contradicted.keys() <= distrusted.keys():
            return comparison
        distrusted = predictions.contradicted


@dataclass(frozen=True, slots=True)
class _Asked:
    """What `compare` was called with."""

    metric: str | None
    sort: str | None
    filters: Sequence[str]
    baseline: str | None
    unreadable: Sequence[str]
    notes: Sequence[str]


def _compare(
    records: Sequence[RunRecord], asked: _Asked, predictions: Predictions, distrusted: Mapping[Path, str]
) -> Comparison:
    table = _filtered(records, [Filter.parse(text) for text in asked.filters], distrusted)
    metrics = _metrics(table.repeats)
    tasks = _tasks(table.repeats)
    metric = _chosen(asked.metric, metrics, tasks)
    greater = greater_is_better(metric)
    labels = labels_of(table.repeats, table.flat, table.differing)
    groups = [
        group_of(label, repeats, {name: flat.get(name) for name in table.differing}, metric)
        for label, repeats, flat in zip(labels, table.repeats, table.flat, strict=True)
    ]
    groups.sort(key=lambda group: _rank(group, metric, greater))
    measured = [group for group in groups if metric in group.estimates]

    short = short_labels(labels, table.flat, table.differing)
    words = Words(metric, spoken_labels(short, table.differing))
    best = measured[0] if measured else None
    against = baseline_of(groups, asked.baseline, short, metric) if asked.baseline is not None else None
    near_best = _nearest(best, measured, metric)
    verdicts, told = judge([(best, other) for other in near_best if best], words, predictions, picked=True)
    on_best = tuple(verdicts)
    held = [(other, best) for other in near_best if best]
    of_best: tuple[Verdict, ...] = ()
    if against:
        held = _held_against(against, measured, metric, best)
        held.sort(key=lambda pair: (not comparable(pair[0], pair[1], metric), _rank(pair[0], metric, greater)))
        verdicts, told = judge(held, words, predictions, picked=False)
        of_best = on_best = _as_planned(on_best, verdicts)
    try:
        effects = effects_of(groups, table.differing, metric, predictions, against)
    except NoEffects as why:
        effects = None
        told.append(str(why))
    read = {group.label for group in (best, *near_best, *itertools.chain.from_iterable(held)) if group}
    groups = [with_examples(group, metric, predictions) if group.label in read else group for group in groups]
    if asked.sort is not None:
        groups = ordered(groups, asked.sort, metrics)
    return Comparison(
        metric=metric,
        greater_is_better=greater,
        groups=tuple(groups),
        parameters=table.differing,
        metrics=tuple(dict.fromkeys([metric, *metrics])),
        best=best.label if best else None,
        tied=tuple(verdict.second for verdict in on_best if verdict.outcome == "undecided"),
        verdicts=tuple(verdicts),
        baseline=against.label if against else None,
        left_out=tuple(left for group in groups for left in group.left_out),
        unreadable=tuple(asked.unreadable),
        of_best=of_best,
        filters=tuple(asked.filters),
        effects=effects,
        notes=(
            *asked.notes,
            *notes.on_tasks(tasks, metric),
            *told,
            *notes.on_implied(table.implied, table.flat),
            *notes.on_tests(measured, held, metric, against),
            *notes.on_few_examples(measured, [*(one.text for one in verdicts), *(effects.told if effects else ())]),
            *notes.on_runs(table.repeats, metric),
            *notes.on_seeds_alone(verdicts, metric),
            *notes.on_loss(measured, metric),
            *notes.on_far(measured, metric),
            *notes.on_diverged(groups),
            *notes.on_training(groups),
            *notes.on_updates(measured, table.differing),
            *(notes.on_parameters(best, measured, table.differing, against) if not effects or effects.depend else ()),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """Groups of repeats with all their parameters, and the names of those that differ."""

    repeats: Sequence[Repeats]
    flat: Sequence[Mapping[str, Any]]
    differing: tuple[str, ...]
    implied: tuple[tuple[str, str], ...]


def _table(repeats: Sequence[Repeats]) -> _Table:
    parameters = flatten([group.config for group in repeats], [group.complete for group in repeats])
    parameters = with_variants(parameters, [group.name for group in repeats])
    return _Table(repeats, parameters.flat, parameters.differing, parameters.implied)


def _filtered(records: Sequence[RunRecord], filters: Sequence[Filter], distrusted: Mapping[Path, str]) -> _Table:
    """Conditions on runs apply before they are grouped, those on parameters and metrics to whole groups."""
    runs = [run for run in records if all(chosen.keeps_run(run) for chosen in filters if chosen.of_runs)]
    table = _table(repeats_of(runs, distrusted))
    of_groups = [chosen for chosen in filters if not chosen.of_runs]
    if of_groups and runs:
        metrics = _metrics(table.repeats)
        known = [*metrics, *dict.fromkeys(name for flat in table.flat for name in flat), *OF_RUNS]
        named = [(resolve(chosen.name, known, f"--filter {chosen.text}"), chosen) for chosen in of_groups]
        table = _table(
            [
                repeats
                for repeats, flat in zip(table.repeats, table.flat, strict=True)
                if all(_passes(chosen, name, repeats, flat, metrics) for name, chosen in named)
            ]
        )
    if not table.repeats:
        raise InputError(
            f"no run passes {' and '.join(f'--filter {chosen.text!r}' for chosen in filters)}; give a wider one"
        )
    return table


def _passes(chosen: Filter, name: str, repeats: Repeats, flat: Mapping[str, Any], metrics: Sequence[str]) -> bool:
    """`loss` is a metric where it is held against a number, else the parameter; metrics are means of the repeats."""
    if name not in metrics or (name in flat and not chosen.of_a_number):
        return chosen.keeps(flat.get(name))
    counted, _ = settle(repeats, name)
    return chosen.keeps(mean([repeats.metrics[place][name] for place in counted]) if counted else None)


def _metrics(table: Sequence[Repeats]) -> list[str]:
    """The metrics of all runs that were completed, in the order in which they are told."""
    return in_order(
        name
        for repeats in table
        for run, metrics in zip(repeats.runs, repeats.metrics, strict=True)
        if run.status == "completed"
        for name in metrics
    )


def _tasks(table: Sequence[Repeats]) -> dict[Task, int]:
    """How many of the runs that were completed are of each task, the most first; else of all runs."""
    runs = [run for repeats in table for run in repeats.runs]
    done = Counter(run.task for run in runs if run.status == "completed")
    return dict((done or Counter(run.task for run in runs)).most_common())


def _chosen(metric: str | None, metrics: Sequence[str], tasks: Mapping[Task, int]) -> str:
    if metric is None:
        headline = HEADLINES[next(iter(tasks))]
        return headline if headline in metrics or not metrics else metrics[0]
    if not metrics:
        raise InputError(
            f"--metric {metric}: no run was completed, so that none has one; leave it out, or go on with `nnexp resume`"
        )
    return resolve(metric, metrics, "--metric")


def _rank(group: Group, metric: str, greater: bool) -> tuple[bool, float]:
    """Sorts the best first, and groups without the metric last."""
    if metric not in group.estimates:
        return True, 0.0
    value = group.estimates[metric].mean
    return False, -value if greater else value


def _nearest(group: Group | None, measured: Sequence[Group], metric: str, best: Group | None = None) -> list[Group]:
    """The groups to hold against one: the nearest, and as many of those that cannot be, so that it is said.

    The best is among them, however far it is: it is what a baseline is most asked about.
    """
    if group is None:
        return []
    value = group.estimates[metric].mean
    others = sorted(
        (other for other in measured if other is not group),
        key=lambda other: (other is not best, abs(other.estimates[metric].mean - value)),
    )
    fit = [other for other in others if comparable(group, other, metric)]
    unfit = [other for other in others if not comparable(group, other, metric)]
    return [*fit[:MOST_TESTED], *unfit[:MOST_TESTED]]


def _as_planned(of_best: Sequence[Verdict], planned: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """The verdicts on the best; with the baseline as it was planned to be held against it: a pair has one answer."""
    known = {frozenset((one.first, one.second)): one for one in planned}
    turned: dict[Outcome, Outcome] = {"better": "worse", "worse": "better"}
    found = []
    for one in of_best:
        if same := known.get(frozenset((one.first, one.second))):
            outcome = same.outcome if same.first == one.first else turned.get(same.outcome, same.outcome)
            one = replace(one, outcome=outcome, p=same.p, text=same.text, alone=same.alone)
        found.append(one)
    return tuple(found)


def _held_against(
    baseline: Baseline, measured: Sequence[Group], metric: str, best: Group | None
) -> list[tuple[Group, Group]]:
    """The groups to hold against the baseline, each with the one that this is for it."""
    if len(baseline.groups) == 1:
        return [(other, baseline.groups[0]) for other in _nearest(baseline.groups[0], measured, metric, best)]
    return baseline.pairs(measured)[:MOST_TESTED]
