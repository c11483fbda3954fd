"""What each of several parameters does by itself, and whether that depends on another."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import ttest_1samp, ttest_rel
from simulated import ALIKE, of_effects

from nnexp.cli.compared import print_comparison
from nnexp.comparison.collect import collect
from nnexp.comparison.comparison import compare
from nnexp.comparison.result import Comparison, Effects
from nnexp.comparison.table import json_text, markdown
from nnexp.errors import InputError
from nnexp.report.page import write_report

Make = Callable[..., Path]
Repeats = Callable[..., list[Path]]
Accuracies = dict[tuple[int, int], Sequence[float]]  # (units, epochs) -> of each seed


def _called(name: str, path: Path) -> Path:
    data = json.loads((path / "metrics.json").read_text())
    (path / "metrics.json").write_text(json.dumps({**data, "name": name}))
    return path


def compared(paths: Sequence[Path], **options: Any) -> Comparison:
    return compare(collect(paths).records, **options)


def effects(comparison: Comparison) -> Effects:
    assert comparison.effects is not None
    return comparison.effects


def told(paths: Sequence[Path], **options: Any) -> list[str]:
    return list(effects(compared(paths, **options)).told)


@pytest.fixture
def grid(repeats: Repeats) -> Callable[[Accuracies], list[Path]]:
    """Runs of each setting of hidden and epochs."""

    def runs(accuracies: Accuracies) -> list[Path]:
        return [
            _called("it", path)
            for (units, epochs), shares in accuracies.items()
            for path in repeats(units, shares, name=f"{epochs}", config={"epochs": epochs, "name": "it"})
        ]

    return runs


APART = {
    (8, 2): [0.70, 0.72, 0.71],
    (8, 9): [0.80, 0.83, 0.81],
    (16, 2): [0.74, 0.75, 0.75],
    (16, 9): [0.91, 0.93, 0.93],
}


def test_each_parameter_is_told_over_all_values_of_the_other_and_whether_one_depends_on_the_other(
    grid: Callable[[Accuracies], list[Path]],
) -> None:
    comparison = compared(grid(APART))
    found = effects(comparison)
    assert [(one.first, one.second, one.outcome) for one in found.verdicts] == [
        ("hidden=16", "hidden=8", "better"),
        ("epochs=9", "epochs=2", "better"),
    ]
    cells = {cell: np.mean(shares) for cell, shares in APART.items()}
    expected = (cells[16, 2] + cells[16, 9] - cells[8, 2] - cells[8, 9]) / 2
    assert found.verdicts[0].difference == pytest.approx(expected, abs=1e-12)
    [interaction] = found.interactions
    assert interaction.shown
    assert interaction.difference == pytest.approx((0.91 + 0.93 + 0.93 - 0.80 - 0.83 - 0.81) / 3 - 0.11 / 3, abs=1e-12)
    assert found.depend
    assert interaction.text.startswith(
        "hidden 16 in place of 8 changes accuracy by +11.0 points with epochs 9, by +3.7 "
    )
    assert interaction.text.endswith("so what hidden does depends on epochs, and averages over either hide that")
    assert found.told == (interaction.text, *(one.text for one in found.verdicts))
    assert any("To ask about one alone" in note for note in comparison.notes)
    assert interaction.text in json.loads(json_text(comparison))["effects"]["interactions"][0]["text"]
    assert "- epochs 9 is better than epochs 2 by" in markdown(comparison)


def test_effects_that_add_up_depend_on_nothing(grid: Callable[[Accuracies], list[Path]]) -> None:
    seeds = np.array([0.0, 0.02, 0.01, 0.03])
    comparison = compared(
        grid({(units, epochs): 0.6 + units / 100 + epochs / 100 + seeds for units in (8, 16) for epochs in (2, 9)})
    )
    [interaction] = effects(comparison).interactions
    assert interaction.difference == pytest.approx(0, abs=1e-9)
    assert not interaction.shown
    assert effects(comparison).told[-1] == interaction.text
    assert "that what hidden does depends on epochs is not shown" in interaction.text
    assert not any("To ask about one alone" in note for note in comparison.notes)


@pytest.fixture
def losses(make: Make) -> dict[tuple[int, int], list[float]]:
    """Losses of 2 x 3 settings with 5 seeds, in the runs that are made with them."""
    random = np.random.default_rng(3)
    found = {}
    for units, epochs in itertools.product((8, 16), (2, 5, 9)):
        found[units, epochs] = list(0.5 + 0.02 * epochs + random.normal(scale=0.05, size=5))
        for seed, loss in enumerate(found[units, epochs]):
            config = {"epochs": epochs, "name": "it"}
            make(
                f"{units} {epochs} {seed}", units=units, seed=seed, test={"accuracy": 0.5, "loss": loss}, config=config
            )
    return found


def test_a_metric_without_examples_has_the_p_of_scipys_t_test_of_the_means(
    losses: dict[tuple[int, int], list[float]], tmp_path: Path
) -> None:
    comparison = compared(sorted((tmp_path / "runs").iterdir()), metric="loss")
    found = effects(comparison)
    by_cell = {cell: np.array(values) for cell, values in losses.items()}
    hidden = {units: sum(by_cell[units, epochs] for epochs in (2, 5, 9)) / 3 for units in (8, 16)}
    best = min(hidden, key=lambda units: hidden[units].mean())
    [verdict] = [one for one in found.verdicts if one.first.startswith("hidden")]
    assert (verdict.first, verdict.second) == (f"hidden={best}", f"hidden={24 - best}")
    raw = {
        (one.first, one.second): ttest_rel(*(_level(by_cell, label) for label in (one.first, one.second))).pvalue
        for one in found.verdicts
    }
    assert "Holm over 4" in verdict.text  # three pairs of epochs, one of hidden: the best of each was picked
    for rank, (pair, p) in enumerate(sorted(raw.items(), key=lambda item: item[1])):
        [one] = [one for one in found.verdicts if (one.first, one.second) == pair]
        floor = [(4 - place) * other for place, other in enumerate(sorted(raw.values())[: rank + 1])]
        assert one.p == pytest.approx(min(1, max(floor)), rel=1e-9), p
    [interaction] = found.interactions
    contrasts = {
        (one, other): (by_cell[16, one] - by_cell[8, one]) - (by_cell[16, other] - by_cell[8, other])
        for one, other in itertools.combinations((2, 5, 9), 2)
    }
    largest = max(contrasts.values(), key=lambda values: abs(values.mean()))
    assert abs(interaction.difference) == pytest.approx(abs(largest.mean()), rel=1e-9)
    assert interaction.p == pytest.approx(min(1, 3 * ttest_1samp(largest, 0).pvalue), rel=1e-9)


def _level(cells: dict[tuple[int, int], np.ndarray], label: str) -> np.ndarray:
    name, _, value = label.partition("=")
    place = ("hidden", "epochs").index(name)
    return np.asarray(np.mean([values for cell, values in cells.items() if cell[place] == int(value)], axis=0))


def test_a_baseline_is_what_each_value_is_held_against(grid: Callable[[Accuracies], list[Path]]) -> None:
    runs = grid(APART)
    found = effects(compared(runs, baseline="hidden=8, epochs=9"))
    assert {compared(runs, baseline=way).baseline for way in ("8,9", "9, hidden=8", "epochs=9,hidden=8")} == {
        "hidden=8, epochs=9"
    }
    assert [(one.first, one.second, one.outcome) for one in found.verdicts] == [
        ("hidden=16", "hidden=8", "better"),
        ("epochs=2", "epochs=9", "worse"),
    ]


@pytest.mark.parametrize("named", ["epochs=9", "9", " epochs=9 "])
def test_a_value_of_one_of_several_parameters_is_the_baseline_at_each_value_of_the_others(
    grid: Callable[[Accuracies], list[Path]], named: str, tmp_path: Path
) -> None:
    runs = grid(APART)
    comparison = compared(runs, baseline=named)
    assert comparison.baseline == "epochs=9"
    assert [(one.first, one.second, one.outcome) for one in comparison.verdicts] == [
        ("hidden=16, epochs=2", "hidden=16, epochs=9", "worse"),
        ("hidden=8, epochs=2", "hidden=8, epochs=9", "worse"),
    ]
    assert all("Holm over 2" in one.text for one in comparison.verdicts)
    alone = compared(runs, baseline="epochs=9", filters=["hidden=8"]).verdicts[0]
    assert alone.difference == comparison.verdicts[1].difference
    # The baseline has a value of epochs alone: the best one of hidden is held against its other one.
    assert [(one.first, one.second) for one in effects(comparison).verdicts] == [
        ("hidden=16", "hidden=8"),
        ("epochs=2", "epochs=9"),
    ]
    write_report(tmp_path / "report.html", comparison, [])
    page = (tmp_path / "report.html").read_text()
    assert "<p>Each against the configuration that is like it, but for <strong>epochs=9</strong>; how" in page
    assert "Each dot: the one named minus its like with epochs=9," in page
    assert "Each against the best" in page


def test_a_value_that_several_parameters_have_is_no_baseline(grid: Callable[[Accuracies], list[Path]]) -> None:
    runs = grid({(units, epochs): APART[8, 2] for units in (4, 9) for epochs in (2, 9)})
    with pytest.raises(InputError, match="--baseline 9: 3 groups go by that name; give one of"):
        compared(runs, baseline="9")
    assert compared(runs, baseline="9, 9").baseline == "hidden=9, epochs=9"


def test_groups_without_a_counterpart_in_the_baseline_are_told_and_held_against_none(
    grid: Callable[[Accuracies], list[Path]],
) -> None:
    comparison = compared(grid({**APART, (32, 2): [0.5, 0.5, 0.6]}), baseline="epochs=9")
    assert {one.first for one in comparison.verdicts} == {"hidden=16, epochs=2", "hidden=8, epochs=2"}
    assert "hidden=32, epochs=2 and its like have no counterpart with epochs=9, and are compared with none." in (
        comparison.notes
    )


def test_a_change_of_two_parameters_has_the_decimals_in_which_its_sides_add_up_and_the_baseline_is_what_is_replaced(
    grid: Callable[[Accuracies], list[Path]],
) -> None:
    few = {
        (8, 2): [0.7004, 0.7104, 0.7054],
        (8, 9): [0.8004, 0.8104, 0.8054],
        (16, 2): [0.7074, 0.7154, 0.7144],
        (16, 9): [0.7964, 0.8074, 0.8004],
    }
    runs = grid(few)
    [best] = effects(compared(runs)).interactions
    assert best.text.startswith(
        "hidden 16 in place of 8 changes accuracy by +0.70 points with epochs 2, by -0.40 points with "
        "epochs 9: 1.10 points"
    )
    [of_baseline] = effects(compared(runs, baseline="hidden=16")).interactions
    assert of_baseline.text.startswith(
        "hidden 8 in place of 16 changes accuracy by +0.40 points with epochs 9, by -0.70"
    )


def test_the_report_tells_effects_and_holds_each_against_the_best_though_a_baseline_is_named(
    grid: Callable[[Accuracies], list[Path]], tmp_path: Path
) -> None:
    comparison = compared(grid(APART), baseline="hidden=8, epochs=9")
    write_report(tmp_path / "report.html", comparison, [])
    page = (tmp_path / "report.html").read_text()
    assert "Each parameter, over all values of the others" in page
    [interaction] = effects(comparison).interactions
    assert page.index(interaction.text.partition(" (p")[0]) < page.index("hidden 16 is better than hidden 8")
    assert page.index("Each dot: ") < page.index(comparison.verdicts[0].text.partition(" (p")[0])
    assert "Each against the best" in page
    for verdict in comparison.of_best:
        assert verdict.text.partition(" (p")[0] in page
    one_each = "Holm over 3: each configuration with the baseline; Holm over 6: pairs of configurations"
    assert f"{one_each}; Holm over 2: values of one parameter." in page  # of two by two only one may depend


def test_a_terminal_says_once_what_each_family_compares(losses: object, tmp_path: Path) -> None:
    said = io.StringIO()
    print_comparison(compared(sorted((tmp_path / "runs").iterdir()), metric="loss"), Console(file=said))
    families = "Holm over 4: values of one parameter; Holm over 3: whether one depends on another"
    assert [line.strip() for line in said.getvalue().splitlines()].count(families) == 1


def test_only_the_seeds_that_all_have_count(grid: Callable[[Accuracies], list[Path]], repeats: Repeats) -> None:
    runs = grid(APART)
    before = told(runs)
    [more] = repeats(8, [0.99], first_seed=9, name="2", config={"epochs": 2, "name": "it"})
    assert told([*runs, _called("it", more)]) == before


@pytest.fixture
def variants(repeats: Repeats) -> Callable[..., list[Path]]:
    """Runs of two stacks of layers that have names, with two batch sizes each."""

    def runs(epochs: dict[int, int]) -> list[Path]:
        return [
            _called(name, path)
            for name, units, batch_size, shares in (
                ("small", 8, 8, [0.70, 0.72, 0.71]),
                ("small", 8, 64, [0.60, 0.63, 0.61]),
                ("large", 16, 8, [0.84, 0.85, 0.85]),
                ("large", 16, 64, [0.73, 0.75, 0.76]),
            )
            for path in repeats(
                units,
                shares,
                name=f"{name} {batch_size}",
                config={"name": name, "batch_size": batch_size, "epochs": epochs[batch_size], "layers": _stack(units)},
            )
        ]

    return runs


def _stack(units: int) -> list[dict[str, Any]]:
    hidden = [{"dense": {"units": units, "activation": "relu"}}] * (units // 8)
    return [{"flatten": {}}, *hidden, {"dense": {"units": 10, "activation": "softmax"}}]


def test_variants_crossed_with_a_parameter_are_a_parameter_by_their_names(variants: Callable[..., list[Path]]) -> None:
    comparison = compared(variants({8: 9, 64: 9}))
    assert comparison.parameters == ("variant", "batch_size")
    assert [group.label for group in comparison.groups][:2] == ["large, batch_size=8", "large, batch_size=64"]
    assert [(one.first, one.second) for one in effects(comparison).verdicts] == [
        ("variant=large", "variant=small"),
        ("batch_size=8", "batch_size=64"),
    ]
    assert any("batch_size 8 has updated the weights 8 times as often" in note for note in comparison.notes)
    assert (
        len(compared([run.path for group in comparison.groups for run in group.runs], filters=["variant=large"]).groups)
        == 2
    )


def test_what_was_zipped_is_one_parameter(variants: Callable[..., list[Path]]) -> None:
    comparison = compared(variants({8: 2, 64: 16}))
    assert comparison.parameters == ("variant", "batch_size", "epochs")
    found = effects(comparison)
    assert [one.first for one in found.verdicts] == ["variant=large", "batch_size=8, epochs=2"]
    assert found.verdicts[1].text.startswith("batch_size 8, epochs 2 is better than batch_size 64, epochs 16 by")
    assert [(one.parameter, one.other) for one in found.interactions] == [("variant", "batch_size, epochs")]
    assert not any("updated the weights" in note for note in comparison.notes)


def _without_one(accuracies: Accuracies) -> Accuracies:
    return {cell: shares for cell, shares in accuracies.items() if cell != (8, 2)}


def _two_seeds(accuracies: Accuracies) -> Accuracies:
    return {cell: shares[:2] for cell, shares in accuracies.items()}


def _one_parameter(accuracies: Accuracies) -> Accuracies:
    return {cell: shares for cell, shares in accuracies.items() if cell[0] == 8}


@pytest.mark.parametrize("less", [_without_one, _two_seeds, _one_parameter])
def test_what_is_no_whole_grid_of_repeats_is_not_averaged(
    grid: Callable[[Accuracies], list[Path]], less: Callable[[Accuracies], Accuracies]
) -> None:
    assert compared(grid(less(APART))).effects is None


def test_a_grid_whose_seeds_are_not_all_there_says_why_nothing_is_averaged(
    grid: Callable[[Accuracies], list[Path]],
) -> None:
    comparison = compared(grid({**APART, (8, 2): [0.7]}))
    assert comparison.effects is None
    expected = "cannot be told: 1 seeds have a result in all groups (hidden=8, epochs=2: 1 of 1 runs)."
    assert any(note.endswith(expected) for note in comparison.notes)


def test_predictions_that_cannot_be_used_leave_the_seeds(grid: Callable[[Accuracies], list[Path]]) -> None:
    runs = grid(APART)
    by_example = effects(compared(runs)).verdicts
    (runs[0] / "predictions.npz").unlink()
    by_seed = effects(compared(runs)).verdicts
    assert {one.method for one in by_example} == {"seeds and examples"}
    assert {one.method for one in by_seed} == {"seeds alone"}
    for one, other in zip(by_example, by_seed, strict=True):
        assert one.difference == pytest.approx(other.difference, abs=1e-12)


@pytest.mark.parametrize("name", ["seeds hardly matter", "seeds matter"])
def test_where_nothing_matters_an_effect_is_seldom_told(name: str) -> None:
    effects, interactions = of_effects(ALIKE[name], 5, trials=200)
    assert 0.91 <= effects.held < 1
    assert 0.91 <= interactions.held < 1
