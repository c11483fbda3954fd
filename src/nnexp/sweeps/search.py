"""A search at work: its trials, asked for one by one, what comes of them, and the finals of the best."""

from __future__ import annotations

import math
import shlex
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from nnexp import events
from nnexp.comparison.metrics import greater_is_better, metrics_of
from nnexp.config.experiment import Experiment
from nnexp.config.sweep import SweepFile
from nnexp.config.sweep.space import Search
from nnexp.errors import InputError
from nnexp.runs import record
from nnexp.runs.record import RunRecord
from nnexp.sweeps.child import Free, Task
from nnexp.sweeps.endings import is_damaged, record_refusal
from nnexp.sweeps.execute import Again, Listed, SweepEvent, Tasks
from nnexp.sweeps.expand import Point, trial_of
from nnexp.sweeps.folder import SweepFolder
from nnexp.sweeps.sampling import Known, Pruner, State, propose

# A sampler that proposes what was tried before is asked again so often; then the space is taken for exhausted.
_ASKED_AGAIN = 50

MakeTask = Callable[[Point], Task]


def trial_label(search: Search, number: int) -> str:
    """What the folder of a trial is called; trials are numbered from 1."""
    return f"trial={number:0{len(str(search.trials))}d}"


def final_label(rank: int, seed: int) -> str:
    """What the folder of a final run is called: of the best trial, rank 1."""
    return f"final={rank}_seed={seed}"


def labels(plan: SweepFile, search: Search) -> list[str]:
    """What all runs of a search are called, though it is not known yet what they will be."""
    _, *fresh = seeds(plan)
    return [
        *(trial_label(search, number) for number in range(1, search.trials + 1)),
        *(final_label(rank, seed) for rank in range(1, search.finalists + 1) for seed in fresh),
    ]


def seeds(plan: SweepFile) -> tuple[int, ...]:
    """The seed of all trials, and those of the finals, which chose nothing."""
    return plan.seeds(plan.repeats + 1)


def _points_in(folder: SweepFolder, plan: SweepFile, search: Search) -> list[Point]:
    """The points that a search has had so far, as its sweep.json has them.

    Raises:
        InputError: they are none of this search's.
    """
    allowed, found = set(labels(plan, search)), []
    for said in folder.points():
        try:
            if said["label"] not in allowed or said["seed"] not in seeds(plan):
                raise ValueError(said["label"])
            found.append(trial_of(plan, said["label"], said["parameters"], said["seed"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            again = f"to begin anew: nnexp sweep {shlex.quote(str(folder.sweep))}"
            raise InputError(f"{folder.record} holds a point that its sweep.yaml cannot give; {again}") from None
    return found


class Trials:
    """The tasks of a search: each is proposed when a lane asks for it."""

    def __init__(self, plan: SweepFile, folder: SweepFolder, probes: Sequence[Point]) -> None:
        """What is in the folder counts; `probes` are points of the space that were looked at beforehand.

        Raises:
            InputError: the folder holds points of another search.
        """
        assert plan.search is not None
        self._plan, self._search, self._folder = plan, plan.search, folder
        self._state = folder.state()
        self._probes = [point.experiment for point in probes if point.experiment]
        self.points = {point.label: point for point in _points_in(folder, plan, self._search)}
        self._lock = threading.RLock()  # lanes ask, each in its thread; endings come in another
        trials = [label for label in self.points if label.startswith("trial=")]
        self._known = {label: _known(self._search, self.points[label], _read(folder, label)) for label in trials}
        failed = [label for label, known in self._known.items() if known.state == "failed"]
        self._todo = [label for label in failed if self.points[label].experiment]
        for label in self._todo:
            self._known[label] = Known(self.points[label].parameters)
        self._exhausted = False
        before = list(self._known.values())
        epochs = max((experiment.epochs for experiment in self._probes), default=1)
        self._pruner = Pruner(self._search, epochs, before) if self._search.pruner != "none" else None
        self._hopeless: set[str] = set()
        self._make: MakeTask | None = None

    def experiments(self) -> Sequence[Experiment]:
        """Which show what data there must be; none where nothing is left to do."""
        return self._probes if self or self._finals_left() else []

    def batches(self, make: MakeTask) -> Iterator[Tasks]:
        """The trials, and when they are over the finals."""
        self._make = make
        yield self
        if not any(label.startswith("final=") for label in self.points):
            self._choose_finals()
        yield Listed([make(point) for point in self._finals_left()])

    # As lanes see it.

    def __bool__(self) -> bool:
        """Whether a trial is left."""
        with self._lock:
            return bool(self._todo) or (len(self._known) < self._search.trials and not self._exhausted)

    def take(self, kind: str) -> Task | None:
        """The next trial."""
        with self._lock:
            while self:
                point = self.points[self._todo.pop(0)] if self._todo else self._propose()
                if point and point.experiment and self._make:
                    self._set_aside(point.label)
                    return self._make(point)
                if point:
                    record_refusal(self._folder, point, expected=False)
                    self.settled(point.label)
            return None

    def is_hopeless(self, label: str) -> bool:
        """Whether the run is to stop after the epoch that it told of last."""
        with self._lock:
            if self._pruner is None or label not in self._known or not (rows := self._known[label].rows):
                return False
            epoch = max(rows)
            if self._pruner.is_hopeless(self._number(label), epoch, rows[epoch]):
                self._hopeless.add(label)
            return label in self._hopeless

    # What comes of them.

    def hear(self, label: str, event: SweepEvent) -> None:
        """Take in how a trial goes: it is over for the sampler when its worker is free for the next."""
        with self._lock:
            known = self._known.get(label)
            if known is None:
                return
            if isinstance(event, Again):
                known.rows.clear()  # some of its epochs are told once more
            elif isinstance(event, events.EpochEnded):
                known.rows[event.epoch] = event.logs.get(self._search.objective, math.nan)
            elif isinstance(event, Free) and known.rows:
                value = known.rows[max(known.rows)]
                state: State = "pruned" if label in self._hopeless else "done" if math.isfinite(value) else "worst"
                self._known[label] = Known(known.values, known.rows, state, value if state == "done" else None)
                self._tell_pruner(label)

    def settled(self, label: str) -> None:
        """Its run is over, and what its folder says counts."""
        with self._lock:
            if label in self._known:
                self._known[label] = _known(self._search, self.points[label], _read(self._folder, label))
                self._tell_pruner(label)

    def _tell_pruner(self, label: str) -> None:
        if self._pruner is not None:
            self._pruner.end(self._number(label), self._known[label])

    def _number(self, label: str) -> int:
        return list(self._known).index(label) + 1

    def _set_aside(self, label: str) -> None:
        if is_damaged(self._folder.run(label)):
            self._folder.set_aside(label)

    def _propose(self) -> Point | None:
        """A new trial, written down before it begins; None if there is no point that was not tried."""
        before = list(self._known.values())
        seed, *_ = seeds(self._plan)
        for again in range(_ASKED_AGAIN):
            values = propose(self._search, seed, before, again)
            if all(values != known.values for known in before):
                break
        else:
            self._exhausted = True
            return None
        label = trial_label(self._search, len(before) + 1)
        point = self.points[label] = trial_of(self._plan, label, values, seed)
        self._known[label] = Known(values)
        if self._pruner is not None:
            self._pruner.begin()
        self._note(self._plan.runs)
        return point

    def _note(self, runs: int) -> None:
        points = [point.said() for point in self.points.values()]
        self._folder.note({**self._state, "points": points, "runs": runs})

    def _finals_left(self) -> list[Point]:
        finals = [point for label, point in self.points.items() if label.startswith("final=")]
        return [point for point in finals if not self._folder.is_over(point.label)]

    def _choose_finals(self) -> None:
        """The best trials with fresh seeds, written down before they begin."""
        done = {label: known.value for label, known in self._known.items() if known.value is not None}
        sign = -1 if greater_is_better(self._search.objective) else 1
        best = sorted(done, key=lambda label: sign * done[label])[: self._search.finalists]
        _, *fresh = seeds(self._plan)
        finals = [
            trial_of(self._plan, final_label(rank, seed), self._known[label].values, seed)
            for rank, label in enumerate(best, 1)
            for seed in fresh
        ]
        self.points |= {point.label: point for point in finals}
        self._note(len(self.points))  # fewer than planned where too few trials have a figure


def _read(folder: SweepFolder, label: str) -> RunRecord | None:
    try:
        return record.read(folder.run(label).path)
    except record.UnreadableRun:
        return None


def _known(search: Search, point: Point, run: RunRecord | None) -> Known:
    """What the folder of a trial says of it."""
    rows: dict[int, Any] = {}
    same = run is not None and point.experiment is not None and run.identity == point.experiment.identity
    if run is None or not same or not run.has_result:
        return Known(point.parameters, rows, "failed")
    for row in run.history:
        value = row.get(search.objective)
        if type(row.get("epoch")) is int:
            rows[row["epoch"]] = value if isinstance(value, (int, float)) else math.nan
    value = metrics_of(run).get(search.objective)
    if run.pruned:
        return Known(point.parameters, rows, "pruned")
    if run.status != "completed" or value is None:
        return Known(point.parameters, rows, "worst")
    return Known(point.parameters, rows, "done", value)
