"""What a search tries next, and which trials are not worth their end: Optuna's samplers and pruners.

A proposal follows from the seed, the number of the trial and what is known of those before it, and from nothing else:
no state is kept, so that a search that was cut off goes on as it would have.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from nnexp.comparison.metrics import greater_is_better
from nnexp.config.sweep.space import Choice, Dimension, Range, Search, every
from nnexp.errors import InputError
from nnexp.sweeps.draws import draw
from nnexp.sweeps.evolution import evolved
from nnexp.sweeps.known import Known

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

# Trials that are drawn at random before TPE can tell good from bad: Optuna's own number.
_DRAWN_FIRST = 10

# A point that was tried is proposed again where few are left. Then the sampler is asked for another so often, and so
# often one is drawn, until the first that is left is taken.
_ASKED, _DRAWN = 10, 40


def check_extra(search: Search) -> None:
    """That the packages are there which it needs.

    Raises:
        InputError: one is not, and how to get it.
    """
    needed = {f"sampler: {search.sampler}": {"tpe": "optuna", "cmaes": "cmaes"}.get(search.sampler)}
    needed[f"pruner: {search.pruner}"] = None if search.pruner == "none" else "optuna"
    missing = [f"{what} needs the package {name}" for what, name in needed.items() if name and find_spec(name) is None]
    if missing:
        how = "get it with  pip install 'nnexp[optuna]', or search with `sampler: random` and without a pruner"
        raise InputError(f"{' and '.join(missing)}; {how}")


def propose(search: Search, seed: int, before: Sequence[Known]) -> dict[str, Any]:
    """The values of the trial that follows those `before`: none that was tried, as long as the space has others."""
    tried = [known.values for known in before]
    asked = (_asked(search, seed, before, again) for again in range(_ASKED))
    drawn = (draw(search.space, seed, len(before) + 1, again) for again in range(_ASKED, _ASKED + _DRAWN))
    return next(values for values in itertools.chain(asked, drawn, every(search.space)) if values not in tried)


def _asked(search: Search, seed: int, before: Sequence[Known], again: int) -> dict[str, Any]:
    """What the sampler proposes; other values for each `again`."""
    number = len(before) + 1
    if search.sampler == "random" or (search.sampler == "tpe" and number <= _DRAWN_FIRST):
        return draw(search.space, seed, number, again)
    import numpy as np

    state = int(np.random.SeedSequence([seed, number, again]).generate_state(1)[0])
    return evolved(search, state, before) if search.sampler == "cmaes" else _tpe(search, state, before)


def _tpe(search: Search, state: int, before: Sequence[Known]) -> dict[str, Any]:
    import optuna

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
        self._verdicts: list[dict[int, bool]] = []  # of each trial, by the epoch
        for known in before:
            self.begin()
            if known.state != "running":
                self.end(len(self._trials), known)

    def begin(self) -> None:
        """The next trial begins: they are numbered from 1."""
        self._trials.append(self._study.ask())
        self._verdicts.append({})

    def is_hopeless(self, number: int, rows: Mapping[int, float]) -> bool:
        """Whether the trial with these objectives after its epochs so far is to be stopped now."""
        trial, verdicts = self._trials[number - 1], self._verdicts[number - 1]
        for epoch in sorted(rows.keys() - verdicts.keys()):
            verdicts[epoch] = False
            if math.isfinite(rows[epoch]):  # else it diverges, which the run itself sees to
                with _quiet():
                    trial.report(rows[epoch], epoch)
                    verdicts[epoch] = bool(trial.should_prune())  # the median's is NumPy's
        return verdicts[max(rows)]

    def end(self, number: int, known: Known) -> None:
        """A trial is over."""
        from optuna.trial import TrialState

        trial = self._trials[number - 1]
        if known.rows:
            self.is_hopeless(number, known.rows)  # of epochs that it was not asked about, others may be judged by
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
