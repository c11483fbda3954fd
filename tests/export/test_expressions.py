"""Parts of a config as Python source: short, and making what nnexp itself makes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import keras
import pytest

from nnexp.config import catalog, catalog_build
from nnexp.config.entries import Problems, read_entry
from nnexp.config.experiment import Experiment
from nnexp.config.grammar import Entry
from nnexp.config.loading import parse_config
from nnexp.export.expressions import expression
from nnexp.training import backend
from nnexp.training.parts import make

backend.prepare(threads=2)


def entry(kind: str, text: str) -> Entry:
    """The entry that a config's text gives."""
    node = parse_config(f"part: {text}", "test.yaml").value
    assert isinstance(node, dict)
    problems = Problems()
    found = read_entry(node["part"], kind, problems)
    assert found is not None, problems.found
    return found


def described(made: Any) -> Any:
    """What Keras says of an object, without the names and seeds that it draws itself."""
    if not hasattr(made, "get_config"):
        return made if isinstance(made, str) else vars(made) if hasattr(made, "__dict__") else made
    return without(keras.saving.serialize_keras_object(made))


def without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without(part) for key, part in value.items() if key not in {"name", "seed", "shared_object_id"}}
    return [without(part) for part in value] if isinstance(value, (list, tuple)) else value


def example(kind: str, name: str) -> Entry:
    """An item with its defaults, and an example of each parameter that it needs."""
    item = catalog.find(kind, name)
    assert item is not None
    values = {}
    for parameter in item.parameters.values():
        needed = parameter.required
        value = catalog_build.example(item.class_name, parameter.name) if needed else parameter.default
        values[parameter.name] = as_entries(parameter.kind, value)
    return Entry(name, values)


def as_entries(kind: str | None, value: Any) -> Any:
    if kind is None or value is None:
        return value
    if isinstance(value, list):
        return [as_entries(kind, part) for part in value]
    if isinstance(value, dict):
        [(name, parameters)] = value.items()
        return Entry(name, {**example(kind, name).parameters, **parameters})
    return example(kind, value) if isinstance(value, str) and catalog.find(kind, value) else value


@pytest.mark.parametrize("kind", [kind for kind in catalog.KINDS if kind not in {"activations", "callbacks"}])
def test_the_source_of_every_part_makes_the_same_part(kind: str) -> None:
    for name in catalog.names(kind):
        part = example(kind, name)
        with warnings.catch_warnings(action="ignore"):
            written = eval(expression(part, kind), {"keras": keras})
            assert described(written) == described(make(part, kind)), name


@pytest.mark.parametrize(
    ("kind", "text", "source"),
    [
        ("layers", "flatten", "keras.layers.Flatten()"),
        ("layers", "{dense: {units: 10, activation: relu}}", 'keras.layers.Dense(10, activation="relu")'),
        ("layers", "{conv2d: {filters: 8, kernel_size: [3, 3]}}", "keras.layers.Conv2D(8, (3, 3))"),
        ("layers", "{dropout: 0.5}", "keras.layers.Dropout(0.5)"),
        ("layers", "{dense: {units: 2, kernel_regularizer: l2}}",
         "keras.layers.Dense(2, kernel_regularizer=keras.regularizers.L2())"),
        ("layers", "{bidirectional: {layer: {lstm: 4}}}", "keras.layers.Bidirectional(keras.layers.LSTM(4))"),
        ("optimizers", "adam", "keras.optimizers.Adam()"),
        ("optimizers", "{sgd: {learning_rate: 0.1, momentum: 0.9}}",
         "keras.optimizers.SGD(learning_rate=0.1, momentum=0.9)"),
        ("metrics", "accuracy", '"accuracy"'),
        ("losses", "sparse_categorical_crossentropy", "keras.losses.SparseCategoricalCrossentropy()"),
    ],
)  # fmt: skip
def test_a_part_is_written_as_a_person_would(kind: str, text: str, source: str) -> None:
    assert expression(entry(kind, text), kind) == source


def test_a_long_call_has_a_line_an_argument() -> None:
    text = "{dense: {units: 2, activation: relu, kernel_initializer: he_normal, bias_initializer: ones, use_bias: true,"
    written = expression(entry("layers", text + " kernel_regularizer: {l2: {l2: 0.5}}, name: scores}}"), "layers")
    assert max(map(len, written.splitlines())) < 100
    assert eval(written, {"keras": keras}).kernel_regularizer.l2 == 0.5


@pytest.mark.parametrize("name", ['a"b', "a\\b", "è", "'''"])
def test_a_name_stays_a_name(experiment: Callable[[str], Experiment], name: str) -> None:
    assert eval(expression(Entry("dense", {"units": 1, "name": name}), "layers"), {"keras": keras}).name == name
