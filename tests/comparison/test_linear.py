"""What each example adds to a figure: the mean of it all is scikit-learn's, and one example less changes it so much."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import r2_score, root_mean_squared_error

from nnexp.comparison.linear import LINEAR, by_example

REFERENCES: dict[str, Callable[..., float]] = {"root_mean_squared_error": root_mean_squared_error, "r2_score": r2_score}
TRUE = np.random.default_rng(0).normal(150, 50, (400, 3)) * [1.0, 1e-3, 1e3]
PREDICTED = TRUE + np.random.default_rng(1).normal(0, 20, (400, 3)) * [1.0, 1e-3, 1e3]


def test_every_figure_is_held_against_scikit_learns() -> None:
    assert LINEAR.keys() == REFERENCES.keys()


@pytest.mark.parametrize("metric", LINEAR)
@pytest.mark.parametrize(
    ("true", "predicted"),
    [
        (TRUE, PREDICTED),
        (TRUE[:, :1], PREDICTED[:, :1]),
        (TRUE, TRUE),
        (np.ones((5, 2)), np.ones((5, 2))),
        (np.ones((5, 2)), np.zeros((5, 2))),
        (TRUE[:1], PREDICTED[:1]),
    ],
    ids=["several targets", "one", "all met", "none varies", "none varies nor is met", "one example"],
)
@pytest.mark.filterwarnings("ignore:R.2 score is not well-defined")
def test_the_mean_over_the_examples_is_the_figure(metric: str, true: np.ndarray, predicted: np.ndarray) -> None:
    found = by_example(metric, true, predicted)
    assert found.shape == (len(true),)
    expected = REFERENCES[metric](true, predicted)
    assert found.mean() == pytest.approx(0.0 if np.isnan(expected) else expected)


@pytest.mark.parametrize("metric", LINEAR)
def test_what_an_example_adds_is_what_is_missing_without_it(metric: str) -> None:
    true, predicted = TRUE[:, :1], PREDICTED[:, :1]
    found, whole = by_example(metric, true, predicted), REFERENCES[metric](true, predicted)
    for place in range(0, 400, 40):
        without = REFERENCES[metric](np.delete(true, place, axis=0), np.delete(predicted, place, axis=0))
        assert found[place] - whole == pytest.approx(399 * (whole - without), rel=0.03, abs=0.02 * found.std())
