"""Entries read from nodes and held against the catalogue: names, parameters, values, defaults."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nnexp.config import catalog
from nnexp.config.grammar import Entry
from nnexp.config.loading import MAX_PROBLEMS, Node, kind_of, shortened, unquoted
from nnexp.errors import ConfigError, Place, Problem

_SINGULAR = {
    "layers": "layer",
    "optimizers": "optimizer",
    "schedules": "learning-rate schedule",
    "losses": "loss",
    "metrics": "metric",
    "regularizers": "regularizer",
    "initializers": "initializer",
    "constraints": "constraint",
    "callbacks": "callback",
    "activations": "activation",
}
# True for every layer unless given: not worth a word in each.
_UNSAID = ("trainable",)


class Problems:
    """Collects what is wrong, so that a config is told all of it at once."""

    def __init__(self, found: Iterable[Problem] = ()) -> None:
        self.found = list(found)

    def add(self, place: Place, message: str, hint: str = "") -> None:
        """Note one problem; ConfigError, with all so far, where there are more than anyone reads."""
        self.found.append(Problem(place, message, hint))
        if len(self.found) > MAX_PROBLEMS:
            raise ConfigError(
                [*self.found, Problem(place, "too much is wrong to go on", "mend what is told above first")]
            )


def read_entry(node: Node, kind: str, problems: Problems) -> Entry | None:
    """The entry in `node`, complete with every catalogue default that is not None; None where it cannot be read."""
    split = _name_and_parameters(node, kind, problems)
    if split is None:
        return None
    name, place, parameters = split
    item = catalog.find(kind, name)
    if item is None and kind == "layers" and catalog.find("activations", name):
        # An activation standing as a layer of its own: Keras' Activation layer.
        return read_entry(Node({"activation": Node(name, place)}, place, {"activation": place}), kind, problems)
    if item is None:
        near = catalog.meant(kind, name)
        hint = f"did you mean {near}?" if near else f"such as {', '.join(catalog.names(kind)[:8])}, …"
        problems.add(place, f"unknown {_SINGULAR[kind]} '{shortened(name)}'", hint)
        return None
    if item.refused:
        problems.add(place, f"the {_SINGULAR[kind]} '{name}' cannot be used from a config", item.refused)
        return None
    return Entry(item.name, _parameters(item, parameters, place, problems))


def read_entries(node: Node, kind: str, problems: Problems) -> list[tuple[Entry | None, Place]]:
    """The entries of a list node (a single entry may stand without the list)."""
    items = node.value if isinstance(node.value, list) else [] if node.value is None else [node]
    return [(read_entry(item, kind, problems), item.place) for item in items]


def complete(name: str, kind: str) -> Entry:
    """The entry of a known name with all its defaults."""
    problems = Problems()
    entry = read_entry(Node(name, Place("default")), kind, problems)
    assert entry is not None, problems.found
    return entry


def _name_and_parameters(node: Node, kind: str, problems: Problems) -> tuple[str, Place, Node] | None:
    what = _SINGULAR[kind]
    if isinstance(node.value, str):
        return node.value, node.place, Node(None, node.place)
    if isinstance(node.value, dict) and len(node.value) == 1:
        [(name, parameters)] = node.value.items()
        return name, node.keys[name], parameters
    if isinstance(node.value, dict) and node.value:
        name, *others = node.value
        listed = shortened(", ".join(node.value))
        if node.value[name].value is None:
            hint = f"indent the parameters below '{name}:', or write  {name}: {{{others[0]}: …}}"
        else:
            hint = f"write one name with its parameters, such as  {name}: {{…}}"
        message = f"{_article(what)} is one name, but {len(node.value)} keys stand here: {listed}"
        problems.add(node.keys[others[0]], message, hint)
        return None
    near = catalog.names(kind)[0]
    hint = f"write a name such as '{near}', or a name with parameters"
    problems.add(node.place, f"{_article(what)} is a name, not {kind_of(node)}", hint)
    return None


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _parameters(item: catalog.Item, node: Node, place: Place, problems: Problems) -> dict[str, Any]:
    """The parameters in signature order, with defaults; problems noted."""
    if node.value is None:
        given: dict[str, Node] = {}
    elif isinstance(node.value, dict):
        given = node.value
    else:
        first = next(iter(item.parameters), None)
        if first is None:
            problems.add(
                node.place, f"{item.name} takes no parameters, but has {kind_of(node)}", "write the name alone"
            )
            return {}
        given = {first: node}
    for name in given:
        if name not in item.parameters and not (item.kind == "layers" and name == "inputs"):
            near = catalog.nearest(name, item.parameters)
            allowed = ", ".join(item.parameters) or "none"
            hint = f"did you mean '{near}'? " if near else ""
            problems.add(node.keys[name], f"{item.name} has no parameter '{name}'", f"{hint}allowed: {allowed}")
    values: dict[str, Any] = {}
    for name, parameter in item.parameters.items():
        if name in given:
            value = _value(item, parameter, given[name], problems)
            if value is not None or parameter.default is not None:
                values[name] = value
        elif parameter.required:
            meaning = f": {parameter.summary}" if parameter.summary else ""
            problems.add(place, f"{item.name} needs '{name}'{meaning}", f"write  {item.name}: {{{name}: …}}")
        elif parameter.default is not None and name not in _UNSAID:
            values[name] = _default(parameter)
    if "inputs" in given and item.kind == "layers":
        values["inputs"] = _inputs(given["inputs"], problems)
    return values


def _value(item: catalog.Item, parameter: catalog.Parameter, node: Node, problems: Problems) -> Any:
    kind = parameter.kind
    if kind and isinstance(node.value, list):
        return [read_entry(child, kind, problems) for child in node.value]
    if kind and _is_entry(parameter, node):
        plain_too = any(name in parameter.types for name in ("int", "float", "bool"))
        if plain_too and isinstance(node.value, str) and catalog.find(kind, node.value) is None:
            near = catalog.nearest(node.value, catalog.names(kind))
            message = f"{item.name}: {parameter.name} must be {catalog.expected(parameter)}, not {kind_of(node)}"
            problems.add(node.place, message, unquoted(node) or (f"did you mean '{near}'?" if near else ""))
            return None
        return read_entry(node, kind, problems)
    value = node.plain()
    wrong = catalog.check_value(parameter, value)
    if wrong:
        numbers = not {"int", "float"}.isdisjoint(parameter.types)
        problems.add(node.place, f"{item.name}: {wrong}", unquoted(node) if numbers else "")
        return parameter.default
    return catalog.canonical(parameter, value)


def _is_entry(parameter: catalog.Parameter, node: Node) -> bool:
    if isinstance(node.value, str):
        return node.value not in parameter.choices
    return isinstance(node.value, dict)


def _default(parameter: catalog.Parameter) -> Any:
    if parameter.kind and isinstance(parameter.default, str) and parameter.default not in parameter.choices:
        return complete(parameter.default, parameter.kind)
    return parameter.default


def _inputs(node: Node, problems: Problems) -> list[str]:
    names = node.plain()
    if isinstance(names, list) and len(names) > 0 and all(isinstance(name, str) for name in names):
        return names
    problems.add(
        node.place, "inputs is a list of names of earlier layers, or of 'input'", "such as  inputs: [input, block1]"
    )
    return []
