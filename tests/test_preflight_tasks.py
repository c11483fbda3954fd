"""What is told before training where examples have several labels, or values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nnexp.config.experiment import parse_experiment
from nnexp.config.loading import parse_config
from nnexp.data.datasets import DATASETS
from nnexp.preflight import Preflight, preflight
from nnexp.tasks import Task

NAMES = {"multi_label": ("sweet", "sour", "bitter"), "regression": ("price", "age", "size")}
LOSSES = {"multi_label": "binary_crossentropy", "regression": "mean_squared_error"}
METRICS = {"multi_label": "binary_accuracy", "regression": "mean_absolute_error"}


def checked(task: Task, last: str, **keys: str) -> Preflight:
    """Wine as if it had three labels or targets instead of three classes."""
    dataset = replace(DATASETS["wine"], task=task, classes=NAMES[task])
    lines = {"loss": LOSSES[task], "metrics": f"[{METRICS[task]}]", **keys}
    text = f"dataset: wine\nlayers: [dense: {{units: 8, activation: relu}}, {last}]\n"
    text += "".join(f"{key}: {value}\n" for key, value in lines.items())
    return preflight(parse_experiment(parse_config(text, "a.yaml"), "a"), dataset)


GOOD = {"multi_label": "dense: {units: 3, activation: sigmoid}", "regression": "dense: 3"}


@pytest.mark.parametrize("task", GOOD)
def test_a_model_of_the_task_is_let_through(task: Task) -> None:
    found = checked(task, GOOD[task])
    assert (found.problems, found.warnings) == ((), ())


@pytest.mark.parametrize(
    ("task", "last", "keys", "said"),
    [
        ("regression", "dense: 1", {}, "gives 1 output, but wine has 3 targets"),
        ("multi_label", "dense: {units: 2, activation: sigmoid}", {}, "gives 2 outputs, but wine has 3 labels"),
        ("regression", "dense: 3", {"loss": "categorical_crossentropy"}, "means nothing where numbers are predicted"),
        ("multi_label", GOOD["multi_label"], {"loss": "sparse_categorical_crossentropy"}, "may have several labels"),
        ("regression", "dense: 3", {"metrics": "[accuracy]"}, "the metric accuracy means nothing"),
        ("multi_label", GOOD["multi_label"], {"metrics": "[accuracy]"}, "the metric accuracy means nothing"),
        ("multi_label", GOOD["multi_label"], {"metrics": "[f1_score]"}, "the metric f1_score gives several figures"),
    ],
)
def test_a_problem_names_the_task(task: Task, last: str, keys: dict[str, str], said: str) -> None:
    [problem] = checked(task, last, **keys).problems
    assert said in problem.message
    assert problem.place.line


@pytest.mark.parametrize(
    ("task", "last", "code"),
    [
        ("regression", "dense: {units: 3, activation: sigmoid}", "squashed_output"),
        ("regression", "dense: {units: 3, activation: softmax}", "squashed_output"),
        ("multi_label", "dense: {units: 3, activation: softmax}", "softmax_of_labels"),
        ("multi_label", "dense: 3", "sigmoid_missing"),
    ],
)
def test_a_last_activation_that_does_not_suit_the_task_is_warned_of(task: Task, last: str, code: str) -> None:
    assert [finding.code for finding in checked(task, last).warnings] == [code]
