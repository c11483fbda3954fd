"""Overrides: what an option changes, and what it says when it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from nnexp.cli.overrides import collect
from nnexp.config.experiment import Experiment, parse_experiment
from nnexp.config.loading import Node, parse_config
from nnexp.config.overrides import Override, apply
from nnexp.errors import ConfigError, InputError

CONFIG = """
dataset: digits
layers:
  - flatten
  - dense: {units: 32, activation: relu}
  - dropout: 0.5
  - Dense: 16
  - dense: {units: 10, activation: softmax}
optimizer: sgd
callbacks:
  - early_stopping: {monitor: loss}
"""
ONE_HIDDEN = "dataset: digits\nlayers: [flatten, dense: {units: 32, activation: relu}, dense: 10]\n"


def changed(config: str, *sets: str, **options: str) -> dict[str, Any]:
    """The config after its overrides, as plain data."""
    return apply(parse_config(config, "a.yaml"), collect(list(sets), **options)).plain()


def validated(config: str, *sets: str, **options: str) -> Experiment:
    return parse_experiment(apply(parse_config(config, "a.yaml"), collect(list(sets), **options)), "a")


def activations(made: Experiment) -> list[str | None]:
    values = [layer.get("activation") for layer in made.layers]
    return [value.name if value else None for value in values]


def refused(config: str, *sets: str, **options: str) -> str:
    with pytest.raises(ConfigError) as caught:
        validated(config, *sets, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("set_", "path", "value"),
    [
        ("epochs=3", ["epochs"], 3),
        ("epochs = 3", ["epochs"], 3),
        ("optimizer=adam", ["optimizer"], "adam"),
        ("optimizer={adam: {learning_rate: 1e-2}}", ["optimizer", "adam", "learning_rate"], 0.01),
        ("optimizer.learning_rate=0.01", ["optimizer"], {"sgd": {"learning_rate": 0.01}}),
        ("layers.0=reshape", ["layers", 0], "reshape"),
        ("layers.1.units=256", ["layers", 1, "dense"], {"units": 256, "activation": "relu"}),
        ("layers.3.activation=tanh", ["layers", 3, "Dense"], {"units": 16, "activation": "tanh"}),
        ("layers.2.rate=0.1", ["layers", 2, "dropout", "rate"], 0.1),
        ("layers.2.seed=1", ["layers", 2, "dropout"], {"rate": 0.5, "seed": 1}),
        ("layers.dropout.rate=0.2", ["layers", 2, "dropout", "rate"], 0.2),
        ("layers.-1.units=3", ["layers", 4, "dense", "units"], 3),
        ("callbacks.early_stopping.patience=7", ["callbacks", 0, "early_stopping"], {"monitor": "loss", "patience": 7}),
        ("callbacks=[]", ["callbacks"], []),
        ("layers.1.kernel_initializer.seed=3", ["layers", 1, "dense", "kernel_initializer"],
         {"glorot_uniform": {"seed": 3}}),
    ],
)  # fmt: skip
def test_a_path_reaches_through_names(set_: str, path: list[str | int], value: object) -> None:
    found: Any = changed(CONFIG, set_)
    for step in path:
        found = found[step]
    assert found == value


def test_later_overrides_see_what_earlier_ones_did() -> None:
    schedule = "{exponential_decay: {initial_learning_rate: 0.1, decay_steps: 10, decay_rate: 0.9}}"
    config = changed(CONFIG, f"optimizer.learning_rate={schedule}", "optimizer.learning_rate.decay_steps=99")
    assert config["optimizer"]["sgd"]["learning_rate"]["exponential_decay"]["decay_steps"] == 99


def test_an_optimizer_that_the_config_leaves_out_can_be_tuned() -> None:
    assert validated(ONE_HIDDEN, learning_rate="0.5").optimizer.plain()["adam"]["learning_rate"] == 0.5


def test_every_option_sets_its_part() -> None:
    made = validated(
        CONFIG,
        "threads=2",
        hidden="64",
        activation="tanh",
        epochs="2",
        batch_size="8",
        optimizer="rmsprop",
        learning_rate="1e-2",
        normalization="l2",
        dataset="mnist",
        seed="7",
    )
    assert [layer.get("units") for layer in made.layers] == [None, 64, None, 64, 10]
    assert activations(made) == [None, "tanh", None, "tanh", "softmax"]
    assert (made.epochs, made.batch_size, made.seed, made.threads) == (2, 8, 7, 2)
    assert (made.dataset.name, made.normalization.name, made.optimizer.name) == ("mnist", "l2", "rmsprop")
    assert made.optimizer.get("learning_rate") == 0.01


def test_a_set_refines_what_the_other_options_did() -> None:
    made = validated(CONFIG, "layers.1.units=8", hidden="64")
    assert [made.layers[1].get("units"), made.layers[3].get("units")] == [8, 64]


@pytest.mark.parametrize(
    ("config", "hidden", "units"),
    [
        (CONFIG, "512", [512, 512, 10]),
        (CONFIG, "256x128", [256, 128, 10]),
        (ONE_HIDDEN, "512", [512, 10]),
        (ONE_HIDDEN, "64x32x16", [64, 32, 16, 10]),
    ],
)
def test_hidden_sets_the_widths_of_hidden_dense_layers(config: str, hidden: str, units: list[int]) -> None:
    layers = validated(config, hidden=hidden).layers
    assert [layer.get("units") for layer in layers if layer.name == "dense"] == units


def test_layers_that_hidden_adds_are_like_the_one_there_was() -> None:
    made = validated(ONE_HIDDEN, hidden="64x32")
    assert activations(made) == [None, "relu", "relu", None]


def test_activation_reaches_convolutions_and_keeps_the_output() -> None:
    config = (
        "dataset: mnist\nlayers: [reshape: [28, 28, 1], conv2d: {filters: 4, kernel_size: 3}, flatten, dense: 10]\n"
    )
    assert activations(validated(config, activation="elu")) == [None, "elu", None, None]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"hidden": "0"}, "--hidden 0: not a number of units"),
        ({"hidden": "2.5"}, "--hidden 2.5: not a number of units"),
        ({"hidden": "64x"}, "--hidden 64x: not a number of units"),
        ({"hidden": "²"}, "--hidden ²: not a number of units"),
        ({"hidden": "64x32x16"}, "--hidden 64x32x16: 3 widths for 2 hidden dense layers"),
        ({"activation": "rellu"}, "--activation rellu: unknown activation 'rellu'\n    did you mean 'relu'?"),
        ({"epochs": "many"}, "--epochs many: epochs must be a whole number of at least 1, not 'many'"),
        ({"epochs": "0"}, "--epochs 0: epochs must be a whole number of at least 1, not 0"),
        ({"batch_size": "1.5"}, "--batch-size 1.5: batch_size must be a whole number"),
        ({"optimizer": "adan"}, "--optimizer adan: unknown optimizer 'adan'\n    did you mean 'adam'?"),
        ({"learning_rate": "-1"}, "--learning-rate -1: sgd: learning_rate must be"),
        (
            {"normalization": "standard"},
            "--normalization standard: unknown normalization: 'standard'\n    did you mean",
        ),
        ({"dataset": "digit"}, "--dataset digit: unknown dataset: 'digit'\n    did you mean 'digits'?"),
        ({"seed": "-1"}, "--seed -1: seed must be a whole number"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(options: dict[str, str], told: str) -> None:
    assert told in refused(CONFIG, **options)


@pytest.mark.parametrize(
    ("set_", "told"),
    [
        ("epoch=3", "unknown key 'epoch'\n    did you mean 'epochs'?"),
        ("nothing.here=3", "the config gives no 'nothing'"),
        ("layers.9.units=3", "'layers' has no single item '9'\n    items: 0 flatten, 1 dense"),
        ("layers.dense.units=3", "'layers' has no single item 'dense'"),
        ("layers.².units=3", "'layers' has no single item '²'"),
        ("layers.--1.units=3", "'layers' has no single item '--1'"),
        ("layers..units=3", "'layers' has no single item ''"),
        ("layers.2=0.1", "is the whole dropout, and 0.1 is none of the layers\n    to set its rate:  layers.2.rate=…"),
        ("layers.2=dropuot", "unknown layer 'dropuot'\n    did you mean 'dropout'?"),
        ("metrics.0.name=a", "the config gives no 'metrics' whose parts could be set\n    write it in the file first"),
        ("layers.1.unit=3", "dense has no parameter 'unit'\n    did you mean 'units'?"),
        ("layers.1.units.x=3", "'x' is set on something that has no parameters"),
        ("optimizer.=3", "sgd has no parameter ''"),
        (".=3", "the config gives no ''"),
        ("optimizer=[a", "not YAML"),
        ("optimizer={a: 1, a: 2}", "the key 'a' stands twice"),
        ("description=a: b", "description is text, not a mapping"),
        ("optimizer=!x 1", "the tag !x is not allowed"),
        ("description=\udcff", "not text"),
    ],
)
def test_a_set_that_leads_nowhere_is_named(set_: str, told: str) -> None:
    message = refused(CONFIG, set_)
    assert message.startswith(f"--set {set_}: ")
    assert told in message


@pytest.mark.parametrize("text", ["epochs", "=3", ""])
def test_a_set_is_a_path_and_a_value(text: str) -> None:
    with pytest.raises(InputError, match="write path=value, such as --set optimizer"):
        Override.parse(text)


def test_all_wrong_overrides_are_told_at_once() -> None:
    message = refused(CONFIG, "layers.9=x", "nothing.here=1", hidden="0")
    assert [line.split(": ")[0] for line in message.splitlines() if line.startswith("--")] == [
        "--hidden 0",
        "--set layers.9=x",
        "--set nothing.here=1",
    ]


def test_hidden_needs_a_hidden_layer() -> None:
    told = refused("dataset: digits\nlayers: [flatten, dense: 10]\n", hidden="8")
    assert "--hidden 8: the config has no hidden dense layer" in told
    assert "no list of layers" in refused("dataset: digits\n", hidden="8")


def test_the_config_itself_stays_as_it_was() -> None:
    config = parse_config(CONFIG, "a.yaml")
    before = config.plain()
    apply(config, collect(["optimizer.learning_rate=1", "layers.1.units=3", "seed=1"], hidden="64"))
    assert config.plain() == before


def test_an_override_changes_one_use_of_an_alias_only() -> None:
    config = "dataset: digits\nlayers: [&hidden {dense: {units: 4}}, *hidden, dense: 10]\n"
    assert changed(config, "layers.0.units=9")["layers"] == [
        {"dense": {"units": 9}},
        {"dense": {"units": 4}},
        {"dense": 10},
    ]


def test_no_override_changes_nothing() -> None:
    config: Node = parse_config(CONFIG, "a.yaml")
    assert apply(config, []) == config


def test_a_wrong_override_is_told_with_the_problems_of_the_file() -> None:
    told = refused("dataset: digits\nlayers: [flaten]\nepochs: ten\n", "layers.7.units=3")
    assert "unknown layer 'flaten'" in told
    assert "epochs must be a whole number" in told
    assert "--set layers.7.units=3: 'layers' has no single item '7'" in told


@pytest.mark.parametrize(
    ("layer", "set_"),
    [
        ("flaten", "layers.flatten.name=a"),
        ("random_rotatoin: 0.1", "layers.random_rotation.factor=0.2"),
        ("max_pooling", "layers.max_pooling2d.pool_size=3"),
    ],
)
def test_a_part_of_a_misspelt_layer_is_no_second_problem(layer: str, set_: str) -> None:
    told = refused(f"dataset: digits\nlayers: [{layer}, dense: 10]\n", set_)
    name = layer.partition(":")[0]
    assert told.startswith(f"a.yaml:2:10: unknown layer '{name}'")
    assert "item" not in told
    assert "'layers' has no single item 'lstm'" in refused(f"layers: [{layer}]\n", "layers.lstm.units=3")


def test_an_activation_that_stands_as_a_layer_is_no_misspelt_layer() -> None:
    told = refused("dataset: digits\nlayers: [flatten, gelu, dense: 10]\n", "layers.elu.alpha=2")
    assert "no single item 'elu'" in told


def test_a_part_of_a_key_that_was_left_empty_can_be_set() -> None:
    made = validated(f"{ONE_HIDDEN}optimizer:\n", "optimizer.learning_rate=0.5")
    assert made.optimizer.get("learning_rate") == 0.5
