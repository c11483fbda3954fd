"""The JSON Schema accepts what a config may say, and underlines what it may not."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from nnexp.config import catalog, schema
from nnexp.config.catalog_build import example
from nnexp.config.experiment import FIELDS, Experiment, parse_experiment
from nnexp.config.loading import parse_config

VALIDATOR = Draft202012Validator(schema.build())
PLACES = {
    "layers": "layers",
    "losses": "loss",
    "metrics": "metrics",
    "optimizers": "optimizer",
    "callbacks": "callbacks",
}
ENTRIES = [(kind, name) for kind in PLACES for name in catalog.names(kind)]
BASE = "dataset: fashion_mnist\nlayers: [flatten, {dense: 10}]\n"


def config(text: str) -> dict[str, Any]:
    """`text` as a config, with dataset and layers where it gives none."""
    return {"dataset": "fashion_mnist", "layers": ["flatten"], **yaml.safe_load(text)}


def read(text: str) -> Experiment:
    return parse_experiment(parse_config(text, "test.yaml"), name="test")


def test_the_schema_is_a_schema_and_small() -> None:
    Draft202012Validator.check_schema(schema.build())
    assert len(schema.text()) < 1_000_000
    assert schema.text() == schema.text()


def test_every_key_of_a_config_is_described() -> None:
    properties = schema.build()["properties"]
    assert list(properties) == list(FIELDS)
    assert all(details["description"] for details in properties.values())


def test_the_defaults_it_tells_are_those_of_nnexp() -> None:
    told = {key: details["default"] for key, details in schema.build()["properties"].items() if "default" in details}
    assert len(told) > 8
    assert read(BASE + yaml.safe_dump(told)) == read(BASE)


def test_its_example_of_each_key_can_be_written() -> None:
    for key, said in schema.build()["properties"].items():
        assert VALIDATOR.is_valid(config("{}") | {key: said["examples"][0]}), key


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "layers: [flatten, dense: {units: 128, activation: sigmoid}, dense: {units: 10, activation: softmax}]",
        "layers: [dense: 10, dropout: 0.5, flatten: null, relu, sigmoid, leaky_relu: {negative_slope: 0.1}]",
        "layers: [dense: {units: 8, kernel_regularizer: {l2: {l2: 0.001}}, bias_initializer: {constant: 0.1}}]",
        "layers: [dense: {units: 8, kernel_regularizer: l2, kernel_constraint: {max_norm: 2}}]",
        "layers: [dense: {units: 8, name: a}, add: {inputs: [a, input]}]",
        "layers: [conv2d: {filters: 8, kernel_size: [3, 3], padding: same}, max_pooling2d, global_average_pooling2d]",
        "layers: [bidirectional: {layer: {lstm: {units: 4}}}, rnn: {cell: [{lstm_cell: 3}, {gru_cell: 2}]}]",
        "layers: [zero_padding2d: [[1, 1], [2, 2]], reshape: [-1, 4], random_zoom: {height_factor: [-0.3, -0.2]}]",
        "optimizer: adam",
        "optimizer: {adam: 0.01}",
        "optimizer: {sgd: {learning_rate: 0.1, momentum: 0.9, nesterov: true}}",
        "optimizer: {adam: {learning_rate: {cosine_decay: {initial_learning_rate: 0.1, decay_steps: 9}}}}",
        "loss: {sparse_categorical_crossentropy: {from_logits: true}}",
        "metrics: [accuracy, top_k_categorical_accuracy: 3, mean_iou: {num_classes: 10}]",
        "callbacks: [stop_when: loss <= 0.40, early_stopping: {monitor: val_loss, patience: 3}, terminate_on_nan]",
        "validation: 0.1",
        "validation: test",
        "train_size: 3000",
        "train_size: 0.1",
        "train_size: none",
        "{normalization: l2, seed: 0, threads: 2, engine: xla, on_divergence: continue, batch_size: 32, epochs: 1}",
        "checkpoint: false",
        "checkpoint: every 5",
    ],
)
def test_good_configs_pass(text: str) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(config(text))] == []


@pytest.mark.parametrize(
    "text",
    [
        "dataset: fashion",
        "layers: []",
        "layers: [densee]",
        "layers: [dense]",
        "layers: [dense: -5]",
        "layers: [dense: {unit: 5}]",
        "layers: [dense: {units: 5, activation: relux}]",
        "layers: [dense: {units: 5, kernel_regularizer: {l3: 0.1}}]",
        "layers: [{dense: 5, dropout: 0.5}]",
        "layers: [conv2d: {filters: 8, kernel_size: [3, 0]}]",
        "layers: [conv2d: {filters: 8, kernel_size: [3, 3, 3]}]",
        "layers: [dropout: 1.5]",
        "layers: [lambda]",
        "optimizer: {adam: {learning_rate: 0}}",
        "optimizer: {adam: {learning_rate: {exponential: 1}}}",
        "optimizer: [adam]",
        "loss: mse2",
        "metrics: [mean]",
        "callbacks: [stop_when]",
        "callbacks: [remote_monitor]",
        "callbacks: [early_stopping: {patience: -1}]",
        "validation: 1",
        "validation: some",
        "train_size: 0",
        "train_size: 1.5",
        "train_size: all",
        "train_size: true",
        "normalization: l3",
        "epochs: 0",
        "epochs: 1.5",
        "seed: -1",
        "engine: fast",
        "checkpoint: 5",
        "checkpoint: every 0",
        "callbacks: [backup_and_restore: a]",
        "epoch: 3",
    ],
)
def test_bad_configs_are_refused(text: str) -> None:
    assert not VALIDATOR.is_valid(config(text))


@pytest.mark.parametrize("key", ["dataset", "layers"])
def test_dataset_and_layers_are_required(key: str) -> None:
    given = config("{}")
    del given[key]
    assert not VALIDATOR.is_valid(given)


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_entry_passes_with_all_its_parameters(kind: str, name: str) -> None:
    item = catalog.find(kind, name)
    assert item is not None
    parameters = {
        key: example(item.class_name, key) if given.required else given.default
        for key, given in item.parameters.items()
        if given.required or given.default is not None
    }
    entry = {name: parameters}
    place = PLACES[kind]
    given = {"dataset": "digits", "layers": ["flatten"], place: entry if place in ("loss", "optimizer") else [entry]}
    assert [error.message for error in VALIDATOR.iter_errors(given)] == []


def test_the_config_that_a_run_writes_out_passes() -> None:
    text = BASE + "callbacks: [stop_when: loss <= 0.4]\noptimizer: {adam: {learning_rate: {cosine_decay: {"
    written = read(text + "initial_learning_rate: 0.1, decay_steps: 10}}}}\n").yaml()
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(written))] == []
