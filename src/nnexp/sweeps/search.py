"""A search at work: its trials, asked for one by one, what comes of them, and the finals of the best."""

from __future__ import annotations

import math
import shlex
import threading
from collections.abc import Callable, Iterator, Sequence

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
from nnexp.sweeps.execute import Listed, SweepEvent, Tasks
from nnexp.sweeps.expand import Point, trial_of
from nnexp.sweeps.folder import SweepFolder
from nnexp.sweeps.known import Known
from nnexp.sweeps.sampling import Pruner, propose

MakeTask = Callable[[Point], Task]


def trial_label(search: Search, number: int) -> str:
    """What the folder of a trial is called; trials are numbered from 1."""
    return f"trial={number:0{len(str(search.trials))}d}"


def final_label(rank: int, seed: int) -> str:
    """What the folder of a final run is called: of the best trial, rank 1."""
    return f"final={rank}_seed={seed}"


def labels(plan: SweepFile, search: Search) -> dict[str, int]:
    """What all runs of a search are called, though it is not known yet what they will be, and the seed of each."""
    first, *fresh = seeds(plan)
    trials = {trial_label(search, number): first for number in range(1, search.trials + 1)}
    return trials | {final_label(rank, seed): seed for rank in range(1, search.finalists + 1) for seed in fresh}


def seeds(plan: SweepFile) -> tuple[int, ...]:
    """The seed of all trials, and those of the finals, which chose nothing."""
    return plan.seeds(plan.repeats + 1)


def _points_in(folder: SweepFolder, plan: SweepFile, search: Search) -> list[Point]:
    """The points that a search has had so far, as its sweep.json has them.

    Raises:
        InputError: they are none of this search's.
    """
    allowed, found = labels(plan, search), list[Point]()
    trials = iter(allowed)
    try:
        for said in folder.points():
            label, seed = said["label"], said["seed"]
            is_next = label == next(trials) if label.startswith("trial=") else label not in {one.label for one in found}
            if not is_next or type(seed) is not int or allowed[label] != seed:
                raise ValueError(label)
            found.append(trial_of(plan, label, said["parameters"], seed))
    except (AttributeError, KeyError, TypeError, ValueError, StopIteration):
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
        self._known = {label: self._read(label) for label in trials}
        failed = [label for label, known in self._known.items() if known.state == "failed"]
        self._todo = [label for label in failed if self.points[label].experiment]
        for label in self._todo:
            self._known[label] = Known(self.points[label].parameters)
        before = list(self._known.values())
        epochs = max((experiment.epochs for experiment in self._probes), default=1)
        self._pruner = Pruner(self._search, epochs, before) if self._search.pruner != "none" else None
        self._hopeless: set[str] = set()  # those that were told to stop
        self._diverged: set[str] = set()
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
            return bool(self._todo) or len(self._known) < self._search.trials

    def take(self, kind: str) -> Task | None:
        """The next trial."""
        with self._lock:
            while self:
                point = self.points[self._todo.pop(0)] if self._todo else self._propose()
                if point.experiment and self._make:
                    self._set_aside(point.label)
                    return self._make(point)
                record_refusal(self._folder, point, expected=False)
                self.settled(point.label)
            return None

    def is_hopeless(self, label: str) -> bool:
        """Whether the run is to stop after the epoch that it told of last."""
        with self._lock:
            if self._pruner is None or label not in self._known or not (rows := self._known[label].rows):
                return False
            hopeless = self._pruner.is_hopeless(self._number(label), rows)
            if hopeless:
                self._hopeless.add(label)
            return hopeless

    # What comes of them.

    def hear(self, label: str, event: SweepEvent) -> None:
        """Take in how a trial goes: it is over for the sampler when its worker is free for the next."""
        with self._lock:
            known = self._known.get(label)
            if known is None:
                return
            if isinstance(event, events.EpochEnded):
                # One that goes on from a checkpoint tells again of some epochs, and of those before it nothing.
                earlier = known.rows if event.epoch - 1 in known.rows else self._read(label).rows
                value = event.logs.get(self._search.objective, math.nan)
                known.rows = {epoch: row for epoch, row in earlier.items() if epoch < event.epoch}
                known.rows[event.epoch] = value
                if not math.isfinite(event.logs["loss"]):
                    self._diverged.add(label)
            elif isinstance(event, Free):
                read = self._read(label)  # it has its result where it was gone on with
                self._known[label] = self._heard(label) if read.state == "failed" else read
                self._tell_pruner(label)

    def settled(self, label: str) -> None:
        """Its run is over, and what its folder says counts."""
        with self._lock:
            if label in self._known:
                self._known[label] = self._read(label)
                self._tell_pruner(label)

    def _read(self, label: str) -> Known:
        """What the folder of a trial says of it."""
        try:
            run = record.read(self._folder.run(label).path)
        except record.UnreadableRun:
            run = None
        return _known(self._search, self.points[label], run)

    def _heard(self, label: str) -> Known:
        """What is known of a trial whose last files are being written."""
        known = self._known[label]
        value = known.rows[max(known.rows)] if known.rows else math.nan
        if label in self._hopeless:
            return Known(known.values, known.rows, "pruned")
        if label in self._diverged or not math.isfinite(value):
            return Known(known.values, known.rows, "worst")
        return Known(known.values, known.rows, "done", value)

    def _tell_pruner(self, label: str) -> None:
        if self._pruner is not None:
            self._pruner.end(self._number(label), self._known[label])

    def _number(self, label: str) -> int:
        return list(self._known).index(label) + 1

    def _set_aside(self, label: str) -> None:
        if is_damaged(self._folder.run(label)):
            self._folder.set_aside(label)

    def _propose(self) -> Point:
        """A new trial, written down before it begins."""
        before = list(self._known.values())
        seed, *_ = seeds(self._plan)
        values = propose(self._search, seed, before)
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


def _known(search: Search, point: Point, run: RunRecord | None) -> Known:
    """What the record of a trial says of it."""
    if run is None or point.experiment is None or run.identity != point.experiment.identity:
        return Known(point.parameters, state="failed")
    rows: dict[int, float] = {}
    for row in run.history:
        value = row.get(search.objective)
        if type(row.get("epoch")) is int:
            rows[row["epoch"]] = value if isinstance(value, (int, float)) else math.nan
    if not run.has_result:
        return Known(point.parameters, rows, "failed")
    value = metrics_of(run).get(search.objective)
    if run.pruned:
        return Known(point.parameters, rows, "pruned")
    if run.status != "completed" or value is None:
        return Known(point.parameters, rows, "worst")
    return Known(point.parameters, rows, "done", value)
