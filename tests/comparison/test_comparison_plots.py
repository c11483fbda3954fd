"""The pictures of a comparison open, show what they are named for, and stay honest for few and for many groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from PIL import Image

from nnexp.comparison import series
from nnexp.comparison.comparison import compare
from nnexp.comparison.plots import plot_all
from nnexp.comparison.result import Comparison
from nnexp.runs.record import RunRecord


def run(units: Any, seed: int = 1, *, epochs: int = 4, **config: Any) -> RunRecord:
    """A finished run of one hidden layer; wider is better."""
    accuracy = 1 - 1 / (3 + math.log(2 + len(str(units)))) + seed / 1000
    history = []
    for epoch in range(1, epochs + 1):
        row = {"epoch": epoch, "loss": 2 / epoch, "accuracy": 1 - 1 / (epoch + 1)}
        history.append({**row, "val_loss": 2.1 / epoch, "val_accuracy": accuracy - 1 / (epoch + 9)})
    layers = [{"dense": {"units": units, "activation": "relu"}}, {"dense": {"units": 10, "activation": "softmax"}}]
    return RunRecord(
        path=Path(f"hidden={units}_seed={seed}"),
        name="study",
        status="completed",
        seed=seed,
        identity=f"{units}{seed}{config}",
        description="",
        test={"accuracy": accuracy, "loss": 1 - accuracy},
        test_intervals={"accuracy": (accuracy - 0.01, accuracy + 0.01)},
        history=history,
        best_epoch=epochs,
        stopped=None,
        parameters={"total": 100},
        findings=(),
        timings={"total": 1.0},
        started="",
        finished=None,
        config={"dataset": "digits", "layers": layers, "seed": seed, "epochs": epochs, **config},
        test_split="0123",
    )


def opens(path: Path) -> tuple[int, int]:
    """The size of a picture that opens in full and shows more than an empty page."""
    with Image.open(path) as picture:
        picture.load()
        assert len(picture.convert("L").getcolors() or []) > 10
        return picture.size


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved, to look at their axes."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(self: Figure, *args: Any, **kwargs: Any) -> None:
        figures.append(self)
        save(self, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def test_a_sweep_of_one_parameter_gives_curves_and_the_metric_along_it(tmp_path: Path) -> None:
    comparison = compare([run(units, seed) for units in (16, 128, 1024) for seed in (1, 2)])
    assert [path.name for path in plot_all(tmp_path, comparison)] == ["learning_curves.png", "accuracy_by_hidden.png"]
    for path in tmp_path.iterdir():
        width, height = opens(path)
        assert width > height > 400


def test_a_grid_of_two_gives_a_heat_map_too(tmp_path: Path) -> None:
    comparison = compare([run(units, epochs=epochs) for units in (16, 128) for epochs in (2, 3)])
    names = [path.name for path in plot_all(tmp_path, comparison)]
    assert names[1:] == ["accuracy_by_hidden.png", "accuracy_by_epochs.png", "accuracy_by_hidden_and_epochs.png"]
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())


def test_parameters_that_change_together_are_not_drawn_as_if_one_alone_did(tmp_path: Path) -> None:
    comparison = compare([run(16, epochs=2), run(128, epochs=3)])
    assert [path.name for path in plot_all(tmp_path, comparison)] == ["learning_curves.png"]


@pytest.mark.parametrize("groups", [1, 2, 8, 50])
def test_each_group_has_a_line_of_its_own_colour(tmp_path: Path, drawn: list[Figure], groups: int) -> None:
    plot_all(tmp_path, compare([run(units, seed) for units in range(1, groups + 1) for seed in (1, 2)]))
    for axes in drawn[0].axes:
        full = [line for line in axes.get_lines() if line.get_linestyle() == "-"]
        assert len({line.get_color() for line in full}) == len(full) == groups
    opens(tmp_path / "learning_curves.png")


@pytest.mark.parametrize(("groups", "rate", "told"), [(4, 0.5, True), (5, 0.5, False), (4, None, False)])
def test_what_sets_training_and_validation_apart_is_told_below_where_both_are_drawn(
    tmp_path: Path, drawn: list[Figure], groups: int, rate: float | None, *, told: bool
) -> None:
    dropout = [] if rate is None else [{"dropout": {"rate": rate}}]
    layers = [[{"dense": {"units": units}}, *dropout, {"dense": {"units": 10}}] for units in range(1, groups + 1)]
    plot_all(tmp_path, compare([run(units, layers=stack) for units, stack in enumerate(layers, 1)]))
    below = "Dropout acts otherwise in training, which alone would set training and validation apart."
    assert drawn[0].get_supxlabel() == (below if told else "")
    assert any("training dashed" in axes.get_title() for axes in drawn[0].axes) == (groups <= 4)


def test_repeats_are_a_mean_within_its_band(tmp_path: Path, drawn: list[Figure]) -> None:
    plot_all(tmp_path, compare([run(16, seed) for seed in (1, 2, 3)]))
    axes = drawn[0].axes[1]
    [mean] = [line for line in axes.get_lines() if line.get_linestyle() == "-"]
    [band] = axes.collections
    low, high = band.get_datalim(axes.transData).intervaly
    assert low < min(mean.get_ydata()) <= max(mean.get_ydata()) < high
    assert list(mean.get_ydata()) == pytest.approx([row["val_accuracy"] for row in run(16, 2).history])


@pytest.mark.parametrize(
    ("values", "scale"),
    [((16, 32, 64), "linear"), ((1, 10, 1000), "log"), ((16, "32x8", 64), "category")],
)
def test_the_axis_fits_the_values(tmp_path: Path, drawn: list[Figure], values: Sequence[Any], scale: str) -> None:
    plot_all(tmp_path, compare([run(units) for units in values]))
    axes = drawn[1].axes[0]
    assert axes.get_xscale() == ("linear" if scale == "category" else scale)
    assert [label.get_text() for label in axes.get_xticklabels()] == [str(value) for value in values]
    places = [float(place) for place in axes.get_xticks()]
    assert places == ([0, 1, 2] if scale == "category" else list(values))


def test_an_exploding_loss_does_not_flatten_the_others(tmp_path: Path, drawn: list[Figure]) -> None:
    wild = run(16)
    wild.history[0]["val_loss"] = 1e6
    plot_all(tmp_path, compare([wild, run(32)]))
    axes, accuracy = drawn[0].axes[:2]
    assert (axes.get_yscale(), accuracy.get_yscale()) == ("log", "linear")
    low = min(value for line in axes.get_lines() for value in line.get_ydata())
    assert axes.get_ylim()[0] <= axes.get_yticks()[0] <= low


def test_an_error_that_begins_far_off_has_a_logarithmic_axis_in_the_picture_too(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    off = [{"epoch": epoch, "loss": 1.0, "mean_absolute_error": value} for epoch, value in enumerate((80, 4, 3), 1)]
    plot_all(tmp_path, compare([replace(run(16), history=off, test={"mean_absolute_error": 3.0})]))
    _, axes = drawn[0].axes
    assert axes.get_yscale() == "log"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["2", "5", "10", "20", "50", "100"]


def test_runs_that_were_left_out_are_not_drawn(tmp_path: Path, drawn: list[Figure]) -> None:
    failed = {**{name: getattr(run(64), name) for name in RunRecord.__slots__}, "status": "failed"}
    comparison = compare([run(16), run(32), RunRecord(**failed)])
    assert len(comparison.groups) == 3
    plot_all(tmp_path, comparison)
    assert len([line for line in drawn[0].axes[0].get_lines() if line.get_linestyle() == "-"]) == 2


def test_a_forged_history_without_figures_gives_no_picture(tmp_path: Path) -> None:
    assert plot_all(tmp_path, compare([replace(run(16), history=[{"epoch": 1, "seconds": 2.0}])])) == []


def test_nothing_that_counts_gives_no_picture(tmp_path: Path) -> None:
    failed = {**{name: getattr(run(64), name) for name in RunRecord.__slots__}, "status": "failed"}
    assert plot_all(tmp_path, compare([RunRecord(**failed)])) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["$x_1$", "../../up", "a" * 300, "日本\x00\n", "\\frac{"])
def test_odd_names_make_plain_files_and_pictures_that_open(tmp_path: Path, name: str) -> None:
    comparison = compare([run(16, **{name: f"{name}1"}), run(16, **{name: f"{name}2"})])
    folder = tmp_path / "plots"
    folder.mkdir()
    written = plot_all(folder, comparison)
    assert len(written) == 2
    assert {path.name for path in folder.iterdir()} == {path.name for path in written}
    for path in written:
        opens(path)


@pytest.mark.parametrize("count", [1, 8, 9, 50])
def test_colours_are_told_apart_on_their_page(count: int) -> None:
    pairs = series.colours(count)
    assert len(pairs) == count
    for page, which in ((255, 0), (20, 1)):
        colours = [pair[which] for pair in pairs]
        assert len(set(colours)) == count
        for colour in colours:
            grey = sum(share * int(colour[at : at + 2], 16) for share, at in ((0.3, 1), (0.59, 3), (0.11, 5)))
            assert abs(grey - page) > 40


def test_a_mean_goes_on_while_half_of_the_runs_train() -> None:
    lasts = {1.0: 2, 3.0: 4, 5.0: 5}
    histories = [[{"epoch": e, "loss": value} for e in range(1, last + 1)] for value, last in lasts.items()]
    found = series.curve(histories, "loss")
    assert found is not None
    assert found.epochs == (1, 2, 3, 4)
    assert found.mean == (3, 3, 4, 4)
    assert (found.low[0], found.high[0], found.low[3]) == (1, 5, 3)
    assert series.curve(histories, "accuracy") is None


def test_cells_of_a_heat_map_are_the_metric_of_their_group() -> None:
    comparison: Comparison = compare([run(units, epochs=epochs) for units in (16, 1024) for epochs in (2, 3)][:3])
    grid = series.grid(comparison, "hidden", "epochs")
    assert (grid.across.labels, grid.down.labels) == (("16", "1024"), ("2", "3"))
    assert grid.cells[1][1] is None
    assert grid.cells[0][1] == run(1024).test["accuracy"]
    assert not grid.averaged


def test_a_name_that_begins_with_an_underscore_has_its_place_in_the_legend(tmp_path: Path, drawn: list[Figure]) -> None:
    runs = [replace(run(16), name="_plain"), replace(run(32), name="wide")]
    plot_all(tmp_path, compare(runs))
    assert sorted(text.get_text().strip() for text in drawn[0].legends[0].get_texts()) == ["_plain", "wide"]
