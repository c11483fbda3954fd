"""What the reader of a comparison must know besides the verdicts: each of these is a note, or none."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nnexp.comparison.grouping import Repeats
from nnexp.comparison.metrics import figure
from nnexp.comparison.parameters import compact
from nnexp.comparison.result import Group, Verdict
from nnexp.comparison.selection import Baseline
from nnexp.comparison.verdicts import NO_REPEATS_HELP
from nnexp.errors import Amiss
from nnexp.findings import listed
from nnexp.tasks import HEADLINES, Task

_RARE = 0.75  # of the examples: where more are of one class the others are rare
_OF_ANSWERS = ("accuracy", "exact_match")
_MOST_TOLD = 5  # parameters that go with another, and values of each
_FAR, _NEAR, _ENOUGH = 4, 0.02, 5  # times the width of the others; of their size, where they are all but the same; runs


def on_tasks(tasks: Mapping[Task, int], metric: str) -> Iterator[Amiss]:
    """What to do where runs of several tasks were named together."""
    if len(tasks) > 1 and metric != "seconds":
        counts = ", ".join(f"{count:,} of {task} ({HEADLINES[task]})" for task, count in tasks.items())
        yield (
            f"The runs are of different tasks: {counts}. The figures of one say nothing about another: "
            f"--filter task={next(iter(tasks))} compares those of one."
        )


def on_implied(implied: Sequence[tuple[str, str]], flats: Sequence[Mapping[str, Any]]) -> Iterator[Amiss]:
    """What else changes with a parameter: not the parameter alone may make the difference."""
    for name, parent in implied[:_MOST_TOLD]:
        pairs = dict.fromkeys(
            (compact(flat[parent]), compact(flat[name])) for flat in flats if parent in flat and name in flat
        )
        told = [f"{value} with {of}" for of, value in itertools.islice(pairs, _MOST_TOLD)]
        more = [f"{len(pairs) - len(told):,} more"] if len(pairs) > len(told) else []
        yield f"{name} is not the same everywhere either, but goes with {parent}: {', '.join([*told, *more])}."


def on_loss(measured: Sequence[Group], metric: str) -> Iterator[Amiss]:
    """That another group is best by the loss, beyond both intervals, where right and wrong answers are counted."""
    losses = {group.label: found for group in measured if (found := group.estimates.get("loss"))}
    if metric not in _OF_ANSWERS or not measured or measured[0].label not in losses:
        return
    best = losses[measured[0].label]
    lowest = min(losses, key=lambda label: losses[label].mean)
    least = losses[lowest]
    if least.high is not None and best.low is not None and least.high < best.low:
        yield (
            f"By the loss {lowest} is best ({least.mean:.4g}; {measured[0].label} has {best.mean:.4g}): it counts how "
            "sure answers are, not only how many are right. `--metric loss` of `nnexp compare` tests that."
        )


def on_seeds_alone(verdicts: Sequence[Verdict], metric: str) -> Iterator[Amiss]:
    """That a metric which is one figure a run says nothing of other test examples."""
    of_test = metric != "seconds" and not metric.startswith(("val_", "train_"))
    if of_test and any(verdict.method == "seeds alone" for verdict in verdicts):
        yield (
            f"{metric} is one figure a run, compared over seeds alone: intervals and p are of other seeds with these "
            "same test examples. Where few of these count, other ones may give other figures."
        )


def on_rare_classes(groups: Sequence[Group], metric: str) -> Iterator[Amiss]:
    """That accuracy says little where nearly all examples are of one class; it opens a run, as no other note does."""
    run = next((group.runs[0] for group in groups if group.runs), None)
    rows = run.evaluation.get("per_class", ()) if run and metric == "accuracy" else ()
    supports = {row["class"]: row["support"] for row in rows if row.get("support")}
    if len(supports) > 1 and (most := max(supports.values())) > _RARE * sum(supports.values()):
        [name, *_] = [name for name, support in supports.items() if support == most]
        yield (
            f"{100 * most / sum(supports.values()):.0f} % of the test examples are of the class {name}: accuracy "
            "says little of the others. `nnexp show RUN` has recall and precision of each class; `--metric NAME`, or "
            "`metric` in a sweep file, takes a metric of the config."
        )


def on_looks(counts: Sequence[int]) -> Iterator[Amiss]:
    """That repeats were added to what had been summed up: whoever goes on until p is small is fooled more often."""
    if counts:
        yield (
            f"This was summed up with {listed([str(count) for count in counts])} repeats before it got more. p holds "
            "for a number of repeats settled beforehand: where what was seen decided to go on, differences that are "
            "none are told too often. New seeds alone, in a sweep of their own (--seed), are free of that."
        )


def on_far(measured: Sequence[Group], metric: str) -> Iterator[Amiss]:
    """That one run of a group is far from all of its others, and mean and interval are as much of it as of them."""
    found = [(group, place) for group in measured if (place := _far(group.estimates[metric].values)) is not None]
    for group, place in found[:_MOST_TOLD]:
        values = list(group.estimates[metric].values)
        odd = figure(values.pop(place), metric)
        others = f"{figure(min(values), metric)} to {figure(max(values), metric)}"
        run = group.runs[place]
        yield (
            f"One run of {group.label} is far from its others: seed {run.seed} has {odd}, the other {len(values)} have "
            f"{others}. Mean and interval are of it too. What was seen in it: nnexp show {shlex.quote(str(run.path))}"
        )
    if len(found) > _MOST_TOLD:
        yield f"{len(found) - _MOST_TOLD:,} more groups have a run that is far from its others; --json has all values."


def _far(values: Sequence[float]) -> int | None:
    """The place of the one value that is far from all others: by four times as far as those are from each other.

    Of normally distributed figures one group of five in 70 has such a one, of eight one in 4,000 (simulated).
    """
    if len(values) < _ENOUGH:
        return None
    low, *between, high = sorted(values)
    ends = {low: (between[0] - low, high - between[0]), high: (high - between[-1], between[-1] - low)}
    for end, (gap, width) in ends.items():
        if gap > _FAR * max(width, _NEAR * abs(between[len(between) // 2])):
            return list(values).index(end)
    return None


def on_diverged(groups: Sequence[Group]) -> Iterator[Amiss]:
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


def on_training(groups: Sequence[Group]) -> Iterator[Amiss]:
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


def on_updates(measured: Sequence[Group], names: Sequence[str]) -> Iterator[Amiss]:
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


def on_parameters(
    best: Group | None, measured: Sequence[Group], names: Sequence[str], baseline: Baseline | None
) -> Iterator[Amiss]:
    """How to ask about one of several parameters, the others being as the best has them, or each as it is."""
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
        name, value = names[0], compact(measured[-1].parameters[names[0]])
        each = f" Or hold each against its like with one value: {shlex.join(['--baseline', f'{name}={value}'])}."
        yield (
            f"Several parameters differ. To ask about one alone, compare with fewer: {'; '.join(ways)}."
            f"{'' if baseline and len(baseline.groups) > 1 else each}"
        )


def on_tests(
    measured: Sequence[Group], held: Sequence[tuple[Group, Group]], metric: str, baseline: Baseline | None
) -> Iterator[Amiss]:
    """What was not tested, and what cannot be: groups beyond the nearest, and those of another test split."""
    to_test = len(measured) - 1
    what = "The best and the groups nearest to the baseline" if baseline else "The groups nearest to the best"
    if baseline and len(baseline.groups) > 1:
        what, to_test = f"The {len(held)} best groups", len(pairs := baseline.pairs(measured))
        told = {group.label for group in (*baseline.groups, *(group for group, _ in pairs))}
        if alone := [group.label for group in measured if group.label not in told]:
            yield f"{alone[0]} and its like have no counterpart with {baseline.label}, and are compared with none."
    if (untested := to_test - len(held)) > 0:
        yield f"{what} were tested against it; {untested:,} further ones were not."
    splits = {run.test_split for group in measured for run in group.runs if run.test_split}
    if len(splits) > 1 and metric != "seconds":
        yield (
            f"The runs were tested on {len(splits)} different test splits, and {metric} on one says nothing about "
            "another: name the runs of one, such as by --filter dataset=NAME."
        )


def on_few_examples(measured: Sequence[Group], told: Sequence[str]) -> Iterator[Amiss]:
    """What helps where repeats do not: nnexp itself draws the test part of own data, and can draw a larger one."""
    if any(NO_REPEATS_HELP in text for text in told):
        own = all(isinstance(run.config.get("dataset"), dict) for group in measured for run in group.runs)
        how = (
            ": more examples, or a larger share `test` of them beside the `path` (--set dataset.test=0.5)"
            if own
            else ""
        )
        yield f"Where more repeats would not help, only a larger test part can show a smaller difference{how}."


def on_runs(table: Sequence[Repeats], metric: str) -> Iterator[Amiss]:
    """That runs know little of themselves, and what a metric is that is not of the test split."""
    if bare := sum(not run.config for repeats in table for run in repeats.runs):
        runs = "1 run holds" if bare == 1 else f"{bare:,} runs hold"
        yield f"{runs} no config in metrics.json, as an older nnexp left it: each is a group of its own."
    for start, part in (("val_", "validation"), ("train_", "training")):
        if metric.startswith(start):
            yield f"{metric} is the figure on the {part} data in the last epoch trained."
    if metric == "seconds":
        yield "seconds is the time of a whole run, which depends on what else the machine did."
