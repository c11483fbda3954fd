"""What a program gives as a config: a file, YAML text, a mapping or an experiment; and what it changes of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeAlias

from nnexp.config.experiment import Experiment, is_sweep, parse_experiment
from nnexp.config.loading import Node, dump, parse_config, parse_yaml, read_config, shortened
from nnexp.config.overrides import Override, apply
from nnexp.config.sweep.axes import NAMES, Axis, axis_name, refusal
from nnexp.data.datasets import describe
from nnexp.errors import ConfigError, InputError, Place, Problem
from nnexp.preflight import preflight

Config: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any] | Experiment"
"""A path, YAML text (with a line break in it), the same as a mapping, or an experiment."""

_PLACE = Place("config")  # of what stands in no file
_NAME = "experiment"  # of what stands in no file and has no name of its own


def read(config: Config) -> Node:
    """The config as it is written, with the places that messages name.

    Raises:
        ConfigError: it cannot be read.
        InputError: it is nothing that a config can be.
    """
    if isinstance(config, Experiment):
        config = config.plain()
    if isinstance(config, Mapping):
        found = parse_yaml(written(config, "config"), _PLACE.source, _PLACE)
        assert found is not None
        return _named(found)
    if isinstance(config, str) and "\n" in config:
        return _named(parse_config(config, _PLACE.source))
    if isinstance(config, (str, os.PathLike)):
        return read_config(Path(config))
    raise InputError(f"a config is a path, YAML text, a dict or an Experiment, not {type(config).__name__}")


def experiment_of(config: Config, changes: Mapping[str, Any]) -> Experiment:
    """The experiment, with changes such as `epochs=3`, checked as `nnexp check` does.

    Raises:
        ConfigError: with all that is wrong.
    """
    node = read(config)
    if is_sweep(node):
        what = "this is a sweep, which describes many runs, not one"
        raise ConfigError([Problem(Place(node.place.source), what, "give it to nnexp.sweep")])
    overrides = sorted((_override(name, value) for name, value in changes.items()), key=attrgetter("depth"))
    experiment = parse_experiment(apply(node, overrides), Path(node.place.source).stem)
    checked = preflight(experiment, describe(experiment.dataset.name, experiment.dataset.parameters))
    if checked.problems:
        raise ConfigError(checked.problems)
    return experiment


def axes_of(grid: Mapping[str, Any], changes: Mapping[str, Any]) -> list[Axis]:
    """The axes of a sweep: parts of the config that take several values in turn, and those that are changed for all.

    Raises:
        ConfigError: a name that is no part of a config, or one without values.
    """
    found = []
    for name, values in [*grid.items(), *((name, [value]) for name, value in changes.items())]:
        if refused := refusal(axis_name(name)):
            raise ConfigError([Problem(Place(name), *refused)])
        listed = list(values) if isinstance(values, (list, tuple, range)) or hasattr(values, "tolist") else [values]
        if not listed:
            raise ConfigError([Problem(Place(name), "it has no values", "such as  grid={'hidden': [128, 512]}")])
        found.append(Axis(axis_name(name), tuple(_override(name, value) for value in listed)))
    return found


def written(value: Any, what: str) -> str:
    """A value as YAML; `what` names it in messages."""
    return dump(_plain(value, what))


def _override(name: str, value: Any) -> Override:
    told = shortened(f"{name}={value!r}")
    short = axis_name(name)
    return Override(NAMES.get(short, short), written(value, told), told)


def _plain(value: Any, what: str) -> Any:
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        value = value.tolist()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner, what) for key, inner in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [_plain(inner, what) for inner in value]
    raise InputError(f"{what}: a config holds numbers, text, lists and mappings, not {type(value).__name__}")


def _named(config: Node) -> Node:
    assert isinstance(config.value, dict)
    config.value.setdefault("name", Node(_NAME, _PLACE))
    config.keys.setdefault("name", _PLACE)
    return config
