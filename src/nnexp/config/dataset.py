"""The dataset of a config: one that nnexp knows, by its name, or own data with their parameters."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from nnexp.config import catalog
from nnexp.config.entries import Problems
from nnexp.config.grammar import Entry
from nnexp.config.loading import Node, kind_of, shortened
from nnexp.data.datasets import DATASETS, Dataset, describe
from nnexp.data.own.kinds import FORMS, KINDS, SPLITS, BadData, Parameter
from nnexp.tasks import HEADLINES

_ALLOWED = f"{', '.join(DATASETS)}; or your own data:  csv: {{path: …, target: …}}, or {', '.join(KINDS)}"
_LARGEST_SIZE = 4096  # pixels
_PARAMETERS = [(name, said) for known in KINDS.values() for name, said in known.items()]
_NO_PATHS = {name for name, said in _PARAMETERS if said.type != "path"}
_PATHS = {name: said for name, said in _PARAMETERS if name not in _NO_PATHS}  # of whatever kind the data are


def read_dataset(node: Node, problems: Problems) -> tuple[Entry, Dataset | None]:
    """The entry, complete, and what it describes; None, with problems noted, where it cannot be used.

    Own data are read here: a config's defaults, and nearly all of what can be wrong with it, follow from them.
    """
    if isinstance(node.value, str) and node.value in DATASETS:
        return Entry(node.value), DATASETS[node.value]
    if isinstance(node.value, dict) and len(node.value) == 1:
        [(name, inner)] = node.value.items()
        if name in KINDS:
            return _own(name, inner, node, problems)
    said = next(iter(node.value), None) if isinstance(node.value, dict) else node.value
    if not isinstance(said, str):
        problems.add(node.place, f"unknown dataset: {kind_of(node)}", f"allowed: {_ALLOWED}")
    elif said in DATASETS:
        problems.add(
            node.place,
            f"{said} has no settings: its training and test parts are always the same",
            f"write  dataset: {said}  (data of your own have settings, such as the share `test`)",
        )
    elif said in KINDS:
        problems.add(node.place, f"unknown dataset: '{said}'", f"write  {said}: {{path: …}}")
    else:
        near = catalog.nearest(said, (*DATASETS, *KINDS))
        hint = f"did you mean '{near}'? " if near else ""
        problems.add(node.place, f"unknown dataset: '{shortened(said)}'", f"{hint}allowed: {_ALLOWED}")
    return Entry(""), None


def portable_part(name: str, node: Node) -> Any:
    """The plain data of what an axis called `name` sets, with the paths of own data absolute."""
    if name == "dataset":
        return portable(node)
    root, _, last = name.rpartition(".")
    if root.partition(".")[0] == "dataset" and last in _PATHS:
        return _portable(_PATHS[last], node)
    return node.plain()


def _portable(parameter: Parameter | None, node: Node) -> Any:
    path = _value(parameter, node) if parameter and parameter.type == "path" else None
    return path or node.plain()


def portable(node: Node) -> Any:
    """The plain data of a dataset's node with its paths absolute, to be written into a file elsewhere."""
    if isinstance(node.value, dict) and len(node.value) == 1:
        [(kind, inner)] = node.value.items()
        if kind in KINDS and isinstance(inner.value, str):
            return {kind: portable_part("dataset.path", inner)}
        if kind in KINDS and isinstance(inner.value, dict):
            return {kind: {name: _portable(KINDS[kind].get(name), found) for name, found in inner.value.items()}}
    return node.plain()


def _own(kind: str, node: Node, outer: Node, problems: Problems) -> tuple[Entry, Dataset | None]:
    known, before = KINDS[kind], len(problems.found)
    if isinstance(node.value, str):  # the path alone
        node = Node({"path": node}, node.place, {"path": node.place})
    if not isinstance(node.value, dict):
        problems.add(node.place, f"{kind} needs its parameters", f"write  {kind}: {{path: …}}")
        return Entry(""), None
    for name in node.value:
        if name not in known:
            near = catalog.nearest(name, known)
            hint = f"did you mean '{near}'? " if near else ""
            problems.add(node.keys[name], f"{kind} has no parameter '{name}'", f"{hint}allowed: {', '.join(known)}")
    values: dict[str, Any] = {}
    for name, parameter in known.items():
        found = node.value.get(name)
        if found is None or found.value is None:
            if parameter.required:
                hint = f"{parameter.summary}  {kind}: {{{name}: …}}"
                problems.add(outer.keys.get(kind, outer.place), f"{kind} needs '{name}'", hint)
            elif parameter.default is not None:
                values[name] = parameter.default
        elif (value := _value(parameter, found)) is None:
            message = f"{kind}: {name} must be {FORMS[parameter.type]}, not {kind_of(found)}"
            problems.add(found.place, message, parameter.summary)
        else:
            values[name] = value
    given = [name for name in SPLITS if name in values]
    if len(given) > 1 and given != ["test", "group_column"]:
        message = f"{kind}: {' and '.join(given)} both say what the test part is"
        problems.add(node.keys[given[-1]], message, "give one of them")
    if "labels" in values and "test_path" in values:
        problems.add(node.keys["labels"], "images: labels and test_path cannot go together", "give one of them")
    if len(problems.found) > before:
        return Entry(""), None
    try:
        dataset = describe(kind, values)
    except BadData as error:
        place = node.keys.get(error.parameter) or outer.keys.get(kind, outer.place)
        problems.add(place, error.message, error.hint)
        return Entry(""), None
    return Entry(kind, {**values, "task": dataset.task, "sha256": dataset.sha256}), dataset


def _value(parameter: Parameter, node: Node) -> Any:
    """The value as the parameter takes it; None where it does not."""
    value = node.plain()
    match parameter.type:
        case "path" if isinstance(value, str) and value.strip() and "\0" not in value:
            return os.path.normpath(_folder_of(node) / os.path.expanduser(value))  # noqa: PTH111  a strange ~name stays
        case "text" if isinstance(value, str) and value:
            return value
        case "names" if isinstance(value, str) and value:
            return value
        case "character" if isinstance(value, str) and len(value) == 1:
            return value
        case "texts" | "names" if (
            isinstance(value, list) and value and not any(isinstance(item, (dict, list)) for item in value)
        ):
            return [str(item) for item in value]
        case "fraction" if isinstance(value, float) and math.isfinite(value) and 0 < value < 1:
            return value
        case "whole" if type(value) is int and 0 <= value < 2**32:
            return value
        case "size" if isinstance(value, list) and len(value) == 2 and all(_is_size(side) for side in value):
            return value
        case "colour" if value in ("grey", "rgb"):
            return value
        case "stream" if value in ("auto", "always", "never"):
            return value
        case "task" if isinstance(value, str) and value in HEADLINES:
            return value
    return None


def _is_size(value: Any) -> bool:
    return type(value) is int and 1 <= value <= _LARGEST_SIZE


def _folder_of(node: Node) -> Path:
    """Of the config that a path stands in; what stands on the command line is relative to where it was given."""
    config = Path(node.place.source)
    return config.resolve().parent if config.suffix in (".yaml", ".yml") or config.is_file() else Path.cwd()
