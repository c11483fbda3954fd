"""What a sweep was to answer, as its sweep.json says it: the sweep, `compare` and `report` then say the same."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nnexp.comparison.collect import Collected
from nnexp.comparison.comparison import compare
from nnexp.comparison.metrics import metrics_of
from nnexp.comparison.notes import on_looks
from nnexp.comparison.result import Comparison, Group
from nnexp.comparison.searched import Sought, finals_in, notes_on, searched, sought_in
from nnexp.comparison.selection import NoBaseline
from nnexp.errors import Amiss
from nnexp.runs.reading import Refused, json_of, printable, text_of
from nnexp.runs.record import MOST_MEGABYTES, RunRecord


@dataclass(frozen=True, slots=True)
class Asked:
    """Name, question, baseline and metric of a sweep; all empty where there is no sweep."""

    name: str = ""
    description: str = ""
    baseline: str = ""  # as the sweep file names it
    baseline_runs: frozenset[Path] = frozenset()  # the folders of its repeats
    metric: str = ""  # as the sweep file names it
    looked_at: tuple[int, ...] = ()  # with how many repeats it was summed up before it got more
    commands: tuple[str, ...] = ()  # that make the runs
    search: Sought | None = None
    places: Mapping[Path, int] = field(default_factory=dict)  # of the runs' folders, in the order of the sweep file

    def baseline_in(self, records: Sequence[RunRecord]) -> Iterator[str]:
        """The completed runs of the baseline, by their absolute paths, which no label is like."""
        done = (run.path for run in records if run.status == "completed" and run.path in self.baseline_runs)
        return (str(path.absolute()) for path in done)


def asked_of(folder: Path) -> Asked:
    """What the sweep in a folder was to answer; all empty where there is no sweep.json that can be read."""
    try:
        state = json_of(folder / "sweep.json", MOST_MEGABYTES)
    except (OSError, Refused):
        return Asked()
    if not isinstance(state, dict):
        return Asked()
    baseline, points = state.get("baseline"), state.get("points")
    points = [point for point in points if _has_label(point)] if isinstance(points, list) else []
    labels = [point["label"] for point in points if isinstance(baseline, str) and point.get("stem") == baseline]
    return Asked(
        name=printable(text_of(state.get("name"))),
        description=text_of(state.get("description")),
        baseline=text_of(baseline),
        baseline_runs=frozenset(folder / label for label in labels),
        metric=text_of(state.get("metric")),
        looked_at=_counts(state.get("looked_at")),
        search=sought_in(folder, state),
        places={folder / point["label"]: place for place, point in enumerate(points)},
        commands=(f"nnexp sweep {shlex.quote(printable(folder / 'sweep.yaml'))}",),
    )


def compare_as_asked(
    found: Collected,
    asked: Asked,
    *,
    metric: str | None = None,
    sort: str | None = None,
    filters: Sequence[str] = (),
    baseline: str | None = None,
) -> Comparison:
    """`compare` with the sweep's own baseline and metric where no others are named; a note tells a lost baseline.

    Of a search, the runs with fresh seeds are compared, where there are some, and not those that they were chosen by.

    Raises:
        InputError: as `compare` does.
    """

    search = searched(asked.search, found.records) if asked.search else None
    finals = finals_in(asked.search, found.records) if asked.search else []
    if not metric and any(asked.metric in metrics_of(run) for run in found.records if asked.metric):
        metric = asked.metric  # one that no run has, as all have failed, could not be compared by
    about = notes_on(search, asked.search, bool(finals)) if search and asked.search else []
    about = [*about, *on_looks(asked.looked_at)]

    def compared(against: str | None, *notes: str) -> Comparison:
        comparison = compare(
            finals or found.records,
            metric=metric,
            sort=sort,
            filters=filters,
            baseline=against,
            unreadable=found.unreadable,
            notes=(*about, *notes),
            index=found.index,
        )
        groups = tuple(replace(group, place=_place(group, asked.places)) for group in comparison.groups)
        return replace(comparison, groups=groups, search=search)

    if baseline is not None or not asked.baseline:
        return compared(baseline)
    for own in asked.baseline_in(found.records):
        try:
            return compared(own)
        except NoBaseline:
            continue  # filters have left this one out, or it lacks the metric
    if not asked.baseline_runs:  # values of parameters, which several points have
        try:
            return compared(asked.baseline)
        except NoBaseline:
            pass
    lost: Amiss = f"The sweep's baseline, {asked.baseline}, has no result here; all are compared with the best instead."
    return compared(None, lost)


def _place(group: Group, places: Mapping[Path, int]) -> int:
    return min((places[run.path] for run in group.all_runs if run.path in places), default=0)


def _counts(value: Any) -> tuple[int, ...]:
    return tuple(count for count in value if type(count) is int and count > 1) if isinstance(value, list) else ()


def _has_label(point: Any) -> bool:
    return isinstance(point, dict) and isinstance(point.get("label"), str)
