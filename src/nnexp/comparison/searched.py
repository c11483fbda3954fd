"""What a search went through: its trials, and which runs were made with fresh seeds to judge the best of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnexp.comparison.metrics import figure, greater_is_better, metrics_of
from nnexp.comparison.result import Searched, Trial
from nnexp.errors import Amiss
from nnexp.runs.reading import printable, text_of
from nnexp.runs.record import RunRecord


@dataclass(frozen=True, slots=True)
class Sought:
    """What a search was to find, as its sweep.json says it."""

    sampler: str
    objective: str
    planned: int  # trials
    space: Mapping[str, Any]
    trials: Mapping[Path, Mapping[str, Any]]  # the folder of each -> its values
    finals: frozenset[Path]


def sought_in(folder: Path, state: Mapping[str, Any]) -> Sought | None:
    """The search that a sweep.json tells of; None where it is no search."""
    said = state.get("search")
    if not isinstance(said, dict) or not isinstance(said.get("objective"), str):
        return None
    points = state.get("points")
    good = [point for point in points if isinstance(point, dict)] if isinstance(points, list) else []
    by_label = {text_of(point.get("label")): point.get("parameters") for point in good}
    trials = {label: values for label, values in by_label.items() if label.startswith("trial=")}
    planned = said.get("trials")
    space = said.get("space")
    return Sought(
        sampler=printable(text_of(said.get("sampler"))),
        objective=printable(said["objective"]),
        planned=planned if isinstance(planned, int) else len(trials),
        space=space if isinstance(space, dict) else {},
        trials={folder / label: values if isinstance(values, dict) else {} for label, values in trials.items()},
        finals=frozenset(folder / label for label in by_label if label.startswith("final=")),
    )


def searched(sought: Sought, records: Sequence[RunRecord]) -> Searched:
    """The trials of a search, in their order, with what came of them."""
    by_path = {run.path: run for run in records}
    return Searched(
        sampler=sought.sampler,
        objective=sought.objective,
        greater_is_better=greater_is_better(sought.objective),
        space=sought.space,
        trials=tuple(
            _trial(path.name, values, by_path.get(path), sought.objective) for path, values in sought.trials.items()
        ),
    )


def _trial(label: str, values: Mapping[str, Any], run: RunRecord | None, objective: str) -> Trial:
    if run is None:
        return Trial(printable(label), values, None, "not done")
    value = metrics_of(run).get(objective)
    if run.pruned:
        return Trial(printable(label), values, value, f"given up after {len(run.history)} epochs", complete=False)
    if run.status == "completed" and value is not None:
        return Trial(printable(label), values, value, "completed", complete=True)
    return Trial(printable(label), values, None, run.status)


def finals_in(sought: Sought, records: Sequence[RunRecord]) -> list[RunRecord]:
    """The runs that were made with fresh seeds, where any was completed."""
    finals = [run for run in records if run.path in sought.finals]
    return finals if any(run.status == "completed" for run in finals) else []


def notes_on(found: Searched, sought: Sought, finals: bool) -> list[Amiss]:
    """What a reader must know of figures that were chosen among many."""
    best = found.best
    if best is None or best.value is None:
        return []
    done = f"{len(found.trials)} of {sought.planned}" if len(found.trials) < sought.planned else str(sought.planned)
    told = f"{done} trials were searched by {found.sampler} for the best {found.objective}; "
    told += f"{best.label} has {figure(best.value, found.objective)}."
    if finals:
        what = "what is compared here are the best trials run again with fresh seeds, which took no part in the choice"
    else:
        what = "these are the runs that it was chosen by; finalists, run with fresh seeds, would tell how good it is"
    return [f"{told} The best of many is lucky as well as good: {what}."]
