"""The axes of a sweep: a part of the config, and the values that it takes in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nnexp.config import catalog
from nnexp.config.dataset import portable_part
from nnexp.config.experiment import FIELDS
from nnexp.config.keys import GUESSED
from nnexp.config.loading import Node, dump, parse_yaml
from nnexp.config.overrides import Override
from nnexp.errors import ConfigError, Place, Problem

# What the command line calls these parts, as axes, labels and tables do -> the path of the override.
NAMES = {"hidden": "--hidden", "activation": "--activation", "learning_rate": "optimizer.learning_rate"}
NOT_AXES = frozenset({"name", "seed"})
_ROOTS = (*NAMES, *(key for key in FIELDS if key not in NOT_AXES))


@dataclass(frozen=True, slots=True)
class Axis:
    """One part of the config: its name as labels and tables say it, and a change for each value."""

    name: str  # "hidden", "learning_rate", "layers.1.units"
    changes: tuple[Override, ...]

    @property
    def values(self) -> list[Any]:
        """The values as plain data."""
        return [node.plain() if (node := parse_yaml(change.value, "")) else None for change in self.changes]


def parse_axis(path: str, text: str, option: str) -> Axis:
    """The axis that an option asks for: `parse_axis("hidden", "128,512", "--hidden")`.

    The values are split at commas outside of brackets and quotes; each is YAML.

    Raises:
        ConfigError: an unknown path, an empty value, or one that is not YAML.
    """
    told = f"{option} {path}={text}" if option == "--set" else f"{option} {text}"
    name = axis_name(path)
    if refused := refusal(name, on_command_line=True):
        raise ConfigError([Problem(Place(told), *refused)])
    changes = []
    for value in split(text):
        if not value:
            raise ConfigError([Problem(Place(told), "a value is empty", "write values with commas between: 128,512")])
        said = f"{option} {path}={value}" if option == "--set" else f"{option} {value}"
        node = parse_yaml(value, said, Place(said))
        if node is not None and node.problems:
            raise ConfigError(node.problems)
        if node is not None and name.partition(".")[0] == "dataset":
            value = dump(portable_part(name, node))
        changes.append(Override(NAMES.get(name, name), value, said))
    return Axis(name, tuple(changes))


def axis_of(name: str, nodes: list[Node]) -> Axis:
    """The axis of a name with the values that stand in a file."""
    path = NAMES.get(name, name)
    own = name.partition(".")[0] == "dataset"  # its paths are made absolute, which the node does not say
    changes = [
        Override(path, dump(portable_part(name, node)), str(node.place), None if own else node) for node in nodes
    ]
    return Axis(name, tuple(changes))


def axis_name(path: str) -> str:
    """The one name of a part that may be written in several ways: `--learning-rate`, `optimizer.learning_rate`."""
    root, dot, rest = path.strip().lstrip("-").partition(".")
    name = root.replace("-", "_") + dot + rest
    return next((short for short, long in NAMES.items() if long == name), name)


def refusal(name: str, *, on_command_line: bool = False) -> tuple[str, str] | None:
    """Why a name cannot be an axis, and what to do instead; None if it can."""
    root = name.partition(".")[0]
    if root == "seed":
        asked = "--repeats 5, and --seed 42 or --seed 1,2,3" if on_command_line else "`repeats: 5`, and `seed: 42`"
        return "the seed cannot be varied here: every point gets the same seeds", f"use {asked}"
    if root == "name":
        return "the name cannot be varied: nnexp names each run by what differs", "remove it; a variant has a `name`"
    if root not in _ROOTS:
        near = catalog.nearest(GUESSED.get(root, root), _ROOTS)
        hint = f"did you mean '{near}'? " if near else ""
        allowed = f"allowed: {', '.join(_ROOTS)}, and parts of these such as layers.1.units"
        return f"'{root}' is no part of a config", hint + allowed
    return None


def meant(name: str) -> str:
    """The axis that is likely meant by a name that is none; "" where there is none like it."""
    root, dot, rest = name.partition(".")
    near = None if root in NOT_AXES else catalog.nearest(GUESSED.get(root, root), _ROOTS)
    return axis_name(near + dot + rest) if near else ""


def split(text: str) -> list[str]:
    """The pieces between commas, but for commas inside brackets and quotes."""
    return ["".join(piece).strip() for piece in _pieces(text)]


def _pieces(text: str) -> Iterator[list[str]]:
    piece: list[str] = []
    depth, quote, before = 0, "", ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and not before.isalnum():  # inside a word it is an apostrophe
            quote = sign
        elif sign in "[{(":
            depth += 1
        elif sign in "]})":
            depth -= 1
        if sign == "," and not quote and depth <= 0:
            yield piece
            piece = []
        else:
            piece.append(sign)
        before = sign
    yield piece
