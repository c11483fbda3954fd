"""The trackers of a config: names, or one name each with its parameters, complete with their defaults."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from nnexp.config import catalog
from nnexp.config.entries import Problems
from nnexp.config.grammar import Entry
from nnexp.config.loading import Node, kind_of, shortened
from nnexp.tracking.kinds import TRACKERS, Parameter

_URI = re.compile(r"sqlite:///.+|https?://.+")


def read_track(node: Node | None, problems: Problems) -> tuple[Entry, ...]:
    """The trackers in a node: a single one may stand without the list, `none` for no one."""
    if node is None or node.value == "none":
        return ()
    items = node.value if isinstance(node.value, list) else [node]
    entries = [(entry, item) for item in items if (entry := _entry(item, problems))]
    names = [entry.name for entry, _ in entries]
    for index, (entry, item) in enumerate(entries):
        if entry.name in names[:index]:
            problems.add(item.place, f"track: {entry.name} stands twice", "keep one of them")
    return tuple(entry for entry, _ in entries)


def _entry(node: Node, problems: Problems) -> Entry | None:
    name, inner = node.value, Node(None, node.place)
    if isinstance(name, dict) and len(name) == 1:
        [(name, inner)] = name.items()
    if not isinstance(name, str):
        hint = "a name, or one name with its parameters:  track: {mlflow: {experiment: widths}}"
        problems.add(node.place, f"a tracker cannot be {kind_of(node)}", hint)
        return None
    if name not in TRACKERS:
        near = catalog.nearest(name, TRACKERS)
        hint = f"did you mean '{near}'? " if near else ""
        problems.add(node.place, f"unknown tracker '{shortened(name)}'", f"{hint}allowed: {', '.join(TRACKERS)}")
        return None
    if inner.value is not None and not isinstance(inner.value, dict):
        allowed = ", ".join(TRACKERS[name])
        problems.add(
            inner.place, f"the parameters of {name} are a mapping, not {kind_of(inner)}", f"allowed: {allowed}"
        )
        return None
    given = {parameter: value for parameter, value in (inner.value or {}).items() if value.value is not None}
    for parameter in given.keys() - TRACKERS[name].keys():
        near = catalog.nearest(parameter, TRACKERS[name])
        hint = f"did you mean '{near}'? " if near else ""
        hint += f"allowed: {', '.join(TRACKERS[name])}"
        problems.add(inner.keys[parameter], f"{name} has no parameter '{shortened(parameter)}'", hint)
    values: dict[str, Any] = {}
    for parameter, known in TRACKERS[name].items():
        value = _value(name, parameter, known, given[parameter], problems) if parameter in given else known.default
        if value is not None:
            values[parameter] = value
    return Entry(name, values)


def _value(tracker: str, name: str, known: Parameter, node: Node, problems: Problems) -> Any:
    value = node.value
    if type(value) is not known.type or value == "":
        form = "true or false" if known.type is bool else "text"
        problems.add(node.place, f"{tracker}: {name} must be {form}, not {kind_of(node)}", known.summary)
    elif name == "uri" and not _URI.fullmatch(str(value)):
        hint = "sqlite:///PATH, or the http(s)://… of an MLflow server; left out, the store is beside the runs"
        problems.add(node.place, f"{tracker}: uri cannot be '{shortened(str(value))}'", hint)
    elif name == "uri" and _has_password(str(value)):
        hint = "it would stand in each run's config.yaml; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        problems.add(node.place, f"{tracker}: the uri holds a password", hint)
    return value


def _has_password(uri: str) -> bool:
    try:
        return urlsplit(uri).password is not None
    except ValueError:  # no address at all: told when it is tried
        return False
