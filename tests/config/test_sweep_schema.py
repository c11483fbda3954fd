"""The JSON Schema of sweep files accepts what a sweep may say, and underlines what it may not."""

from __future__ import annotations

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from nnexp.config import schema as experiment_schema
from nnexp.config.experiment import FIELDS
from nnexp.config.keys import SWEEP_KEYS
from nnexp.config.sweep import schema
from nnexp.config.sweep.reading import VARIANT_KEYS

BESIDE = Registry().with_resource("experiment.schema.json", Resource.from_contents(experiment_schema.build()))
VALIDATOR = Draft202012Validator(schema.build(), registry=BESIDE)


def test_the_schema_is_a_schema_and_describes_every_key() -> None:
    built = schema.build()
    Draft202012Validator.check_schema(built)
    assert set(built["properties"]) == set(SWEEP_KEYS)
    assert set(built["properties"]["variants"]["items"]["anyOf"][1]["properties"]) == set(VARIANT_KEYS)
    axes = set(built["properties"]["grid"]["properties"])
    assert axes == {*FIELDS, "hidden", "activation", "learning_rate"} - {"name", "seed"}


def test_its_example_of_each_key_can_be_written() -> None:
    for key, said in schema.build()["properties"].items():
        assert VALIDATOR.is_valid({"base": "a.yaml", key: said["examples"][0]}), key


@pytest.mark.parametrize(
    "text",
    [
        "base: a.yaml",
        "{base: [a.yaml, {dataset: iris, layers: [dense: 3]}], name: a, description: b, repeats: 5, seed: 42}",
        "{base: a.yaml, seed: [1, 2, 3], workers: 2, baseline: a}",
        "{base: a.yaml, grid: {hidden: [128, 256x128], activation: [relu, tanh], learning_rate: [0.1, 0.01]}}",
        "{base: a.yaml, grid: {epochs: 3, optimizer: [adam, {sgd: {momentum: 0.9}}], layers.1.units: [3, 4]}}",
        "{base: a.yaml, zip: {callbacks: [[], [stop_when: loss < 1]], validation: [none, 0.1]}}",
        "{variants: [a.yaml, {base: b.yaml, expect: error}, {name: c, base: {dataset: iris, layers: [dense: 3]}}]}",
        "{base: a.yaml, sampler: tpe, trials: 40, objective: val_loss, pruner: median, finalists: 0}",
        "{base: a.yaml, space: {hidden: {range: [1, 9], step: 2}, learning_rate: {log: [0.1, 1]}, epochs: [3, 4]}}",
        "{base: a.yaml, space: {optimizer.momentum: {choice: [0, 0.5], when: {optimizer: sgd}}}}",
        "{base: a.yaml, variants: [{name: b, set: {hidden: 3, metrics: [accuracy]}, repeats: 2}]}",
    ],
)
def test_good_sweep_files_pass(text: str) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize(
    "text",
    [
        "{repeats: 5}",
        "{base: 3}",
        "{base: {dataset: iris}}",
        "{base: a.yaml, epochs: 3}",
        "{base: a.yaml, grid: {hiden: [3]}}",
        "{base: a.yaml, grid: {seed: [3]}}",
        "{base: a.yaml, grid: {hidden: []}}",
        "{base: a.yaml, grid: {hidden: [x3]}}",
        "{base: a.yaml, grid: {activation: [relux]}}",
        "{base: a.yaml, grid: {epochs: [0]}}",
        "{base: a.yaml, grid: {metrics: [accuracy]}}",
        "{base: a.yaml, variants: []}",
        "{base: a.yaml, variants: [{name: a, expect: failure}]}",
        "{base: a.yaml, variants: [{name: a, set: {epochs: [3]}}]}",
        "{base: a.yaml, repeats: 0}",
        "{base: a.yaml, seed: -1}",
        "{base: a.yaml, seed: [1, 1]}",
        "{base: a.yaml, workers: 0}",
        "{base: a.yaml, sampler: annealing}",
        "{base: a.yaml, sampler: tpe, objective: accuracy}",
        "{base: a.yaml, sampler: tpe, space: {hidden: {range: [1, 2, 3]}}}",
        "{base: a.yaml, sampler: tpe, space: {hidden: {range: [1, 2], log: [1, 2]}}}",
        "{base: a.yaml, sampler: tpe, space: {hidden: 3}}",
    ],
)
def test_bad_sweep_files_are_underlined(text: str) -> None:
    assert not VALIDATOR.is_valid(yaml.safe_load(text))
