"""The JSON Schema of a sweep file, by which editors complete and check it: `nnexp schema --sweep`.

It refers to the schema of an experiment, which lies beside it as experiment.schema.json. A file that it accepts may
still be refused by nnexp, which validates every point.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from nnexp.config.experiment import FIELDS
from nnexp.config.overrides import LISTS
from nnexp.config.sweep.axes import NOT_AXES
from nnexp.config.sweep.reading import MAX_REPEATS, MAX_SEED, MAX_WORKERS
from nnexp.config.sweep.searching import (
    DEFAULT_FINALISTS,
    DEFAULT_OBJECTIVE,
    DEFAULT_TRIALS,
    MAX_TRIALS,
    PRUNERS,
    SAMPLERS,
)

# One of each key, which editors show; docs/reference/config.md has them too.
_EXAMPLES: dict[str, Any] = {
    "name": "widths",
    "description": "What does the width do?",
    "base": "fashion_sigmoid128.yaml",
    "variants": [
        "fashion_30_epochs.yaml",
        {"name": "decayed", "set": {"optimizer": {"adamw": {"weight_decay": 0.01}}}},
    ],
    "zip": {"epochs": [10, 15], "batch_size": [64, 32]},
    "grid": {"hidden": [128, 512, "256x128"], "optimizer.learning_rate": [0.001, 0.01]},
    "set": {"epochs": 40, "batch_size": 64},
    "repeats": 5,
    "seed": [1, 2, 3],
    "workers": 2,
    "track": "mlflow",
    "baseline": "hidden=128",
    "metric": "f1_score",
    "sampler": "tpe",
    "trials": 40,
    "objective": "val_accuracy",
    "pruner": "median",
    "finalists": 3,
    "space": {"learning_rate": {"log": [0.0001, 0.1]}, "hidden": {"choice": [64, 128, "256x128"]}},
}
_EXPERIMENT = {"$ref": "experiment.schema.json"}
_WIDTHS = {
    "description": "Units of every hidden dense layer (512), or of each (256x128).",
    "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]+(x[0-9]+)*$"}],
}
_NAMED: dict[str, dict[str, Any]] = {
    "hidden": _WIDTHS,
    "activation": {
        "description": "Activation of every hidden dense and convolution layer.",
        "$ref": "experiment.schema.json#/$defs/activations",
    },
    "learning_rate": {
        "description": "The optimizer's learning rate, or a schedule of it.",
        "anyOf": [
            {"type": "number", "exclusiveMinimum": 0},
            {"$ref": "experiment.schema.json#/$defs/schedules"},
        ],
    },
}
_END = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_DIMENSION = {
    "anyOf": [
        {"type": "array", "minItems": 2, "description": "Values to choose from."},
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "range": _END | {"description": "Both ends; whole numbers where both are."},
                "log": _END | {"description": "Both ends of a logarithmic range, above 0."},
                "choice": {"type": "array", "minItems": 2, "description": "Values to choose from."},
                "step": {"type": "number", "exclusiveMinimum": 0, "description": "Between the values of a range."},
                "when": {"type": "object", "minProperties": 1, "description": "It counts only with these values."},
            },
            "oneOf": [{"required": ["range"]}, {"required": ["log"]}, {"required": ["choice"]}],
        },
    ]
}
_SEARCH: dict[str, dict[str, Any]] = {
    "sampler": {"enum": list(SAMPLERS), "default": "grid", "description": "What proposes the points."},
    "trials": {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_TRIALS,
        "default": DEFAULT_TRIALS,
        "description": "How many points a search tries.",
    },
    "objective": {
        "type": "string",
        "pattern": "^val_.",
        "default": DEFAULT_OBJECTIVE,
        "description": "The figure on held-out examples that a search is after.",
    },
    "pruner": {
        "enum": list(PRUNERS),
        "default": PRUNERS[0],
        "description": "What gives up trials that are behind the others.",
    },
    "finalists": {
        "type": "integer",
        "minimum": 0,
        "maximum": MAX_TRIALS,
        "default": DEFAULT_FINALISTS,
        "description": "How many of the best trials are run again, with as many fresh seeds as are repeats.",
    },
}


def build() -> dict[str, Any]:
    """The schema of a sweep file (JSON Schema, draft 2020-12) as plain data."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nnexp sweep",
        "description": "Many experiments: bases × variants × rows of the zip × combinations of the grid × seeds.",
        "type": "object",
        "anyOf": [{"required": ["base"]}, {"required": ["variants"]}],
        "additionalProperties": False,
        "properties": {key: said | {"examples": [_EXAMPLES[key]]} for key, said in _properties().items()},
    }


def text() -> str:
    """The schema as JSON text, the same at every call."""
    return json.dumps(build(), indent=1, ensure_ascii=False) + "\n"


def _properties() -> dict[str, dict[str, Any]]:
    """The keys of a sweep file."""
    base = {"anyOf": [{"type": "string", "description": "The path of a config, seen from this file."}, _EXPERIMENT]}
    repeats = {"type": "integer", "minimum": 1, "maximum": MAX_REPEATS}
    seed = {"type": "integer", "minimum": 0, "maximum": MAX_SEED}
    return {
        "name": {"type": "string", "description": "What the sweep folder is called; the file's name by default."},
        "description": {"type": "string", "description": "The question that the sweep is to answer."},
        "base": {
            "description": "What the points are made from: a config's path, a config, or a list of these.",
            "anyOf": [*base["anyOf"], {"type": "array", "items": base, "minItems": 1}],
        },
        "variants": {
            "description": "Named changes of the base, or configs of their own.",
            "type": "array",
            "minItems": 1,
            "items": {"anyOf": [base["anyOf"][0], _variant(base, repeats)]},
        },
        "zip": _axes("Values side by side: the first of each, the second of each, …", _values),
        "grid": _axes("Values in all combinations.", _values),
        "set": _axes("What is the same at all points, each with its one value, whatever the base says.", _value),
        "repeats": repeats | {"default": 1, "description": "Runs of every point, with the same seeds at each."},
        "seed": {
            "description": "The first seed, the others follow from it; or a list of all seeds.",
            "anyOf": [seed, {"type": "array", "items": seed, "minItems": 1, "uniqueItems": True}],
        },
        "workers": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_WORKERS,
            "description": "Runs at a time; by default one a processor core.",
        },
        "track": {"$ref": "experiment.schema.json#/properties/track"},
        "baseline": {
            "type": "string",
            "description": "What all are compared with: a point, by its label without the seed, or a value.",
        },
        "metric": {
            "type": "string",
            "description": "What the points are compared by, of the test split; by default accuracy or its like.",
        },
        **_SEARCH,
        "space": _axes("What a search varies, and over which values.", lambda key: _DIMENSION),
    }


def _variant(base: dict[str, Any], repeats: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string", "description": "What the variant is called; by default as its base."},
            "base": base | {"description": "Instead of the file's base."},
            "set": _axes("Parts of the config, each with its one value.", _value),
            "repeats": repeats | {"description": "Runs of this variant: it takes the first of the seeds."},
            "expect": {"const": "error", "description": "The config is wrong on purpose: that it is refused is told."},
        },
    }


def _axes(description: str, values: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    keys = [*_NAMED, *(key for key in FIELDS if key not in NOT_AXES)]
    return {
        "description": description,
        "type": "object",
        "additionalProperties": False,
        "properties": {key: values(key) for key in keys},
        "patternProperties": {r"^[a-z_]+\..": {"description": "A part of an entry, such as layers.1.units."}},
    }


def _value(key: str) -> dict[str, Any]:
    return _NAMED.get(key) or {"$ref": f"experiment.schema.json#/properties/{key}"}


def _values(key: str) -> dict[str, Any]:
    """A list of values, or one; of a key that is a list itself, a list of lists."""
    several = {"type": "array", "minItems": 1, "items": _value(key)}
    return several if key in LISTS else {"anyOf": [_value(key), several]}
