"""What a comparison says: frozen values that the table, the plots and the report only read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nnexp.errors import Amiss
from nnexp.runs.record import RunRecord

Outcome = Literal["better", "worse", "undecided", "refused"]

EFFECTS = "each parameter, over all values of the others"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric of a group: its mean over the runs, and the 95 % interval where one can be given."""

    mean: float
    low: float | None
    high: float | None
    values: tuple[float, ...]  # one a run, in the order of the group's runs
    method: str  # what the interval covers, in words; "" where there is none


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A run that is in no mean, and why."""

    run: RunRecord
    reason: Amiss  # "diverged in epoch 1", "failed: …", "interrupted after 3 of 10 epochs", "still running"


@dataclass(frozen=True, slots=True)
class Group:
    """Runs of one configuration, which differ by seed alone."""

    label: str  # "hidden=512", or a name that tells the groups apart; unique in the comparison
    parameters: Mapping[str, Any]  # only those that differ between the groups
    runs: tuple[RunRecord, ...]  # those that count, by seed
    left_out: tuple[LeftOut, ...]
    estimates: Mapping[str, Estimate]  # by metric: "accuracy", "loss" (test split), "val_loss", "seconds" …
    epochs: float | None  # trained, mean
    total_parameters: int | None
    findings: Mapping[str, int]  # code of a finding -> in how many of the runs
    place: int = 0  # of its first run in its sweep, which does them in the order of the sweep file; 0: not known

    @property
    def all_runs(self) -> tuple[RunRecord, ...]:
        """Every run of the group, those left out last."""
        return (*self.runs, *(left.run for left in self.left_out))


@dataclass(frozen=True, slots=True)
class Verdict:
    """One group against another by the comparison's metric."""

    first: str  # labels
    second: str
    outcome: Outcome  # of the first; "refused": the two cannot be compared, and `text` says why
    difference: float | None  # first minus second
    low: float | None
    high: float | None
    p: float | None  # corrected for the number of comparisons (Holm)
    method: str  # "exact McNemar", "seeds and examples", …
    text: str  # in plain words
    alone: bool = False  # undecided, but would pass if it were the only comparison


@dataclass(frozen=True, slots=True)
class Interaction:
    """Whether what one parameter does depends on another: where the difference that it makes differs most."""

    parameter: str  # "hidden", or "batch_size, epochs" where these change together
    other: str
    difference: float  # of the two differences
    low: float | None
    high: float | None
    p: float  # corrected for the number of comparisons
    shown: bool
    text: str  # in plain words


@dataclass(frozen=True, slots=True)
class Effects:
    """What each of several parameters does by itself, where the groups are a whole grid of their values."""

    verdicts: tuple[Verdict, ...]  # the best value of each, or the baseline's, against its others, over all else
    interactions: tuple[Interaction, ...]  # of each two parameters

    @property
    def depend(self) -> bool:
        """Whether what one of them does was shown to depend on another."""
        return any(one.shown for one in self.interactions)

    @property
    def families(self) -> dict[str, Sequence[Verdict | Interaction]]:
        """By what they compare, those whose p is corrected for their number."""
        return {"values of one parameter": self.verdicts, "whether one depends on another": self.interactions}

    @property
    def told(self) -> tuple[str, ...]:
        """All of it in words, a line each; first what was shown to depend, which the averages after it hide."""
        shown = [one.text for one in self.interactions if one.shown]
        others = [one.text for one in self.interactions if not one.shown]
        return (*shown, *(one.text for one in self.verdicts), *others)


@dataclass(frozen=True, slots=True)
class Trial:
    """A point that a search tried."""

    label: str  # "trial=07"
    values: Mapping[str, Any]
    value: float | None  # of the objective, in the last epoch
    outcome: str  # "completed", "given up after 3 epochs", "diverged" …
    complete: bool = False  # it went to its end, and its value counts


@dataclass(frozen=True, slots=True)
class Searched:
    """The trials of a search, by their number."""

    sampler: str
    objective: str
    greater_is_better: bool
    space: Mapping[str, Any]  # as the sweep file has it
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial | None:
        """The best of those that count; the first of equals."""
        counted = [trial for trial in self.trials if trial.complete]
        sign = -1 if self.greater_is_better else 1
        return min(counted, key=lambda trial: sign * (trial.value or 0.0), default=None)

    @property
    def best_so_far(self) -> list[float | None]:
        """The best value after each trial; None before the first that counts."""
        found: list[float | None] = []
        for trial in self.trials:
            before = found[-1] if found else None
            choice = [value for value in (before, trial.value if trial.complete else None) if value is not None]
            found.append((max if self.greater_is_better else min)(choice) if choice else None)
        return found


@dataclass(frozen=True, slots=True)
class Comparison:
    """Groups of runs, and what can be said of them."""

    metric: str
    greater_is_better: bool
    groups: tuple[Group, ...]  # in the order asked for; by default the best first
    parameters: tuple[str, ...]  # the names of those that differ, in the order of a config
    metrics: tuple[str, ...]  # the metrics that any group has, `metric` first
    best: str | None  # label of the best group
    tied: tuple[str, ...]  # labels of the groups that cannot be told from the best
    verdicts: tuple[Verdict, ...]  # each group against the best, or against the baseline
    baseline: str | None  # the label of a group, or a value of some parameters, that several groups have
    left_out: tuple[LeftOut, ...]  # of all groups
    unreadable: tuple[str, ...]  # folders that could not be read, each with its reason
    notes: tuple[str, ...]  # what the reader must know: correction, untested groups, unknown spread
    search: Searched | None = None  # that the groups were chosen by
    of_best: tuple[Verdict, ...] = ()  # each group against the best, where `verdicts` are against the baseline
    filters: tuple[str, ...] = ()  # that left these groups
    effects: Effects | None = None  # of several parameters, where they can be told

    @property
    def as_good(self) -> tuple[str, ...]:
        """The labels of the others that have exactly the mean of the best."""
        means = {
            group.label: group.estimates[self.metric].mean for group in self.groups if self.metric in group.estimates
        }
        best = means.pop(self.best or "", None)
        return tuple(label for label, mean in means.items() if mean == best)

    @property
    def unsure(self) -> frozenset[str]:
        """The labels of those tied that would differ from the best if each were the only comparison."""
        return frozenset(one.second for one in self.of_best or self.verdicts if one.alone and one.first == self.best)

    @property
    def baseline_is_one(self) -> bool:
        """Whether the baseline is a group; else it is a value, and each group is held against its like that has it."""
        return any(group.label == self.baseline for group in self.groups)

    @property
    def has_gaps(self) -> bool:
        """Whether some groups have no value of a parameter that others have: no dropout, no hidden layer."""
        return any(value is None for group in self.groups for value in group.parameters.values())

    def group(self, label: str) -> Group:
        """The group of that label."""
        return next(group for group in self.groups if group.label == label)


def runs_of(groups: Sequence[Group]) -> list[RunRecord]:
    """All runs of the groups."""
    return [run for group in groups for run in group.all_runs]
