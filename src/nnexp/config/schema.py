"""The JSON Schema of a config file, by which editors complete and check it: `nnexp schema`.

It is built from the catalogue. A config that it accepts may still be refused by nnexp, which knows more: shapes, names
of metrics, values that exclude each other. Keras' class names, which nnexp reads too, are left out of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nnexp.config import catalog
from nnexp.config.catalog import Item, Parameter
from nnexp.config.keys import DISTRIBUTIONS, ENGINES
from nnexp.data.datasets import DATASETS
from nnexp.data.normalization import NORMALIZATIONS
from nnexp.data.own import kinds as own
from nnexp.tasks import HEADLINES
from nnexp.tracking.kinds import TRACKERS

_TYPES = {"int": "integer", "float": "number", "bool": "boolean", "str": "string", "list": "array", "mapping": "object"}
# One of each key, which editors show; docs/reference/config.md has them too.
_EXAMPLES: Mapping[str, Any] = {
    "name": "wide",
    "description": "Are 512 hidden units better than 128?",
    "dataset": "fashion_mnist",
    "normalization": "standardize",
    "layers": ["flatten", {"dense": {"units": 128, "activation": "relu"}}, {"dense": 10}, "softmax"],
    "loss": {"sparse_categorical_crossentropy": {"from_logits": True}},
    "metrics": ["accuracy", {"sparse_top_k_categorical_accuracy": {"k": 3}}],
    "class_weight": "balanced",
    "optimizer": {"adam": {"learning_rate": 0.002}},
    "batch_size": 64,
    "epochs": 20,
    "callbacks": [{"stop_when": "loss <= 0.40"}, {"early_stopping": {"monitor": "val_loss", "patience": 3}}],
    "validation": 0.1,
    "train_size": 3000,
    "seed": 7,
    "on_divergence": "continue",
    "engine": "graph",
    "distribute": "mirrored",
    "threads": 2,
    "checkpoint": "every 5",
    "track": ["tensorboard", {"mlflow": {"experiment": "widths"}}],
}
_EVERYWHERE = ("name", "dtype", "trainable")  # the same in every item, so described once


def build() -> dict[str, Any]:
    """The schema of a config file (JSON Schema, draft 2020-12) as plain data."""
    definitions: dict[str, Any] = {}
    for kind in catalog.KINDS:
        definitions |= _kind(kind)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nnexp experiment",
        "description": "One experiment: a dataset, a stack of layers, and how to train them.",
        "type": "object",
        "required": ["dataset", "layers"],
        "additionalProperties": False,
        "properties": {key: said | {"examples": [_EXAMPLES[key]]} for key, said in _properties().items()},
        "$defs": definitions,
    }


def text() -> str:
    """The schema as JSON text, the same at every call."""
    return json.dumps(build(), indent=1, ensure_ascii=False) + "\n"


def _properties() -> dict[str, Any]:
    """The top-level keys, in the order in which a config is written out."""
    layer = {"anyOf": [_ref("layers"), _ref("activations.names")]}
    whole = {"type": "integer", "minimum": 1}
    return {
        "name": {"type": "string", "description": "What the run is called; the file's name by default."},
        "description": {"type": "string", "default": "", "description": "What the experiment is for, in a sentence."},
        "dataset": {
            "description": "The data to train and test on.",
            "oneOf": [
                *({"const": name, "description": dataset.title} for name, dataset in DATASETS.items()),
                *map(_own_data, own.KINDS),
            ],
        },
        "normalization": {
            "description": "What is done to the input, fitted on the training part; by default none before an "
            "embedding, divide_by_255 of bytes, else standardize.",
            "enum": list(NORMALIZATIONS),
        },
        "layers": _list(layer, "The stack of layers, from the input to the output.") | {"minItems": 1},
        "loss": _ref("losses")
        | {"description": "What training makes small; follows from labels and last layer by default."},
        "metrics": _list(
            _ref("metrics"), "What is measured besides the loss; of other tasks by default what fits them."
        )
        | {"default": ["accuracy"]},
        "class_weight": {
            "description": "How much the examples of a class count in training: all the same, each class the same, "
            "or a weight by class (1 where none is given).",
            "default": "none",
            "anyOf": [
                {"enum": ["none", "balanced"]},
                {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "exclusiveMaximum": 1e6}},
            ],
        },
        "optimizer": _ref("optimizers") | {"default": "adam", "description": "How the weights are changed."},
        "batch_size": whole | {"default": 32, "description": "Examples in one step."},
        "epochs": whole | {"default": 10, "description": "Passes over the training part."},
        "callbacks": _list(_ref("callbacks"), "What is done at the end of epochs, such as stop_when.")
        | {"default": []},
        "validation": {
            "description": "What each epoch is checked on: none, a fraction of the training set, or the test set.",
            "default": "none",
            "anyOf": [
                {"enum": ["none", "test"]},
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            ],
        },
        "train_size": {
            "description": "How many of the training examples are trained on, after validation was held out: all "
            "(none), so many, or a fraction of them; the rest is not used.",
            "default": "none",
            "anyOf": [
                {"const": "none"},
                whole,
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            ],
        },
        "seed": {
            "type": "integer",
            "minimum": 0,
            "maximum": 2**32 - 1,
            "default": 42,
            "description": "The root of all random numbers of the run.",
        },
        "on_divergence": {
            "enum": ["stop", "continue"],
            "default": "stop",
            "description": "What to do once the loss is no longer a finite number.",
        },
        "engine": {"enum": list(ENGINES), "default": "auto", "description": "How epochs are compiled."},
        "distribute": {
            "enum": list(DISTRIBUTIONS),
            "default": "none",
            "description": "Whether each batch is split over all devices of this machine.",
        },
        "threads": {
            "type": ["integer", "null"],
            "minimum": 1,
            "maximum": 1024,
            "description": "Processor threads; all of them by default.",
        },
        "checkpoint": {
            "description": "When to keep what a run is resumed from: at each epoch's end, never, or every N epochs.",
            "default": True,
            "anyOf": [{"type": "boolean"}, {"type": "string", "pattern": "^every +[1-9][0-9]{0,8}$"}],
        },
        "track": _track(),
    }


def _track() -> dict[str, Any]:
    """The trackers: one, or a list of them."""
    parameters: dict[str, dict[str, Any]] = {
        name: {
            parameter: {
                "type": "string" if said.type is str else "boolean",
                "description": said.summary,
                **({} if said.default is None else {"default": said.default}),
            }
            for parameter, said in known.items()
        }
        for name, known in TRACKERS.items()
    }
    entry = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": {
            name: {"type": "object", "additionalProperties": False, "properties": inner}
            for name, inner in parameters.items()
        },
    }
    one = {"anyOf": [{"enum": list(TRACKERS)}, entry]}
    return {
        "description": "The trackers that are told of the run while it trains.",
        "default": [],
        "anyOf": [{"const": "none"}, *one["anyOf"], {"type": "array", "items": one}],
    }


_NAMES = {"type": "array", "items": {"type": ["string", "number", "boolean"]}, "minItems": 1}
_OWN_TYPES: Mapping[own.Type, Mapping[str, Any]] = {
    "path": {"type": "string"},
    "text": {"type": "string"},
    "names": {"anyOf": [{"type": "string"}, _NAMES]},
    "character": {"type": "string", "minLength": 1, "maxLength": 1},
    "texts": _NAMES,
    "task": {"enum": list(HEADLINES)},
    "fraction": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    "whole": {"type": "integer", "minimum": 0},
    "size": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2},
    "colour": {"enum": ["grey", "rgb"]},
    "stream": {"enum": ["auto", "always", "never"]},
}


def _own_data(kind: str) -> dict[str, Any]:
    """An entry of own data; the path may stand alone where it is all that is needed."""
    parameters = own.KINDS[kind]
    required = [name for name, parameter in parameters.items() if parameter.required]
    entry: dict[str, Any] = {
        "type": "object",
        "properties": {name: _own_parameter(parameter) for name, parameter in parameters.items()},
        "required": required,
        "additionalProperties": False,
    }
    alone = {"anyOf": [entry, {"type": "string"}]} if required == ["path"] else entry
    return {"type": "object", "properties": {kind: alone}, "required": [kind], "additionalProperties": False}


def _own_parameter(parameter: own.Parameter) -> dict[str, Any]:
    default = {} if parameter.default is None else {"default": parameter.default}
    return {**_OWN_TYPES[parameter.type], "description": parameter.summary, **default}


def _kind(kind: str) -> dict[str, Any]:
    """The definitions of one kind: its names, the parameters of each item, and the entry that ties them together."""
    names = catalog.names(kind)
    items = {name: item for name in names if (item := catalog.find(kind, name))}
    entry = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": {name: _ref(f"{kind}.{name}") for name in names},
    }
    optional = [name for name, item in items.items() if not _required(item)]
    return {
        f"{kind}.names": {"enum": optional},
        kind: {"anyOf": [_ref(f"{kind}.names"), entry]},
        **{f"{kind}.{name}": _item(item) for name, item in items.items()},
    }


def _item(item: Item) -> dict[str, Any]:
    """What stands after an item's name: its parameters, or the first one bare, or nothing."""
    parameters = {name: _parameter(parameter) for name, parameter in item.parameters.items()}
    if item.kind == "layers":
        parameters["inputs"] = {
            "description": "Names of earlier layers, or input, that this layer takes instead of the layer before it.",
            "type": "array",
            "minItems": 1,
            "items": {"type": "string"},
        }
    required = _required(item)
    whole: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": parameters}
    forms = [whole | ({"required": required} if required else {})]
    first = next(iter(item.parameters.values()), None)
    if first and set(required) <= {first.name}:
        forms += [_values(first, named=False)]
    if not required:
        forms += [{"type": "null"}]
    return {"description": item.summary, "anyOf": forms}


def _required(item: Item) -> list[str]:
    return [name for name, parameter in item.parameters.items() if parameter.required]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    told = {} if parameter.name in _EVERYWHERE or not parameter.summary else {"description": parameter.summary}
    default = {} if parameter.default is None else {"default": parameter.default}
    return _values(parameter, named=True) | default | told


def _values(parameter: Parameter, *, named: bool) -> dict[str, Any]:
    """The values of a parameter. Bare after an item's name, a mapping would be that item's parameters instead."""
    forms: list[dict[str, Any]] = []
    types = list(parameter.types)
    if "entry" in types:
        types.remove("entry")
        forms.append(_ref(parameter.kind if named else f"{parameter.kind}.names"))
    if not named and "mapping" in types:
        types.remove("mapping")
    if "str" in types and parameter.choices:
        types.remove("str")
        forms.append({"enum": list(parameter.choices)})
    if types:
        forms.append(_plain(parameter, types))
    return forms[0] if len(forms) == 1 else {"anyOf": forms}


def _plain(parameter: Parameter, types: list[str]) -> dict[str, Any]:
    """Types with their bounds; in JSON Schema a bound says nothing about values of other types."""
    names = [_TYPES.get(name, name) for name in types]
    bounds = _bounds(parameter)
    schema: dict[str, Any] = {"type": names[0] if len(names) == 1 else names}
    if {"int", "float"} & set(types):
        schema |= bounds
    if "list" in types and parameter.kind:
        schema |= {"items": _ref(parameter.kind), "minItems": 1}
    elif "list" in types and parameter.items:
        inner = [_TYPES.get(name, name) for name in parameter.items]
        schema["items"] = {"type": inner[0] if len(inner) == 1 else inner, **bounds}
        if "list" in parameter.items:
            schema["items"]["items"] = {"type": "integer", **bounds}
    if parameter.lengths:
        schema |= {"minItems": min(parameter.lengths), "maxItems": max(parameter.lengths)}
    return schema


def _bounds(parameter: Parameter) -> dict[str, Any]:
    bounds: dict[str, Any] = {}
    if parameter.minimum is not None:
        bounds["exclusiveMinimum" if parameter.exclusive_minimum else "minimum"] = parameter.minimum
    if parameter.maximum is not None:
        bounds["exclusiveMaximum" if parameter.exclusive_maximum else "maximum"] = parameter.maximum
    return bounds


def _list(items: dict[str, Any], description: str) -> dict[str, Any]:
    return {"type": "array", "items": items, "description": description}


def _ref(name: str | None) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}
