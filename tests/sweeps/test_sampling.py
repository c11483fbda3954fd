"""What a search proposes, and which trials it gives up."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnexp.config.sweep import load_sweep
from nnexp.config.sweep.space import Search
from nnexp.errors import InputError
from nnexp.sweeps.draws import draw
from nnexp.sweeps.known import Known
from nnexp.sweeps.sampling import Pruner, check_extra, propose

SEARCH = """\
base: {dataset: digits, layers: [flatten, dense: 10], validation: 0.2}
sampler: tpe
objective: val_loss
space:
  batch_size: {range: [1, 500]}
  learning_rate: {log: [0.00001, 1.0]}
  optimizer: [adam, sgd, rmsprop]
  optimizer.momentum: {range: [0.0, 0.9], when: {optimizer: [sgd, rmsprop]}}
"""


def search_of(folder: Path, text: str = SEARCH) -> Search:
    (folder / "search.yaml").write_text(text)
    found = load_sweep(folder / "search.yaml").search
    assert found
    return found


def loss(values: dict[str, Any]) -> float:
    """A valley with its lowest point at 100, 0.01 and adam."""
    penalty = 0 if values.get("optimizer", "adam") == "adam" else 1 + values["optimizer.momentum"]
    return abs(values["batch_size"] - 100) / 100 + abs(math.log10(values["learning_rate"]) + 2) + penalty


def searched(search: Search, seed: int, trials: int, of: Callable[[dict[str, Any]], float] = loss) -> list[Known]:
    known: list[Known] = []
    for _ in range(trials):
        values = propose(search, seed, known)
        known.append(Known(values, {1: of(values)}, "done", of(values)))
    return known


NUMBERS = """\
base: {dataset: digits, layers: [flatten, dense: 10], validation: 0.2}
sampler: cmaes
space:
  batch_size: {range: [4, 500], step: 4}
  learning_rate: {log: [0.00001, 1.0]}
"""


@pytest.mark.parametrize(("text", "trials"), [(SEARCH, 25), (NUMBERS, 60)], ids=["tpe", "cmaes"])
def test_a_sampler_comes_closer_than_chance(tmp_path: Path, text: str, trials: int) -> None:
    search = search_of(tmp_path, text)
    chance = search_of(tmp_path, text.replace(search.sampler, "random"))
    best = [
        [min(trial.value or 0 for trial in searched(one, seed, trials)) for seed in range(3)]
        for one in (search, chance)
    ]
    assert sum(best[0]) < sum(best[1])


@pytest.mark.parametrize("text", [SEARCH, NUMBERS], ids=["tpe", "cmaes"])
def test_a_proposal_follows_from_the_seed_and_the_trials_before_alone(tmp_path: Path, text: str) -> None:
    search = search_of(tmp_path, text)
    known = searched(search, 3, 14)
    known[13] = Known(known[13].values)  # still running
    known[6] = Known(known[6].values, {}, "worst")
    known[7] = Known(known[7].values, {1: 9.0}, "pruned")
    known[8] = Known(known[8].values, {}, "failed")
    proposed = propose(search, 3, known)
    assert proposed == propose(search, 3, list(known))
    assert proposed != propose(search, 4, known)
    assert proposed != propose(search, 3, known[:-1])


def test_cmaes_moves_to_where_the_better_half_of_a_generation_was(tmp_path: Path) -> None:
    search = search_of(tmp_path, NUMBERS)
    first = [trial.values for trial in searched(search, 3, 6)]  # with two numbers a generation is of six

    def after(trials: list[Known]) -> float:
        """The middle batch size of what may be proposed next: of the seventh trial, by many seeds."""
        return statistics.median(propose(search, seed, trials)["batch_size"] for seed in range(60))

    small, large = [
        after([Known(values, {}, "done", sign * values["batch_size"]) for values in first]) for sign in (1, -1)
    ]
    running = after([*(Known(values, {}, "done", values["batch_size"]) for values in first[:5]), Known(first[5])])
    assert small < running < large  # one that is running keeps its generation waiting
    failed = [Known(one, {}, "failed") if one["batch_size"] > 252 else Known(one, {}, "done", 0.0) for one in first]
    assert after(failed) < running


@pytest.mark.parametrize("sampler", ["random", "tpe", "cmaes"])
def test_a_small_space_is_tried_whole_and_nothing_in_it_twice(tmp_path: Path, sampler: str) -> None:
    space = "space: {hidden: {range: [1, 4]}, batch_size: {range: [16, 32], step: 8}}\n"
    search = search_of(tmp_path, f"{SEARCH.partition('space:')[0].replace('tpe', sampler)}{space}")
    assert search.trials == 12
    tried = [tuple(trial.values.values()) for trial in searched(search, 1, 12, lambda values: values["hidden"])]
    assert sorted(tried) == [(hidden, batch) for hidden in (1, 2, 3, 4) for batch in (16, 24, 32)]


def test_proposals_lie_in_the_space_and_begin_as_a_random_search_does(tmp_path: Path) -> None:
    search = search_of(tmp_path)
    points = [trial.values for trial in searched(search, 5, 25)]
    assert points[:10] == [draw(search.space, 5, number) for number in range(1, 11)]
    for point in points:
        assert 1 <= point["batch_size"] <= 500
        assert isinstance(point["batch_size"], int)
        assert 0.00001 <= point["learning_rate"] <= 1
        assert ("optimizer.momentum" in point) == (point["optimizer"] != "adam")


CURVES = [
    [1.0 - 0.05 * trial - 0.01 * epoch for epoch in range(9)] for trial in range(8)
]  # each better than those before
GOOD, BAD = [0.3] * 9, [2.0] * 9


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_a_trial_that_is_behind_the_others_is_given_up_and_a_better_one_is_not(tmp_path: Path, pruner: str) -> None:
    search = search_of(tmp_path, f"{SEARCH}pruner: {pruner}\n")
    before = [Known({}, dict(enumerate(curve, 1)), "done", curve[-1]) for curve in CURVES]
    assert given_up(search, before, BAD) is not None
    assert given_up(search, before, GOOD) is None


def given_up(search: Search, before: list[Known], curve: list[float]) -> int | None:
    """The epoch after which a further trial is given up."""
    found = Pruner(search, len(curve), before)
    found.begin()
    rows = dict(enumerate(curve, 1))
    told = ({epoch: rows[epoch] for epoch in range(1, last + 1)} for last in rows)
    return next((max(one) for one in told if found.is_hopeless(len(before) + 1, one) is True), None)


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_a_pruner_that_begins_in_the_middle_says_what_one_from_the_beginning_says(tmp_path: Path, pruner: str) -> None:
    search = search_of(tmp_path, f"{SEARCH}pruner: {pruner}\n")
    whole, known, said = Pruner(search, 9, []), [], []
    for number, curve in enumerate([*CURVES, BAD, GOOD, BAD], 1):
        whole.begin()
        again = Pruner(search, 9, known)
        again.begin()
        trial = Known({}, {}, "done", curve[-1])
        for epoch, value in enumerate(curve, 1):
            trial.rows[epoch] = value
            verdict = whole.is_hopeless(number, trial.rows)
            said.append(verdict)
            assert again.is_hopeless(number, trial.rows) == verdict
            assert whole.is_hopeless(number, trial.rows) == verdict  # told again by one that goes on
            if verdict:
                trial = Known({}, trial.rows, "pruned")
                break
        whole.end(number, trial)
        known.append(trial)
    assert {True, False} == set(said)


def test_a_figure_that_is_no_number_gives_no_trial_up(tmp_path: Path) -> None:
    found = Pruner(search_of(tmp_path, f"{SEARCH}pruner: median\n"), 3, [])
    found.begin()
    assert not found.is_hopeless(1, {1: math.nan})


def test_without_optuna_what_needs_it_is_refused_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)  # as if it were not installed
    check_extra(search_of(tmp_path, SEARCH.replace("tpe", "random")))
    with pytest.raises(InputError, match=r"sampler: tpe needs the package optuna .* pip install 'nnexp\[optuna\]'"):
        check_extra(search_of(tmp_path, f"{SEARCH}pruner: median\n"))
