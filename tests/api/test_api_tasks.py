"""Runs of all tasks as a notebook has them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nnexp


def predictions(trained: Path, name: str) -> tuple[nnexp.Run, pd.DataFrame]:
    [run] = nnexp.runs(trained / name)
    return run, run.predictions_to_dataframe()


def test_predicted_values_stand_beside_the_true_ones_with_their_error(trained: Path) -> None:
    run, table = predictions(trained, "values")
    assert list(table) == ["true(progression)", "predicted(progression)", "error(progression)"]
    assert table["error(progression)"].abs().mean() == pytest.approx(run.test["mean_absolute_error"], rel=1e-5)


def test_each_label_has_its_truth_its_answer_and_its_probability(trained: Path) -> None:
    run, table = predictions(trained, "labels")
    names = ("long", "wide", "small")
    right = [table[f"true({name})"] == table[f"predicted({name})"] for name in names]
    assert np.logical_and.reduce(right).mean() == pytest.approx(run.test["exact_match"])
    for name in names:  # stored in 16 bits
        assert ((table[f"p({name})"] > 0.5) == table[f"predicted({name})"])[
            (table[f"p({name})"] - 0.5).abs() > 1e-3
        ].all()


def test_classes_are_told_by_name(trained: Path) -> None:
    run, table = predictions(trained, "pictures")
    assert list(table) == ["true", "predicted", "p(a 3)", "p(a 8)"]
    assert (table["true"] == table["predicted"]).mean() == pytest.approx(run.test["accuracy"])


def test_predictions_of_other_classes_are_refused(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "labels", tmp_path / "labels")
    shutil.copy(trained / "values" / "predictions.npz", tmp_path / "labels")
    with pytest.raises(nnexp.InputError, match=r"predictions\.npz: "):
        nnexp.runs(tmp_path / "labels")[0].predictions_to_dataframe()


@pytest.mark.parametrize(
    ("name", "headline", "row"),
    [
        ("values", "mean absolute error", "<td>progression</td>"),
        ("labels", "exact match", "<td>wide</td>"),
        ("pictures", "accuracy", ""),
    ],
)
def test_a_run_shows_its_headline_its_parts_and_its_pictures(trained: Path, name: str, headline: str, row: str) -> None:
    [run] = nnexp.runs(trained / name)
    assert f", test {headline} " in repr(run)
    html = run._repr_html_()
    assert f"<td>test {headline}</td>" in html
    assert row in html
    assert html.count("<img") == 2
