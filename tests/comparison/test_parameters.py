"""What differs between configs, under the names that change a config."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nnexp.comparison.grouping import label_names, spoken_labels
from nnexp.comparison.parameters import flatten, with_variants
from nnexp.config.experiment import Experiment, parse_experiment
from nnexp.config.loading import parse_config
from nnexp.config.overrides import Override, apply

OUTPUT = "dense: {units: 10, activation: softmax}"
DENSE = f"dataset: digits\nlayers: [flatten, dense: {{units: 16, activation: relu}}, {OUTPUT}]\n"
TWO = f"""
dataset: digits
layers: [flatten, dense: {{units: 8, activation: relu}}, dropout: 0.2, dense: {{units: 8, activation: relu}}, {OUTPUT}]
"""
CONV = """
dataset: digits
layers:
  - reshape: {target_shape: [8, 8, 1]}
  - conv2d: {filters: 4, kernel_size: 3, activation: relu}
  - flatten
  - dense: 10
  - softmax
"""
STOP = f"{DENSE}callbacks: [stop_when: loss <= 0.4, early_stopping: {{monitor: loss, patience: 1}}]\n"
DECAY = f"""{DENSE}
optimizer:
  adam: {{learning_rate: {{exponential_decay: {{initial_learning_rate: 0.1, decay_steps: 9, decay_rate: 0.9}}}}}}
"""


def changed(text: str, *changes: tuple[str, str]) -> Experiment:
    config = apply(parse_config(text, "test.yaml"), [Override(path, value, "--set") for path, value in changes])
    return parse_experiment(config, "test")


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        (DENSE, [("--hidden", "512")], {"hidden": (16, 512)}),
        (DENSE, [("--hidden", "64x32")], {"hidden": (16, "64x32")}),
        (TWO, [("--hidden", "32")], {"hidden": ("8x8", "32x32")}),
        (DENSE, [("--activation", "tanh")], {"activation": ("relu", "tanh")}),
        (CONV, [("--activation", "tanh")], {"activation": ("relu", "tanh")}),
        (TWO, [("layers.2.rate", "0.5")], {"layers.dropout.rate": (0.2, 0.5)}),
        (CONV, [("layers.1.filters", "8")], {"layers.conv2d.filters": (4, 8)}),
        (DENSE, [("layers.1.kernel_regularizer", "l2")], {"layers.1.kernel_regularizer": (None, "l2")}),
        (DENSE, [("batch_size", "8"), ("epochs", "3")], {"batch_size": (32, 8), "epochs": (10, 3)}),
        (DENSE, [("train_size", "100")], {"train_size": ("none", 100)}),
        (DENSE, [("train_size", "none")], {}),
        (DENSE, [("optimizer", "sgd")], {"optimizer": ("adam", "sgd")}),
        (DENSE, [("optimizer.clipnorm", "1.0")], {"optimizer.clipnorm": (None, 1.0)}),
        (DECAY, [("optimizer.learning_rate.decay_rate", "0.5")], {"optimizer.learning_rate.decay_rate": (0.9, 0.5)}),
        (STOP, [("callbacks.1.patience", "4")], {"callbacks.early_stopping.patience": (1, 4)}),
        (DENSE, [("dataset", "wine")], {"dataset": ("digits", "wine")}),
        (DENSE, [("seed", "7"), ("name", "other"), ("threads", "1"), ("engine", "graph")], {}),
    ],
)  # fmt: skip
def test_what_differs_is_named_as_the_options_name_it(
    text: str, changes: list[tuple[str, str]], expected: dict[str, tuple[Any, Any]]
) -> None:
    first, second = changed(text), changed(text, *changes)
    found = flatten([first.plain(), second.plain()])
    assert {name: (found.flat[0].get(name), found.flat[1].get(name)) for name in found.differing} == expected
    # Setting these on the first config gives the second.
    back = [
        (f"--{name}" if name in {"hidden", "activation"} else name, str(pair[1])) for name, pair in expected.items()
    ]
    assert flatten([changed(text, *back).plain(), second.plain()]).differing == ()


def test_what_goes_with_another_parameter_is_implied_until_it_varies_by_itself() -> None:
    adam, sgd, slow = (
        changed(DENSE, *changes).plain()
        for changes in ([], [("optimizer", "sgd")], [("optimizer", "sgd"), ("optimizer.learning_rate", "0.001")])
    )
    found = flatten([adam, sgd])
    assert (found.differing, found.implied) == (("optimizer",), (("optimizer.learning_rate", "optimizer"),))
    assert flatten([adam, sgd, slow]).differing == ("optimizer", "optimizer.learning_rate")
    assert flatten([sgd, slow]).differing == ("optimizer.learning_rate",)
    clipped = changed(DENSE, ("optimizer", "sgd"), ("optimizer.clipnorm", "1.0")).plain()
    assert flatten([adam, sgd, clipped]).differing == ("optimizer", "optimizer.clipnorm")


def test_other_layers_are_told_in_words_with_only_what_matters(experiment: Callable[[str], Experiment]) -> None:
    plain = experiment(DENSE).plain()
    before_softmax = experiment(DENSE.replace("dense: {units: 10, activation: softmax}", "dense: 10, relu, softmax"))
    found = flatten([plain, before_softmax.plain()])
    assert found.differing == ("layers",)
    assert [flat["layers"] for flat in found.flat] == [
        "flatten, dense 16 relu, dense 10 softmax",
        "flatten, dense 16 relu, dense 10, relu, softmax",
    ]


def test_a_grid_of_layers_and_widths_keeps_both_axes() -> None:
    other = DENSE.replace("[flatten,", "[flatten, dropout: 0.5,")
    configs = [changed(text, ("--hidden", units)).plain() for text in (DENSE, other) for units in ("8", "16")]
    found = flatten(configs)
    assert found.differing == ("hidden", "layers")
    places = [(flat["hidden"], flat["layers"]) for flat in found.flat]
    assert len(set(places)) == 4
    assert len({layers for _, layers in places}) == 2


def test_what_varies_in_a_layer_that_other_stacks_have_too_is_a_parameter() -> None:
    dense = DENSE.replace("[flatten,", "[dropout: 0.5, flatten,")
    conv = dense.replace("dropout: 0.5,", "dropout: 0.5, reshape: [8, 8, 1], conv2d: {filters: 4, kernel_size: 3},")
    configs = [
        changed(text, ("layers.dropout.rate", rate)).plain() for text in (dense, conv) for rate in ("0.1", "0.5")
    ]
    found = with_variants(flatten(configs), ["dense", "dense", "conv", "conv"])
    assert found.differing == ("variant", "layers.dropout.rate")
    assert [(flat["variant"], flat["layers.dropout.rate"]) for flat in found.flat] == [
        ("dense", 0.1),
        ("dense", 0.5),
        ("conv", 0.1),
        ("conv", 0.5),
    ]
    assert "dropout, flatten" in found.flat[0]["layers"]


def test_layers_that_differ_in_something_small_say_it() -> None:
    other = DENSE.replace("[flatten,", "[flatten, batch_normalization,")
    found = flatten(
        [changed(text).plain() for text in (DENSE, other, other.replace("units: 16", "units: 16, use_bias: false"))]
    )
    words = [flat["layers"] for flat in found.flat]
    assert len(set(words)) == 3
    assert "use_bias=false" in words[2]


def test_from_logits_counts_only_where_it_does_not_follow_from_the_layers() -> None:
    logits = DENSE.replace(", activation: softmax", "")
    assert flatten([changed(DENSE).plain(), changed(logits).plain()]).differing == ("layers.2.activation",)
    wrong = f"{DENSE}loss: {{sparse_categorical_crossentropy: {{from_logits: true}}}}\n"
    assert "loss.from_logits" in flatten([changed(DENSE).plain(), changed(wrong).plain()]).differing


def test_a_config_that_was_refused_has_no_say_in_what_differs() -> None:
    raw = {"dataset": "digits", "layers": [{"dense": 16}, {"dense": {"units": 5}}]}
    first, second = changed(DENSE).plain(), changed(DENSE, ("epochs", "3")).plain()
    found = flatten([first, second, raw], [True, True, False])
    assert found.differing == ("epochs",)
    assert found.flat[2]["hidden"] == 16


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"layers": None},
        {"layers": "flatten"},
        {"layers": [1, None, [], {}, {"dense": None}, {"dense": {"units": [1]}}, {"a": 1, "b": 2}]},
        {"optimizer": [], "callbacks": {"a": 1}, "loss": 3},
        {"optimizer": deep(400), "layers": [deep(400)], "callbacks": [deep(400)]},
        {"dataset": {"x": {"y": True}}, "epochs": float("nan")},
    ],
    ids=["empty", "no layers", "text", "odd layers", "odd entries", "deep", "odd values"],
)
def test_forged_configs_are_flattened_without_a_mishap(config: dict[str, Any]) -> None:
    found = flatten([config, changed(DENSE).plain()])
    assert len(found.flat) == 2
    assert "dataset" in found.differing or "dataset" in config


def test_what_is_none_is_spoken_of_with_its_name() -> None:
    said = {"train_size=none": "none", "train_size=100": "100", "train_size=a": "a"}
    assert list(spoken_labels(said, ["train_size"]).values()) == ["train_size none", "train_size 100", "a"]
    assert spoken_labels({"dropout.rate=0": "0"}, ["layers.dropout.rate"]) == {"dropout.rate=0": "dropout rate 0"}


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        (["hidden", "layers.dropout.rate"], ["hidden", "dropout.rate"]),
        (["optimizer.learning_rate", "layers.1.rate"], ["learning_rate", "rate"]),
        (["layers.1.rate", "layers.3.rate"], ["layers.1.rate", "layers.3.rate"]),
        (["callbacks.early_stopping.patience", "callbacks.reduce_lr_on_plateau.patience"], None),
    ],
)
def test_labels_have_the_ends_of_paths_that_no_other_has(parameters: list[str], names: list[str] | None) -> None:
    assert list(label_names(parameters).values()) == (names or parameters)


def test_sizes_stand_beside_runs_that_had_no_such_key() -> None:
    old = changed(DENSE).plain()
    found = flatten([old, changed(DENSE, ("train_size", "0.5")).plain(), changed(DENSE, ("train_size", "9")).plain()])
    assert [flat["train_size"] for flat in found.flat] == ["none", 0.5, 9]
    assert "train_size" not in flatten([old, old]).flat[0]
