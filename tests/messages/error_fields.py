"""What stands for a value in a message: a word that its reader knows, or the value itself where the source has it."""

from __future__ import annotations

import ast
import operator
import re

from error_trees import name_of

# Functions that give what they are given, or a part of it.
AS_THEY_ARE = ("printable", "shortened", "str", "repr", "quote", "first_line", "sorted", "map", "reason", "text_of")
_OF_ONE = ("int", "float", "list", "tuple", "set", "min", "max", "next", "reversed", "shown", "one_line", "join")
_OF_A_TEXT = ("group", "partition", "removeprefix", "resolve", "strip")
_OPERATORS = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Pow: ("**", operator.pow),
}


def literal(node: ast.AST | None) -> str | int | float | None:
    """The text or the number that is written there, as `2**32 - 1` is; None for anything else."""
    match node:
        case ast.Constant(value=str() | int() | float() as value):
            return value
        case ast.JoinedStr(values=[one]):
            return literal(one)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            one, other = literal(left), literal(right)
            if isinstance(one, (int, float)) and isinstance(other, (int, float)):
                found: int | float = _OPERATORS[type(op)][1](one, other)
                return found
    return None


def label(node: ast.AST) -> str:
    """A short name for what comes into a message; `…` where the source has none."""
    match node:
        case ast.FormattedValue(value=value) | ast.Starred(value=value) | ast.Await(value=value):
            return label(value)
        case ast.Name(id=name):
            return name.strip("_").lower()
        case ast.Attribute(value=ast.Call(func=ast.Name(id="type")), attr="__name__"):
            return "kind"
        case ast.Attribute(value=value, attr=name):
            own = name not in ("value", "name", "strerror") or isinstance(value, ast.Call)
            return name.strip("_") if own else label(value)
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key
        case ast.Subscript(value=value):
            return label(value)
        case ast.BinOp(left=left, op=op, right=ast.Constant(value=int(number))) if label(left) != "…":
            return f"{label(left)} {_OPERATORS[type(op)][0]} {number}" if type(op) in _OPERATORS else label(left)
        case ast.BinOp(left=ast.Constant(value=int(number)), op=op, right=right) if type(op) in _OPERATORS:
            return f"{number} {_OPERATORS[type(op)][0]} {label(right)}"
        case ast.BinOp(left=one) | ast.Tuple(elts=[one, *_]) | ast.List(elts=[one, *_]):
            return label(one)
        case ast.BoolOp(values=[one, *_]) | ast.IfExp(body=one):
            return label(one)
        case ast.GeneratorExp(elt=one, generators=[each, *_]) | ast.ListComp(elt=one, generators=[each, *_]):
            return label(each.iter) if label(one) == "…" else label(one)
        case ast.Call():
            return _label_of_call(node)
    return "…"


def _label_of_call(call: ast.Call) -> str:
    name, given = name_of(call.func), call.args
    if name == "len":
        return "number"
    if name == "kind_of":
        return "value"
    if name == "get" and given and isinstance(key := literal(given[0]), str):
        return key
    if name in (*AS_THEY_ARE, *_OF_ONE) and given:
        return label(given[-1]) if label(given[-1]) != "…" else label(given[0])
    if name in _OF_A_TEXT and isinstance(call.func, ast.Attribute):
        return label(call.func.value)
    return name.strip("_") or "…"


# What a reader calls a value whose name in the source says little: in all modules, and in those that begin so.
_WORDS: dict[str, dict[str, str]] = {
    "": {
        "argmin": "number",
        "article": "part",
        "asked": "host",
        "change": "name",
        "double": "seed",
        "doubles": "value",
        "dtype": "type",
        "entry": "name",
        "few": "names",
        "file_size": "size",
        "forms": "what it takes",
        "gone": "name",
        "held": "names",
        "hint": "what to do",
        "iloc": "value",
        "inside": "names",
        "known": "names",
        "lacking": "name",
        "line_num": "line",
        "link": "host",
        "listed": "names",
        "lock_file": "path",
        "log10": "number",
        "logged": "names",
        "made": "format",
        "moved_to": "path",
        "nearest": "path",
        "named": "name",
        "now": "value",
        "numbers": "value",
        "one": "name",
        "ord": "code",
        "own": "name",
        "packed": "name",
        "parent": "folder",
        "partition": "reason",
        "pinned": "SHA-256",
        "prod": "total",
        "record": "path",
        "returncode": "code",
        "row_of": "row",
        "said": "error",
        "several": "names",
        "sha256": "SHA-256",
        "shown": "path",
        "singular": "kind",
        "status_code": "code",
        "stem": "name",
        "stored": "type",
        "strftime": "time",
        "such": "an example",
        "summary": "what it is",
        "then": "value",
        "tried": "sources",
        "twice": "name",
        "unmet": "values",
        "unreadable": "errors",
        "usual": "name",
        "weighted": "name",
        "what": "error",
        "what_failed": "error",
        "why": "reason",
        "with_name": "path",
    },
    "api": {"what": "place"},
    "api/html": {"more": "number"},
    "cli/check": {"refusal": "reason"},
    "cli/compared": {
        "bare": "number",
        "hidden_groups": "number",
        "short": "name",
        "hidden": "names",
        "whole": "what has all",
    },
    "cli/console": {"hidden": "names"},
    "cli/evaluate": {"recorded": "value"},
    "cli/faults": {"named": "path"},
    "cli/mista": {"hidden": "number"},
    "cli/predicted": {"what": "values"},
    "cli/resume": {"left_out": "error", "where": "paths"},
    "cli/sweep": {"failed": "names", "runs_dir": "folder"},
    "cli/verify": {"first": "name", "sum": "number", "weights": "number"},
    "comparison": {
        "bare": "number",
        "comparisons": "number",
        "islice": "names",
        "iter": "task",
        "parent": "name",
        "told": "values",
        "untested": "number",
        "what": "name",
    },
    "comparison/verdicts": {
        "number_text": "value",
        "one": "number",
        "other": "number",
        "refusal": "reason",
        "short": "name",
    },
    "config/dataset": {"said": "kind", "what": "name"},
    "config/entries": {"refused": "reason"},
    "config/experiment": {"fields": "keys"},
    "config/loading": {"character": "code", "content": "code"},
    "config/shapes": {"cut": "sizes", "dims": "order", "entry": "layer", "fitting": "number", "range": "axes"},
    "config/sweep": {
        "axis": "name",
        "counted": "number",
        "root": "name",
        "roots": "keys",
        "what": "place",
        "written": "name",
    },
    "data/own": {"cells": "columns", "fitting": "names", "given": "name", "strange": "value", "what": "place"},
    "data/own/arrays": {"examples": "shape", "labels": "shape", "x": "shape", "y": "shape"},
    "data/own/columns": {"cells": "column"},
    "data/own/images": {"high": "height", "wide": "width"},
    "data/own/tablefiles": {"start": "number"},
    "data/own/tables": {"known": "name", "written": "size"},
    "data/own/targets": {"classes": "target", "shown": "value", "train": "value", "where": "place"},
    "doctor": {"cpu_count": "number", "floor": "number", "given": "path", "quota": "number", "told": "what was found"},
    "doctor/computer": {"usable": "number", "written": "size"},
    "doctor/installation": {"bounds": "versions", "written": "versions"},
    "failures": {"named": "path"},
    "findings": {
        "2 * epochs": "twice as many",
        "best + 1": "epoch",
        "explained": "R²",
        "held_out": "loss",
        "high": "loss",
        "learning_rate": "a tenth of it",
        "low": "loss",
        "train": "loss",
    },
    "inference/tables": {
        "listed": "what is wrong with each cell",
        "others": "names",
        "problem": "reason",
        "shown": "value",
        "wanted": "names",
    },
    "inference": {"fitting": "names", "named": "names", "nearest": "the nearest name"},
    "preflight": {"batched": "shape", "called": "layer", "strange": "what is amiss", "written": "size"},
    "preflight/measures": {"given": "so", "what": "where it is so"},
    "preflight/outputs": {"classes": "number", "counted": "number of classes", "last": "activation"},
    "preflight/training": {"here": "value", "told": "value"},
    "recorder": {"where": "from an epoch"},
    "report/mistakes": {"splitlines": "error"},
    "report/run_charts": {"missing": "number", "most_targets": "number"},
    "report/target": {"told": "path", "what": "kind"},
    "resume": {"listed": "reasons", "short": "value"},
    "runs/environment": {"shown": "value", "what": "name"},
    "starter": {"start": "kind"},
    "sweeps/remote": {"has": "error", "listed": "differences", "who": "name", "wrong": "differences"},
    "sweeps/sampling": {"what": "part"},
    "training": {
        "entry": "layer",
        "first": "first host",
        "first_line": "error",
        "needs_batches": "name",
        "shapes": "shape",
        "slow": "layer",
        "told": "reason",
    },
    "verification": {"a": "value", "b": "value", "given": "value", "shown": "value", "told": "value"},
}


def in_words(text: str, module: str) -> str:
    """A message of a module with its fields in words."""
    known: dict[str, str] = {}
    for place, words in _WORDS.items():
        if module.startswith(place):
            known |= words
    return re.sub(r"\{([^{}]*)\}", lambda found: f"{{{known.get(found[1], found[1])}}}", text)
