"""A search in a sweep file: what its keys mean, and what is said of those that mean nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnexp.config.sweep import SweepFile, load_sweep, parse_axis
from nnexp.errors import ConfigError, InputError
from nnexp.sweeps.draws import draw, ends
from nnexp.sweeps.expand import expand

BASE = """\
base:
  dataset: digits
  layers: [flatten, dense: {units: 32, activation: relu}, dense: {units: 10, activation: softmax}]
  epochs: 3
  validation: 0.2
"""
SEARCH = f"{BASE}sampler: random\nobjective: val_accuracy\nseed: 7\n"
WHOLE = """\
space:
  hidden: {range: [4, 20]}
  batch_size: {range: [16, 100], step: 32}
  learning_rate: {log: [0.0001, 0.1]}
  optimizer: [adam, {sgd: {nesterov: true}}]
  optimizer.momentum: {range: [0, 0.5], when: {optimizer: sgd}}
  validation: {range: [0.1, 0.5], step: 0.1}
"""


def search(folder: Path, text: str, *axes: tuple[str, str], **options: Any) -> SweepFile:
    (folder / "search.yaml").write_text(text)
    return load_sweep(folder / "search.yaml", [parse_axis(name, value, f"--{name}") for name, value in axes], **options)


def refused(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        expand(search(folder, text))
    return str(caught.value).replace(f"{folder}/", "")


def test_drawn_points_lie_in_the_space_and_reach_all_of_it(tmp_path: Path) -> None:
    found = search(tmp_path, SEARCH + WHOLE).search
    assert found
    points = [draw(found.space, 7, number) for number in range(1, 1001)]
    assert {point["hidden"] for point in points} == set(range(4, 21))
    assert {point["batch_size"] for point in points} == {16, 48, 80}
    assert {point["validation"] for point in points} == {0.1, 0.2, 0.3, 0.4, 0.5}
    rates = [point["learning_rate"] for point in points]
    assert 0.0001 <= min(rates) < 0.0002 < 0.05 < max(rates) <= 0.1
    assert 400 < sum(rate < 0.00316 for rate in rates) < 600  # as many below the middle of the logarithms as above
    with_momentum = [point for point in points if "optimizer.momentum" in point]
    assert with_momentum == [point for point in points if point["optimizer"] == {"sgd": {"nesterov": True}}]
    assert 400 < len(with_momentum) < 600


def test_what_is_set_or_tracked_holds_for_all_trials_and_is_in_the_folders_own_file(tmp_path: Path) -> None:
    text = f"{SEARCH}{WHOLE}set: {{epochs: 5}}\ntrack: tensorboard\n"
    for plan in (found := search(tmp_path, text), search(tmp_path, found.yaml())):
        for point in expand(plan):
            assert point.experiment
            assert point.experiment.epochs == 5
            assert [entry.name for entry in point.experiment.track] == ["tensorboard"]
    [epochs, *_] = {
        point.experiment.epochs for point in expand(search(tmp_path, text, ("epochs", "2"))) if point.experiment
    }
    assert epochs == 2


def test_a_drawn_point_follows_from_its_number_and_the_seed_alone(tmp_path: Path) -> None:
    found = search(tmp_path, SEARCH + WHOLE).search
    assert found
    backwards = [draw(found.space, 7, number) for number in reversed(range(1, 20))]
    assert backwards[::-1] == [draw(found.space, 7, number) for number in range(1, 20)]
    assert draw(found.space, 7, 1) != draw(found.space, 8, 1)


def test_each_end_and_each_choice_is_looked_at_once_before_training(tmp_path: Path) -> None:
    found = search(tmp_path, SEARCH + WHOLE).search
    assert found
    looked_at = list(ends(found.space))
    for name, values in {"hidden": {4, 20}, "batch_size": {16, 80}, "optimizer.momentum": {0, 0.5}}.items():
        assert {point[name] for point in looked_at if name in point} == values


def test_a_small_space_has_as_many_trials_as_points_and_none_more(tmp_path: Path) -> None:
    found = search(
        tmp_path, SEARCH + "space: {optimizer: [adam, sgd], hidden: {range: [4, 8], when: {optimizer: sgd}}}"
    )
    assert found.search
    assert found.search.trials == 1 + 5
    with pytest.raises(ConfigError, match="the space has only 6 points for 7 trials"):
        search(tmp_path, found.yaml(), trials=7)
    with pytest.raises(ConfigError, match="the space has only 2 points for 4 trials"):
        search(tmp_path, SEARCH + "space: {optimizer: [adam, sgd], hidden: [4, 8]}", ("hidden", "9"))


def test_the_written_file_gives_the_same_search(tmp_path: Path) -> None:
    plan = search(tmp_path, SEARCH + WHOLE + "pruner: median\ntrials: 9\nfinalists: 2\nrepeats: 4\n")
    again = search(tmp_path, plan.yaml())
    assert plan.search
    assert again.search
    assert again.search.plain() == plan.search.plain()
    assert (again.repeats, again.seeds(), again.runs) == (4, plan.seeds(), 9 + 2 * 4)
    assert [point.parameters for point in expand(again)] == [point.parameters for point in expand(plan)]


def test_options_take_the_place_of_the_sampler_the_trials_and_a_dimension(tmp_path: Path) -> None:
    plan = search(tmp_path, SEARCH + WHOLE, ("hidden", "9"), sampler="tpe", trials=5)
    assert plan.search
    assert (plan.search.sampler, plan.search.trials) == ("tpe", 5)
    assert "hidden" not in plan.search.plain()["space"]
    assert all(point.config["layers"][1]["dense"]["units"] == 9 for point in expand(plan))


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        ((("hidden", "9,10"),), {}, "takes its values from the space"),
        ((("optimizer", "adam"),), {}, "'optimizer.momentum' depends on 'optimizer'"),
        ((), {"sampler": "grid"}, "there is none such for a search; there are: random, tpe, cmaes"),
        ((), {"sampler": "ramdom"}, "did you mean 'random'?"),
        ((), {"seed": "1,2"}, "a search takes one seed"),
    ],
)
def test_options_that_a_search_cannot_take_are_refused(
    tmp_path: Path, given: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        search(tmp_path, SEARCH + WHOLE, *given, **options)


def test_a_grid_takes_no_option_of_a_search(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no search; write a `space`"):
        search(tmp_path, BASE, trials=5)


SPACE = "space: {hidden: [4, 8]}\n"
CMAES = SEARCH.replace("random", "cmaes")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SEARCH, "search.yaml:6:10: the sampler random needs a `space`"),
        (BASE + SPACE, "'space' is of a search, and this sweep is a grid"),
        (SEARCH.replace("random", "tpee") + SPACE, "there is no sampler 'tpee'\n    did you mean 'tpe'?"),
        (SEARCH.replace("val_", "test_") + SPACE, "must not see the test split: objective test_accuracy"),
        (SEARCH.replace("val_", "") + SPACE, "did you mean `val_accuracy`?"),
        (SEARCH.replace("val_accuracy", "val_acuracy") + SPACE, "did you mean 'val_accuracy'?"),
        (SEARCH.replace("0.2", "none") + SPACE, "search.yaml:7:12: val_accuracy needs examples that are held out"),
        (SEARCH.replace("0.2", "test") + SPACE, "val_accuracy is measured on the test split here"),
        (SEARCH + "trials: 0\n" + SPACE, "trials must be a whole number from 1 to 10,000, not 0"),
        (SEARCH + "trials: '5'\n" + SPACE, "not '5'\n    write it without quotes: 5"),
        (SEARCH + "pruner: hyperbant\n" + SPACE, "did you mean 'hyperband'?"),
        (SEARCH + "grid: {epochs: [1, 2]}\n" + SPACE, "a search has no 'grid'"),
        (SEARCH.replace("7", "[1, 2]") + SPACE, "a search takes one seed, not a list"),
        (SEARCH + "space: {}", "the space is empty"),
        (SEARCH + "space: {hiden: [4, 8]}", "did you mean 'hidden'?"),
        (SEARCH + "space: {seed: [4, 8]}", "the seed cannot be varied here"),
        (SEARCH + "space: {hidden: 4}", "'hidden' is 4, which is no range of values"),
        (SEARCH + "space: {hidden: [4]}", "'hidden' has no two values to choose from"),
        (SEARCH + "space: {hidden: [4, 4]}", "'hidden' has the value 4 twice"),
        (SEARCH + "space: {hidden: {range: [8, 4]}}", "a range goes up, not from 8 to 4\n    such as  [4, 8]"),
        (SEARCH + "space: {hidden: {range: [8]}}", "a range is its two ends, not a list of 1"),
        (SEARCH + "space: {hidden: {range: 8}}", "a range is its two ends, not 8"),
        (
            SEARCH + 'space: {learning_rate: {log: ["1e-4", 0.1]}}',
            "9:31: 'learning_rate': an end of a range is a number, not '1e-4'\n    write it without quotes: 1e-4",
        ),
        (SEARCH + "space: {learning_rate: {log: [0.1, .inf]}}", "an end of a range is a number, not"),
        (SEARCH + "space: {engine: [graph, xla]}", "'engine=xla' is the same experiment as 'engine=graph'"),
        (SEARCH + "space: {hidden: {range: [4, 8], setp: 2}}", "did you mean 'step'?"),
        (SEARCH + "space: {hidden: {range: [4, 8], step: 5}}", "at most 4, not 5"),
        (SEARCH + "space: {hidden: {range: [4, 8], step: '2'}}", "not '2'\n    write it without quotes: 2"),
        (SEARCH + "space: {hidden: {log: [4, 8], step: 2}}", "a step goes with `range`"),
        (SEARCH + "space: {hidden: {log: [0, 8]}}", "begins above 0, not at 0"),
        (SEARCH + "space: {hidden: {log: [1, 8], range: [1, 8]}}", "has both `range` and `log`"),
        (SEARCH + "space: {hidden: {range: [4, 8], when: {optimizer: sgd}}}", "which is no list above it"),
        (
            SEARCH + "space: {optimizer: [adam, sgd], hidden: {range: [4, 8], when: {optimizer: sdg}}}",
            "did you mean 'sgd'? its values: adam, sgd",
        ),
        (
            SEARCH + "space: {optimizer: [adam, sgd], hidden: {range: [4, 8], when: {optimizer: []}}}",
            "depends on no value of 'optimizer', and would never count\n    name one or more: adam, sgd",
        ),
        (SEARCH + "space: {hidden: {range: [-4, 8]}}", "not a number of units"),  # only an end of it
        (SEARCH + "space: {layers.1.unit: [4, 8]}", "units"),
        (
            SEARCH + "trials: 3\n" + SPACE,
            "search.yaml:10:9: the space has only 2 points for 3 trials\n    give 2 trials",
        ),
        (CMAES + SPACE, "search.yaml:9:9: 'hidden' is a list, and cmaes goes by"),
        (CMAES + WHOLE, "'optimizer.momentum' counts only at some points"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_trained(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)
