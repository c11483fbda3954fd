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

from nnexp.plots import plot_confusion, plot_history

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


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved, to look at their axes."""
    figures: list[Figure] = []
    draw = FigureCanvasAgg.draw

    def keep(self: FigureCanvasAgg) -> None:
        figures.append(self.figure)
        draw(self)

    monkeypatch.setattr(FigureCanvasAgg, "draw", keep)
    return figures


def test_the_axes_are_honest(tmp_path: Path, drawn: list[Figure]) -> None:
    plot_history(tmp_path / "a.png", "run", HISTORIES["training and validation"], "held out")
    loss, accuracy = drawn[0].axes
    assert loss.get_ylim()[0] == 0
    assert loss.get_ylim()[1] > 1.1
    assert accuracy.get_ylim() == (0, 1)
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["training", "held out"]
    assert (loss.get_xlabel(), loss.get_ylabel(), accuracy.get_ylabel()) == ("epoch", "loss", "accuracy")


def test_every_value_is_inside_the_picture(tmp_path: Path, drawn: list[Figure]) -> None:
    plot_history(tmp_path / "a.png", "run", HISTORIES["below zero"])
    for axes in drawn[0].axes:
        low, high = axes.get_ylim()
        values = [value for line in axes.get_lines() for value in line.get_ydata()]
        assert values
        assert low <= min(values) <= max(values) <= high


@pytest.mark.parametrize("name", ["0", "a rather long name of a class, and longer", "Ankle boot"])
@pytest.mark.parametrize("classes", [2, 10, 40])
def test_no_label_of_a_confusion_matrix_is_cut(tmp_path: Path, drawn: list[Figure], classes: int, name: str) -> None:
    counts = [[true * classes + predicted for predicted in range(classes)] for true in range(classes)]
    plot_confusion(tmp_path / "a.png", "run", counts, [name] * classes)
    assert_all_inside(drawn[0])


@pytest.mark.parametrize("name", HISTORIES)
def test_no_label_of_a_history_is_cut(tmp_path: Path, drawn: list[Figure], name: str) -> None:
    plot_history(tmp_path / "a.png", "run", HISTORIES[name])
    assert_all_inside(drawn[0])


def test_counts_stand_in_the_middle_of_their_cells(tmp_path: Path, drawn: list[Figure]) -> None:
    plot_confusion(tmp_path / "a.png", "run", [[8888, 0], [1, 77]], ["a", "b"])
    figure = drawn[0]
    [axes, _] = figure.axes
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


def assert_all_inside(figure: Figure) -> None:
    inches = figure.get_tightbbox(figure.canvas.get_renderer())
    width, height = figure.get_size_inches()
    assert inches.x0 >= 0
    assert inches.y0 >= 0
    assert inches.x1 <= width
    assert inches.y1 <= height
