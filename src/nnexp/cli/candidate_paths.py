"""The paths that `--set` takes, a part at a time, and after `=` the values: of the config that is on the line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from nnexp.config import catalog
from nnexp.config.keys import DISTRIBUTIONS, ENGINES, KEYS
from nnexp.config.loading import Node, read_config
from nnexp.config.overrides import DEFAULT_NAMES, ENTRY_KINDS, LISTS
from nnexp.errors import ConfigError
from nnexp.tracking.kinds import TRACKERS

_VALUES = {
    "engine": ENGINES,
    "distribute": DISTRIBUTIONS,
    "on_divergence": ("stop", "continue"),
    "checkpoint": ("true", "false"),
    "class_weight": ("none", "balanced"),
    "track": ("none", *TRACKERS),
    "validation": ("none", "test"),
    "train_size": ("none",),
}


def set_paths(config: str | None, word: str) -> dict[str, str]:
    """What may stand for `word` after `--set`, each with what it is now."""
    path, equals, value = word.partition("=")
    root = _config(config)
    if equals:
        before, comma, last = value.rpartition(",")
        values = [found for found in _values(root, path.split(".")) if found.startswith(last)]
        return {f"{path}={before}{comma}{found}": "" for found in values}
    folder, dot, _ = path.rpartition(".")
    steps = _parts(root, folder.split(".")) if dot else _keys(root)
    return {f"{folder}{dot}{step}": what for step, what in steps if step.startswith(path[len(folder) + len(dot) :])}


def _config(path: str | None) -> dict[str, Node]:
    """The config on the line; of a sweep file the first of those that it changes."""
    try:
        value = read_config(Path(path)).value if path else {}
        base = value.get("base") if path and isinstance(value, dict) else None
        while base and isinstance(base.value, list):
            base = next(iter(base.value), None)
        if path and base:
            value = read_config(Path(path).parent / base.value).value if isinstance(base.value, str) else base.value
    except (ConfigError, OSError, ValueError):
        value = {}
    return value if isinstance(value, dict) else {}


def _keys(root: dict[str, Node]) -> Iterator[tuple[str, str]]:
    for key in KEYS:
        if key in LISTS:
            yield f"{key}.", ""
        else:
            if key in ENTRY_KINDS and (key in root or key in DEFAULT_NAMES):
                yield f"{key}.", "its parameters"
            yield f"{key}=", _shown(root.get(key))


def _parts(root: dict[str, Node], path: list[str]) -> Iterator[tuple[str, str]]:
    """The next steps after a path: items of a list, or parameters of what is there."""
    key, *rest = path
    if key in LISTS and not rest:
        items = root[key].value if key in root else []
        names = [_name(node) or "" for node in (items if isinstance(items, list) else [])]
        yield from ((f"{place}.", name) for place, name in enumerate(names))
        yield from ((f"{name}.", "") for name in names if name and names.count(name) == 1)
        return
    if (found := _entry(root, path)) is None:
        return
    item, given = found
    for name, parameter in item.parameters.items():
        inner = (
            catalog.find(parameter.kind, _name(given.get(name), parameter.default) or "") if parameter.kind else None
        )
        if inner and inner.parameters:
            yield f"{name}.", "its parameters"
        yield f"{name}=", _shown(given.get(name)) or ("" if parameter.default is None else str(parameter.default))


def _values(root: dict[str, Node], path: list[str]) -> list[str]:
    """What a path may be set to: the names there are, or what it is now."""
    *folder, last = path
    if not folder:
        if last in ENTRY_KINDS:
            return catalog.names(ENTRY_KINDS[last])
        return [*_known(last)] or [shown for shown in [_shown(root.get(last))] if shown]
    if len(path) == 2 and path[0] in LISTS:
        return catalog.names(ENTRY_KINDS[path[0]])
    found = _entry(root, folder)
    parameter = found[0].parameters.get(last) if found else None
    if found is None or parameter is None:
        return []
    names = catalog.names(parameter.kind) if parameter.kind else [str(choice) for choice in parameter.choices]
    names += ["true", "false"] if "bool" in parameter.types else []
    names += ["null"] if names and "null" in parameter.types else []
    if not names or "float" in parameter.types:
        now = _shown(found[1].get(last)) or ("" if parameter.default is None else str(parameter.default))
        names = [now] * bool(now) + names
    return names


def _known(key: str) -> Iterable[str]:
    """The values there are for a key, where these are a few words; what has the datasets is imported when asked for."""
    if key == "dataset":
        from nnexp.data.datasets import DATASETS

        return DATASETS
    if key == "normalization":
        from nnexp.data.normalization import NORMALIZATIONS

        return NORMALIZATIONS
    return _VALUES.get(key, ())


def _entry(root: dict[str, Node], path: list[str]) -> tuple[catalog.Item, dict[str, Node]] | None:
    """What a path leads to, and its parameters as the config gives them."""
    key, *rest = path
    kind, node, name = ENTRY_KINDS.get(key), root.get(key), _name(root.get(key), DEFAULT_NAMES.get(key))
    if key in LISTS and rest:
        items = node.value if node and isinstance(node.value, list) else []
        place, *rest = rest
        named = [item for item in items if _name(item) == place]
        node = items[int(place)] if place.isdecimal() and int(place) < len(items) else next(iter(named), None)
        name = _name(node)
    while kind and name and (item := catalog.find(kind, name)):
        given = _given(node, item)
        if not rest:
            return item, given
        word, *rest = rest
        parameter = item.parameters.get(word)
        node = given.get(word)
        kind, name = (parameter.kind, _name(node, parameter.default)) if parameter else (None, None)
    return None


def _given(node: Node | None, item: catalog.Item) -> dict[str, Node]:
    inner = next(iter(node.value.values())) if node and isinstance(node.value, dict) and node.value else None
    if inner is None or inner.value is None:
        return {}
    if isinstance(inner.value, dict):
        return inner.value
    return {next(iter(item.parameters)): inner} if item.parameters else {}


def _name(node: Node | None, default: object = None) -> str | None:
    """The name of an entry: a text, or the one key of a mapping."""
    value = default if node is None else node.value
    if isinstance(value, dict):
        return next(iter(value)) if len(value) == 1 else None
    return value if isinstance(value, str) else None


def _shown(node: Node | None) -> str:
    """A plain value as it would be written."""
    value = None if node is None else node.value
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (str, int, float)) and " " not in str(value) else ""
