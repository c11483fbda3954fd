"""What the source marks as telling of trouble: all that is given, returned or kept as an `Amiss` or a `Reason`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from error_trees import Module, name_of, parameters, reaching, returns

Mark = Literal["note", "reason"]
_MARKS: Mapping[str, Mark] = {"Amiss": "note", "Reason": "reason"}
_COLLECTING = ("list", "tuple", "sorted", "fromkeys")  # give what they are given, in a collection


@dataclass(frozen=True)
class Marked:
    """An expression that is marked: where it stands, and as what."""

    module: Module
    node: ast.expr
    mark: Mark


def marked(modules: Sequence[Module]) -> list[Marked]:
    """Every expression that the source marks, but those that hand on what is marked already."""
    takers = {taker: marks for module in modules for taker, marks in _takers(module)}
    givers = {
        (function.name, module.name) for module in modules for function in module.functions if mark_of(function.returns)
    }
    found = []
    for module in modules:
        pairs = [*_given(module, takers), *_returned(module), *_kept(module)]
        for node, mark in pairs:
            if not _is_handed_on(node, module, givers):
                found.append(Marked(module, node, mark))
    return found


def mark_of(annotation: ast.expr | None) -> Mark | None:
    """What an annotation marks; a function that is handed over marks nothing."""
    names = [] if annotation is None else [node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)]
    return next((_MARKS[name] for name in names if name in _MARKS and "Callable" not in names), None)


def _takers(module: Module) -> Iterator[tuple[tuple[str, str], dict[str, tuple[int, ast.expr]]]]:
    """The functions and classes of a module that take something marked: by its name, at which place, and as what."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef):
            above = module.parents[node]
            name = above.name if node.name == "__init__" and isinstance(above, ast.ClassDef) else node.name
            names = parameters(node)
            own = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            types = [(one.arg, one.annotation) for one in own if one.arg in names]
        elif isinstance(node, ast.ClassDef):
            name = node.name
            types = [(name_of(part.target), part.annotation) for part in node.body if isinstance(part, ast.AnnAssign)]
        else:
            continue
        marks = {one: (at, type_) for at, (one, type_) in enumerate(types) if type_ and mark_of(type_)}
        if marks:
            yield (name, module.name), marks


def _given(
    module: Module, takers: Mapping[tuple[str, str], Mapping[str, tuple[int, ast.expr]]]
) -> Iterator[tuple[ast.expr, Mark]]:
    """What calls give for parameters and fields that are marked."""
    for call in module.calls:
        taker = takers.get(_called(call, module)) or takers.get(_method(call, module, takers), {})
        for name, (at, annotation) in taker.items():
            given = [word.value for word in call.keywords if word.arg == name]
            before = call.args[: at + 1]
            if len(before) > at and not any(isinstance(one, ast.Starred) for one in before[:-1]):
                given.append(before[at])
            for one in given:
                yield from _parts(one, annotation, module)


def _called(call: ast.Call, module: Module) -> tuple[str, str]:
    """The name of what is called, and the module that it is of."""
    name = name_of(call.func)
    if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
        home = call.func.value.id
        if home in module.origins:
            return name, f"{module.origins[home]}/{home}".lstrip("/")
    return name, module.origins.get(name, module.name)


def _method(call: ast.Call, module: Module, takers: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """The method that is called of an object, if a module that this one imports from has one of that name."""
    homes = [home for name, home in takers if name == name_of(call.func) and home in module.origins.values()]
    return name_of(call.func), homes[0] if isinstance(call.func, ast.Attribute) and homes else ""


def _returned(module: Module) -> Iterator[tuple[ast.expr, Mark]]:
    for function in module.functions:
        if function.returns and mark_of(function.returns):
            for node in returns(function):
                yield from _parts(node, function.returns, module)
            for node in ast.walk(function):
                if isinstance(node, (ast.Yield, ast.YieldFrom)) and node.value:
                    yield from _parts(node.value, function.returns, module)


def _kept(module: Module) -> Iterator[tuple[ast.expr, Mark]]:
    """What variables hold that are marked, and what is added to lists that are."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.AnnAssign) and node.value and mark_of(node.annotation):
            yield from _parts(node.value, node.annotation, module)
        match node:
            case ast.Call(func=ast.Attribute(value=held, attr="append"), args=[added]):
                mark = _mark_of_list(held, module)
            case ast.AugAssign(target=held, value=added):
                mark = _mark_of_list(held, module)
            case _:
                continue
        if mark:
            yield from _parts(added, ast.Name(_name_of(mark)), module)


def _name_of(mark: Mark) -> str:
    return next(name for name, other in _MARKS.items() if other == mark)


def _mark_of_list(node: ast.expr, module: Module) -> Mark | None:
    """As what a variable of a function is marked, where it is annotated there."""
    function = module.function_of(node)
    if function is None or not isinstance(node, ast.Name):
        return None
    types = [
        part.annotation
        for part in ast.walk(function)
        if isinstance(part, ast.AnnAssign) and name_of(part.target) == node.id
    ]
    types += [one.annotation for one in function.args.args if one.arg == node.id and one.annotation]
    return mark_of(types[0]) if types else None


def _parts(node: ast.expr, annotation: ast.expr, module: Module, depth: int = 0) -> Iterator[tuple[ast.expr, Mark]]:
    """The texts in an expression of that type: of a pair those at the places that are marked, of a list all."""
    mark = mark_of(annotation)
    if mark is None or depth > 6:
        return
    places = _places(annotation)
    if places and isinstance(node, ast.Tuple) and len(node.elts) == len(places):
        for one, type_ in zip(node.elts, places, strict=True):
            yield from _parts(one, type_, module, depth + 1)
        return
    if places:  # handed on as it is
        return
    inside: Sequence[ast.expr] | None = None
    match node:
        case ast.List(elts=inside) | ast.Tuple(elts=inside) | ast.Set(elts=inside) | ast.Dict(values=inside):
            pass
        case ast.IfExp(body=one, orelse=other):
            inside = [one, other]
        case ast.BinOp(left=ast.List() | ast.ListComp() | ast.Name() | ast.Call() as one, op=ast.Add(), right=other):
            inside = [one, other] if not isinstance(other, (ast.Constant, ast.JoinedStr)) else None
        case ast.ListComp(elt=one) | ast.GeneratorExp(elt=one) | ast.Starred(value=one):
            inside = [one]
        case ast.Call(args=[one, *_]) if name_of(node.func) in _COLLECTING:
            inside = [one]
        case ast.Name():
            values = reaching(node, module)
            inside = [value for value in values if isinstance(value, (ast.List, ast.Tuple, ast.ListComp))] or None
    if inside is None:
        yield node, mark
    for one in inside or ():
        yield from _parts(one, annotation, module, depth + 1)


def _places(annotation: ast.expr) -> list[ast.expr]:
    """The types of a tuple's parts, or of each tuple in an iterator; nothing where it may be of any length."""
    for node in ast.walk(annotation):
        match node:
            case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=[*types])):
                return [] if any(isinstance(one, ast.Constant) for one in types) else types
    return []


def _is_handed_on(node: ast.expr, module: Module, givers: set[tuple[str, str]]) -> bool:
    """Whether it is marked where it comes from, or is nothing."""
    match node:
        case ast.Constant(value=str() as text):
            return not text
        case ast.Constant() | ast.Attribute():
            return True
        case ast.Subscript(value=ast.Call() as call) | (ast.Call() as call):
            return _called(call, module) in givers
        case ast.Name(id=name):
            function = module.function_of(node)
            own = function and {one.arg: one.annotation for one in function.args.args + function.args.kwonlyargs}
            if mark_of((own or {}).get(name)) or _mark_of_list(node, module):
                return True
            values = reaching(node, module)
            return bool(values) and all(_is_handed_on(value, module, givers) for value in values)
    return False
