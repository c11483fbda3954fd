"""A run's config as flat parameters, under the names that `--set` takes, and which of them differ between runs."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

# How a run is called or done, or which repeat it is: not what tells configurations apart.
NOT_COMPARED = ("name", "description", "seed", "engine", "distribute", "threads", "checkpoint", "track")
_UNSAID = {"train_size": "none"}  # what a config has only where it is set, and what it is where it has not
VARIANT = "variant"  # of a sweep file, by its name: a parameter like any other where others are crossed with it
# Layers whose activation `--activation` sets, and the parameter that says most of a layer.
_WITH_ACTIVATION = ("dense", "conv", "depthwise_conv", "separable_conv")
_HEADLINES = ("units", "filters", "rate")
# What a bare value stands for, in configs that were refused before they were completed (`dense: 10`).
_BARE = {"dense": "units", "dropout": "rate"}
_PROBABILITIES = ("softmax", "sigmoid")
_DEEPEST = 10  # entries inside entries; a forged config may go on


@dataclass(frozen=True, slots=True)
class Parameters:
    """Configs as flat mappings from name to plain value, and the names that differ, in the order of a config.

    `implied` are names that differ too, but are told by another: (optimizer.learning_rate, optimizer).
    """

    flat: tuple[Mapping[str, Any], ...]
    differing: tuple[str, ...]
    implied: tuple[tuple[str, str], ...] = ()


class _Layer(NamedTuple):
    name: str
    parameters: Mapping[str, Any]
    hidden: bool  # a dense layer that is not the last one


class _Value(NamedTuple):
    """A parameter's value; `parent` is the parameter whose value decides whether this one exists at all."""

    value: Any
    parent: str | None


_Known = dict[tuple[str, str], tuple[tuple[str, _Value], ...]]


def flatten(configs: Sequence[Mapping[str, Any]], complete: Sequence[bool] | None = None) -> Parameters:
    """The parameters of all configs under common names.

    The widths of hidden dense layers are `hidden` (512, "256x128"); `activation` is the one that all hidden layers
    share, where every config has one. What is left of the layers is `layers.dropout.rate` (`layers.1.rate` where there
    are several dropouts) where the configs have the same layers in the same order, and else the one parameter `layers`,
    in words.

    What follows from another parameter does not count as differing, but as implied: Keras' SGD begins with another
    learning rate than its Adam does, and `--optimizer sgd,adam` asks about one thing, not two.

    A config that is not `complete` (it was refused before its defaults were filled in) has no say in what differs.
    """
    unsaid = {key: value for key, value in _UNSAID.items() if any(key in config for config in configs)}
    configs = [{**config, **{key: value for key, value in unsaid.items() if key not in config}} for config in configs]
    known: _Known = {}
    stacks = [_stack(config) for config in configs]
    flats = []
    for config, stack, layers in zip(configs, stacks, _flat_layers(stacks), strict=True):
        flat: dict[str, _Value] = {}
        for key, value in config.items():
            if key == "layers":
                flat.update(layers)
            elif key not in NOT_COMPARED:
                flat.update(_flat_key(key, value, known))
        if _logits_are_implied(stack, flat):
            del flat["loss.from_logits"]
        flats.append(flat)
    say = [flat for flat, whole in zip(flats, complete or [True] * len(flats), strict=True) if whole] or flats
    names = [name for name in _in_order(flats) if _differs(name, say)]
    implied = tuple(
        (name, parent) for name in names if (parent := _parent(name, say)) in names and _follows(name, parent, say)
    )
    told = {name for name, _ in implied}
    return Parameters(
        tuple({name: value.value for name, value in flat.items()} for flat in flats),
        tuple(name for name in names if name not in told),
        implied,
    )


def with_variants(parameters: Parameters, names: Sequence[str]) -> Parameters:
    """The same with the name of each config in place of what follows from it, where others vary under each name.

    Two stacks of layers that a user calls dense and conv, each with two batch sizes, are two parameters, not five.
    """
    varies: dict[str, list[Mapping[str, Any]]] = {name: [] for name in dict.fromkeys(names)}
    for name, flat in zip(names, parameters.flat, strict=True):
        varies[name].append(flat)
    own = [
        key
        for key in parameters.differing
        if all(len({repr(one.get(key)) for one in of}) == 1 for of in varies.values())
    ]
    if len(varies) < 2 or not own or len(own) == len(parameters.differing) or min(map(len, varies.values())) < 2:
        return parameters
    return Parameters(
        tuple({**flat, VARIANT: name} for name, flat in zip(names, parameters.flat, strict=True)),
        (VARIANT, *(name for name in parameters.differing if name not in own)),
        tuple((name, parent) for name, parent in parameters.implied if parent not in own),
    )


def layers_in_words(configs: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The layers of each config in a few words each, with all in which layers of a kind differ: "dense 100 relu"."""
    stacks = [_stack(config) for config in configs]
    varying = _varying(stacks)
    return [[_words(layer.name, layer.parameters, varying) for layer in stack] for stack in stacks]


def compact(value: Any) -> str:
    """A parameter's value as a person reads it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(value)


def _differs(name: str, flats: Sequence[Mapping[str, _Value]]) -> bool:
    """Whether a parameter has several values; a missing one counts only where it could have been given."""
    first = flats[0].get(name)
    if all(flat.get(name) is first for flat in flats):
        return False
    parent = _parent(name, flats)
    if parent is None:
        return len({_value_of(flat, name) for flat in flats}) > 1
    return len({_value_of(flat, name) for flat in _could_have(name, parent, flats)}) > 1


def _could_have(name: str, parent: str, flats: Sequence[Mapping[str, _Value]]) -> list[Mapping[str, _Value]]:
    """The configs that have the parameter, or the parent's value with which others have it."""
    holders = {_value_of(flat, parent) for flat in flats if name in flat}
    return [flat for flat in flats if name in flat or _value_of(flat, parent) in holders]


def _parent(name: str, flats: Sequence[Mapping[str, _Value]]) -> str | None:
    return next((value.parent for flat in flats if (value := flat.get(name))), None)


def _follows(name: str, parent: str, flats: Sequence[Mapping[str, _Value]]) -> bool:
    """Whether each value of the parent goes with one value of the parameter."""
    pairs = {(_value_of(flat, parent), _value_of(flat, name)) for flat in _could_have(name, parent, flats)}
    return len({value for value, _ in pairs}) == len(pairs)


def _value_of(flat: Mapping[str, _Value], name: str) -> tuple[type, Any]:
    value = flat[name].value if name in flat else None
    # 1 and true are equal in Python, not in a config; 1 and 1.0 are.
    return (bool if isinstance(value, bool) else object, value)


def _in_order(flats: Sequence[Mapping[str, _Value]]) -> list[str]:
    """All names in the order of a config: a name that only some have stands where those have it."""
    by_root: dict[str, dict[str, None]] = {}
    for names in dict.fromkeys(map(tuple, flats)):  # most are alike
        for name in names:
            by_root.setdefault(_root(name), {})[name] = None
    return list(itertools.chain.from_iterable(by_root.values()))


def _root(name: str) -> str:
    root = name.partition(".")[0]
    return "layers" if root in {"hidden", "activation"} else root


def _flat_key(key: str, value: Any, known: _Known) -> tuple[tuple[str, _Value], ...]:
    """All parameters under a key of the config. Most runs share most of them, so each is worked out once."""
    written = repr(value)
    if (key, written) not in known:
        found = _callbacks(value) if key == "callbacks" else _flat(key, value, None)
        known[key, written] = tuple(found)
    return known[key, written]


def _callbacks(value: Any) -> Iterator[tuple[str, _Value]]:
    entries = [_entry(item) for item in value] if isinstance(value, list) else []
    names = [name for name, _ in entries]
    yield "callbacks", _Value(", ".join(names) or "none", None)
    for path, (_, parameters) in zip(_paths("callbacks", names), entries, strict=True):
        for key, inner in parameters.items():
            yield from _flat(f"{path}.{key}", inner, "callbacks")


def _paths(root: str, names: Sequence[str]) -> list[str]:
    """The path of each entry of a list, as `--set` takes it: by its name where only one has that, else by its place."""
    return [f"{root}.{name if names.count(name) == 1 else place}" for place, name in enumerate(names)]


def _logits_are_implied(stack: Sequence[_Layer], flat: Mapping[str, _Value]) -> bool:
    """Whether `from_logits` is what follows from the last layer anyway, and so nothing that a user has set."""
    if not stack or "loss.from_logits" not in flat:
        return False
    last = stack[-1]
    probabilities = last.name in _PROBABILITIES or last.parameters.get("activation") in _PROBABILITIES
    return flat["loss.from_logits"].value is not probabilities


def _flat(path: str, value: Any, parent: str | None) -> Iterator[tuple[str, _Value]]:
    """The parameter at `path`, and those of the entry that it holds."""
    if isinstance(value, dict) and len(value) == 1 and path.count(".") < _DEEPEST:
        name, parameters = _entry(value)
        yield path, _Value(name, parent)
        for key, inner in parameters.items():
            if (key, inner) != ("name", name):  # Keras' losses repeat their name
                yield from _flat(f"{path}.{key}", inner, path)
    elif isinstance(value, (dict, list)):
        yield path, _Value(_text(value), parent)
    else:
        yield path, _Value(value, parent)


def _entry(value: Any) -> tuple[str, Mapping[str, Any]]:
    """Name and parameters of `name`, `{name: {…}}` or `{name: bare}`."""
    if isinstance(value, dict) and len(value) == 1:
        [(name, inner)] = value.items()
        if isinstance(inner, dict):
            return str(name), inner
        return str(name), {} if inner is None else {_BARE.get(str(name), "value"): inner}
    return _text(value), {}


def _text(value: Any, depth: int = 0) -> str:
    if isinstance(value, (dict, list)) and depth == _DEEPEST:
        return "…"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(inner, depth + 1)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_text(inner, depth + 1) for inner in value) or "none"
    return compact(value)


# Layers


def _stack(config: Mapping[str, Any]) -> tuple[_Layer, ...]:
    given = config.get("layers")
    entries = [_entry(item) for item in given] if isinstance(given, list) else []
    last = max((index for index, (name, _) in enumerate(entries) if name == "dense"), default=-1)
    return tuple(
        _Layer(name, parameters, name == "dense" and index != last) for index, (name, parameters) in enumerate(entries)
    )


def _flat_layers(stacks: Sequence[tuple[_Layer, ...]]) -> list[dict[str, _Value]]:
    widths = [_widths(stack) for stack in stacks]
    activations = [_shared_activation(stack) for stack in stacks]
    without = ["units"] + (["activation"] if all(activations) else [])
    flats: list[dict[str, _Value]] = []
    for width, activation in zip(widths, activations, strict=True):
        flat = {} if width is None else {"hidden": _Value(width, None)}
        flats.append(flat | ({"activation": _Value(activation, None)} if "activation" in without else {}))
    reduced = [tuple(_reduced(layer, without) for layer in stack) for stack in stacks]
    if _same(_collapsed(stack, rest) for stack, rest in zip(stacks, reduced, strict=True)):
        return flats
    if _same(tuple(layer.name for layer in stack) for stack in stacks):
        for flat, rest in zip(flats, reduced, strict=True):
            for path, (_, parameters) in zip(_paths("layers", [name for name, _ in rest]), rest, strict=True):
                for key, value in parameters.items():
                    flat.update(_flat(f"{path}.{key}", value, None))
        return flats
    # A column of its own tells what differs there, so that the words leave it out.
    told = [name for name in without if not _same(flat.get(_COLUMNS[name]) for flat in flats)]
    varying = _varying(stacks)
    alone = _once_in_each(stacks)
    for flat, stack, rest in zip(flats, stacks, reduced, strict=True):
        words = []
        for layer, (_, own) in zip(stack, rest, strict=True):
            _, left = _reduced(layer, told)
            if layer.name in alone:
                for key in sorted(varying[layer.name] & own.keys()):
                    flat.update(_flat(f"layers.{layer.name}.{key}", left.pop(key), None))
            words.append(_words(layer.name, left, varying))
        flat["layers"] = _Value(", ".join(words) or "none", None)
    return flats


def _once_in_each(stacks: Sequence[tuple[_Layer, ...]]) -> set[str]:
    """The kinds of layers of which each stack has one: what varies in them can be told apart from the rest."""
    counts = [Counter(layer.name for layer in stack) for stack in stacks]
    return {name for name in counts[0] if all(found[name] == 1 for found in counts)} if counts else set()


_COLUMNS = {"units": "hidden", "activation": "activation"}


def _widths(stack: Sequence[_Layer]) -> int | str | None:
    units = [layer.parameters.get("units") for layer in stack if layer.hidden]
    if len(units) == 1 and isinstance(units[0], int):
        return units[0]
    return "x".join(map(_text, units)) or None


def _shared_activation(stack: Sequence[_Layer]) -> str | None:
    found = {_text(layer.parameters.get("activation", "linear")) for layer in stack if _is_activated(layer)}
    return found.pop() if len(found) == 1 else None


def _is_activated(layer: _Layer) -> bool:
    """Whether `--activation` would set this layer's."""
    return layer.hidden or (layer.name != "dense" and layer.name.startswith(_WITH_ACTIVATION))


def _reduced(layer: _Layer, without: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """A layer without what a column of its own tells."""
    left_out = {name for name in without if (layer.hidden if name == "units" else _is_activated(layer))}
    return layer.name, {key: value for key, value in layer.parameters.items() if key not in left_out}


def _collapsed(stack: Sequence[_Layer], reduced: Sequence[tuple[str, dict[str, Any]]]) -> list[Any]:
    """Hidden layers that follow one another and are alike but for their widths stand as one."""
    kept: list[Any] = []
    before = False
    for layer, rest in zip(stack, reduced, strict=True):
        if not (layer.hidden and before and kept[-1] == rest):
            kept.append(rest)
        before = layer.hidden
    return kept


def _varying(stacks: Sequence[tuple[_Layer, ...]]) -> dict[str, set[str]]:
    """By kind of layer: the lesser parameters that do not have the same value everywhere."""
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for layer in itertools.chain.from_iterable(stacks):
        kinds.setdefault(layer.name, []).append(layer.parameters)
    return {
        name: {key for key in set().union(*found) if not _same(_text(one.get(key)) for one in found)}
        for name, found in kinds.items()
    }


def _words(name: str, parameters: Mapping[str, Any], varying: Mapping[str, set[str]]) -> str:
    """A layer in a few words: "dense 100 relu"."""
    headline = [_text(parameters[key]) for key in (*_HEADLINES, "activation") if key in parameters]
    more = sorted(varying.get(name, set()) & parameters.keys() - {*_HEADLINES, "activation"})
    return " ".join([name, *headline, *(f"{key}={_text(parameters[key])}" for key in more)])


def _same(values: Iterable[Any]) -> bool:
    found = iter(values)
    first = next(found, None)
    return all(value == first for value in found)
