"""The trees of nnexp's source, and what a variable in them can hold."""

from __future__ import annotations

import ast
import functools
import itertools
from collections.abc import Sequence
from pathlib import Path

import nnexp

ROOT = Path(nnexp.__file__).parent


class Module:
    """The tree of one file, with the way up from each node."""

    def __init__(self, path: Path) -> None:
        self.name = path.relative_to(ROOT).with_suffix("").as_posix()
        self.tree = ast.parse(path.read_text("utf-8"))
        self.parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}
        self.functions = [node for node in self.parents if isinstance(node, ast.FunctionDef)]
        self.origins = {
            alias.asname or alias.name: (node.module or "").removeprefix("nnexp").lstrip(".").replace(".", "/")
            for node in self.parents
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nnexp")
            for alias in node.names
        }
        self.imported = set(self.origins)
        self.constants = {
            name: node.value
            for node in self.tree.body
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value and (name := _target(node)).isupper()
        }
        self.calls = [node for node in self.parents if isinstance(node, ast.Call)]
        self.named = {node.target.id for node in self.parents if isinstance(node, ast.NamedExpr)}

    def function_of(self, node: ast.AST) -> ast.FunctionDef | None:
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, ast.FunctionDef):
                return node
        return None


def _target(node: ast.Assign | ast.AnnAssign) -> str:
    return name_of(node.targets[0] if isinstance(node, ast.Assign) else node.target)


def name_of(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def parameters(function: ast.FunctionDef) -> list[str]:
    given = [one.arg for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return given[1:] if given[:1] in (["self"], ["cls"]) else given


def reaching(name: ast.Name, module: Module) -> list[ast.expr]:
    """The values that a variable can have where it is used: the last ones given to it before, branch by branch."""
    found: list[ast.expr] = []
    node: ast.AST = name
    while node in module.parents:
        above = module.parents[node]
        if isinstance(above, ast.FunctionDef) and name.id in parameters(above):
            return found
        for block in _blocks(above):
            if node in block:
                values, surely = given_in(name.id, block[: block.index(node)], module)
                found += values
                if surely:
                    return found
        if isinstance(node, ast.stmt) and (walrus := _in_header(name.id, above, module)):
            return [*found, *walrus]
        if isinstance(above, ast.For) and node in above.body and name.id in (given := _targets(above)):
            return [*found, *_from_each(above, given.index(name.id), module)]
        node = above
    return found


def given_in(name: str, block: Sequence[ast.AST], module: Module) -> tuple[list[ast.expr], bool]:
    """The values that a block can leave in a variable, and whether it surely leaves one of them."""
    found: list[ast.expr] = []
    for node in reversed(block):
        values, surely = _given_by(name, node, module)
        found += values
        if surely:
            return found, True
    return found, False


def _targets(loop: ast.For) -> list[str]:
    return [name_of(one) for one in (loop.target.elts if isinstance(loop.target, ast.Tuple) else [loop.target])]


def _from_each(loop: ast.For, place: int, module: Module) -> list[ast.expr]:
    """What a name at that place of a loop's target gets, where the source writes out what is looped over."""
    lists = reaching(loop.iter, module) if isinstance(loop.iter, ast.Name) else [loop.iter]
    items = [item for one in lists if isinstance(one, (ast.List, ast.Tuple)) for item in one.elts]
    return [item.elts[place] for item in items if isinstance(item, ast.Tuple) and isinstance(loop.target, ast.Tuple)]


@functools.cache
def _given_by(name: str, node: ast.AST, module: Module) -> tuple[list[ast.expr], bool]:
    match node:
        case ast.FunctionDef() | ast.ClassDef():
            return [], False
        case ast.AugAssign(target=ast.Name(id=target), value=value) if target == name:
            so_far = ast.Name(name)
            module.parents[so_far] = node
            return [ast.BinOp(so_far, ast.Add(), value)], True
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            pairs: list[tuple[ast.expr, ast.expr]] = []
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                    pairs += zip(target.elts, value.elts, strict=False)
                elif isinstance(target, ast.Tuple):
                    pairs += [(one, ast.Subscript(value, ast.Constant(at))) for at, one in enumerate(target.elts)]
                else:
                    pairs.append((target, value))
            values = [value for one, value in pairs if name_of(one) == name]
            return values, bool(values)
    blocks = [given_in(name, block, module) for block in _blocks(node)]
    surely = (
        isinstance(node, (ast.If, ast.With)) and len(blocks) > isinstance(node, ast.If) and all(s for _, s in blocks)
    )
    return [*_in_header(name, node, module), *itertools.chain.from_iterable(values for values, _ in blocks)], surely


def _blocks(node: ast.AST) -> list[list[ast.stmt]]:
    own = [getattr(node, field, None) for field in ("body", "orelse", "finalbody")]
    handlers = [handler.body for handler in getattr(node, "handlers", ())]
    return [block for block in (*own, *handlers) if isinstance(block, list) and block]


def _in_header(name: str, node: ast.AST, module: Module) -> list[ast.expr]:
    """The values given by `:=` in a statement, but those in the blocks below it."""
    if name not in module.named:
        return []
    header = [part for part in ast.iter_child_nodes(node) if not isinstance(part, (ast.stmt, ast.ExceptHandler))]
    found = [one for part in header for one in ast.walk(part) if isinstance(one, ast.NamedExpr)]
    return [one.value for one in found if one.target.id == name]


def returns(function: ast.FunctionDef) -> list[ast.expr]:
    return [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]
