"""The program of a run does what nnexp does: the same data, the same model with the same first weights."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from nnexp.config.experiment import Experiment, load_experiment
from nnexp.data.datasets import DATASETS, Bundled, describe, load
from nnexp.data.normalization import NORMALIZATIONS, fit
from nnexp.data.splits import split
from nnexp.export.program import Program, program
from nnexp.runs.record import RunRecord
from nnexp.training import backend
from nnexp.training.model import build

backend.prepare(threads=2)

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
BUNDLED = [name for name, dataset in DATASETS.items() if isinstance(dataset.origin, Bundled)]
STACK = "layers: [flatten, dense: {units: 4, activation: relu}, dense: {units: 10, activation: softmax}]"
BRANCHES = """
layers:
  - dense: {units: 6, name: first-part}
  - dense: {units: 6, name: second}
  - add: {inputs: [first-part, second]}
  - concatenate: {inputs: [input, second]}
  - lstm: {units: 5, return_state: true}
  - reshape: [5, 1]
  - multi_head_attention: {num_heads: 1, key_dim: 2}
  - attention
  - flatten
  - dense: {units: 10, activation: softmax}
"""
Make = Callable[[str], Experiment]


def made(experiment: Experiment) -> Program:
    run = RunRecord(
        path=Path("run"), name=experiment.name, status="completed", seed=experiment.seed, identity="", description="",
        test={"accuracy": 0.9}, test_intervals={"accuracy": (0.8, 0.95)}, history=(), best_epoch=None, stopped=None,
        parameters={}, findings=(), timings={}, started="", finished=None,
    )  # fmt: skip
    return program(run, experiment, describe(experiment.dataset.name, experiment.dataset.parameters))


def run_until(experiment: Experiment, title: str) -> dict[str, Any]:
    """Run the program's sections before the one of that title, and return its variables."""
    variables: dict[str, Any] = {}
    for section in made(experiment).sections:
        if section.title.startswith(title):
            break
        exec(section.code, variables)
    return variables


def own_model(experiment: Experiment) -> Any:
    """The model as nnexp makes it, with its first weights."""
    arrays = load(DATASETS[experiment.dataset.name])
    splits = split(arrays, experiment.validation, experiment.seed, experiment.train_size)
    backend.seed_everything(experiment.seed)
    normalization = fit(experiment.normalization.name, splits.x_train)()
    return build(experiment, splits.x_train.shape[1:], normalization)


@pytest.mark.parametrize("name", BUNDLED)
def test_its_data_are_those_of_the_run(experiment: Make, name: str) -> None:
    found = run_until(experiment(f"dataset: {name}\nlayers: [flatten]"), "The model")
    own = load(DATASETS[name])
    for part in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(found[part], getattr(own, part))


@pytest.mark.parametrize("name", NORMALIZATIONS)
@pytest.mark.parametrize("dataset", ["digits", "wine"])
def test_its_model_begins_with_the_weights_and_the_normalization_of_the_run(
    experiment: Make, dataset: str, name: str
) -> None:
    config = experiment(f"dataset: {dataset}\nnormalization: {name}\ntrain_size: 100\n{STACK}")
    found = run_until(config, "Training")
    own = own_model(config)
    for ours, theirs in zip(own.get_weights(), found["model"].get_weights(), strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-5)
    np.testing.assert_allclose(found["model"](found["x_test"]), own(found["x_test"]), atol=1e-5)


def test_layers_that_join_others_are_joined_alike(experiment: Make) -> None:
    config = experiment(f"dataset: digits\n{BRANCHES}")
    found = run_until(config, "Training")
    own = own_model(config)
    found["model"].set_weights(own.get_weights())
    np.testing.assert_allclose(found["model"](found["x_test"]), own(found["x_test"]), atol=1e-5)


def test_training_stops_where_the_run_would(experiment: Make) -> None:
    text = "dataset: iris\nlayers: [dense: 3]\nepochs: 5\nvalidation: 0.2\ncallbacks: [stop_when: val_loss <= 9.5]"
    found = run_until(experiment(text), "How good")
    assert len(found["model"].history.history["val_loss"]) == 1


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("dataset: breast_cancer\nlayers: [dense: {units: 1, activation: sigmoid}]", (-1, 1)),
        ("dataset: iris\nloss: categorical_crossentropy\nlayers: [dense: {units: 3, activation: softmax}]", (-1, 3)),
    ],
)
def test_labels_are_as_the_loss_takes_them(experiment: Make, text: str, shape: tuple[int, int]) -> None:
    found = run_until(experiment(f"{text}\nvalidation: 0.2"), "Training")
    for part in ("y_train", "y_val", "y_test"):
        assert found[part].shape == found[part].reshape(shape).shape
    loss = found["model"].loss(found["y_val"], found["model"](found["x_val"]))
    assert np.isfinite(float(loss))


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist", "cifar10"])
def test_known_pictures_come_from_keras(experiment: Make, dataset: str) -> None:
    text = made(experiment(f"dataset: {dataset}\n{STACK}")).script()
    assert f"keras.datasets.{dataset}.load_data()" in text
    assert callable(getattr(keras.datasets, dataset).load_data)


def test_a_notebook_holds_the_same_program(experiment: Make) -> None:
    whole = made(experiment(f"dataset: digits\n{STACK}\ndescription: 'Is a < b?'"))
    book = json.loads(whole.notebook())
    code = "\n".join("".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code")
    assert ast.dump(ast.parse(code)) == ast.dump(ast.parse(whole.script()))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    assert "Is a &lt; b?" in "".join(book["cells"][0]["source"])


def test_what_a_stranger_wrote_stays_a_comment(experiment: Make) -> None:
    config = experiment(f'dataset: digits\n{STACK}\ndescription: "one\\nimport os\\u2028import sys"')
    imports = [node for node in ast.walk(ast.parse(made(config).script())) if isinstance(node, ast.Import)]
    assert {alias.name for node in imports for alias in node.names} == {"keras", "numpy"}


@pytest.mark.parametrize("given", ["balanced", "{class_0: 2.5, class_2: 0.5}"])
def test_classes_count_as_much_as_in_the_run(experiment: Make, given: str) -> None:
    config = experiment(f"dataset: wine\nlayers: [dense: {{units: 3, activation: softmax}}]\nclass_weight: {given}")
    found = run_until(config, "The model")
    labels = load(DATASETS["wine"]).y_train
    own = {0: 2.5, 2: 0.5}
    if given == "balanced":
        own = dict(enumerate(compute_class_weight("balanced", classes=np.unique(labels), y=labels)))
    assert found["class_weight"] == pytest.approx(own)
    assert "class_weight=class_weight" in made(config).script()


@pytest.mark.parametrize("validation", ["none", 0.2])
@pytest.mark.parametrize(("dataset", "size"), [("digits", 15), ("digits", 0.3), ("diabetes", 60), ("iris", 2)])
def test_fewer_examples_are_those_of_the_run(
    experiment: Make, dataset: str, size: float, validation: float | str
) -> None:
    text = f"dataset: {dataset}\nlayers: [flatten, dense: 10]\ntrain_size: {size}\nvalidation: {validation}"
    config = experiment(f"{text}\nclass_weight: {'none' if dataset == 'diabetes' else 'balanced'}")
    found = run_until(config, "The model")
    own = split(load(DATASETS[dataset]), config.validation, config.seed, config.train_size)
    for part in ("x_train", "y_train", "x_test", "y_test", *(["x_val", "y_val"] if validation != "none" else [])):
        assert np.array_equal(found[part], getattr(own, part)), part
    if dataset != "diabetes":
        labels = np.unique(own.y_train)
        weights = compute_class_weight("balanced", classes=labels, y=own.y_train)
        assert [found["class_weight"][label] for label in labels] == pytest.approx(list(weights))
    script = made(config).script()
    assert "It is trained on the very examples that the run was" in script
    assert "holds out other examples" not in script


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_has_a_short_program(path: Path) -> None:
    text = made(load_experiment(path)).script()
    compile(text, path.stem, "exec")
    assert len(text.splitlines()) < 80
