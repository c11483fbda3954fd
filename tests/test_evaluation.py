"""Evaluation: figures checked by hand, and against scikit-learn and SciPy."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import scipy.special
import scipy.stats
from sklearn import metrics
from sklearn.calibration import calibration_curve

from nnexp.evaluation import answers, evaluate
from nnexp.evaluation.curves import calibration, precision_recall, roc
from nnexp.evaluation.intervals import bootstrap, wilson

CLASSES = "classification"
LABELS = np.array([0, 0, 0, 1, 1, 2], dtype=np.int32)
GUESSES = np.array([0, 0, 1, 1, 1, 1], dtype=np.int32)


def test_figures_worked_out_by_hand() -> None:
    found = evaluate(CLASSES, LABELS, np.eye(3, dtype=np.float32)[GUESSES], ["a", "b", "c"])
    assert found.details["confusion_matrix"] == [[2, 1, 0], [0, 2, 0], [0, 1, 0]]
    assert found.figures["accuracy"] == pytest.approx(4 / 6)
    assert [row["class"] for row in found.details["per_class"]] == ["a", "b", "c"]
    assert [row["precision"] for row in found.details["per_class"]] == pytest.approx([1, 1 / 2, 0])
    assert [row["recall"] for row in found.details["per_class"]] == pytest.approx([2 / 3, 1, 0])
    assert [row["f1"] for row in found.details["per_class"]] == pytest.approx([0.8, 2 / 3, 0])
    assert [row["support"] for row in found.details["per_class"]] == [3, 2, 1]
    assert [row["predicted"] for row in found.details["per_class"]] == [2, 4, 0]
    assert sorted((row["true"], row["predicted"], row["count"]) for row in found.details["top_confusions"]) == [
        ("a", "b", 1),
        ("c", "b", 1),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_scikit_learn_to_the_last_bit(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 7, 500).astype(np.int32)
    scores = random.dirichlet(np.ones(7), 500).astype(np.float32)
    found = evaluate(CLASSES, labels, scores, list("abcdefg"))
    guesses = scores.argmax(axis=1)
    assert found.predicted.tolist() == guesses.tolist()
    assert found.figures["accuracy"] == metrics.accuracy_score(labels, guesses)
    assert found.details["confusion_matrix"] == metrics.confusion_matrix(labels, guesses).tolist()
    expected = metrics.classification_report(labels, guesses, target_names=list("abcdefg"), output_dict=True)
    for row in found.details["per_class"]:
        assert row["precision"] == expected[row["class"]]["precision"]
        assert row["recall"] == expected[row["class"]]["recall"]
        assert row["f1"] == expected[row["class"]]["f1-score"]
    counts = [row["count"] for row in found.details["top_confusions"]]
    confusion = np.array(found.details["confusion_matrix"])
    off_diagonal = confusion - np.diag(np.diag(confusion))
    assert counts == sorted(off_diagonal.ravel(), reverse=True)[:5]


@pytest.mark.parametrize("of", [1, 2, 30, 360, 1000, 10_000])
def test_the_interval_is_wilsons_to_the_last_bit(of: int) -> None:
    for right in {*range(0, of + 1, max(1, of // 200)), of}:
        expected = scipy.stats.binomtest(right, of).proportion_ci(0.95, method="wilson")
        assert wilson(right, of) == (expected.low, expected.high)


def test_a_class_without_examples_has_zeros_and_no_warning() -> None:
    found = evaluate(CLASSES, np.array([0, 1], np.int32), np.eye(3, dtype=np.float32)[[0, 1]], ["a", "b", "c"])
    assert found.details["per_class"][2] == {
        "class": "c",
        "precision": 0,
        "recall": 0,
        "f1": 0,
        "support": 0,
        "predicted": 0,
    }
    assert found.figures["accuracy"] == 1
    assert found.details["top_confusions"] == []


def test_one_output_is_the_probability_of_the_second_class() -> None:
    outputs = np.array([[0.2], [0.9]], np.float32)
    np.testing.assert_allclose(answers(CLASSES, outputs, from_logits=False), [[0.8, 0.2], [0.1, 0.9]], rtol=1e-6)
    scores = answers(CLASSES, outputs - 0.5, from_logits=True)
    np.testing.assert_allclose(scores[:, 1], scipy.special.expit([-0.3, 0.4]), rtol=1e-6)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-6)


def test_raw_scores_become_probabilities() -> None:
    outputs = np.array([[1, 2, 3], [1000, 0, -1000]], np.float32)
    np.testing.assert_allclose(answers(CLASSES, outputs, from_logits=True), scipy.special.softmax(outputs, axis=1))
    assert answers(CLASSES, outputs, from_logits=False) is outputs


def test_predictions_of_a_diverged_model_are_evaluated_all_the_same() -> None:
    found = evaluate(CLASSES, LABELS, np.full((6, 3), np.nan, np.float32), ["a", "b", "c"])
    assert found.figures["accuracy"] == 0.5
    assert np.sum(found.details["confusion_matrix"]) == 6


def test_the_figures_are_plain_data() -> None:
    found = evaluate(CLASSES, LABELS, np.eye(3, dtype=np.float32)[GUESSES], ["a", "b", "c"]).plain()
    assert set(found) == {"per_class", "confusion_matrix", "top_confusions"}
    assert type(found["confusion_matrix"][0][0]) is int


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_curves_are_those_of_scikit_learn(seed: int, ties: bool) -> None:
    random = np.random.default_rng(seed)
    labels = random.random(300) < 0.3
    scores = np.clip(random.normal(0.3 + 0.3 * labels, 0.2), 0, 1)
    scores = scores.round(1) if ties else scores
    found = roc(labels, scores)
    false, true, _ = metrics.roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose([found.x, found.y], [false, true])
    assert found.area == pytest.approx(metrics.roc_auc_score(labels, scores))
    curve = precision_recall(labels, scores)
    precision, recall, _ = metrics.precision_recall_curve(labels, scores)
    np.testing.assert_allclose([curve.x, curve.y], [recall[::-1], precision[::-1]])
    assert curve.area == pytest.approx(metrics.average_precision_score(labels, scores))
    bins = calibration(labels, scores)
    observed, predicted = calibration_curve(labels, scores, n_bins=10)
    np.testing.assert_allclose([bins.predicted, bins.observed], [predicted, observed])
    assert bins.error == pytest.approx(sum(bins.counts * abs(predicted - observed)) / 300)


def test_a_curve_needs_both_kinds_of_examples() -> None:
    scores = np.array([0.2, 0.9])
    assert roc(np.array([True, True]), scores).area is None
    assert precision_recall(np.array([False, False]), scores).area is None


def test_two_classes_have_the_areas_of_their_curves() -> None:
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8]], np.float32)
    found = evaluate(CLASSES, np.array([0, 0, 1, 1], np.int32), scores, ["no", "yes"]).plain()
    assert [row["roc_auc"] for row in found["per_class"]] == [0.75, 0.75]
    assert found["calibration_error"] == pytest.approx((0.1 + 0.7 + 0.6 + 0.2) / 4)


def test_labels_are_measured_as_scikit_learn_does() -> None:
    random = np.random.default_rng(0)
    labels = (random.random((200, 4)) < [0.1, 0.5, 0.9, 0.3]).astype(np.uint8)
    scores = np.clip(random.normal(0.3 + 0.4 * labels, 0.2), 0, 1).astype(np.float32)
    found = evaluate("multi_label", labels, scores, list("abcd"))
    guesses = scores > 0.5
    assert found.figures["exact_match"] == metrics.accuracy_score(labels, guesses)
    assert found.figures["f1"] == pytest.approx(metrics.f1_score(labels, guesses, average="macro"))
    expected = metrics.classification_report(
        labels, guesses, target_names=list("abcd"), output_dict=True, zero_division=0
    )
    for place, row in enumerate(found.details["per_class"]):
        assert [row["precision"], row["recall"]] == [expected[row["class"]][name] for name in ("precision", "recall")]
        assert row["roc_auc"] == pytest.approx(metrics.roc_auc_score(labels[:, place], scores[:, place]))
    low, high = found.intervals["exact_match"]
    assert low < found.figures["exact_match"] < high


def test_scores_of_labels_are_each_their_own_probability() -> None:
    outputs = np.array([[1, -2], [1000, 0]], np.float32)
    np.testing.assert_allclose(answers("multi_label", outputs, from_logits=True), scipy.special.expit(outputs))


@pytest.mark.parametrize("offset", [0, 1e6])
def test_values_are_measured_as_scikit_learn_does(offset: float) -> None:
    random = np.random.default_rng(0)
    truth = (offset + random.normal(5, 2, (100, 2))).astype(np.float32)
    guesses = truth + random.normal(0, [0.5, 1.5], (100, 2)).astype(np.float32)
    found = evaluate("regression", truth, guesses, ["a", "b"])
    for name in ("mean_absolute_error", "root_mean_squared_error", "r2_score"):
        measure = functools.partial(getattr(metrics, name), truth.astype(float), guesses.astype(float))
        assert found.figures[name] == pytest.approx(measure(), rel=1e-6)
        alone = [row[name] for row in found.details["per_target"]]
        assert alone == pytest.approx(measure(multioutput="raw_values"), rel=1e-6)
        low, high = found.intervals[name]
        assert low < found.figures[name] < high


def test_a_target_that_does_not_vary_is_explained_or_not() -> None:
    truth = np.array([[1, 2], [1, 3]], np.float32)
    for guesses in (truth, truth + 1):
        found = evaluate("regression", truth, guesses, ["constant", "other"])
        assert found.figures["r2_score"] == metrics.r2_score(truth, guesses)


@pytest.mark.parametrize("guess", [np.nan, np.inf])
def test_predictions_of_a_diverged_model_of_values_are_evaluated_all_the_same(guess: float) -> None:
    truth = np.array([[1], [2]], np.float32)
    found = evaluate("regression", truth, np.array([[guess], [2]], np.float32), ["y"])
    assert not np.isfinite(list(found.figures.values())).any()


def test_one_example_has_errors_and_no_interval_of_them() -> None:
    found = evaluate("regression", np.array([[1]], np.float32), np.array([[3]], np.float32), ["y"])
    assert found.figures["mean_absolute_error"] == 2
    assert found.intervals == {}


@pytest.mark.parametrize("examples", [50, 25_000])
def test_the_bootstrap_has_the_width_of_the_normal_interval(examples: int) -> None:
    values = np.random.default_rng(1).normal(3, 2, (examples, 1))
    [low], [high] = bootstrap(values, lambda means: means)
    half = scipy.stats.norm.ppf(0.975) * values.std() / np.sqrt(examples)
    assert [low, high] == pytest.approx([values.mean() - half, values.mean() + half], abs=0.12 * half)
