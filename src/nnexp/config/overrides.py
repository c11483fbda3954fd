"""Overrides: `path=value` changes to a config before it is validated.

A path sees through the one-name mapping of the grammar: `optimizer.learning_rate=0.01` reaches the parameter of
whichever optimizer the config names, `layers.1.units=256` the second layer's (list places count from 0, as in Python).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from nnexp.config import catalog
from nnexp.config.loading import Node, kind_of, parse_yaml
from nnexp.errors import ConfigError, InputError, Place, Problem

# The catalogue kind of the entries under each key; the other keys hold plain values.
ENTRY_KINDS = {
    "layers": "layers",
    "optimizer": "optimizers",
    "loss": "losses",
    "metrics": "metrics",
    "callbacks": "callbacks",
}
LISTS = ("layers", "metrics", "callbacks")
# What an entry is when the config leaves it out, so that `--set optimizer.learning_rate=…` works there too.
DEFAULT_NAMES = {"optimizer": "adam"}

_ADD_HIDDEN = "add one, such as `- dense: {units: 128, activation: relu}`"
_NAME_FIRST = "name the part first, such as  optimizer=adam"

_WITH_ACTIVATION = ("dense", "conv", "depthwise_conv", "separable_conv")


@dataclass(frozen=True, slots=True)
class Override:
    """One change: the path, the value as YAML text, and the option that asked for it."""

    path: str
    value: str
    option: str
    node: Node | None = field(default=None, compare=False)  # the value where a file has it: its parts know their places

    @classmethod
    def parse(cls, text: str, option: str = "--set") -> Override:
        """Read `path=value`.

        Raises:
            InputError: there is no `=`, or no path before it.
        """
        path, equals, value = text.partition("=")
        if not equals or not path.strip():
            such = f"{option} optimizer.learning_rate=0.01"
            raise InputError(f"{option} {text} is no path with a value; write path=value, such as {such}")
        return cls(path.strip(), value, f"{option} {text}")

    @property
    def depth(self) -> int:
        """Sorts whole keys before parts of them: an optimizer is replaced before its learning rate is set."""
        return 1 if self.path.startswith("--") else 2 * self.path.count(".")


def apply(config: Node, overrides: Sequence[Override]) -> Node:
    """A copy of the config with each override applied, in order.

    A path that leads nowhere, or a value that is not YAML, is added to the config's problems: they are told with the
    others.
    """
    config = config.copy()
    problems: list[Problem] = []
    for override in overrides:
        place = Place(override.option)
        try:
            written = override.node.copy() if override.node else parse_yaml(override.value, override.option, place)
            node = written or Node(None, place)
            problems += node.problems
            if override.path == "--hidden":
                _set_hidden(config, node)
            elif override.path == "--activation":
                _set_activation(config, node)
            else:
                _set(config, override.path.split("."), node)
        except ConfigError as error:
            problems += error.problems
    config.problems += tuple(problems)
    return config


def _set(config: Node, path: list[str], value: Node) -> None:
    root, *rest = path
    assert isinstance(config.value, dict)
    if not rest:
        config.value[root] = value
        config.keys[root] = value.place
        return
    if root not in config.value or config.value[root].value is None:
        if root in LISTS:
            hint = f"write it in the file first: a list of {root}"
            raise ConfigError([Problem(value.place, f"the config gives no '{root}' whose parts could be set", hint)])
        if root not in DEFAULT_NAMES:
            raise _lost(value.place, f"the config gives no '{root}' whose parts could be set", root, list(config.value))
        config.value[root] = Node(DEFAULT_NAMES[root], value.place)
    kind = ENTRY_KINDS.get(root)
    node = config.value[root]
    if root in LISTS:
        node, rest = _item(node, rest, root, value.place)
        if not rest:
            _need_entry(node, ".".join(path), ENTRY_KINDS[root], value)
            node.value, node.place, node.keys = value.value, value.place, value.keys
            return
    _set_parameter(node, kind, rest, value)


def _item(node: Node, rest: list[str], root: str, place: Place) -> tuple[Node, list[str]]:
    """The list item that a path names, by its place from 0, or by the entry's name where only one has it."""
    items = node.value if isinstance(node.value, list) else []
    word, *rest = rest
    names = [name for item in items if (name := _entry_name(item))]
    if re.fullmatch(r"-?[0-9]{1,9}", word) and -len(items) <= int(word) < len(items):
        return items[int(word)], rest
    if names.count(word) == 1:
        return next(item for item in items if _entry_name(item) == word), rest
    if misspelt := [item for item in items if _may_mean(item, ENTRY_KINDS[root], word)]:
        return misspelt[0], rest  # which is told where it stands
    listed = ", ".join(f"{index} {name}" for index, name in enumerate(names))
    hint = f"items: {listed or 'none'}; to add one, write it in the file"
    raise ConfigError([Problem(place, f"'{root}' has no single item '{word}'", hint)])


def _may_mean(node: Node, kind: str, word: str) -> bool:
    """Whether the name in `node` is unknown, and near to `word`."""
    name = _entry_name(node)
    if name is None or catalog.find(kind, name) or catalog.find("activations", name):
        return False
    return f"'{word}'" in catalog.meant(kind, name)


def _need_entry(node: Node, path: str, kind: str, value: Node) -> None:
    """See that a value may take an item's place; of one that is meant for a parameter it is said where that is."""
    name, text = _entry_name(node), str(value.value)
    item = catalog.find(kind, name) if name else None
    is_bare = isinstance(value.value, (str, int, float)) and not catalog.nearest(text, catalog.names(kind))
    if item and item.parameters and is_bare and catalog.find(kind, text) is None:
        first = next(iter(item.parameters))
        message = f"'{path}' is the whole {name}, and {kind_of(value)} is none of the {kind}"
        raise ConfigError([Problem(value.place, message, f"to set its {first}:  {path}.{first}=…")])


def _set_parameter(node: Node, kind: str | None, path: list[str], value: Node) -> None:
    """Set a parameter of the entry in `node`, turning `name` and `name: bare` into `name: {parameter: …}` first."""
    name = _entry_name(node)
    if name is None:
        raise ConfigError(
            [Problem(value.place, f"'{path[0]}' is set on something that has no parameters", _NAME_FIRST)]
        )
    item = catalog.find(kind, name) if kind else None
    entry_place = node.place
    if isinstance(node.value, str):
        node.value, node.keys = {name: Node({}, entry_place)}, {name: entry_place}
    assert isinstance(node.value, dict)
    parameters = node.value[name]
    if not isinstance(parameters.value, dict):
        first = next(iter(item.parameters), None) if item else None
        bare = parameters
        given = {} if bare.value is None or first is None else {first: bare}
        parameters = node.value[name] = Node(given, bare.place, dict.fromkeys(given, bare.place))
    assert isinstance(parameters.value, dict)
    word, *rest = path
    if not rest:
        parameters.value[word] = value
        parameters.keys[word] = value.place
        return
    inner = item.parameters.get(word) if item else None
    if word not in parameters.value:
        if inner is None or not isinstance(inner.default, str):
            message = f"{name} gives no '{word}' whose parts could be set"
            raise _lost(value.place, message, word, list(parameters.value))
        parameters.value[word] = Node(inner.default, value.place)
        parameters.keys[word] = value.place
    _set_parameter(parameters.value[word], inner.kind if inner else None, rest, value)


def _set_hidden(config: Node, value: Node) -> None:
    """`--hidden 512` gives every hidden dense layer 512 units; `--hidden 256x128` gives the first 256, the next 128.

    A config with one hidden dense layer takes as many widths as are given: the layer is repeated for each.
    """
    widths = _widths(value)
    layers, hidden = _hidden_dense(config, value.place)
    if len(widths) == 1:
        widths *= len(hidden)
    elif len(hidden) == 1:
        first = hidden[0]
        copies = [layers[first].copy() for _ in widths]
        layers[first : first + 1] = copies
        hidden = list(range(first, first + len(copies)))
    if len(widths) != len(hidden):
        message = f"{len(widths)} widths for {len(hidden)} hidden dense layers"
        raise ConfigError([Problem(value.place, message, "give one width for all of them, or one for each")])
    for index, width in zip(hidden, widths, strict=True):
        _set_parameter(layers[index], "layers", ["units"], Node(width, value.place))


def _set_activation(config: Node, value: Node) -> None:
    """Set `activation` of every hidden dense and convolution layer; the last dense layer keeps its own."""
    layers = _layers(config, value.place)
    names = [_canonical(item) for item in layers]
    last = max((index for index, name in enumerate(names) if name == "dense"), default=None)
    chosen = [index for index, name in enumerate(names) if name.startswith(_WITH_ACTIVATION) and index != last]
    if not chosen:
        raise ConfigError(
            [Problem(value.place, "the config has no hidden dense or convolution layer to set", _ADD_HIDDEN)]
        )
    for index in chosen:
        _set_parameter(layers[index], "layers", ["activation"], value)


def _widths(value: Node) -> list[int]:
    words = str(value.value).split("x") if isinstance(value.value, (str, int)) else []
    if not words or not all(word.isascii() and word.isdigit() and 0 < int(word) < 10**9 for word in words):
        hint = "write a number such as 512, or widths such as 256x128"
        raise ConfigError([Problem(value.place, "not a number of units", hint)])
    return [int(word) for word in words]


def _layers(config: Node, place: Place) -> list[Node]:
    node = config.value.get("layers") if isinstance(config.value, dict) else None
    if node is None or not isinstance(node.value, list):
        raise ConfigError(
            [Problem(place, "the config has no list of layers to change", "write  layers:  with a line  - …  for each")]
        )
    return node.value


def _hidden_dense(config: Node, place: Place) -> tuple[list[Node], list[int]]:
    layers = _layers(config, place)
    hidden = [index for index, item in enumerate(layers) if _canonical(item) == "dense"][:-1]
    if not hidden:
        message = "the config has no hidden dense layer (the last dense layer is the output)"
        raise ConfigError([Problem(place, message, _ADD_HIDDEN)])
    return layers, hidden


def _entry_name(node: Node) -> str | None:
    if isinstance(node.value, str):
        return node.value
    if isinstance(node.value, dict) and len(node.value) == 1:
        return next(iter(node.value))
    return None


def _canonical(node: Node) -> str:
    name = _entry_name(node)
    item = catalog.find("layers", name) if name else None
    return item.name if item else ""


def _lost(place: Place, message: str, word: str, allowed: list[str]) -> ConfigError:
    near = difflib.get_close_matches(word, allowed, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"it has: {', '.join(allowed) or 'none'}"
    return ConfigError([Problem(place, message, hint)])
