"""Plots are pictures that open, whatever the figures are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, roc_auc_score

from nnexp.plots import confusion, history, plot_confusion, plot_curves, plot_history, plot_residuals

NAN = math.nan
HISTORIES: dict[str, list[dict[str, Any]]] = {
    "training and validation": [
        {
            "epoch": e,
            "loss": 1 / e,
            "accuracy": 1 - 1 / e,
            "val_loss": 1.1 / e,
            "val_accuracy": 0.9 - 0.8 / e,
            "seconds": 1,
        }
        for e in range(1, 9)
    ],
    "one epoch": [{"epoch": 1, "loss": 0.5, "accuracy": 0.8, "seconds": 1.0}],
    "loss only": [{"epoch": 1, "loss": 0.5, "seconds": 1.0}, {"epoch": 2, "loss": 0.4, "seconds": 1.0}],
    "never finite": [{"epoch": e, "loss": NAN, "accuracy": NAN, "val_loss": math.inf, "seconds": 1} for e in (1, 2)],
    "finite at first": [{"epoch": 1, "loss": 2.3, "accuracy": 0.1}, {"epoch": 2, "loss": NAN, "accuracy": 0.1}],
    "null where it was not finite": [{"epoch": 1, "loss": None, "accuracy": 0.1}],
    "zero": [{"epoch": 1, "loss": 0.0, "accuracy": 0.0}],
    "huge": [{"epoch": e, "loss": 1e300, "accuracy": 0.5} for e in (1, 2)],
    "below zero": [{"epoch": e, "loss": -1.0 * e, "cosine_similarity": -0.5} for e in (1, 2)],
    "learning rate": [{"epoch": 1, "loss": 1.0, "learning_rate": 0.1, "seconds": 1.0}],
    "thousand epochs": [{"epoch": e, "loss": 1 / e, "accuracy": 0.5} for e in range(1, 1001)],
    "nothing": [],
}


def size(path: Path) -> tuple[int, int]:
    """Of a picture that opens in full and shows more than an empty page."""
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        picture.load()
        assert len(picture.convert("L").getcolors() or []) > 10
        return picture.size


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_is_a_picture(tmp_path: Path, name: str) -> None:
    path = tmp_path / "history.png"
    plot_history(path, "run $with_ odd^ name\\", HISTORIES[name])
    width, height = size(path)
    assert width >= 500
    assert height >= 400
    assert [file.name for file in tmp_path.iterdir()] == ["history.png"]


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_a_confusion_matrix_is_a_picture(tmp_path: Path, classes: int) -> None:
    path = tmp_path / "confusion.png"
    random = np.random.default_rng(0)
    counts = np.diag(random.integers(1, 90, classes)) + random.poisson(2 / classes, (classes, classes))
    counts[0] = 0  # a class without examples
    plot_confusion(path, "run", counts.tolist(), [f"cl$ss {number}" for number in range(classes)])
    width, height = size(path)
    assert width > height > 400


def test_names_in_a_script_that_the_font_lacks_are_drawn_without_a_warning(tmp_path: Path) -> None:
    truth, said = probabilities(2)
    plot_confusion(tmp_path / "a.png", "猫と犬", [[3, 1], [0, 2]], ["猫", "犬"])
    plot_curves(tmp_path / "b.png", "猫と犬", truth, said, ["猫", "犬"])
    plot_residuals(tmp_path / "c.png", "猫と犬", truth.astype(np.float32), said, ["猫", "犬"])
    plot_history(tmp_path / "d.png", "猫と犬", HISTORIES["loss only"])


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are drawn, to look at their axes; the last one is saved."""
    confusion._drawn.cache_clear()
    history._drawn.cache_clear()
    figures: list[Figure] = []
    draw = FigureCanvasAgg.draw

    def keep(self: FigureCanvasAgg) -> None:
        figures.append(self.figure)
        draw(self)

    monkeypatch.setattr(FigureCanvasAgg, "draw", keep)
    return figures


def test_the_axes_are_honest(tmp_path: Path, drawn: list[Figure]) -> None:
    plot_history(tmp_path / "a.png", "run", HISTORIES["training and validation"], "held out")
    loss, accuracy = drawn[-1].axes
    assert loss.get_ylim()[0] == 0
    assert loss.get_ylim()[1] > 1.1
    assert accuracy.get_ylim() == (0, 1)
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["training", "held out"]
    assert loss.get_ylabel() == "loss"
    beneath = drawn[0].axes
    assert [axes.get_xlabel() for axes in beneath] == ["epoch", "epoch"]
    assert beneath[1].get_ylabel() == "accuracy"
    for above, below in ((loss, beneath[0]), (accuracy, beneath[1])):
        assert above.get_xlim() == below.get_xlim()
        assert above.bbox.bounds == below.bbox.bounds
    assert accuracy.get_ylim() == beneath[1].get_ylim()


def test_an_error_below_one_is_no_share(tmp_path: Path, drawn: list[Figure]) -> None:
    plot_history(tmp_path / "a.png", "run", [{"epoch": e, "loss": 0.1, "mean_absolute_error": 0.2 / e} for e in (1, 2)])
    assert drawn[-1].axes[1].get_ylim() == (0, pytest.approx(0.21))


def test_every_value_is_inside_the_picture(tmp_path: Path, drawn: list[Figure]) -> None:
    plot_history(tmp_path / "a.png", "run", HISTORIES["below zero"])
    for axes in drawn[-1].axes:
        low, high = axes.get_ylim()
        values = [value for line in axes.get_lines() for value in line.get_ydata()]
        assert values
        assert low <= min(values) <= max(values) <= high


@pytest.mark.parametrize("name", ["0", "a rather long name of a class, and longer", "Ankle boot"])
@pytest.mark.parametrize("classes", [2, 10, 40])
def test_no_label_of_a_confusion_matrix_is_cut(tmp_path: Path, drawn: list[Figure], classes: int, name: str) -> None:
    counts = [[true * classes + predicted for predicted in range(classes)] for true in range(classes)]
    plot_confusion(tmp_path / "a.png", "run", counts, [name] * classes)
    for figure in drawn:
        assert_all_inside(figure)


@pytest.mark.parametrize("name", HISTORIES)
def test_no_label_of_a_history_is_cut(tmp_path: Path, drawn: list[Figure], name: str) -> None:
    plot_history(tmp_path / "a.png", "run", HISTORIES[name])
    for figure in drawn:
        assert_all_inside(figure)


def test_counts_stand_in_the_middle_of_their_cells(tmp_path: Path, drawn: list[Figure]) -> None:
    plot_confusion(tmp_path / "a.png", "run", [[8888, 0], [1, 77]], ["a", "b"])
    figure = drawn[-1]
    [axes] = figure.axes
    found = [artist.get_path().transformed(artist.get_transform()) for artist in figure.artists]
    assert sum(int((path.codes == path.MOVETO).sum()) for path in found) == 3 * 4 + 1 + 2  # an 8 is three closed lines
    for column, row in ((0, 0), (0, 1), (1, 1)):
        middle = axes.transData.transform((column, row))
        near = [
            vertex
            for path in found
            for vertex, code in zip(path.vertices, path.codes, strict=True)
            if code != path.CLOSEPOLY and (abs(vertex - middle) < figure.dpi * 0.31).all()
        ]
        low, high = np.min(near, axis=0), np.max(near, axis=0)
        assert (low + high) / 2 == pytest.approx(middle, abs=1.5)  # pixels


LONG = "a rather long name of a target, and longer"
VALUES: dict[str, tuple[int, list[str], float]] = {  # examples, targets, in which size
    "one target": (89, ["progression"], 100),
    "five targets": (40, [LONG] * 5, 1e-6),
    "one example": (1, ["$price$"], 1),
    "many examples": (5000, ["price"], 1e5),
    "prices of states": (40, ["price"], 1e30),
}


def values(name: str) -> tuple[Any, Any, list[str]]:
    many, targets, size = VALUES[name]
    random = np.random.default_rng(0)
    truth = random.normal(10 * size, size, (many, len(targets))).astype(np.float32)
    return truth, truth + random.normal(0, size / 3, truth.shape).astype(np.float32), targets


@pytest.mark.parametrize("name", VALUES)
def test_values_are_drawn_whole_with_the_line_where_they_agree(tmp_path: Path, drawn: list[Figure], name: str) -> None:
    truth, predicted, targets = values(name)
    plot_residuals(tmp_path / "a.png", "run", truth, predicted, targets)
    size(tmp_path / "a.png")
    assert_all_inside(drawn[0])
    shown = min(len(targets), 4)
    assert len(drawn[0].axes) == 2 * shown
    assert ("the first 4 of 5 targets" in drawn[0].get_suptitle()) == (shown < len(targets))
    for place, (plane, bars) in enumerate(zip(drawn[0].axes[::2], drawn[0].axes[1::2], strict=True)):
        low, high = plane.get_xlim()
        assert plane.get_ylim() == (low, high)
        both = truth[:, place], predicted[:, place]
        assert all(low <= each.min() and each.max() <= high for each in both)
        assert sum(bar.get_height() for bar in bars.patches) == len(truth)
        *points, agreed = plane.get_lines()
        assert list(agreed.get_xdata()) == list(agreed.get_ydata())
        if points:
            assert np.array_equal(points[0].get_xydata(), np.stack(both, axis=1).astype(float))
        else:
            assert len(truth) > 2000
            assert plane.images


def test_predictions_far_beyond_the_true_values_are_drawn_though_floats_cannot_part_the_differences(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    truth = np.linspace(0, 300, 100, dtype=np.float32)[:, None]
    plot_residuals(tmp_path / "a.png", "run", truth, np.full_like(truth, 1e18), ["x"])
    plane, bars = drawn[0].axes
    assert sum(bar.get_height() for bar in bars.patches) == 100
    assert plane.get_xlim()[1] > 1e18


@pytest.mark.parametrize("missing", [2, 20])
def test_predictions_that_are_no_numbers_are_left_out_of_the_residuals_and_counted(
    tmp_path: Path, drawn: list[Figure], missing: int
) -> None:
    truth = np.linspace(0, 1, 20, dtype=np.float32)[:, None]
    predicted = np.where(np.arange(20)[:, None] < missing, [[np.inf]], truth)
    plot_residuals(tmp_path / "a.png", "run", truth, predicted, ["x"])
    plane, bars = drawn[0].axes
    assert plane.get_title() == f"{missing} of 20 predictions are no finite numbers"
    assert sum(bar.get_height() for bar in bars.patches) == 20 - missing


def probabilities(labels: int) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    truth = (random.uniform(size=(200, labels)) < 0.4).astype(np.uint8)
    return truth, random.beta(1 + 2 * truth, 2).astype(np.float32)


@pytest.mark.parametrize("labels", [1, 10, 30])
def test_curves_have_a_line_for_each_of_ten_labels_with_their_areas(
    tmp_path: Path, drawn: list[Figure], labels: int
) -> None:
    truth, said = probabilities(labels)
    plot_curves(tmp_path / "a.png", "run", truth, said, [f"{LONG} {place}" for place in range(labels)])
    size(tmp_path / "a.png")
    assert_all_inside(drawn[0])
    rates, shares, bins = drawn[0].axes
    shown = min(labels, 10)
    assert (len(rates.get_lines()), len(shares.get_lines())) == (shown + 1, shown)
    assert ("the first 10 of 30 labels" in drawn[0].get_suptitle()) == (labels > shown)
    [legend] = drawn[0].legends
    areas = roc_auc_score(truth, said, average=None), average_precision_score(truth, said, average=None)
    for text, area, precision in zip(legend.get_texts(), *map(np.atleast_1d, areas), strict=False):
        assert text.get_text().endswith(f"ROC {area:.3f}, AP {precision:.3f}")
    observed, predicted = calibration_curve(truth.ravel(), said.ravel(), n_bins=10)
    dots = bins.get_lines()[1]
    assert np.allclose(dots.get_xydata(), np.stack([predicted, observed], axis=1), atol=1e-6)


def test_a_label_whose_name_begins_with_an_underscore_stands_in_the_legend(tmp_path: Path, drawn: list[Figure]) -> None:
    truth, said = probabilities(2)
    plot_curves(tmp_path / "a.png", "run", truth, said, ["_background", "cat"])
    names = [text.get_text().partition(":")[0].strip() for text in drawn[0].legends[0].get_texts()]
    assert names == ["_background", "cat"]
    colours = [line.get_color() for line in drawn[0].legends[0].get_lines()]
    assert colours == [line.get_color() for line in drawn[0].axes[0].get_lines()[:2]]


def test_labels_without_a_curve_have_no_area_and_no_line(tmp_path: Path, drawn: list[Figure]) -> None:
    truth, said = probabilities(3)
    truth[:, 0] = 0
    said[:, 1] = np.nan
    plot_curves(tmp_path / "a.png", "run", truth, said, ["never", "diverged", "good"])
    first, second, third = (text.get_text() for text in drawn[0].legends[0].get_texts())
    assert (first, second) == ("never: ROC –, AP –", "diverged: ROC –, AP –")
    assert "–" not in third
    assert [len(line.get_xdata()) > 2 for line in drawn[0].axes[0].get_lines()] == [False, False, True, False]


def test_where_no_probability_is_a_number_that_is_said(tmp_path: Path, drawn: list[Figure]) -> None:
    truth, said = probabilities(2)
    plot_curves(tmp_path / "a.png", "run", truth, np.full_like(said, np.nan), ["a", "b"])
    assert [text.get_text() for text in drawn[0].axes[2].texts] == ["no probability is a finite number"]


def assert_all_inside(figure: Figure) -> None:
    inches = figure.get_tightbbox(figure.canvas.get_renderer())
    width, height = figure.get_size_inches()
    assert inches.x0 >= 0
    assert inches.y0 >= 0
    assert inches.x1 <= width
    assert inches.y1 <= height
