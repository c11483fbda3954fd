"""What Keras offers to a config: every layer, optimizer, loss, … with its parameters, without importing Keras.

The facts are in `catalog.json`, which `python -m nnexp.config.catalog_build` writes from the installed Keras. An item's
`class_name` names the object in its Keras module (`keras.layers.Dense`, the function `keras.activations.relu`), and is
"" for what Keras resolves by its name (the metric `accuracy`) and for nnexp's own callback `stop_when`.
"""

from __future__ import annotations

import difflib
import functools
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

PATH = Path(__file__).with_name("catalog.json")
# The greatest whole number that a parameter takes; a size that large fails in ways that Keras does not tell well.
MAX_WHOLE = 2**32 - 1
KINDS = (
    "layers",
    "optimizers",
    "schedules",
    "losses",
    "metrics",
    "regularizers",
    "initializers",
    "constraints",
    "callbacks",
    "activations",
)
_RANK = re.compile(r"[123]d", re.IGNORECASE)  # in the name of a layer: how many axes it works on
_NOUNS = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text", "mapping": "a mapping"}
_PLURALS = {
    "int": "whole numbers",
    "float": "numbers",
    "bool": "true or false",
    "str": "texts",
    "list": "lists",
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an item. `types` are of int, float (takes int too), bool, str, list, mapping, null and entry."""

    name: str
    required: bool = False
    default: Any = None  # plain data, or the name of an item where `types` has "entry"
    types: tuple[str, ...] = ()
    kind: str | None = None  # of the entry, or of the entries in a list
    items: tuple[str, ...] = ()  # the types in a list; () for any
    lengths: tuple[int, ...] = ()  # of a list; () for any
    choices: tuple[Any, ...] = ()  # the only texts allowed; () for any
    minimum: float | None = None  # bounds hold for a number, and for each number in a list
    exclusive_minimum: bool = False
    maximum: float | None = None
    exclusive_maximum: bool = False
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that Keras offers. A bare value (`dropout: 0.5`) binds to the first parameter."""

    kind: str
    name: str
    class_name: str
    parameters: Mapping[str, Parameter]
    summary: str = ""
    refused: str = ""  # why it cannot be used from a config, and what to use instead; "" where it can


def find(kind: str, name: str) -> Item | None:
    """The item under its snake_case name, its class name, or a name that Keras' own `get()` takes; None if unknown."""
    canonical = _aliases(kind).get(name)
    return _item(kind, canonical) if canonical else None


def names(kind: str) -> list[str]:
    """The canonical names of a kind that a config may use, sorted."""
    return sorted(name for name, data in _load()[kind].items() if "refused" not in data)


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """The one name that was likely meant, or None."""
    lowered = {name.lower(): name for name in allowed}
    near = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return lowered[near[0]] if near else None


def meant(kind: str, word: str) -> str:
    """What was likely meant by a name that is none: "'dense'", or "'conv1d', 'conv2d' or 'conv3d'"; "" if nothing.

    A name without its 1d, 2d or 3d is told all that there are: which of them fits is for the data to say.
    """
    allowed = names(kind)
    ranks: dict[str, set[str]] = {}
    for spelling, name in _aliases(kind).items():
        if name in allowed and _RANK.search(spelling):
            ranks.setdefault(_RANK.sub("", spelling), set()).add(name)
    near = nearest(word, allowed if _RANK.search(word) else [*allowed, *ranks])
    *others, last = (f"'{name}'" for name in sorted(ranks.get(near or "", {near or ""})))
    return f"{', '.join(others)} or {last}" if others else last if near else ""


def check_value(parameter: Parameter, value: Any) -> str | None:
    """None where a plain value fits, or what is wrong and what is allowed. Entries are the caller's to read."""
    problem = _mismatch(parameter, value)
    if problem is None:
        return None
    hint = ""
    if isinstance(value, str) and (near := nearest(value, map(str, parameter.choices))):
        hint = f" (did you mean '{near}'?)"
    return f"{parameter.name} must be {expected(parameter)}, not {problem}{hint}"


def canonical(parameter: Parameter, value: Any) -> Any:
    """The value with whole numbers made floats where a parameter takes only those: Keras refuses `learning_rate: 1`."""
    return floats(value) if "float" in parameter.types and "int" not in parameter.types else value


def floats(value: Any) -> Any:
    """A number, or a list of them, with floats for whole numbers; anything else as it is."""
    if isinstance(value, list):
        return [floats(part) for part in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def expected(parameter: Parameter) -> str:
    """What a parameter takes, in words: "a whole number of at least 1, or null"."""
    words = []
    for name in parameter.types:
        if name == "str" and parameter.choices:
            choices = ", ".join(str(choice) for choice in parameter.choices)
            words.append(f"one of {choices}" if len(parameter.choices) > 1 else choices)
        elif name == "list":
            words.append(_list_words(parameter))
        elif name == "entry":
            words.append(f"one of the {parameter.kind}")
        elif name in ("int", "float"):
            words.append(_NOUNS[name] + _range_words(parameter))
        elif name != "null":
            words.append(_NOUNS[name])
    if "null" in parameter.types:
        words.append("null")
    return ", or ".join(words)


def _mismatch(parameter: Parameter, value: Any) -> str | None:
    """The offending part of `value` in words, or None."""
    kind = _type(value)
    if kind in ("str", "mapping") and "entry" in parameter.types:
        return None
    if kind == "int" and "int" not in parameter.types and "float" in parameter.types:
        kind = "float"
    if kind not in parameter.types:
        return _shown(value)
    if kind == "str" and parameter.choices and value not in parameter.choices:
        return _shown(value)
    if kind in ("int", "float") and not _in_range(parameter, value):
        return _shown(value)
    if kind == "list" and not _list_fits(parameter, value):
        return _shown(value)
    return None


def _list_fits(parameter: Parameter, values: list[Any]) -> bool:
    if parameter.lengths and len(values) not in parameter.lengths:
        return False
    if parameter.kind:
        return len(values) > 0
    for value in values:
        kind = _type(value)
        if kind == "int" and "int" not in parameter.items and "float" in parameter.items:
            kind = "float"
        if parameter.items and kind not in parameter.items:
            return False
        if kind in ("int", "float") and not _in_range(parameter, value):
            return False
        if kind == "list" and not all(_type(part) == "int" and _in_range(parameter, part) for part in value):
            return False
    return True


def _in_range(parameter: Parameter, value: Any) -> bool:
    low, high = parameter.minimum, parameter.maximum
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if isinstance(value, int) and abs(value) > MAX_WHOLE:
        return False
    if low is not None and (value < low or (parameter.exclusive_minimum and value == low)):
        return False
    return not (high is not None and (value > high or (parameter.exclusive_maximum and value == high)))


def _type(value: Any) -> str:
    for kind, name in ((bool, "bool"), (int, "int"), (float, "float"), (str, "str"), (Mapping, "mapping")):
        if isinstance(value, kind):
            return name
    return "null" if value is None else "list"


def _shown(value: Any) -> str:
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _range_words(parameter: Parameter) -> str:
    low, high = parameter.minimum, parameter.maximum
    lower = "" if low is None else f"greater than {low:g}" if parameter.exclusive_minimum else f"of at least {low:g}"
    upper = "" if high is None else f"less than {high:g}" if parameter.exclusive_maximum else f"at most {high:g}"
    words = " and ".join(word for word in (lower, upper) if word)
    return f" {words}" if words else ""


def _list_words(parameter: Parameter) -> str:
    length = " or ".join(str(length) for length in parameter.lengths)
    if parameter.kind:
        return f"a list of {parameter.kind}"
    if parameter.types[0] in parameter.items:
        return f"a list of {length} such" if length else "a list of such"
    kinds = " or ".join(_PLURALS[kind] for kind in parameter.items)
    of = " ".join(word for word in (length, kinds) if word)
    return f"a list of {of}{_range_words(parameter)}" if of else "a list"


@functools.cache
def _load() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return data


@functools.cache
def _aliases(kind: str) -> dict[str, str]:
    """Every spelling of a kind's names -> the canonical one."""
    items = _load()[kind]
    spellings = {alias: name for name, data in items.items() for alias in data.get("aliases", ())}
    return spellings | {name: name for name in items}


@functools.cache
def _item(kind: str, name: str) -> Item:
    data = _load()[kind][name]
    parameters = {key: _parameter(key, fields) for key, fields in data.get("parameters", {}).items()}
    return Item(
        kind, name, data["class"], MappingProxyType(parameters), data.get("summary", ""), data.get("refused", "")
    )


def _parameter(name: str, fields: Mapping[str, Any]) -> Parameter:
    sequences = {"types", "items", "lengths", "choices"}
    values: dict[str, Any] = {key: tuple(value) if key in sequences else value for key, value in fields.items()}
    return Parameter(name, **values)
