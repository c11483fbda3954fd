"""Parts of a config as Python source that makes them with Keras: what a person would write, defaults left out."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nnexp.config import catalog
from nnexp.config.entries import complete
from nnexp.config.grammar import Entry

_WIDTH = 100  # of a line, before its own indentation


def expression(entry: Entry, kind: str) -> str:
    """Source that makes the Keras object of an entry: `keras.layers.Dense(128, activation="relu")`.

    `kind` is one of the catalogue's. Activations, and what Keras knows by its name alone, become that name in quotes.
    """
    item = _item(entry, kind)
    if kind == "activations" or not item.class_name:
        return quoted(item.name)
    module = "keras.optimizers.schedules" if kind == "schedules" else f"keras.{kind}"
    if item.class_name == item.name:  # a function
        return f"{module}.{item.name}"
    return call(f"{module}.{item.class_name}", _arguments(entry, item))


def call(function: str, arguments: Iterable[str]) -> str:
    """Source of a call, on one line where that is not too long."""
    given = list(arguments)
    line = f"{function}({', '.join(given)})"
    if len(line) <= _WIDTH and "\n" not in line:
        return line
    return f"{function}(\n{_indented(given)})"


def listed(items: Iterable[str]) -> str:
    """Source of a list, on one line where that is not too long."""
    held = list(items)
    line = f"[{', '.join(held)}]"
    return line if len(line) <= _WIDTH and "\n" not in line else f"[\n{_indented(held)}]"


def names_of(names: Iterable[str]) -> str:
    """Source of a list of texts, with as many on a line as there is room for."""
    lines = [""]
    for name in map(quoted, names):
        if lines[-1] and len(lines[-1]) + len(name) > _WIDTH:
            lines.append("")
        lines[-1] += f"{', ' if lines[-1] else ''}{name}"
    return f"[{lines[0]}]" if len(lines) == 1 else "[\n" + "".join(f"    {line},\n" for line in lines) + "]"


def quoted(text: str) -> str:
    """Source of a text. JSON's escapes are Python's too."""
    return json.dumps(text, ensure_ascii=False)


def _indented(lines: Iterable[str]) -> str:
    return textwrap.indent("".join(f"{line},\n" for line in lines), "    ")


def _item(entry: Entry, kind: str) -> catalog.Item:
    item = catalog.find(kind, entry.name)
    assert item is not None, f"{kind} {entry.name} was not validated"
    return item


def _arguments(entry: Entry, item: catalog.Item) -> Iterator[str]:
    """What differs from the defaults, in the order of the signature; a layer's first, which it needs, without names."""
    bare = item.kind == "layers"
    for name, parameter in item.parameters.items():
        bare = bare and parameter.required
        value = entry.get(name, parameter.default)
        if parameter.required or not _is_default(value, parameter):
            source = _source(value, parameter)
            yield source if bare else f"{name}={source}"


def _is_default(value: Any, parameter: catalog.Parameter) -> bool:
    if isinstance(value, Entry) and isinstance(parameter.default, str) and parameter.kind:
        return value == complete(parameter.default, parameter.kind)
    return bool(value == parameter.default)


def _source(value: Any, parameter: catalog.Parameter) -> str:
    if isinstance(value, Entry):
        assert parameter.kind is not None
        return expression(value, parameter.kind)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, (list, tuple)):
        parts = [_source(part, parameter) for part in value]
        sizes = all(type(part) is int for part in value) and value
        return f"({', '.join(parts)}{',' * (len(parts) == 1)})" if sizes else listed(parts)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quoted(key)}: {_source(part, parameter)}" for key, part in value.items()) + "}"
    return repr(value)
