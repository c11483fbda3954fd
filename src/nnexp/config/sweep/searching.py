"""Reads the keys of a sweep file that make it a search, and notes all that is wrong with them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nnexp.config import catalog
from nnexp.config.entries import Problems
from nnexp.config.keys import SEARCH_KEYS
from nnexp.config.loading import Node, kind_of, unquoted
from nnexp.config.sweep.axes import axis_name, axis_of, refusal
from nnexp.config.sweep.space import Choice, Dimension, Range, Search, every
from nnexp.errors import Place, Problem

SAMPLERS = ("grid", "random", "tpe", "cmaes")
PRUNERS = ("none", "median", "hyperband")
MAX_TRIALS = 10_000
DEFAULT_TRIALS = 40
DEFAULT_FINALISTS = 3
DEFAULT_REPEATS = 3  # of each finalist: from three seeds on, the spread over seeds is known
DEFAULT_OBJECTIVE = "val_loss"
_NOT_BESIDE = ("variants", "zip", "grid", "baseline")  # they say which points there are, as the space does
_DIMENSION_KEYS = ("range", "log", "choice", "step", "when")
_SUCH = "a list of values, {range: [16, 512]}, {range: [16, 512], step: 16} or {log: [1e-4, 1e-1]}"


def read_search(given: Mapping[str, Node], place: Place, problems: Problems) -> Search | None:
    """The search that a sweep file asks for; None where it asks for a grid."""
    sampler = _one_of(given.get("sampler"), "sampler", SAMPLERS, problems)
    if sampler == "grid":
        for key in SEARCH_KEYS[1:]:
            if key in given:
                hint = "write `sampler: random`, or `sampler: tpe`; a grid has its values under `grid`"
                problems.add(given[key].place, f"'{key}' is of a search, and this sweep is a grid", hint)
        return None
    for key in _NOT_BESIDE:
        if key in given:
            hint = "write what varies under `space`, and what is the same for all in the base"
            problems.add(given[key].place, f"a search has no '{key}': its points are drawn from its space", hint)
    if "space" not in given:
        such = "such as\n  space:\n    hidden: {range: [16, 512]}\n    optimizer: [adam, sgd]"
        problems.add(given["sampler"].place, f"the sampler {sampler} needs a `space` to draw from", such)
    objective = given.get("objective")
    space = _space(given.get("space"), problems)
    return Search(
        sampler=sampler,
        trials=_whole(given.get("trials"), "trials", 1, _count(space, DEFAULT_TRIALS), problems),
        objective=_objective(objective, problems),
        space=space,
        pruner=_one_of(given.get("pruner"), "pruner", PRUNERS, problems),
        finalists=_whole(given.get("finalists"), "finalists", 0, DEFAULT_FINALISTS, problems),
        place=objective.place if objective else place,
    )


def unfit(search: Search) -> Iterator[Problem]:
    """What in the space of a search its sampler cannot do, or that it has too few points."""
    if search.sampler == "cmaes":
        for one in search.space:
            if isinstance(one.values, Choice):
                why = f"'{one.name}' is a list, and cmaes goes by how far numbers are from each other"
                hint = "write numbers as {range: [16, 512]} or {log: [1e-4, 1e-1]}; for lists there is `sampler: tpe`"
                yield Problem(one.place, why, hint)
            elif one.when:
                why = f"'{one.name}' counts only at some points, and cmaes needs the same numbers at all"
                yield Problem(one.place, why, "remove its `when`, or search with `sampler: tpe`")
    points = _count(search.space, search.trials)
    if points < search.trials:
        hint = f"give {points} trials, or write the values under `grid`, which tries them all"
        yield Problem(search.space[0].place, f"the space has only {points:,} points for {search.trials:,} trials", hint)


def _count(space: Sequence[Dimension], most: int) -> int:
    """How many points a space has, as far as `most`."""
    return sum(1 for _ in itertools.islice(every(space), most))


def _one_of(node: Node | None, key: str, allowed: Sequence[str], problems: Problems) -> str:
    if node is None:
        return allowed[0]
    if isinstance(node.value, str) and node.value in allowed:
        return node.value
    near = catalog.nearest(str(node.value), allowed)
    hint = f"did you mean '{near}'? " if near else ""
    problems.add(node.place, f"there is no {key} {kind_of(node)}", f"{hint}allowed: {', '.join(allowed)}")
    return allowed[-1]  # of those that are told; it is not used


def _whole(node: Node | None, key: str, minimum: int, default: int, problems: Problems) -> int:
    if node is None:
        return default
    value = node.value
    if isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= MAX_TRIALS:
        return value
    message = f"{key} must be a whole number from {minimum} to {MAX_TRIALS:,}, not {kind_of(node)}"
    problems.add(node.place, message, unquoted(node))
    return default


def _objective(node: Node | None, problems: Problems) -> str:
    """A figure on the examples that are held out; whether it is logged is seen when the points are made."""
    if node is None:
        return DEFAULT_OBJECTIVE
    if isinstance(node.value, str) and node.value.startswith("val_"):
        return node.value
    named = node.value if isinstance(node.value, str) else ""
    if named.startswith("test"):
        why = "the best of many by the test split looks better than it is, and nothing is left to show by how much"
        hint = f"{why}; search by `val{named.removeprefix('test')}`, on examples that `validation: 0.1` holds out"
        problems.add(node.place, f"a search must not see the test split: objective {named}", hint)
    else:
        near = f"val_{named.removeprefix('train_')}" if named else DEFAULT_OBJECTIVE
        hint = f"did you mean `{near}`? Such as val_loss, val_accuracy; it needs `validation: 0.1` in the base"
        problems.add(node.place, f"the objective is a figure on held-out examples, not {kind_of(node)}", hint)
    return DEFAULT_OBJECTIVE


def _space(node: Node | None, problems: Problems) -> tuple[Dimension, ...]:
    if node is None:
        return ()
    if not isinstance(node.value, dict) or not node.value:
        what = "the space is empty" if node.value == {} else f"the space is a mapping, not {kind_of(node)}"
        problems.add(node.place, what, "such as  space: {hidden: {range: [16, 512]}, optimizer: [adam, sgd]}")
        return ()
    found: dict[str, Dimension] = {}
    for written, value in node.value.items():
        name, place = axis_name(written), node.keys[written]
        if refused := refusal(name):
            problems.add(place, *refused)
        elif name in found:
            problems.add(place, f"'{name}' stands twice under `space`", "keep one of them")
        elif dimension := _dimension(name, value, place, found, problems):
            found[name] = dimension
    return tuple(found.values())


def _dimension(
    name: str, node: Node, place: Place, before: Mapping[str, Dimension], problems: Problems
) -> Dimension | None:
    if isinstance(node.value, list):
        node = Node({"choice": node}, node.place, {"choice": node.place})
    if not isinstance(node.value, dict) or not node.value.keys() & {"range", "log", "choice"}:
        hint = "one value that is the same for all belongs in the base; a dimension is"
        problems.add(node.place, f"'{name}' is {kind_of(node)}, which is no range of values", f"{hint} {_SUCH}")
        return None
    for key, at in node.keys.items():
        if key not in _DIMENSION_KEYS:
            near = catalog.nearest(key, _DIMENSION_KEYS)
            hint = f"did you mean '{near}'? " if near else ""
            problems.add(at, f"a dimension has no key '{key}'", f"{hint}allowed: {', '.join(_DIMENSION_KEYS)}")
    given = node.value
    kinds = [key for key in ("range", "log", "choice") if key in given]
    if len(kinds) > 1:
        problems.add(node.place, f"'{name}' has both `{kinds[0]}` and `{kinds[1]}`", "keep one of them")
        return None
    kind = kinds[0]
    if "step" in given and kind != "range":
        problems.add(given["step"].place, f"a step goes with `range`, not with `{kind}`", "remove it")
        return None
    values = (
        _choice(name, given["choice"], problems)
        if kind == "choice"
        else _range(name, given[kind], given.get("step"), problems, log=kind == "log")
    )
    when = _when(name, given["when"], before, problems) if "when" in given else {}
    return Dimension(name, values, when, place) if values else None


def _choice(name: str, node: Node, problems: Problems) -> Choice | None:
    items = node.value if isinstance(node.value, list) else []
    if len(items) < 2:
        hint = "write at least two values, such as [16, 32, 64]; what is the same for all belongs in the base"
        problems.add(node.place, f"'{name}' has no two values to choose from", hint)
        return None
    axis = axis_of(name, items)
    values = axis.values
    doubles = [value for index, value in enumerate(values) if value in values[:index]]
    if doubles:
        problems.add(node.place, f"'{name}' has the value {doubles[0]} twice", "keep one of them")
        return None
    return Choice(values, axis.changes)


def _range(name: str, node: Node, step: Node | None, problems: Problems, *, log: bool) -> Range | None:
    items = node.value if isinstance(node.value, list) else []
    if len(items) != 2:
        such = "{log: [0.0001, 0.1]}" if log else "{range: [16, 512]}"
        what = f"a list of {len(items)}" if items else kind_of(node)
        problems.add(node.place, f"'{name}': a range is its two ends, not {what}", f"such as  {such}")
        return None
    low, high = _number(items[0]), _number(items[1])
    if low is None or high is None:
        wrong = items[0] if low is None else items[1]
        hint = unquoted(wrong) or "write a number such as 16 or 0.001, without quotes and below 10^15"
        problems.add(wrong.place, f"'{name}': an end of a range is a number, not {kind_of(wrong)}", hint)
        return None
    if not low < high:
        problems.add(node.place, f"'{name}': a range goes up, not from {low} to {high}", f"such as  [{high}, {low}]")
        return None
    if log and low <= 0:
        hint = "such as  {log: [0.0001, 0.1]}; a `range` may begin at 0"
        problems.add(node.place, f"'{name}': a logarithmic range begins above 0, not at {low}", hint)
        return None
    width = None if step is None else _number(step)
    if step is not None and (width is None or not 0 < width <= high - low):
        message = f"'{name}': a step is a number above 0 and at most {high - low}, not {kind_of(step)}"
        problems.add(step.place, message, unquoted(step))
        return None
    return Range(low, high, log, width)


def _number(node: Node) -> float | None:
    value = node.value
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15  # no NaN either
    return value if usable and isinstance(value, (int, float)) else None


def _when(name: str, node: Node, before: Mapping[str, Dimension], problems: Problems) -> Mapping[str, Sequence[Any]]:
    """The values of other dimensions with which this one counts."""
    such = "such as  optimizer.momentum: {range: [0.0, 0.9], when: {optimizer: sgd}}"
    if not isinstance(node.value, dict) or not node.value:
        problems.add(node.place, f"'{name}': `when` names another dimension and its value, not {kind_of(node)}", such)
        return {}
    found: dict[str, Sequence[Any]] = {}
    for written, wanted in node.value.items():
        other = axis_name(written)
        dimension = before.get(other)
        choices = dimension.values.values if dimension and isinstance(dimension.values, Choice) else ()
        if not choices:
            known = [key for key, one in before.items() if isinstance(one.values, Choice)]
            near = catalog.nearest(other, known)
            hint = f"did you mean '{near}'? " if near else ""
            hint += f"lists above this line: {', '.join(known)}" if known else "write that list above this line"
            problems.add(node.keys[written], f"'{name}' depends on '{other}', which is no list above it", hint)
            continue
        if wanted.value == []:
            hint = f"name one or more: {', '.join(str(_name_of(value)) for value in choices)}"
            problems.add(wanted.place, f"'{name}' depends on no value of '{other}', and would never count", hint)
            continue
        asked = [item.plain() for item in wanted.value] if isinstance(wanted.value, list) else [wanted.plain()]
        chosen = [value for value in choices if value in asked or _name_of(value) in asked]
        names = [_name_of(value) for value in choices]
        for value in asked:
            if value not in choices and value not in names:
                near = catalog.nearest(str(value), list(map(str, names)))
                hint = f"did you mean '{near}'? " if near else ""
                message = f"'{name}' depends on {other}: {value}, which is none of its values"
                problems.add(wanted.place, message, f"{hint}its values: {', '.join(map(str, names))}")
        found[other] = chosen
    return found


def _name_of(value: Any) -> Any:
    """What an entry with parameters is called: sgd, for {sgd: {momentum: 0.9}}."""
    return next(iter(value)) if isinstance(value, dict) and len(value) == 1 else value
