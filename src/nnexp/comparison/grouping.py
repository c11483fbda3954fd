"""Runs into groups of repeats: one configuration, different seeds. Which runs count, and why the others do not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from nnexp.comparison.metrics import metrics_of
from nnexp.comparison.parameters import NOT_COMPARED, compact
from nnexp.comparison.result import LeftOut
from nnexp.runs.record import RunRecord
from nnexp.tasks import HEADLINES

_LONGEST_LABEL = 1000


@dataclass(frozen=True, slots=True)
class Repeats:
    """The runs of one configuration on one test split."""

    runs: tuple[RunRecord, ...]  # by seed
    metrics: tuple[Mapping[str, float], ...]  # of each run
    distrusted: Mapping[Path, str]  # folders of runs whose figures do not hold, and why

    @property
    def config(self) -> Mapping[str, Any]:
        """The config of the first run, which stands for all."""
        return self.runs[0].config

    @property
    def name(self) -> str:
        """The name of the runs, or of the first of them."""
        return self.runs[0].name

    @property
    def complete(self) -> bool:
        """Whether the config has its defaults filled in: one that was refused has not."""
        return bool(self.config) and not all(run.expected for run in self.runs)

    @property
    def test_split(self) -> str:
        """The fingerprint of the test split; "" where no run knows it."""
        return next((run.test_split for run in self.runs if run.test_split), "")


def repeats_of(records: Sequence[RunRecord], distrusted: Mapping[Path, str]) -> list[Repeats]:
    """The runs by configuration, in the order of their first appearance.

    Same configuration: the same config but for what a run is called, how it is done, and its seed.
    """
    groups: dict[str | bytes, list[RunRecord]] = {}
    for run in records:
        groups.setdefault(_configuration(run), []).append(run)
    found: list[Repeats] = []
    for runs in groups.values():
        splits = list(dict.fromkeys(run.test_split for run in runs if run.test_split)) or [""]
        for split in splits:
            # A run that ended before it knew its test split belongs with the first.
            same = [run for run in runs if (run.test_split or splits[0]) == split]
            same.sort(key=lambda run: (run.seed is None, run.seed or 0, str(run.path)))
            found.append(Repeats(tuple(same), tuple(map(metrics_of, same)), distrusted))
    return found


def settle(repeats: Repeats, metric: str) -> tuple[tuple[int, ...], tuple[LeftOut, ...]]:
    """Which of the runs count in the means of a metric (their places), and why the others do not."""
    latest: dict[int | None, RunRecord] = {}
    for run in sorted(repeats.runs, key=lambda run: run.began):
        fits = run.status == "completed" and not run.pruned and run.path not in repeats.distrusted
        if fits and run.seed is not None:
            latest[run.seed] = run
    counted: list[int] = []
    left_out: list[LeftOut] = []
    for place, (run, metrics) in enumerate(zip(repeats.runs, repeats.metrics, strict=True)):
        if run.pruned:
            left_out.append(LeftOut(run, f"given up by its search after {len(run.history)} epochs"))
        elif run.status != "completed":
            left_out.append(LeftOut(run, _unfinished(run)))
        elif run.path in repeats.distrusted:
            left_out.append(LeftOut(run, repeats.distrusted[run.path]))
        elif (same := latest.get(run.seed, run)) is not run:
            left_out.append(LeftOut(run, f"the same config and seed as {same.path}: the same run again, no repeat"))
        elif metric not in metrics:
            which = f"{run.task} has no" if metric in HEADLINES.values() and metric != run.headline else "has no finite"
            left_out.append(LeftOut(run, f"completed, but {which} {metric}"))
        else:
            counted.append(place)
    return tuple(counted), tuple(left_out)


def labels_of(groups: Sequence[Repeats], flat: Sequence[Mapping[str, Any]], differing: Sequence[str]) -> list[str]:
    """A label for each group that no other has: its name where that tells it apart, else what differs, or both."""
    names = label_names(differing)
    same_name: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        same_name.setdefault(group.name, []).append(index)
    labels = [""] * len(groups)
    for name, members in same_name.items():
        telling = [key for key in differing if len({repr(flat[index].get(key)) for index in members}) > 1]
        for index in members:
            values = {key: value for key in telling if (value := flat[index].get(key)) is not None}
            parts = [f"{names[key]}={compact(value)}" for key, value in values.items()]
            labels[index] = ", ".join(parts if parts and len(same_name) == 1 else [name, *parts])
    return _unique(labels, groups)


def short_labels(labels: Sequence[str], flat: Sequence[Mapping[str, Any]], differing: Sequence[str]) -> dict[str, str]:
    """The value alone where one parameter differs and labels say nothing else: 512 for hidden=512."""
    if len(differing) == 1:
        values = [compact(found.get(differing[0])) for found in flat]
        name = label_names(differing)[differing[0]]
        if all(label == f"{name}={value}" for label, value in zip(labels, values, strict=True)):
            return dict(zip(labels, values, strict=True))
    return {label: label for label in labels}


def spoken_labels(short: Mapping[str, str], differing: Sequence[str]) -> dict[str, str]:
    """How a sentence names the groups: sigmoid, but "hidden 512", since a bare number could be any figure."""
    return {
        label: f"{_spoken(differing[0])} {value}"
        if value != label and (value == "none" or not value[:1].isalpha())
        else value
        for label, value in short.items()
    }


def short_names(parameters: Sequence[str]) -> dict[str, str]:
    """The parameters as they are spoken of, where that is another for each: `dropout rate` of layers.dropout.rate."""
    return _told_apart({name: _spoken(name) for name in parameters})


def label_names(parameters: Sequence[str]) -> dict[str, str]:
    """The parameters as labels have them, by their ends, where that is another for each: `dropout.rate`."""
    return _told_apart({name: ".".join(_end(name)) for name in parameters})


def _spoken(parameter: str) -> str:
    return " ".join(_end(parameter))


def _end(parameter: str) -> list[str]:
    """The part of a path that says which it is: ["dropout", "rate"], and ["learning_rate"] of the optimizer."""
    match parameter.split("."):
        case ["layers", kind, *rest] if not kind.isdigit():
            return [kind, *rest]
        case path:
            return path[-1:]


def _told_apart(short: Mapping[str, str]) -> dict[str, str]:
    times = Counter(short.values())
    return {name: one if times[one] == 1 else name for name, one in short.items()}


def _unique(labels: Sequence[str], groups: Sequence[Repeats]) -> list[str]:
    taken: set[str] = set()
    unique: list[str] = []
    for label, group in zip(labels, groups, strict=True):
        if len(label) > _LONGEST_LABEL:
            from nnexp.comparison.series import shortened

            label = shortened(label, _LONGEST_LABEL)
        if label in taken and group.test_split:
            label = f"{label}, test split {group.test_split[:8]}"
        found, number = label, 1
        while found in taken:
            number += 1
            found = f"{label} ({number})"
        taken.add(found)
        unique.append(found)
    return unique


def _configuration(run: RunRecord) -> str | bytes:
    """The same for the same configuration."""
    if not run.config:  # written by an nnexp that did not keep it here: no telling what it repeats
        return f"identity {run.identity}" if run.identity else f"path {run.path}"
    compared = dict(run.config)
    for key in NOT_COMPARED:
        compared.pop(key, None)
    try:
        return orjson.dumps(compared, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # odd data: whole numbers without end
        return json.dumps(compared, sort_keys=True)


def _unfinished(run: RunRecord) -> str:
    planned = run.config.get("epochs")
    done = f"{len(run.history)} of {planned}" if isinstance(planned, int) else str(len(run.history))
    match run.status:
        case "failed":
            why = run.error.strip().partition("\n")[0] or "no reason recorded"
            return f"fails as expected: {why}" if run.expected else f"failed: {why}"
        case "diverged":
            epoch = next((row.get("epoch") for row in run.history if row.get("loss") is None), None)
            return f"diverged in epoch {epoch}" if epoch is not None else "diverged"
        case "running":
            return f"still running: {done} epochs done"
        case _:
            return f"interrupted after {done} epochs"
