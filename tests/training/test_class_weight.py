"""Examples of one class may count more than those of another, in training alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from nnexp.data.datasets import DATASETS, load
from nnexp.data.splits import split
from nnexp.errors import ConfigError
from nnexp.training import backend
from nnexp.training.session import Session

backend.prepare(threads=2)

CONFIG = """
dataset: breast_cancer
layers: [dense: {units: 2, activation: softmax}]
threads: 2
epochs: 2
engine: graph
"""


def session(experiment: Any, class_weight: str) -> Session:
    made = experiment(f"{CONFIG}class_weight: {class_weight}\n")
    dataset = DATASETS["breast_cancer"]
    return Session(made, split(load(dataset), "none", 1), dataset)


def trained(experiment: Any, class_weight: str, folder: Path) -> Session:
    made = session(experiment, class_weight)
    list(made.train(folder, lambda *_: None))
    return made


@pytest.mark.parametrize(
    ("written", "meant"),
    [("balanced", "balanced"), ("{malignant: 2.5}", {0: 2.5, 1: 1}), ("{malignant: 0, benign: 3}", {0: 0, 1: 3})],
)
def test_each_example_counts_as_scikit_learn_says(experiment: Any, written: str, meant: Any) -> None:
    made = session(experiment, written)
    weights = np.asarray(made.engine.source.data[2])
    np.testing.assert_allclose(weights, compute_sample_weight(meant, made.splits.y_train), rtol=1e-6)


def test_a_class_that_counts_more_is_missed_less(experiment: Any, tmp_path: Path) -> None:
    recalls = []
    for weight in ("{malignant: 0.05}", "{malignant: 20}"):
        evaluated, _ = trained(experiment, weight, tmp_path).evaluate()
        recalls.append(evaluated.details["per_class"][0]["recall"])
    assert recalls[0] < recalls[1]


def test_without_weights_nothing_changes(experiment: Any) -> None:
    assert len(session(experiment, "none").engine.source.data) == 2


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{malignan: 2}", "there is no class 'malignan'"),
        ("{malignant: 0, benign: 0}", "nothing would be learnt"),
        ("{benign: -1}", "must be a number from 0"),
        ("{benign: many}", "must be a number from 0"),
        ("equal", "unknown class_weight"),
    ],
)
def test_what_is_wrong_is_told(experiment: Any, written: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        experiment(f"{CONFIG}class_weight: {written}\n")
    [problem] = caught.value.problems
    assert said in problem.message
    assert problem.hint
