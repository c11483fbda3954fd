"""Evaluation: figures checked by hand, and against scikit-learn and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import scipy.stats
from sklearn import metrics

from nnexp.evaluation import evaluate, probabilities, wilson

LABELS = np.array([0, 0, 0, 1, 1, 2], dtype=np.int32)
GUESSES = np.array([0, 0, 1, 1, 1, 1], dtype=np.int32)


def test_figures_worked_out_by_hand() -> None:
    found = evaluate(LABELS, np.eye(3, dtype=np.float32)[GUESSES], ["a", "b", "c"])
    assert found.confusion.tolist() == [[2, 1, 0], [0, 2, 0], [0, 1, 0]]
    assert found.accuracy == pytest.approx(4 / 6)
    assert [row["class"] for row in found.per_class] == ["a", "b", "c"]
    assert [row["precision"] for row in found.per_class] == pytest.approx([1, 1 / 2, 0])
    assert [row["recall"] for row in found.per_class] == pytest.approx([2 / 3, 1, 0])
    assert [row["f1"] for row in found.per_class] == pytest.approx([0.8, 2 / 3, 0])
    assert [row["support"] for row in found.per_class] == [3, 2, 1]
    assert [row["predicted"] for row in found.per_class] == [2, 4, 0]
    assert sorted((row["true"], row["predicted"], row["count"]) for row in found.top_confusions) == [
        ("a", "b", 1),
        ("c", "b", 1),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_scikit_learn_to_the_last_bit(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 7, 500).astype(np.int32)
    scores = random.dirichlet(np.ones(7), 500).astype(np.float32)
    found = evaluate(labels, scores, list("abcdefg"))
    guesses = scores.argmax(axis=1)
    assert found.predicted.tolist() == guesses.tolist()
    assert found.accuracy == metrics.accuracy_score(labels, guesses)
    assert found.confusion.tolist() == metrics.confusion_matrix(labels, guesses).tolist()
    expected = metrics.classification_report(labels, guesses, target_names=list("abcdefg"), output_dict=True)
    for row in found.per_class:
        assert row["precision"] == expected[row["class"]]["precision"]
        assert row["recall"] == expected[row["class"]]["recall"]
        assert row["f1"] == expected[row["class"]]["f1-score"]
    counts = [row["count"] for row in found.top_confusions]
    off_diagonal = found.confusion - np.diag(np.diag(found.confusion))
    assert counts == sorted(off_diagonal.ravel(), reverse=True)[:5]


@pytest.mark.parametrize("of", [1, 2, 30, 360, 1000, 10_000])
def test_the_interval_is_wilsons_to_the_last_bit(of: int) -> None:
    for right in {*range(0, of + 1, max(1, of // 200)), of}:
        expected = scipy.stats.binomtest(right, of).proportion_ci(0.95, method="wilson")
        assert wilson(right, of) == (expected.low, expected.high)


def test_a_class_without_examples_has_zeros_and_no_warning() -> None:
    found = evaluate(np.array([0, 1], np.int32), np.eye(3, dtype=np.float32)[[0, 1]], ["a", "b", "c"])
    assert found.per_class[2] == {"class": "c", "precision": 0, "recall": 0, "f1": 0, "support": 0, "predicted": 0}
    assert found.accuracy == 1
    assert found.top_confusions == []


def test_one_output_is_the_probability_of_the_second_class() -> None:
    outputs = np.array([[0.2], [0.9]], np.float32)
    np.testing.assert_allclose(probabilities(outputs, from_logits=False), [[0.8, 0.2], [0.1, 0.9]], rtol=1e-6)
    scores = probabilities(outputs - 0.5, from_logits=True)
    np.testing.assert_allclose(scores[:, 1], scipy.special.expit([-0.3, 0.4]), rtol=1e-6)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-6)


def test_raw_scores_become_probabilities() -> None:
    outputs = np.array([[1, 2, 3], [1000, 0, -1000]], np.float32)
    np.testing.assert_allclose(probabilities(outputs, from_logits=True), scipy.special.softmax(outputs, axis=1))
    assert probabilities(outputs, from_logits=False) is outputs


def test_predictions_of_a_diverged_model_are_evaluated_all_the_same() -> None:
    found = evaluate(LABELS, np.full((6, 3), np.nan, np.float32), ["a", "b", "c"])
    assert found.accuracy == 0.5
    assert found.confusion.sum() == 6


def test_the_figures_are_plain_data() -> None:
    found = evaluate(LABELS, np.eye(3, dtype=np.float32)[GUESSES], ["a", "b", "c"]).plain()
    assert set(found) == {"per_class", "confusion_matrix", "top_confusions"}
    assert type(found["confusion_matrix"][0][0]) is int
