"""From the records of runs to what can be said of them: `compare`, read from top to bottom."""

from __future__ import annotations

import itertools
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnexp.comparison.effects import NoEffects, effects_of
from nnexp.comparison.estimates import group_of, mean, with_examples
from nnexp.comparison.grouping import Repeats, labels_of, repeats_of, settle, short_labels, spoken_labels
from nnexp.comparison.metrics import greater_is_better, in_order
from nnexp.comparison.parameters import compact, flatten, with_variants
from nnexp.comparison.predictions import Predictions
from nnexp.comparison.result import Comparison, Group, Verdict
from nnexp.comparison.selection import OF_RUNS, Filter, baseline_of, ordered, resolve
from nnexp.comparison.testing import comparable
from nnexp.comparison.verdicts import NO_REPEATS_HELP, Words, judge
from nnexp.errors import Amiss, InputError
from nnexp.runs.index import Index
from nnexp.runs.record import RunRecord
from nnexp.tasks import HEADLINES, Task

# So many groups are tested against the best, or the baseline: the nearest. It bounds the predictions to be read.
MOST_TESTED = 20
_MOST_TOLD = 5  # parameters that go with another, and values of each


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
    `baseline` names a group by its label, its value (512), the name of its runs, or one of its run folders. `notes`
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
    words = Words(metric, spoken_labels(short))
    best = measured[0] if measured else None
    against = baseline_of(groups, asked.baseline, short, metric) if asked.baseline is not None else None
    near_best = _nearest(best, measured, metric)
    verdicts, told = judge([(best, other) for other in near_best if best], words, predictions, picked=True)
    tied = tuple(verdict.second for verdict in verdicts if verdict.outcome == "undecided")
    near = near_best
    of_best: tuple[Verdict, ...] = ()
    if against:
        of_best = tuple(verdicts)
        near = _nearest(against, measured, metric, best)
        near.sort(key=lambda group: (not comparable(against, group, metric), _rank(group, metric, greater)))
        verdicts, told = judge([(other, against) for other in near], words, predictions, picked=False)
    try:
        effects = effects_of(groups, table.differing, metric, predictions, against)
    except NoEffects as why:
        effects = None
        told.append(str(why))
    read = {group.label for group in (best, against, *near_best, *near) if group}
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
        tied=tied,
        verdicts=tuple(verdicts),
        baseline=against.label if against else None,
        left_out=tuple(left for group in groups for left in group.left_out),
        unreadable=tuple(asked.unreadable),
        of_best=of_best,
        filters=tuple(asked.filters),
        effects=effects,
        notes=(
            *asked.notes,
            *_notes_on_tasks(tasks, metric),
            *told,
            *_notes_on_implied(table),
            *_notes_on_tests(measured, near, metric, bool(against)),
            *_notes_on_few_examples(measured, [*(one.text for one in verdicts), *(effects.told if effects else ())]),
            *_notes_on(table.repeats, metric),
            *_notes_on_diverged(groups),
            *_notes_on_training(groups),
            *_notes_on_updates(measured, table.differing),
            *(_notes_on_parameters(best, measured, table.differing) if not effects or effects.depend else ()),
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


def _notes_on_tasks(tasks: Mapping[Task, int], metric: str) -> Iterator[Amiss]:
    """What to do where runs of several tasks were named together."""
    if len(tasks) > 1 and metric != "seconds":
        counts = ", ".join(f"{count:,} of {task} ({HEADLINES[task]})" for task, count in tasks.items())
        yield (
            f"The runs are of different tasks: {counts}. The figures of one say nothing about another: "
            f"--filter task={next(iter(tasks))} compares those of one."
        )


def _notes_on_implied(table: _Table) -> Iterator[Amiss]:
    """What else changes with a parameter: not the parameter alone may make the difference."""
    for name, parent in table.implied[:_MOST_TOLD]:
        pairs = dict.fromkeys(
            (compact(flat[parent]), compact(flat[name])) for flat in table.flat if parent in flat and name in flat
        )
        told = [f"{value} with {of}" for of, value in itertools.islice(pairs, _MOST_TOLD)]
        more = [f"{len(pairs) - len(told):,} more"] if len(pairs) > len(told) else []
        yield f"{name} is not the same everywhere either, but goes with {parent}: {', '.join([*told, *more])}."


def _notes_on_diverged(groups: Sequence[Group]) -> Iterator[Amiss]:
    """That what diverged is a result too, and mostly of the learning rate."""
    mostly = [group for group in groups if 2 * _diverged(group) >= len(group.all_runs)]
    if mostly:
        told = [f"{_diverged(group)} of {len(group.all_runs)} runs of {group.label}" for group in mostly[:_MOST_TOLD]]
        more = f" and most of {len(mostly) - _MOST_TOLD:,} more groups" if len(mostly) > _MOST_TOLD else ""
        yield (
            f"{'; '.join(told)}{more} diverged: that is their result, and the means are of the others alone. A lower "
            "learning rate may help."
        )


def _diverged(group: Group) -> int:
    return sum(left.run.status == "diverged" for left in group.left_out)


def _notes_on_training(groups: Sequence[Group]) -> Iterator[Amiss]:
    """That longer training may turn the answer."""
    counts = {group.label: (group.findings.get("still_improving", 0), len(group.all_runs)) for group in groups}
    unfinished, runs = map(sum, zip(*counts.values(), strict=True))
    whose = ""
    if 2 * unfinished < runs:
        counts = {label: (some, all_) for label, (some, all_) in counts.items() if 2 * some >= all_ > 1}
        unfinished, runs = (sum(column) for column in zip(*counts.values(), strict=True)) if counts else (0, 0)
        more = f" and {len(counts) - _MOST_TOLD} more" if len(counts) > _MOST_TOLD else ""
        whose = f" of {'; '.join(itertools.islice(counts, _MOST_TOLD))}{more}"
    if runs > 1 and unfinished:
        yield (
            f"{unfinished:,} of {runs:,} runs{whose} were still improving at their end: this compares how far "
            "they have come, not what they can reach. More epochs would tell."
        )


def _notes_on_updates(measured: Sequence[Group], names: Sequence[str]) -> Iterator[Amiss]:
    """That a smaller batch has trained for longer after as many epochs."""
    if "batch_size" not in names or "epochs" in names:
        return
    sizes = [size for group in measured if type(size := group.parameters["batch_size"]) is int and size > 0]
    if sizes and (ratio := max(sizes) / min(sizes)) > 1:
        yield (
            f"After as many epochs, batch_size {min(sizes)} has updated the weights {ratio:.3g} times as often as "
            f"batch_size {max(sizes)}: a difference may come from that alone. To give each as many updates, zip "
            "batch_size with epochs in a sweep file."
        )


def _notes_on_parameters(best: Group | None, measured: Sequence[Group], names: Sequence[str]) -> Iterator[Amiss]:
    """How to ask about one of several parameters, the others being as the best has them."""
    if best is None or not 2 <= len(names) <= _MOST_TOLD:
        return
    ways = []
    for name in names:
        others = [other for other in names if other != name]
        alike = [group for group in measured if all(group.parameters[one] == best.parameters[one] for one in others)]
        if 1 < len(alike) < len(measured):
            chosen = [f"{other}={compact(best.parameters[other])}" for other in others]
            ways.append(f"{name} with {' '.join(shlex.join(['--filter', words]) for words in chosen)}")
    if len(ways) > 1:
        yield f"Several parameters differ. To ask about one alone, compare with fewer: {'; '.join(ways)}."


def _notes_on_tests(measured: Sequence[Group], tested: Sequence[Group], metric: str, baseline: bool) -> Iterator[Amiss]:
    if (untested := len(measured) - 1 - len(tested)) > 0:
        what = "The best and the groups nearest to the baseline" if baseline else "The groups nearest to the best"
        yield f"{what} were tested against it; {untested:,} further ones were not."
    splits = {run.test_split for group in measured for run in group.runs if run.test_split}
    if len(splits) > 1 and metric != "seconds":
        yield (
            f"The runs were tested on {len(splits)} different test splits, and {metric} on one says nothing about "
            "another: name the runs of one, such as by --filter dataset=NAME."
        )


def _notes_on_few_examples(measured: Sequence[Group], told: Sequence[str]) -> Iterator[Amiss]:
    """What helps where repeats do not: nnexp itself draws the test part of own data, and can draw a larger one."""
    if any(NO_REPEATS_HELP in text for text in told):
        own = all(isinstance(run.config.get("dataset"), dict) for group in measured for run in group.runs)
        how = (
            ": more examples, or a larger share `test` of them beside the `path` (--set dataset.test=0.5)"
            if own
            else ""
        )
        yield f"Where more repeats would not help, only a larger test part can show a smaller difference{how}."


def _notes_on(table: Sequence[Repeats], metric: str) -> Iterator[Amiss]:
    if bare := sum(not run.config for repeats in table for run in repeats.runs):
        runs = "1 run holds" if bare == 1 else f"{bare:,} runs hold"
        yield f"{runs} no config in metrics.json, as an older nnexp left it: each is a group of its own."
    for start, part in (("val_", "validation"), ("train_", "training")):
        if metric.startswith(start):
            yield f"{metric} is the figure on the {part} data in the last epoch trained."
    if metric == "seconds":
        yield "seconds is the time of a whole run, which depends on what else the machine did."
