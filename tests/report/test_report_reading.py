"""What a reader sees in charts and sentences is what the figures allow: no pattern of chance, and nothing hidden."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from reports import Edit, Open, Report, of_width

from nnexp.comparison.collect import collect
from nnexp.comparison.comparison import compare
from nnexp.report import charts

Grid = Callable[..., list[Path]]


def changed(**values: object) -> object:
    """A change of a config's own keys."""
    return lambda config: {**config, **values}


@pytest.fixture
def grid(edited: Edit, tmp_path: Path) -> Grid:
    """Copies of a run, the same in all figures, for each width and number of epochs."""

    def copies(run: Path, units: tuple[int, ...], epochs: tuple[int, ...] = (3, 30)) -> list[Path]:
        made = []
        for one, longest in itertools.product(units, epochs):
            wide = edited(run, tmp_path / f"{run.name}, {one}", config=of_width(one)) if longest == epochs[0] else None
            made.append(
                wide or edited(made[-1], tmp_path / f"{run.name}, {one}, {longest}", config=changed(epochs=longest))
            )
        return made

    return copies


def test_chance_is_no_pattern_of_colours_in_a_heat_map(digits: list[Path], grid: Grid) -> None:
    comparison = compare(collect(grid(digits[0], (4, 8))).records)
    estimate = comparison.groups[0].estimates["accuracy"]
    [cells] = charts.heat_map(comparison, "hidden", "epochs")["data"]
    assert cells["zmin"] < cells["zmax"]
    assert cells["zmax"] - cells["zmin"] == pytest.approx((estimate.high or 0) - (estimate.low or 0), abs=2e-5)
    assert (cells["zmax"] + cells["zmin"]) / 2 == pytest.approx(estimate.mean, abs=2e-5)
    assert "the widest 95 % interval" in charts.heat_map_reading(comparison, "hidden", "epochs")


def test_clear_differences_have_all_colours_of_a_heat_map(digits: list[Path], grid: Grid) -> None:
    runs = [*grid(digits[0], (16,)), *grid(digits[2], (4,))]
    comparison = compare(collect(runs).records)
    means = [group.estimates["accuracy"].mean for group in comparison.groups]
    [cells] = charts.heat_map(comparison, "hidden", "epochs")["data"]
    assert (cells["zmin"], cells["zmax"]) == pytest.approx((min(means), max(means)), abs=2e-5)
    expected = f"Light to dark: {cells['zmin']:.4f} to {cells['zmax']:.4f} (more is better)."
    assert charts.heat_map_reading(comparison, "hidden", "epochs") == expected
    assert not cells["reversescale"]
    losses = compare(collect(runs).records, metric="loss")
    [cells] = charts.heat_map(losses, "hidden", "epochs")["data"]
    assert cells["reversescale"]
    low = min(group.estimates["loss"].mean for group in losses.groups)
    assert f" to {low:.4f} (less is better)" in charts.heat_map_reading(losses, "hidden", "epochs")


def test_colours_of_a_heat_map_stay_within_what_an_accuracy_can_be(
    digits: list[Path], grid: Grid, edited: Edit, tmp_path: Path
) -> None:
    def perfect(test: dict[str, Any]) -> dict[str, Any]:
        return {**test, "accuracy": 1.0}

    runs = [edited(path, tmp_path / str(place), test=perfect) for place, path in enumerate(grid(digits[0], (4, 8)))]
    for run in runs:
        (run / "predictions.npz").unlink()  # they would give another accuracy
    [cells] = charts.heat_map(compare(collect(runs).records), "hidden", "epochs")["data"]
    assert cells["zmin"] < cells["zmax"] == 1


@pytest.mark.parametrize(("units", "scale"), [((4, 8), float), ((4, 64), math.log10)], ids=["linear", "logarithmic"])
def test_equal_figures_stand_side_by_side_along_a_parameter(
    digits: list[Path], grid: Grid, units: tuple[int, int], scale: Callable[[float], float]
) -> None:
    figure = charts.by_parameter(compare(collect(grid(digits[0], units)).records), "hidden")
    assert figure["layout"]["xaxis"].get("type") == ("log" if scale is math.log10 else "linear")
    lines = [[scale(x) for x in trace["x"]] for trace in figure["data"] if "error_y" in trace]
    values = [scale(one) for one in units]
    span = values[1] - values[0]
    for value, (first, second) in zip(values, zip(*lines, strict=True), strict=True):
        assert (first + second) / 2 == pytest.approx(value)
        assert 0.01 * span < second - first < 0.1 * span


def test_lines_without_a_value_in_common_stand_at_their_values(digits: list[Path], grid: Grid) -> None:
    long = [path for path in grid(digits[0], (16, 32)) if path.name.endswith(", 30")]
    figure = charts.by_parameter(compare(collect([*grid(digits[0], (4, 8), (3,)), *long]).records), "hidden")
    lines = [list(trace["x"]) for trace in figure["data"] if "error_y" in trace]
    assert sorted(lines) == [[4, 8], [16, 32]]


def test_bands_of_few_configurations_are_shown(page: Page) -> None:
    part = page.locator("#learning-curves")
    expect(part.get_by_role("button", name="bands")).to_have_attribute("aria-pressed", "true")
    expect(part.locator(".plot .fills path.js-fill")).to_have_count(4)  # two charts of two configurations


def test_bands_of_many_configurations_are_shown_when_asked_for(
    digits: list[Path], report: Report, opened: Open, grid: Grid
) -> None:
    others = [copy for path in digits[2:] for copy in grid(path, (8, 32), (3,))]
    part = opened(report(*digits, *others)).locator("#learning-curves")
    bands = part.locator(".plot .fills path.js-fill")
    expect(bands).to_have_count(0)
    part.get_by_role("button", name="bands").click()
    expect(bands).to_have_count(8)


def test_who_has_the_mean_of_the_best_is_named(digits: list[Path], report: Report, grid: Grid) -> None:
    page = report(*digits, *grid(digits[0], (32,), (3,)), *grid(digits[1], (32,), (3,))).read_text()
    assert "mean of 2 runs</span>; the same mean as 1 other.</p>" in page
    assert "Cannot be told apart from it: <strong>hidden=32</strong> (the same mean).</p>" in page
    assert "★ the best by accuracy (more is better; the same mean as 1 other), ≈ cannot be told from it." in page


def test_commands_in_notes_are_set_as_code(digits: list[Path], report: Report, grid: Grid) -> None:
    page = report(*digits, *grid(digits[0], (32,), (3,))).read_text()
    assert "--baseline of <code>nnexp compare</code>, or <code>baseline</code> in a sweep file" in page


@pytest.mark.parametrize(
    ("description", "asked"),
    [
        ("Is it the width?", []),  # the heading of the page says it
        (f"Is it {'really ' * 40}the width?", [f"Is it {'really ' * 40}the width?"]),
        ("One layer.", ["What difference does hidden make?"]),
        ("", ["What difference does hidden make?"]),
    ],
)
def test_the_question_is_the_description_that_asks_or_what_differs_and_both_stand_on_the_page_once(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path, description: str, asked: list[str]
) -> None:
    runs = [edited(path, tmp_path / path.name, description=description) for path in digits]
    question, _, _ = report(*runs).read_text().partition('<section id="answer"')
    assert re.findall('<p class="lead">(.*?)</p>', question) == asked
    assert not description or question.count(f">{description}<") == 1


def test_the_methods_of_the_page_are_explained_in_it(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    def part(*runs: Path) -> str:
        return report(*runs).read_text().partition('<section id="statistics"')[2].partition("</section>")[0]

    singles = part(digits[0], digits[2])
    assert re.findall("<dt>(.*?)</dt><dd>.{50}", singles) == ["test examples", "exact McNemar"]
    assert "docs/" not in singles
    assert "Holm" not in singles  # there is one comparison
    third = [edited(path, tmp_path / path.name, seed=3) for path in digits[::2]]
    wider = [edited(path, tmp_path / f"{path.name}, 32", config=of_width(32)) for path in digits[:2]]
    several = part(*digits, *third, *wider)
    figures, _, differences = several.partition("The differences above")
    assert re.findall("<dt>(.*?)</dt>", figures) == ["examples alone", "seeds and examples"]
    assert set(re.findall("<dt>(.*?)</dt>", differences)) == {"examples alone", "seeds and examples"}
    assert "“Holm over 3” stands beside one of 3" in several


def test_the_plot_of_differences_says_which_way_they_are_taken_and_which_way_is_better(
    digits: list[Path],
) -> None:
    records = collect([digits[0], digits[2]]).records
    for options, minus in (
        ({}, "16 minus the one named"),
        ({"baseline": "hidden=16"}, "the one named minus 16"),
    ):
        figure = charts.forest(compare(records, **options))
        assert figure
        [told] = figure["layout"]["annotations"]
        assert told["text"] == f"difference in accuracy, points (more is better)<br>{minus}"
        assert [trace["name"] for trace in figure["data"]] == ["the one named is worse"]
        assert figure["layout"]["yaxis"]["ticktext"] == ["4"]
    assert charts.better(compare(records, metric="loss")) == "less is better"


def test_it_is_said_which_intervals_are_over_what(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    assert "Brackets: 95 % interval over examples alone." in report(*digits).read_text()
    third = edited(digits[0], tmp_path / "third", seed=3)
    page = report(*digits[:2], third, digits[2]).read_text()
    assert "Brackets: 95 % interval over seeds and examples (3 runs), test examples (1 run)." in page


def test_long_names_are_short_in_the_table_and_whole_under_the_pointer(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    def change(config: dict[str, Any]) -> dict[str, Any]:
        return {**config, "optimizer": {"adam": {**config["optimizer"]["adam"], "learning_rate": 0.01}}}

    def regression(test: dict[str, float]) -> dict[str, float]:
        return {**test, "root_mean_squared_error": 1.0}

    page = report(digits[0], edited(digits[0], tmp_path / "x", config=change, test=regression)).read_text()
    for whole, short in (("optimizer.learning_rate", "learning_<wbr>rate"), ("root_mean_squared_error", "RMSE")):
        assert f'<button type="button" title="{whole}">{short}<' in page


def test_of_many_columns_those_that_are_the_same_in_all_rows_stand_below_the_table(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    def change(config: dict[str, Any]) -> dict[str, Any]:
        return {**config, "normalization": "none", "batch_size": 8, "class_weight": "balanced"}

    few = report(*digits[::2]).read_text()
    assert "The same in all" not in few
    page = report(digits[0], edited(digits[2], tmp_path / "other", config=change)).read_text()
    table = page.partition('<section id="table"')[2].partition("</section>")[0]
    heads = re.findall(r"<button[^>]*>(.*?)<span", table)
    assert {"hidden", "accuracy"} <= set(heads)
    assert not {"runs", "epochs"} & set(heads)
    assert "The same in all: runs 1, epochs 3." in table


def test_a_dash_of_a_parameter_is_explained_only_where_there_is_one(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    def shallow(config: dict[str, Any]) -> dict[str, Any]:
        first, _, last = config["layers"]
        return {**config, "layers": [first, last]}

    assert "–: has none." not in report(*digits).read_text()
    page = report(digits[0], edited(digits[0], tmp_path / "shallow", config=shallow)).read_text()
    table = page.partition('<section id="table"')[2].partition("</section>")[0]
    assert "–</th>" in table
    assert "–: has none." in table


def test_metrics_beyond_those_with_a_column_are_named(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    def measured(test: dict[str, float]) -> dict[str, float]:
        return {**test, **{f"metric_{place}": 0.5 for place in range(9)}}

    page = report(digits[0], edited(digits[2], tmp_path / "other", test=measured)).read_text()
    assert "No room for metric_5, metric_6, metric_7, metric_8" in page
    assert "No room for" not in report(*digits).read_text()
