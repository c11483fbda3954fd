"""What a search tries next, and which trials are not worth their end: Optuna's samplers and pruners.

A proposal follows from the seed, the number of the trial and what is known of those before it, and from nothing else:
no state is kept, so that a search that was cut off goes on as it would have.
"""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from nnexp.comparison.metrics import greater_is_better
from nnexp.config.sweep.space import Choice, Dimension, Range, Search
from nnexp.errors import InputError
from nnexp.sweeps.draws import draw

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

# Trials that are drawn at random before TPE can tell good from bad: Optuna's own number.
_DRAWN_FIRST = 10

# worst: it diverged, which is worse than any figure; failed: it says nothing of its point.
State = Literal["running", "done", "pruned", "worst", "failed"]


@dataclass(slots=True)
class Known:
    """What is known of a trial: its values, and the objective after each epoch."""

    values: Mapping[str, Any]
    rows: dict[int, float] = field(default_factory=dict)
    state: State = "running"
    value: float | None = None  # of the objective, where it is done


def check_extra(search: Search) -> None:
    """That Optuna is there, if it is needed.

    Raises:
        InputError: it is not, and how to get it.
    """
    needing = [f"sampler: {search.sampler}"] if search.sampler != "random" else []
    needing += [f"pruner: {search.pruner}"] if search.pruner != "none" else []
    if needing and importlib.util.find_spec("optuna") is None:
        what = f"{' and '.join(needing)} needs the package optuna"
        raise InputError(f"{what}; get it with  pip install 'nnexp[optuna]', or search with `sampler: random`")


def propose(search: Search, seed: int, before: Sequence[Known], again: int = 0) -> dict[str, Any]:
    """The values of the trial that follows those `before`; other ones for each `again`."""
    number = len(before) + 1
    if search.sampler == "random" or number <= _DRAWN_FIRST:
        return draw(search.space, seed, number, again)
    import numpy as np
    import optuna

    state = int(np.random.SeedSequence([seed, number, again]).generate_state(1)[0])
    with _quiet():
        sampler = optuna.samplers.TPESampler(
            seed=state, n_startup_trials=_DRAWN_FIRST, multivariate=True, constant_liar=True
        )
        study = optuna.create_study(direction=_direction(search), sampler=sampler)
        for known in before:
            study.add_trial(_frozen(search.space, known))
        trial = study.ask()
        found: dict[str, Any] = {}
        for dimension in search.space:
            if dimension.counts(found):
                found[dimension.name] = _suggested(trial, dimension)
    return found


class Pruner:
    """Tells after each epoch of a trial whether it is worth going on with."""

    def __init__(self, search: Search, epochs: int, before: Sequence[Known]) -> None:
        """For trials of at most so many epochs; what is known of those `before` is what it goes by first."""
        self._study = _pruned_study(search, epochs)
        self._trials: list[Trial] = []
        for known in before:
            self.begin()
            for epoch, value in known.rows.items():
                self.is_hopeless(len(self._trials), epoch, value)
            if known.state != "running":
                self.end(len(self._trials), known)

    def begin(self) -> None:
        """The next trial begins: they are numbered from 1."""
        self._trials.append(self._study.ask())

    def is_hopeless(self, number: int, epoch: int, value: float) -> bool:
        """Whether the trial with this objective after this epoch is to be stopped."""
        if not math.isfinite(value):
            return False  # it diverges, which the run itself sees to
        trial = self._trials[number - 1]
        with _quiet():  # an epoch that was done before is told a second time
            trial.report(value, epoch)
            return bool(trial.should_prune())

    def end(self, number: int, known: Known) -> None:
        """A trial is over."""
        from optuna.trial import TrialState

        trial = self._trials[number - 1]
        with _quiet():
            if known.state == "done":
                self._study.tell(trial, known.value, skip_if_finished=True)
            else:
                state = TrialState.PRUNED if known.state == "pruned" else TrialState.FAIL
                self._study.tell(trial, state=state, skip_if_finished=True)


def _pruned_study(search: Search, epochs: int) -> Study:
    import optuna

    with _quiet():
        pruner = (
            optuna.pruners.MedianPruner()
            if search.pruner == "median"
            else optuna.pruners.HyperbandPruner(min_resource=1, max_resource=epochs)
        )
        sampler = optuna.samplers.RandomSampler(seed=0)  # it is asked for nothing
        # Hyperband draws a trial's bracket from the name.
        return optuna.create_study(study_name="search", direction=_direction(search), sampler=sampler, pruner=pruner)


def _direction(search: Search) -> Literal["maximize", "minimize"]:
    return "maximize" if greater_is_better(search.objective) else "minimize"


def _distribution(values: Choice | Range) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(values, Choice):
        return CategoricalDistribution(range(len(values.values)))
    low, high = values.ends[0], values.ends[-1]
    if values.whole:
        return IntDistribution(low, high, log=values.log, step=int(values.step or 1))
    return FloatDistribution(low, high, log=values.log, step=values.step)


def _suggested(trial: Trial, dimension: Dimension) -> Any:
    values = dimension.values
    match values:
        case Choice():
            return values.values[trial.suggest_categorical(dimension.name, range(len(values.values)))]
        case Range() if values.whole:
            low, high = values.ends[0], values.ends[-1]
            return trial.suggest_int(dimension.name, low, high, log=values.log, step=int(values.step or 1))
    low, high = values.ends[0], values.ends[-1]
    return values.nearest(trial.suggest_float(dimension.name, low, high, log=values.log, step=values.step))


def _frozen(space: Sequence[Dimension], known: Known) -> FrozenTrial:
    from optuna.trial import TrialState, create_trial

    counted = [dimension for dimension in space if dimension.name in known.values]
    states = {"running": TrialState.RUNNING, "done": TrialState.COMPLETE, "failed": TrialState.FAIL}
    return create_trial(
        # Without a figure TPE takes a pruned trial for worse than all others.
        state=states.get(known.state, TrialState.PRUNED),
        value=known.value if known.state == "done" else None,
        params={one.name: _as_parameter(one.values, known.values[one.name]) for one in counted},
        distributions={one.name: _distribution(one.values) for one in counted},
        intermediate_values={epoch: value for epoch, value in known.rows.items() if math.isfinite(value)}
        if known.state == "pruned"
        else {},
    )


def _as_parameter(values: Choice | Range, value: Any) -> Any:
    return values.values.index(value) if isinstance(values, Choice) else value


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's log, and its warnings of what is experimental or told twice."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
