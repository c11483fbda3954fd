"""Every message by which nnexp refuses something, found in its source: read, never run."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nnexp

ROOT = Path(nnexp.__file__).parent

# Where in a call the message and its hint stand. Whoever hands these over as parameters becomes one of them.
_ERRORS = {
    "Problem": (1, 2),
    "add": (1, 2),  # of Problems
    "InputError": (0, None),
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
_TELLING = ("what_failed", "cause_in_the_system", "how_to_report", "path_problem")
# What such a function returns is a value of the user's, however it is written.
_VALUES = ("kind_of", "shortened", "printable", "as_folder_name")
_MOST = 24  # of ways in which one message can be put together; beyond, its parts stay fields
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
    module: _Module
    call: ast.Call
    message: ast.expr
    hint: tuple[ast.expr, _Module] | None
    is_reason: bool


@dataclass(frozen=True)
class _Sink:
    """A callable that makes an error: where its message and its hint are given, or the hint that it gives itself."""

    at: int
    hint_at: int | None
    module: str | None  # in which alone it is known by its name
    is_reason: bool
    hint: tuple[ast.expr, _Module] | None = None


class _Module:
    """The tree of one file, with the way up from each node."""

    def __init__(self, path: Path) -> None:
        self.name = path.relative_to(ROOT).with_suffix("").as_posix()
        self.tree = ast.parse(path.read_text("utf-8"))
        self.parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}
        self.functions = [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)]
        self.imported = {
            alias.asname or alias.name
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nnexp")
            for alias in node.names
        }
        self.calls = [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]

    def function_of(self, node: ast.AST) -> ast.FunctionDef | None:
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, ast.FunctionDef):
                return node
        return None


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _parameters(function: ast.FunctionDef) -> list[str]:
    given = [one.arg for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return given[1:] if given[:1] in (["self"], ["cls"]) else given


class Source:
    """All of nnexp's source, and the messages in it."""

    def __init__(self) -> None:
        self.modules = [_Module(path) for path in sorted(ROOT.rglob("*.py"))]

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
                    for node in _returns(function):
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
        sinks = {name: _Sink(*where, None, False) for name, where in _ERRORS.items()}
        sinks |= {name: _Sink(0, None, None, True) for name in _REASONS}
        while True:
            sites, passing = [], {}
            for module, call in ((one, call) for one in self.modules for call in one.calls):
                sink = sinks.get(_name(call.func))
                if sink is None or sink.module not in (None, module.name) or not _is_ours(call):
                    continue
                message, hint = _given(call, sink.at, "message"), _given(call, sink.hint_at, "hint")
                function = module.function_of(call)
                if message is None or (function and function.name == "add"):
                    continue
                names = _parameters(function) if function else []
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
            told, mended = (_reaching(name, site.module) for name in (site.message, hint))
            if len(told) == len(mended) > 1:  # both are set in each branch
                return [saying for pair in zip(told, mended, strict=True) for saying in self._together(*pair, site)]
        return self._together(site.message, hint, site)

    def _together(self, message: ast.expr, hint: ast.expr | None, site: _Site) -> list[tuple[str, tuple[str, ...]]]:
        hints = () if hint is None or site.hint is None else tuple(self._read(hint, site.hint[1], {}))
        return [(text, hints) for text in self._read(message, site.module, {})]

    def _pairs(self, node: ast.expr, module: _Module) -> list[tuple[str, str]]:
        """What a `*(message, hint)` can be."""
        if isinstance(node, ast.Tuple) and len(node.elts) == 2:
            texts, hints = (self._read(part, module, {}) for part in node.elts)
            return [(text, hint) for text in texts if _says_something(text) for hint in hints]
        if isinstance(node, ast.IfExp):
            return [*self._pairs(node.body, module), *self._pairs(node.orelse, module)]
        if isinstance(node, ast.Name):
            values = _reaching(node, module)
            return [pair for value in values for pair in self._pairs(value, module)]
        if isinstance(node, ast.Call):
            made = self._function(node.func, module)
            if made:
                return [pair for value in _returns(made[0]) for pair in self._pairs(value, made[1])]
        return []

    def _read(self, node: ast.expr, module: _Module, known: dict[str, list[str]], depth: int = 0) -> list[str]:
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
                return read if plain and len(read) <= 6 else again
            case ast.BinOp(op=ast.Add()):
                return self._joined([node.left, node.right], module, known, depth)
            case ast.IfExp():
                return _once(self._read(part, module, known, depth + 1) for part in (node.body, node.orelse))
            case ast.BoolOp(op=ast.Or()):
                return _once(self._read(part, module, known, depth + 1) for part in node.values)
            case ast.Name(id=name):
                if name in known:
                    return known[name]
                values = _reaching(node, module)
                if not values and name in module.imported:
                    values = [value for home in self.modules for value in _given_in(name, home.tree.body, home)[0]]
                read = _once(self._read(value, module, known, depth + 1) for value in values)
                return read if (read and any(map(_says_something, read))) or read == [""] else _filled(read, again)
            case ast.Call(func=func, args=args):
                made = self._function(func, module)
                if made is None or not _gives_text(made[0]):
                    return again
                function, home = made
                names = _parameters(function)
                inner = {
                    name: self._read(value, module, known, depth + 1)
                    for name, value in itertools.chain(
                        zip(names, args, strict=False), ((word.arg or "", word.value) for word in node.keywords)
                    )
                }
                read = _once(self._read(value, home, inner, depth + 1) for value in _returns(function))
                return read if 0 < len(read) <= _MOST and any(map(_says_something, read)) else again
        return again

    def _joined(self, parts: list[ast.expr], module: _Module, known: dict[str, list[str]], depth: int) -> list[str]:
        read = [self._read(part, module, known, depth + 1) for part in parts]
        if len(list(itertools.islice(itertools.product(*read), _MOST + 1))) > _MOST:
            read = [one if len(one) == 1 else [f"{{{_label(part)}}}"] for one, part in zip(read, parts, strict=True)]
        return list(dict.fromkeys("".join(texts) for texts in itertools.product(*read)))

    def _function(self, called: ast.expr, module: _Module) -> tuple[ast.FunctionDef, _Module] | None:
        """The function of nnexp that is called, if that can be told from its name."""
        name = _name(called)
        own = isinstance(called, ast.Name) or ast.unparse(called).startswith("self.")
        if name in _VALUES or not (own or _name(getattr(called, "value", called)) in module.imported):
            return None
        for home in (module, *(self.modules if not own or name in module.imported else ())):
            for function in home.functions:
                if function.name == name:
                    return function, home
        return None


def _is_ours(call: ast.Call) -> bool:
    """Whether it is not the `add` of a set."""
    return _name(call.func) != "add" or ast.unparse(call.func).endswith("problems.add")


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


def _reaching(name: ast.Name, module: _Module) -> list[ast.expr]:
    """The values that a variable can have where it is used: the last ones given to it before, branch by branch."""
    found: list[ast.expr] = []
    node: ast.AST = name
    while node in module.parents:
        above = module.parents[node]
        if isinstance(above, ast.FunctionDef) and name.id in _parameters(above):
            return found
        for block in _blocks(above):
            if node in block:
                values, surely = _given_in(name.id, block[: block.index(node)], module)
                found += values
                if surely:
                    return found
        if isinstance(above, ast.stmt) and isinstance(node, ast.stmt) and (walrus := _in_header(name.id, above)):
            return [*found, *walrus]
        node = above
    return found


def _given_in(name: str, block: Sequence[ast.AST], module: _Module) -> tuple[list[ast.expr], bool]:
    """The values that a block can leave in a variable, and whether it surely leaves one of them."""
    found: list[ast.expr] = []
    for node in reversed(block):
        values, surely = _given_by(name, node, module)
        found += values
        if surely:
            return found, True
    return found, False


def _given_by(name: str, node: ast.AST, module: _Module) -> tuple[list[ast.expr], bool]:
    match node:
        case ast.AugAssign(target=ast.Name(id=target), value=value) if target == name:
            so_far = ast.Name(name)
            module.parents[so_far] = node
            return [ast.BinOp(so_far, ast.Add(), value)], True
        case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=ast.expr() as value):
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = list(zip(target.elts, value.elts, strict=False))
            values = [value for one, value in pairs if _name(one) == name]
            return values, bool(values)
    blocks = [_given_in(name, block, module) for block in _blocks(node)]
    surely = (
        isinstance(node, (ast.If, ast.With)) and len(blocks) > isinstance(node, ast.If) and all(s for _, s in blocks)
    )
    return [*_in_header(name, node), *itertools.chain.from_iterable(values for values, _ in blocks)], surely


def _blocks(node: ast.AST) -> list[list[ast.stmt]]:
    own = [getattr(node, field, None) for field in ("body", "orelse", "finalbody")]
    handlers = [handler.body for handler in getattr(node, "handlers", ())]
    return [block for block in (*own, *handlers) if isinstance(block, list) and block]


def _in_header(name: str, node: ast.AST) -> list[ast.expr]:
    """The values given by `:=` in a statement, but those in the blocks below it."""
    header = [part for part in ast.iter_child_nodes(node) if not isinstance(part, (ast.stmt, ast.ExceptHandler))]
    found = [one for part in header for one in ast.walk(part) if isinstance(one, ast.NamedExpr)]
    return [one.value for one in found if one.target.id == name]


def _returns(function: ast.FunctionDef) -> list[ast.expr]:
    return [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]


def _gives_text(function: ast.FunctionDef) -> bool:
    return function.returns is not None and ast.unparse(function.returns) in ("str", "str | None", "LiteralString")


def _once(read: Iterator[list[str]]) -> list[str]:
    return list(dict.fromkeys(itertools.chain.from_iterable(read)))


def _filled(read: list[str], otherwise: list[str]) -> list[str]:
    return otherwise if not read or all(text.startswith("{") for text in read) else read


def _says_something(text: str) -> bool:
    """Whether there are words in it, beside the fields."""
    depth, words = 0, []
    for letter in text:
        depth += (letter == "{") - (letter == "}")
        words.append(letter if depth == 0 else " ")
    return sum(map(str.isalpha, "".join(words))) > 3


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
        case ast.Call(func=func, args=[*_, one]) if _name(func) in (*_AS_THEY_ARE, "join"):
            return _label(one)
        case ast.Call(func=func):
            return _name(func).strip("_") or "…"
        case ast.GeneratorExp(elt=one) | ast.ListComp(elt=one):
            return _label(one)
    return "…"
