"""Every message by which nnexp refuses or warns, found in its source: read, never run."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from error_fields import AS_THEY_ARE, label, literal
from error_marks import Marked, marked
from error_trees import ROOT, Module, name_of, parameters, reaching, returns

Kind = Literal["error", "reason", "finding", "note", "check"]

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
REASONS = (
    *("BadPiece", "Contradicted", "Damaged", "Gone", "Lost", "NoCondition", "NoEffects", "Refused", "SourceFailed"),
    "UnusablePredictions",
    *("WrongContent", "_NoFile"),
)
# Functions that return what to say of an error that nobody raised on purpose.
_TELLING = ("what_failed", "cause_in_the_system", "path_problem")
# What these return is a value of the user's, however it is written.
_VALUES = ("kind_of", "shortened", "as_folder_name")
# Of calls whose names say little: those that are meant.
_MEANT = {"add": "problems.add", "say": "progress.say"}
_FEW = 4  # that a part can be and still be written out within the message
_MOST_RETURNED = 20  # by a function that says what is wrong
_MOST = 4  # of ways in which one message can be put together; beyond, its parts stay fields
_MOST_LISTED = 6  # words of a constant that are written out
_FIELD = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, order=True)
class Message:
    """One message as the source has it, with `{field}` where a value comes in.

    A reason stands within another message; a check is one of `nnexp doctor`. `grades` are the severities that a finding
    can have.
    """

    module: str
    line: int
    text: str
    hints: tuple[str, ...]
    kind: Kind = "error"
    grades: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Site:
    module: Module
    call: ast.Call
    message: ast.expr
    hint: tuple[ast.expr, Module] | None
    kind: Kind
    grade: ast.expr | None


@dataclass(frozen=True)
class _Sink:
    """A callable that takes a message: where this and its hint are given, or the hint that it gives itself."""

    at: int
    hint_at: int | None = None
    kind: Kind = "error"
    grade_at: int | None = None
    hint: tuple[ast.expr, Module] | None = None


# By their names, and the module in which alone they are known by these.
_SINKS: dict[tuple[str, str | None], _Sink] = {
    **{(name, None): _Sink(*where) for name, where in ERRORS.items()},
    **{(name, None): _Sink(0, kind="reason") for name in REASONS},
    ("BadParameter", None): _Sink(0),
    ("Ending", None): _Sink(1, kind="reason"),
    ("Finding", None): _Sink(2, 3, kind="finding", grade_at=1),
    ("Check", None): _Sink(2, 3, kind="check"),
    **{(name, None): _Sink(0, kind="note") for name in ("Note", "Warned", "say")},
    ("_say", "cli/sweep_live"): _Sink(0, kind="note"),
}


class Source:
    """All of nnexp's source, and the messages in it."""

    def __init__(self) -> None:
        self.modules = [Module(path) for path in sorted(ROOT.rglob("*.py"))]

    @cached_property
    def messages(self) -> list[Message]:
        """Every message, by file and line, each once."""
        found = set()
        for site in self.sites:
            grades = tuple(self._read(site.grade, site.module, {})) if site.grade else ()
            for text, hints in self._sayings(site):
                if _says_something(text):
                    found.add(Message(site.module.name, site.call.lineno, text, hints, site.kind, grades))
        for one in self.marked:
            told = filter(_says_something, self._read(one.node, one.module, {}))
            found |= {Message(one.module.name, one.node.lineno, text, (), one.mark) for text in told}
        for module in self.modules:
            for function in module.functions:
                if function.name in _TELLING:
                    for node in returns(function):
                        pairs = self._pairs(node, module) or [(text, "") for text in self._read(node, module, {})]
                        given = [(text, (hint,) if hint else ()) for text, hint in pairs if _says_something(text)]
                        found |= {Message(module.name, node.lineno, text, hints) for text, hints in given}
        return sorted(found)

    @cached_property
    def silent(self) -> list[str]:
        """The places for which no message was found: they hand on that of another."""
        told = {(message.module, message.line) for message in self.messages}
        places = [(site.module.name, site.call.lineno, site.message) for site in self.sites]
        places += [(one.module.name, one.node.lineno, one.node) for one in self.marked]
        silent = [f"{name}: {ast.unparse(node)}" for name, line, node in places if (name, line) not in told]
        return sorted(text.replace('"', "'") for text in silent)  # since Python 3.12 other quotes are chosen

    @cached_property
    def marked(self) -> list[Marked]:
        """What the source itself marks as telling of trouble."""
        return marked(self.modules)

    @cached_property
    def sites(self) -> list[_Site]:
        """Every call that is given a message, but those that hand on what their callers give."""
        sinks = dict(_SINKS)
        while True:
            sites, passing = [], {}
            for module, call in ((one, call) for one in self.modules for call in one.calls):
                name = name_of(call.func)
                sink = sinks.get((name, module.name)) or sinks.get((name, None))
                if sink is None or not _is_meant(call):
                    continue
                message, hint = _given(call, sink.at, "message"), _given(call, sink.hint_at, "hint")
                function = module.function_of(call)
                if message is None or (function and function.name == "add"):
                    continue
                names = parameters(function) if function else []
                meant = sink.hint or ((hint, module) if hint is not None else None)
                if function and isinstance(message, ast.Name) and message.id in names and function.name != "__init__":
                    place = names.index(hint.id) if isinstance(hint, ast.Name) and hint.id in names else None
                    passing[function.name, module.name] = _Sink(
                        names.index(message.id), place, sink.kind, hint=None if place else meant
                    )
                else:
                    grade = _given(call, sink.grade_at, "severity")
                    sites.append(_Site(module, call, message, meant, sink.kind, grade))
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
        again = [f"{{{label(node)}}}"]
        if depth > 8 and not isinstance(node, ast.Constant):
            return again
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.Constant(value=None):
                return [""]
            case ast.JoinedStr():
                return self._joined(node.values, module, known, depth)
            case ast.FormattedValue(value=value, format_spec=spec):
                if (number := self._number(value, module)) is not None:
                    return [format(number, str(literal(spec) or ""))]
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
                return self._constant(node, module) or again
            case ast.Name(id=name):
                if name in known:
                    return known[name]
                values = reaching(node, module)
                if not values and name in module.imported:
                    return self._constant(node, module) or again
                read = _once(self._read(value, module, known, depth + 1) for value in values)
                return again if all(map(_FIELD.fullmatch, read)) else read
            case ast.Subscript(value=ast.Call(func=func), slice=ast.Constant(value=int(index))):
                function, home = self._function(func, module) or (None, module)
                tuples = [value for value in returns(function) if isinstance(value, ast.Tuple)] if function else []
                return _once(self._read(value.elts[index], home, {}, depth + 1) for value in tuples) or again
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(between)), attr="join"), args=[one]):
                words = self._words(one, module)
                lists = reaching(one, module) if isinstance(one, ast.Name) else [one]
                read = _once(
                    self._read(each.elt, module, known, depth + 1)
                    for each in lists
                    if isinstance(each, (ast.ListComp, ast.GeneratorExp))
                )
                if 0 < len(words) <= _MOST_LISTED:
                    return [between.join(words)]
                return read if any(map(_says_something, read)) else again  # one of them stands for all
            case ast.Call(func=ast.Attribute(value=ast.Name() as table, attr="get"), args=[_, other]) if (
                held := self._held(table, module)
            ):
                return _once(self._read(value, module, known, depth + 1) for value in (*held, other))
            case ast.Call(func=ast.Attribute(value=ast.JoinedStr() as text, attr="rstrip"), args=[]):
                return self._read(text, module, known, depth + 1)
            case ast.Call(func=func, args=args):
                if name_of(func) in AS_THEY_ARE and len(args) == 1:
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
    def functions(self) -> dict[str, list[tuple[ast.FunctionDef, Module]]]:
        """The functions of each name."""
        found: dict[str, list[tuple[ast.FunctionDef, Module]]] = {}
        for module in self.modules:
            for function in module.functions:
                found.setdefault(function.name, []).append((function, module))
        return found

    def _behind(self, node: ast.expr, module: Module) -> list[ast.expr]:
        """What stands behind a name in capitals: of its own module, else of any."""
        name = name_of(node)
        if isinstance(node, ast.Name) and name in module.constants:
            return [module.constants[name]]
        return [other.constants[name] for other in self.modules if name in other.constants]

    def _constant(self, node: ast.expr, module: Module) -> list[str]:
        """The text that a name in capitals stands for."""
        values = map(literal, self._behind(node, module))
        return [value for value in values if isinstance(value, str)]

    def _number(self, node: ast.expr, module: Module) -> float | None:
        """The number that a name in capitals stands for; None where that is none, or may be another."""
        values = list(map(literal, self._behind(node, module)))
        return values[0] if len(values) == 1 and isinstance(values[0], (int, float)) else None

    def _words(self, node: ast.expr, module: Module) -> list[str]:
        """The words that are in the collection for which a name in capitals stands; nothing where others are too."""
        match self._behind(node, module):
            case [ast.Tuple(elts=held) | ast.List(elts=held) | ast.Dict(keys=held)]:
                words = [word for one in held if isinstance(word := literal(one), str)]
                return words if len(words) == len(held) else []
        return []

    def _held(self, node: ast.expr, module: Module) -> list[ast.expr]:
        """The values of the table for which a name in capitals stands."""
        match self._behind(node, module):
            case [ast.Dict(values=values)]:
                return values
        return []

    def _joined(self, parts: list[ast.expr], module: Module, known: dict[str, list[str]], depth: int) -> list[str]:
        """The texts that parts one after another make; those that would make too many of them stay fields."""
        made = [""]
        for part in parts:
            read = self._read(part, module, known, depth + 1)
            if len(made) * len(read) > max(_MOST, len(made)):
                read = [f"{{{label(part)}}}"]
            made = list(dict.fromkeys(text + more for text in made for more in read))
        return made

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


def _is_meant(call: ast.Call) -> bool:
    """Whether it is not the `add` of a set, a line that tells of how a run ended well, or a good check."""
    name = name_of(call.func)
    if name == "Check":
        return all(literal(given) != "ok" for given in call.args)
    if name in _MEANT and not ast.unparse(call.func).endswith(_MEANT[name]):
        return False
    return name != "_say" or all(word.arg != "plain" for word in call.keywords)


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
