"""Findings: each is told where its figures show it, and only there."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from nnexp.files import to_json
from nnexp.findings import Facts, of_a_run

CLASSES = [{"class": str(label), "support": 100, "predicted": 100} for label in range(10)]
TWO_CLASSES = [{"class": "no", "support": 63, "predicted": 60}, {"class": "yes", "support": 37, "predicted": 40}]


def rows(loss: Sequence[float], val_loss: Sequence[float] | None = None) -> list[dict[str, float]]:
    history = [{"epoch": epoch, "loss": value} for epoch, value in enumerate(loss, 1)]
    for row, value in zip(history, val_loss or [], strict=False):
        row["val_loss"] = value
    return history


# A run of which there is nothing to say.
GOOD = Facts(
    history=rows([0.9, 0.5, 0.4999], [0.9, 0.6, 0.5999]),
    epochs=3,
    missing_normalization="",
    learning_rate=0.001,
    stopped=None,
    diverged_at=None,
    on_divergence="stop",
    figures={"accuracy": 0.88},
    intervals={"accuracy": (0.87, 0.89)},
    per_class=CLASSES,
    dead_units={"dense": (3, 100)},
)
NAN = math.nan
DIVERGED: dict[str, Any] = {
    "history": rows([2.3, NAN]),
    "diverged_at": 2,
    "stopped": {"epoch": 2, "reason": "diverged"},
    "figures": {"accuracy": 0.1},
    "intervals": {"accuracy": (0.08, 0.12)},
}
SILENT_CLASSES = [{**row, "predicted": 0} if row["class"] in "37" else row for row in CLASSES]
FALLING = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0999]
RISING = rows([0.9, 0.5, 0.4, 0.3], [0.9, 0.6, 0.65, 0.7])

# what is changed -> the codes that are told, and words of the first finding
# Weighted so that the rare class counts as much: many of the others are taken for it.
FEW_YES = [
    {"class": "no", "support": 417, "predicted": 374, "recall": 0.894},
    {"class": "yes", "support": 63, "predicted": 106, "recall": 0.857},
]
CASES: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "rare ones found at the cost of accuracy": (
        {"figures": {"accuracy": 0.889}, "intervals": {"accuracy": (0.857, 0.915)}, "per_class": FEW_YES},
        [],
        "",
    ),
    "rare ones told by chance": (
        {
            "figures": {"accuracy": 0.889},
            "intervals": {"accuracy": (0.857, 0.915)},
            "per_class": [{**FEW_YES[0], "recall": 0.96}, {**FEW_YES[1], "recall": 0.25}],
        },
        ["not_learning"],
        "test accuracy 0.889, where always naming the commonest class gives 0.869",
    ),
    "one rare example told by luck": (
        {
            "figures": {"accuracy": 0.6},
            "intervals": {"accuracy": (0.3, 0.85)},
            "per_class": [
                {"class": "no", "support": 9, "predicted": 5, "recall": 0.55},
                {"class": "yes", "support": 1, "predicted": 5, "recall": 1.0},
            ],
        },
        ["not_learning"],
        "",
    ),
    "a good run": ({}, [], ""),
    "diverged": (DIVERGED, ["diverged"], "in epoch 2: the run diverged; training stopped there"),
    "diverged and went on": (
        {**DIVERGED, "on_divergence": "continue", "stopped": None},
        ["diverged"],
        "went on as asked",
    ),
    "diverged, with weights that are no numbers": (
        {**DIVERGED, "dead_units": {"dense": (9, 9)}},
        ["diverged"],
        "epoch 2",
    ),
    "diverged on raw input": ({**DIVERGED, "missing_normalization": "standardize"}, ["diverged"], "Scale the input"),
    "diverged at a rate": ({**DIVERGED, "learning_rate": 0.5}, ["diverged"], "to 0.05"),
    "diverged on a schedule": ({**DIVERGED, "learning_rate": None}, ["diverged"], "Lower the learning rate or clip"),
    "at chance": (
        {"figures": {"accuracy": 0.1}, "intervals": {"accuracy": (0.08, 0.12)}},
        ["not_learning"],
        "naming the commonest class gives 0.100",
    ),
    "just above chance": (
        {"figures": {"accuracy": 0.27}, "intervals": {"accuracy": (0.25, 0.29)}},
        ["not_learning"],
        "hardly learns",
    ),
    "well above chance": ({"figures": {"accuracy": 0.29}, "intervals": {"accuracy": (0.27, 0.31)}}, [], ""),
    "two classes at chance": (
        {"figures": {"accuracy": 0.64}, "intervals": {"accuracy": (0.6, 0.68)}, "per_class": TWO_CLASSES},
        ["not_learning"],
        "gives 0.630",
    ),
    "two classes above chance": (
        {"figures": {"accuracy": 0.72}, "intervals": {"accuracy": (0.68, 0.76)}, "per_class": TWO_CLASSES},
        [],
        "",
    ),
    "classes never predicted": ({"per_class": SILENT_CLASSES}, ["classes_never_predicted"], "never predicts 3 and 7:"),
    "a class that is not there": ({"per_class": [*CLASSES, {"class": "x", "support": 0, "predicted": 0}]}, [], ""),
    "dead units": (
        {"dead_units": {"dense": (10, 100), "dense_1": (0, 5)}},
        ["dead_units"],
        "10 of 100 ReLU units of layer dense",
    ),
    "few dead units": ({"dead_units": {"dense": (9, 100)}}, [], ""),
    "overfitting": (
        {"history": RISING, "epochs": 4},
        ["overfitting"],
        "Overfitting after epoch 2: validation loss was lowest in epoch 2 (0.6000) and rose to 0.7000",
    ),
    "validation wobbles": ({"history": rows([0.9, 0.5, 0.4, 0.3], [0.9, 0.6, 0.605, 0.61])}, [], ""),
    "overfitting in a long run": (
        {"history": rows(FALLING, [0.9, 0.7, 0.6, 0.58, 0.6, 0.62, 0.64, 0.66, 0.68, 0.7]), "epochs": 10},
        ["overfitting"],
        "validation loss was lowest in epochs 3 to 5 (on average 0.5933) and rose to 0.6900 in the last two while",
    ),
    "a long run that wobbles": (
        {"history": rows(FALLING, [0.9, 0.7, 0.6, 0.58, 0.55, 0.58, 0.57, 0.575, 0.57, 0.565]), "epochs": 10},
        [],
        "",
    ),
    "only the last epoch rose": ({"history": rows([0.9, 0.5, 0.4], [0.9, 0.6, 0.8])}, [], ""),
    "both losses rise": ({"history": rows([0.9, 0.5, 0.6, 0.7], [0.9, 0.6, 0.7, 0.8])}, [], ""),
    "no validation": ({"history": rows([0.9, 0.5, 0.4999])}, [], ""),
    "training with dropout looks worse": (
        {"history": rows([0.9, 0.7, 0.61], [0.7, 0.5001, 0.5]), "only_in_training": ["random_flip", "dropout"]},
        ["training_looks_worse"],
        "(loss 0.6100, val_loss 0.5000): they are taken with random_flip and dropout at work",
    ),
    "dropout hardly tells": (
        {"history": rows([0.9, 0.7, 0.54], [0.7, 0.5001, 0.5]), "only_in_training": ["dropout"]},
        [],
        "",
    ),
    "training looks worse without dropout": ({"history": rows([0.9, 0.7, 0.61], [0.7, 0.5001, 0.5])}, [], ""),
    "dropout without validation": ({"history": rows([0.9, 0.7, 0.699]), "only_in_training": ["dropout"]}, [], ""),
    "still improving": (
        {"history": rows([0.9, 0.7, 0.5], [0.9, 0.7, 0.6])},
        ["still_improving"],
        "val_loss fell from 0.7000 to 0.6000",
    ),
    "a long run still improving, though not in its last epoch": (
        {"history": rows([0.9 - 0.02 * epoch for epoch in range(19)] + [0.545]), "epochs": 20},
        ["still_improving"],
        "at the end, by the means of 2 epochs: loss fell from 0.5700 to 0.5425",
    ),
    "a long run whose last epoch alone is lower": ({"history": rows([0.9, *[0.5, 0.51] * 9, 0.495])}, [], ""),
    "overfitting, and then the lowest loss in the last epoch": (
        {"history": rows(FALLING, [0.9, 0.7, 0.6, 0.58, 0.6, 0.62, 0.64, 0.66, 0.68, 0.5]), "epochs": 10},
        ["still_improving"],
        "in the last epoch: val_loss fell from 0.6800 to 0.5000",
    ),
    "still improving where the loss is tiny": (
        {"history": rows([0.9, 0.00002, 0.00001234])},
        ["still_improving"],
        "loss fell from 2e-05 to 1.234e-05 (training loss",
    ),
    "training loss improves": ({"history": rows([0.9, 0.7, 0.5])}, ["still_improving"], "overfitting would not show"),
    "improving but stopped": (
        {"history": rows([0.9, 0.7, 0.5]), "epochs": 9, "stopped": {"epoch": 3, "reason": "stop_when"}},
        ["stopped_early"],
        "after epoch 3 of 9: stop_when.",
    ),
    "stopped in the last epoch": ({"stopped": {"epoch": 3, "reason": "stop_when"}}, [], ""),
    "too short to tell": ({"history": rows([0.9, 0.2]), "epochs": 2}, [], ""),
    "one epoch": ({"history": rows([0.9]), "epochs": 1}, [], ""),
    "nothing was measured": (
        {"history": [], "figures": {}, "intervals": {}, "per_class": (), "dead_units": {}},
        [],
        "",
    ),
    "values no better than the mean": (
        {"figures": {"r2_score": 0.05}, "intervals": {}, "per_class": ()},
        ["not_learning"],
        "R² is 0.050",
    ),
    "values that are no numbers": (
        {"figures": {"r2_score": NAN}, "intervals": {}, "per_class": ()},
        ["not_learning"],
        "hardly learns",
    ),
    "values learnt": ({"figures": {"r2_score": 0.4}, "intervals": {}, "per_class": ()}, [], ""),
    "several at once": (
        {"history": RISING, "epochs": 9, "stopped": {"epoch": 4, "reason": "x"}, "per_class": SILENT_CLASSES},
        ["classes_never_predicted", "overfitting", "stopped_early"],
        "never predicts",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_the_figures_show_is_told(case: str) -> None:
    change, codes, words = CASES[case]
    found = of_a_run(replace(GOOD, **change))
    assert [finding.code for finding in found] == codes
    assert not found or words in f"{found[0].message} {found[0].suggestion}"


@pytest.mark.parametrize(
    ("tried", "advice"),
    [
        (["dropout"], "patience: 3, restore_best_weights: true}), or regularize (l2)."),
        (["early_stopping"], "keeps the best weights already; to make these better, regularize (dropout, l2)."),
        (["early_stopping", "l2", "dropout"], "to make these better, take a smaller model, or more training examples."),
    ],
)
def test_what_the_config_does_against_overfitting_is_not_advised_again(tried: list[str], advice: str) -> None:
    [finding] = of_a_run(replace(GOOD, history=RISING, epochs=4, against_overfitting=tried))
    assert finding.suggestion.endswith(advice)


def test_overfitting_names_the_single_epoch_that_was_lowest_where_its_means_say_another() -> None:
    losses = [0.9, 0.7, 0.6, 0.58, 0.6, 0.62, 0.64, 0.5, 0.68, 0.7, 0.7]
    train = [1 / epoch for epoch in range(1, len(losses) + 1)]
    [finding] = of_a_run(replace(GOOD, history=rows(train, losses), epochs=len(losses)))
    assert finding.message.startswith(
        "Overfitting after epoch 7: validation loss was lowest in epochs 6 to 8 (on average 0.5867) and rose"
    )
    losses[7], losses[8] = 0.68, 0.5
    [finding] = of_a_run(replace(GOOD, history=rows(train, losses), epochs=len(losses)))
    assert "lowest in epochs 3 to 5 (on average 0.5933; the lowest single epoch was 9) and rose" in finding.message


def stops_at(losses: Sequence[float], patience: int) -> int:
    """The epoch whose weights early stopping keeps."""
    import keras

    callback = keras.callbacks.EarlyStopping("val_loss", patience=patience, mode="min")
    callback.set_model(keras.Sequential())
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        if getattr(callback.model, "stop_training", False):
            break
    return int(callback.best_epoch) + 1


@pytest.mark.parametrize(
    ("losses", "patience"),
    [
        ([0.9, 0.7, 0.6, 0.58, 0.6, 0.62, 0.64, 0.66, 0.68, 0.7], 3),  # straight down, then up
        ([0.9, 0.5, 0.6, 0.6, 0.6, 0.6, 0.5, 0.4, 0.45, 0.43, 0.6, 0.7, 0.8], 6),  # an equal loss is no better one
    ],
)
def test_the_patience_that_is_advised_comes_to_the_lowest_loss(losses: list[float], patience: int) -> None:
    train = [1 / epoch for epoch in range(1, len(losses) + 1)]
    [finding] = of_a_run(replace(GOOD, history=rows(train, losses), epochs=len(losses)))
    assert finding.evidence["patience"] == patience
    assert f"patience: {patience}," in finding.suggestion
    lowest = losses.index(min(losses)) + 1
    assert stops_at(losses, patience) == lowest
    assert patience == 3 or stops_at(losses, patience - 1) < lowest


def test_the_gravest_comes_first() -> None:
    everything = replace(GOOD, **{**DIVERGED, "on_divergence": "continue", "history": RISING})
    assert [finding.severity for finding in of_a_run(everything)] == ["error", "warning"]


@pytest.mark.parametrize("case", [case for case, (_, codes, _) in CASES.items() if codes])
def test_each_finding_has_evidence_and_is_plain_data(case: str) -> None:
    for finding in of_a_run(replace(GOOD, **CASES[case][0])):
        assert finding.evidence
        assert finding.suggestion or finding.code == "stopped_early"
        assert json.loads(to_json(finding.plain()))["code"] == finding.code
