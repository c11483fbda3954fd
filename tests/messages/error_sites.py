"""Every message by which nnexp refuses something, found in its source: read, never run."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from error_trees import ROOT, Module, name_of, parameters, reaching, returns

# Where in a call the message and its hint stand. Whoever hands these over as parameters becomes one of them.
ERRORS = {
    "Problem": (1, 2),
    "add": (1, 2),  # of Problems
    "InputError": (0, None),
    "NoData": (0, None),
    "RunError": (0, None),
    "DataUnavailable": (0, None),
    "BadData": (0, 1),
    "Busy": (0, None),
    "NoBaseline": (0, None),
    "UnreadableRun": (0, None),
    "Unreachable": (0, None),
    "Misfit": (0, 1),
    "ShapeError": (1, 2),
}
# What stands within the message of another error, as its reason.
_REASONS = ("Refused", "SourceFailed", "WrongContent", "Damaged", "UnusablePredictions", "Gone", "BadPiece")
# Functions that return what to say of an error that nobody raised on purpose.
_TELLING = ("what_failed", "cause_in_the_system", "path_problem")
# What such a function returns is a value of the user's, however it is written.
_VALUES = ("kind_of", "shortened", "as_folder_name")
_FEW = 4  # that a part can be and still be written out within the message
_MOST_RETURNED = 20  # by a function that says what is wrong
_MOST = 4  # of ways in which one message can be put together; beyond, its parts stay fields
_FIELD = re.compile(r"\{[^{}]*\}")
_AS_THEY_ARE = ("printable", "shortened", "str", "repr", "quote", "first_line", "sorted", "map", "reason", "text_of")


@dataclass(frozen=True, order=True)
class Message:
    """One message as the source has it, with `{field}` where a value comes in; a reason stands within another."""

    module: str
    line: int
    text: str
    hints: tuple[str, ...]
    is_reason: bool = False


@dataclass(frozen=True)
class _Site:
    module: Module
    call: ast.Call
    message: ast.expr
    hint: tuple[ast.expr, Module] | None
    is_reason: bool


@dataclass(frozen=True)
class _Sink:
    """A callable that makes an error: where its message and its hint are given, or the hint that it gives itself."""

    at: int
    hint_at: int | None
    module: str | None  # in which alone it is known by its name
    is_reason: bool
    hint: tuple[ast.expr, Module] | None = None


class Source:
    """All of nnexp's source, and the messages in it."""

    def __init__(self) -> None:
        self.modules = [Module(path) for path in sorted(ROOT.rglob("*.py"))]

    @cached_property
    def messages(self) -> list[Message]:
        """Every message, by file and line, each once."""
        found = set()
        for site in self.sites:
            for text, hints in self._sayings(site):
                if _says_something(text):
                    found.add(Message(site.module.name, site.call.lineno, text, hints, site.is_reason))
        for module in self.modules:
            for function in module.functions:
                if function.name in _TELLING:
                    for node in returns(function):
                        pairs = self._pairs(node, module) or [(text, "") for text in self._read(node, module, {})]
                        told = [(text, (hint,) if hint else ()) for text, hint in pairs if _says_something(text)]
                        found |= {Message(module.name, node.lineno, text, hints) for text, hints in told}
        return sorted(found)

    @cached_property
    def silent(self) -> list[str]:
        """The places of errors for which no message was found: they hand on that of another."""
        told = {(message.module, message.line) for message in self.messages}
        return sorted(
            f"{site.module.name}: {ast.unparse(site.message)}"
            for site in self.sites
            if (site.module.name, site.call.lineno) not in told
        )

    @cached_property
    def sites(self) -> list[_Site]:
        """Every call that gives an error its message, but those that hand on what their callers give."""
        sinks = {name: _Sink(*where, None, False) for name, where in ERRORS.items()}
        sinks |= {name: _Sink(0, None, None, True) for name in _REASONS}
        while True:
            sites, passing = [], {}
            for module, call in ((one, call) for one in self.modules for call in one.calls):
                sink = sinks.get(name_of(call.func))
                if sink is None or sink.module not in (None, module.name) or not _is_ours(call):
                    continue
                message, hint = _given(call, sink.at, "message"), _given(call, sink.hint_at, "hint")
                function = module.function_of(call)
                if message is None or (function and function.name == "add"):
                    continue
                names = parameters(function) if function else []
                meant = sink.hint or ((hint, module) if hint is not None else None)
                if function and isinstance(message, ast.Name) and message.id in names and function.name != "__init__":
                    place = names.index(hint.id) if isinstance(hint, ast.Name) and hint.id in names else None
                    passing[function.name] = _Sink(
                        names.index(message.id), place, module.name, sink.is_reason, None if place else meant
                    )
                else:
                    sites.append(_Site(module, call, message, meant, sink.is_reason))
            if passing.keys() <= sinks.keys():
                return sites
            sinks |= passing

    def _sayings(self, site: _Site) -> list[tuple[str, tuple[str, ...]]]:
        """What the message of a site can be, each with what its hint can be."""
        if isinstance(site.message, ast.Starred):
            pairs = self._pairs(site.message.value, site.module)
            return [(text, tuple(hint for other, hint in pairs if other == text)) for text, _ in pairs]
        hint = site.hint[0] if site.hint else None
        if isinstance(site.message, ast.Name) and isinstance(hint, ast.Name):
            told, mended = (reaching(name, site.module) for name in (site.message, hint))
            if len(told) == len(mended) > 1:  # both are set in each branch
                return [saying for pair in zip(told, mended, strict=True) for saying in self._together(*pair, site)]
        return self._together(site.message, hint, site)

    def _together(self, message: ast.expr, hint: ast.expr | None, site: _Site) -> list[tuple[str, tuple[str, ...]]]:
        hints = () if hint is None or site.hint is None else tuple(self._read(hint, site.hint[1], {}))
        return [(text, hints) for text in self._read(message, site.module, {})]

    def _pairs(self, node: ast.expr, module: Module) -> list[tuple[str, str]]:
        """What a `*(message, hint)` can be."""
        if isinstance(node, ast.Tuple) and len(node.elts) == 2:
            texts, hints = (self._read(part, module, {}) for part in node.elts)
            return [(text, hint) for text in texts if _says_something(text) for hint in hints]
        if isinstance(node, ast.IfExp):
            return [*self._pairs(node.body, module), *self._pairs(node.orelse, module)]
        if isinstance(node, ast.Name):
            values = reaching(node, module)
            return [pair for value in values for pair in self._pairs(value, module)]
        if isinstance(node, ast.Call):
            made = self._function(node.func, module)
            if made:
                return [pair for value in returns(made[0]) for pair in self._pairs(value, made[1])]
        return []

    def _read(self, node: ast.expr, module: Module, known: dict[str, list[str]], depth: int = 0) -> list[str]:
        """Each text that an expression can be, with `{fields}` for what only a run of the program knows."""
        again = [f"{{{_label(node)}}}"]
        if depth > 8:
            return again
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.Constant(value=None):
                return [""]
            case ast.JoinedStr():
                return self._joined(node.values, module, known, depth)
            case ast.FormattedValue(value=value):
                read = self._read(value, module, known, depth + 1)
                plain = node.conversion == -1 and node.format_spec is None and any(map(_says_something, read))
                return read if plain and len(read) <= _FEW else again
            case ast.BinOp(op=ast.Add()):
                return self._joined([node.left, node.right], module, known, depth)
            case ast.IfExp():
                return _once(self._read(part, module, known, depth + 1) for part in (node.body, node.orelse))
            case ast.BoolOp(op=ast.Or(), values=[*first, last]):
                read = _once(self._read(part, module, known, depth + 1) for part in first)
                return [*filter(None, read), *self._read(last, module, known, depth + 1)]
            case ast.Attribute(value=ast.Name(id=home), attr=name) if home in module.imported and name.isupper():
                return self._constant(name, again)
            case ast.Name(id=name):
                if name in known:
                    return known[name]
                values = reaching(node, module)
                if not values and name in module.imported:
                    return self._constant(name, again)
                read = _once(self._read(value, module, known, depth + 1) for value in values)
                return again if all(map(_FIELD.fullmatch, read)) else read
            case ast.Subscript(value=ast.Call(func=func), slice=ast.Constant(value=int(index))):
                function, home = self._function(func, module) or (None, module)
                tuples = [value for value in returns(function) if isinstance(value, ast.Tuple)] if function else []
                return _once(self._read(value.elts[index], home, {}, depth + 1) for value in tuples) or again
            case ast.Call(func=func, args=args):
                if name_of(func) in _AS_THEY_ARE and len(args) == 1:
                    read = self._read(args[0], module, known, depth + 1)
                    return read if any(map(_says_something, read)) else again
                made = self._function(func, module)
                if made is None or not _gives_text(made[0]):
                    return again
                function, home = made
                names = parameters(function)
                inner = {
                    name: self._read(value, module, known, depth + 1)
                    for name, value in itertools.chain(
                        zip(names, args, strict=False), ((word.arg or "", word.value) for word in node.keywords)
                    )
                }
                read = _once(self._read(value, home, inner, depth + 1) for value in returns(function))
                return read if 0 < len(read) <= _MOST_RETURNED and any(map(_says_something, read)) else again
        return again

    @cached_property
    def constants(self) -> dict[str, list[ast.expr]]:
        """What stands behind the names in capitals at the top of each module."""
        found: dict[str, list[ast.expr]] = {}
        for node in (node for module in self.modules for node in module.tree.body):
            if isinstance(node, ast.Assign) and (name := name_of(node.targets[0])).isupper():
                found.setdefault(name, []).append(node.value)
        return found

    @cached_property
    def functions(self) -> dict[str, list[tuple[ast.FunctionDef, Module]]]:
        """The functions of each name."""
        found: dict[str, list[tuple[ast.FunctionDef, Module]]] = {}
        for module in self.modules:
            for function in module.functions:
                found.setdefault(function.name, []).append((function, module))
        return found

    def _constant(self, name: str, otherwise: list[str]) -> list[str]:
        """The text that a name of another module stands for."""
        found = self.constants.get(name, [])
        return [
            value.value for value in found if isinstance(value, ast.Constant) and isinstance(value.value, str)
        ] or otherwise

    def _joined(self, parts: list[ast.expr], module: Module, known: dict[str, list[str]], depth: int) -> list[str]:
        read = [self._read(part, module, known, depth + 1) for part in parts]
        if len(list(itertools.islice(itertools.product(*read), _MOST + 1))) > _MOST:
            read = [one if len(one) == 1 else [f"{{{_label(part)}}}"] for one, part in zip(read, parts, strict=True)]
        return list(dict.fromkeys("".join(texts) for texts in itertools.product(*read)))

    def _function(self, called: ast.expr, module: Module) -> tuple[ast.FunctionDef, Module] | None:
        """The function of nnexp that is called, if that can be told from its name."""
        name = name_of(called)
        own = isinstance(called, ast.Name) or ast.unparse(called).startswith("self.")
        if name in _VALUES or not (own or name_of(getattr(called, "value", called)) in module.imported):
            return None
        known = self.functions.get(name, [])
        here = [one for one in known if one[1] is module]
        if here or (own and name not in module.imported):
            return here[0] if here else None
        return known[0] if known else None


def _is_ours(call: ast.Call) -> bool:
    """Whether it is not the `add` of a set."""
    return name_of(call.func) != "add" or ast.unparse(call.func).endswith("problems.add")


def _given(call: ast.Call, at: int | None, name: str) -> ast.expr | None:
    for word in call.keywords:
        if word.arg == name:
            return word.value
    for index, value in enumerate(call.args):
        if isinstance(value, ast.Starred):
            return value if name == "message" else None
        if index == at:
            return value
    return None


def _gives_text(function: ast.FunctionDef) -> bool:
    return function.returns is not None and ast.unparse(function.returns) in ("str", "str | None", "LiteralString")


def _once(read: Iterator[list[str]]) -> list[str]:
    return list(dict.fromkeys(itertools.chain.from_iterable(read)))


def _says_something(text: str) -> bool:
    """Whether there are words in it, beside the fields."""
    depth, words = 0, []
    for letter in text:
        depth += (letter == "{") - (letter == "}")
        words.append(letter if depth == 0 else " ")
    return sum(map(str.isalpha, "".join(words))) > 4


def _label(node: ast.AST) -> str:
    """A short name for what comes into a message."""
    match node:
        case ast.FormattedValue(value=value) | ast.Starred(value=value) | ast.Await(value=value):
            return _label(value)
        case ast.Name(id=name):
            return name.strip("_").lower()
        case ast.Attribute(value=value, attr=name):
            return _label(value) if name in ("value", "name", "strerror") and not isinstance(value, ast.Call) else name
        case ast.Subscript(value=value):
            return _label(value)
        case ast.Call(func=ast.Name(id="len"), args=[one]):
            return "number"
        case ast.Call(func=ast.Name(id="kind_of")):
            return "value"
        case ast.Call(func=func, args=[*_, one]) if name_of(func) in (*_AS_THEY_ARE, "join"):
            return _label(one)
        case ast.Call(func=func):
            return name_of(func).strip("_") or "…"
        case ast.GeneratorExp(elt=one) | ast.ListComp(elt=one):
            return _label(one)
    return "…"
