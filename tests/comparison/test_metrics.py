"""Which way a metric is better, for every one that a run can have."""

from __future__ import annotations

import pytest

from nnexp.comparison.metrics import figure, greater_is_better, in_order
from nnexp.config import catalog
from nnexp.tasks import HEADLINES

GREATER = {
    *("accuracy", "auc", "binary_accuracy", "binary_iou", "categorical_accuracy", "concordance_correlation"),
    *("cosine_similarity", "f1_score", "fbeta_score", "iou", "mean_iou", "one_hot_iou", "one_hot_mean_iou"),
    *("pearson_correlation", "precision", "precision_at_recall", "r2_score", "recall", "recall_at_precision"),
    *("sensitivity_at_specificity", "sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy"),
    *("specificity_at_sensitivity", "top_k_categorical_accuracy", "true_negatives", "true_positives"),
}
LESS = {
    *("binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy"),
    *("categorical_focal_crossentropy", "categorical_hinge", "false_negatives", "false_positives", "hinge", "huber"),
    *("kl_divergence", "log_cosh_error", "mean_absolute_error", "mean_absolute_percentage_error"),
    *("mean_squared_error", "mean_squared_logarithmic_error", "poisson", "root_mean_squared_error"),
    *("sparse_categorical_crossentropy", "squared_hinge"),
}
OURS = {"exact_match": True, "f1": True, "roc_auc": True, "average_precision": True, "calibration_error": False}
OTHERS = {"loss": False, "seconds": False, "mse": False, "rmse": False, "mae": False, "mae_1": False, "logcosh": False}


def test_every_metric_that_a_config_may_use_is_decided() -> None:
    assert set(catalog.names("metrics")) == GREATER | LESS
    assert not GREATER & LESS


@pytest.mark.parametrize("part", ["", "val_", "train_"])
def test_more_of_it_is_better_or_worse(part: str) -> None:
    expected = dict.fromkeys(GREATER, True) | dict.fromkeys(LESS, False) | OURS | OTHERS
    assert {name: greater_is_better(part + name) for name in expected} == expected


def test_headlines_come_first_then_the_loss_then_what_is_not_of_the_test_split() -> None:
    names = ["seconds", "val_loss", "f1", "loss", "train_loss", *HEADLINES.values()]
    assert in_order(names) == [*HEADLINES.values(), "loss", "f1", "val_loss", "train_loss", "seconds"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.91234, "0.9123"),
        (45.8968, "45.8968"),
        (3460.8167, "3461"),
        (61234.5, "61234"),
        (3e9, "3e+09"),
        (1e-5, "1e-05"),
    ],
)
def test_a_figure_has_the_digits_that_a_person_compares(value: float, shown: str) -> None:
    assert figure(value) == shown
