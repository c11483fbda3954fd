"""Keras objects from entries: one way for layers, optimizers, losses, metrics, callbacks and all that they contain."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from nnexp.config import catalog
from nnexp.config.grammar import Entry


def make(entry: Entry, kind: str, **replaced: Any) -> Any:
    """The Keras object that an entry describes; `replaced` are parameters given other values than the config's.

    Losses, metrics and activations that Keras has as functions come back as functions; `accuracy`, whose meaning Keras
    derives from the labels, as its name.
    """
    item = catalog.find(kind, entry.name)
    assert item is not None, f"{kind} {entry.name} was not validated"
    if not item.class_name:
        return item.name
    found = getattr(_module(kind), item.class_name)
    if not inspect.isclass(found):
        return found
    values = {**entry.parameters, **replaced}
    values.pop("inputs", None)  # how layers are joined, not a parameter of the layer
    return found(**{name: _value(value, item.parameters.get(name)) for name, value in values.items()})


def _value(value: Any, parameter: catalog.Parameter | None) -> Any:
    if isinstance(value, Entry):
        assert parameter is not None
        assert parameter.kind is not None
        return make(value, parameter.kind)
    if isinstance(value, (list, tuple)):
        return [_value(item, parameter) for item in value]
    if isinstance(value, Mapping):
        return {key: _value(item, parameter) for key, item in value.items()}
    return value


def _module(kind: str) -> Any:
    import keras

    return keras.optimizers.schedules if kind == "schedules" else getattr(keras, kind)
