"""YAML text to nodes that know where they were written.

Reading goes over PyYAML's event stream, so that limits hold before anything is built, aliases cannot expand, no tag can
make an object, and duplicate keys are seen. Plain scalars follow YAML 1.2: `1e-3` is a number, `no` is the word "no",
`010` is ten.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from nnexp.errors import ConfigError, Place, Problem

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_NODES = 100_000
MAX_ALIASES = 100
MAX_KEY = 200  # characters
MAX_PROBLEMS = 100  # told at once

Scalar = str | int | float | bool | None

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_NO_FILE = "give the path of a YAML file; `nnexp init` writes one to start from"
_NO_YAML = "a quote or a bracket may be open, or this line or the one before indented otherwise than its neighbours"
_TAG = "tag:yaml.org,2002:"
# What steers a terminal or turns the direction of writing: in a name or a message it would show what is not there.
_UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(slots=True)
class Node:
    """A value and where it was written. `keys` holds the places of a mapping's keys.

    The root of a config also carries the problems found while reading, for the validator to tell with its own.
    """

    value: Scalar | list[Node] | dict[str, Node]
    place: Place
    keys: dict[str, Place] = field(default_factory=dict)
    size: int = 1  # nodes in this subtree with aliases written out
    problems: tuple[Problem, ...] = ()

    def plain(self) -> Any:
        """The value without places: plain Python data."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def copy(self) -> Node:
        """A deep copy of the containers, so that an override never reaches the original or an alias of it."""
        value = self.value
        if isinstance(value, dict):
            value = {key: node.copy() for key, node in value.items()}
        elif isinstance(value, list):
            value = [node.copy() for node in value]
        return Node(value, self.place, dict(self.keys), self.size, self.problems)


def read_config(path: Path) -> Node:
    """Read a config file into a mapping node.

    Raises:
        ConfigError: it is missing, not a file, not text, too large, not YAML, or not a mapping.
    """
    source = str(path)

    def refuse(message: str, hint: str = "") -> ConfigError:
        return ConfigError([Problem(Place(source), message, hint)])

    try:
        content = _bytes(path)
    except FileNotFoundError:
        raise refuse("no such file", _in_place_of(path)) from None
    except IsADirectoryError:
        inside = ", ".join(sorted(entry.name for entry in path.glob("*.y*ml"))[:5])
        raise refuse(
            "this is a directory, not a config", f"name one of those in it: {inside}" if inside else _NO_FILE
        ) from None
    except _NoFile as error:
        raise refuse(f"this is {error}, not a config", "save the config in a file") from None
    except OSError as error:
        raise refuse(f"cannot be read: {error.strerror}", "see that you may read it") from None
    except ValueError:  # the path holds a character that no path can hold
        raise refuse("no such file", _NO_FILE) from None
    if len(content) > MAX_BYTES:
        raise refuse(
            f"larger than {MAX_BYTES:,} bytes: not a config", "a config is a page of text; is it the right file?"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        place = Place(source, line, error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1)
        message = f"not UTF-8 text: byte 0x{content[error.start]:02x} cannot be decoded"
        raise ConfigError([Problem(place, message, "save the file as UTF-8")]) from None
    return parse_config(text, source)


class _NoFile(Exception):
    """What stands at a path is no file; the message says what it is."""


def _bytes(path: Path) -> bytes:
    """The first bytes of a file, one more than a config may have. A pipe without a writer must not hang us."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123  (of a descriptor)
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError
        if not stat.S_ISREG(mode):
            raise _NoFile("a pipe" if stat.S_ISFIFO(mode) else "a device")
        return file.read(MAX_BYTES + 1)


def parse_config(text: str, source: str) -> Node:
    """Parse the text of a config into a mapping node; `source` names it in messages.

    Raises:
        ConfigError: it is not YAML, breaks a limit, or is not a mapping.
    """
    node = parse_yaml(text, source)
    if node is None or node.value is None:
        hint = "a config needs at least `dataset` and `layers`; see configs/ for examples"
        raise ConfigError([Problem(Place(source, 1, 1), "the config is empty", hint)])
    if not isinstance(node.value, dict):
        hint = "write `key: value` lines, such as `dataset: fashion_mnist`"
        mistake = Problem(node.place, f"a config is a mapping of keys, not {kind_of(node)}", hint)
        raise ConfigError([*node.problems, mistake])
    return node


def parse_yaml(text: str, source: str, place: Place | None = None) -> Node | None:
    """Parse one YAML document; with `place`, every node is said to be written there (an option's value).

    Raises:
        ConfigError: not YAML, or beyond a limit. Duplicate keys, tags and odd keys come back in `Node.problems`.
    """
    composer = _Composer(source, place)
    # A lone surrogate (a byte of the command line that is no UTF-8) is no character: libyaml's binding raises on it.
    if odd := re.search("[\ud800-\udfff]", text):
        where = place or Place(source, text.count("\n", 0, odd.start()) + 1)
        raise ConfigError([Problem(where, f"not text: U+{ord(odd[0]):04X} is not a character", "remove it")])
    try:
        node = composer.document(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = composer.at(mark) if mark else Place(source)
        is_tab = mark is not None and _sign_at(text, mark) == "\t"
        hint = "indent with spaces, not tabs" if is_tab else _NO_YAML
        context = f" ({error.context})" if error.context and not is_tab else ""
        raise ConfigError([*composer.problems, Problem(where, f"not YAML: {error.problem}{context}", hint)]) from None
    except yaml.reader.ReaderError as error:
        message = f"not text: the character U+{error.character:04X} is not allowed in YAML"
        where = place or Place(source, text.count("\n", 0, error.position) + 1)
        raise ConfigError([Problem(where, message, "remove it")]) from None
    if node is not None:
        node.problems = tuple(composer.problems)
    return node


def _sign_at(text: str, mark: Any) -> str:
    lines = text.split("\n")
    return lines[mark.line][mark.column : mark.column + 1] if mark.line < len(lines) else ""


def resolve(text: str) -> Scalar:
    """The value of a plain (unquoted) scalar, as the core schema of YAML 1.2 reads it."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= 100:  # a longer run of digits is no number that a config means
        if _INT.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
    return text


def dump(value: Any) -> str:
    """Plain data as YAML that `parse_config` reads back to the same value."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=116)


def kind_of(node: Node) -> str:
    """What a node is, in words for a message."""
    match node.value:
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case None:
            return "nothing"
        case str():
            return f"'{shortened(node.value)}'"
        case bool():
            return str(node.value).lower()
    return str(node.value)


def unquoted(node: Node) -> str:
    """What to do where a number was wanted: said of one that stands in quotes, else ""."""
    is_number = isinstance(node.value, str) and re.fullmatch(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?", node.value, re.ASCII)
    return f"write it without quotes: {node.value}" if is_number else ""


def shortened(text: str) -> str:
    """The text as a message can hold it."""
    return text if len(text) <= 60 else f"{text[:60]}…"


class _Dumper(yaml.SafeDumper):
    """Quotes each string that YAML 1.2 would read as something else; never writes aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_str(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
    # PyYAML writes some line breaks bare inside single quotes; double quotes escape them.
    style = '"' if not data.isprintable() else None if isinstance(resolve(data), str) else "'"
    return dumper.represent_scalar(_TAG + "str", data, style=style)


_Dumper.add_representer(str, _represent_str)


class _Composer:
    """Builds nodes from events, counting as it goes."""

    def __init__(self, source: str, place: Place | None) -> None:
        self.source = source
        self.fixed_place = place
        self.problems: list[Problem] = []
        self.anchors: dict[str, Node] = {}
        self.aliases = 0
        self.nodes = 0

    def at(self, mark: Any) -> Place:
        return self.fixed_place or Place(self.source, mark.line + 1, mark.column + 1)

    def document(self, events: Iterator[Any]) -> Node | None:
        node = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    hint = "one config a file: remove this line and what follows"
                    raise ConfigError([Problem(self.at(event.start_mark), "a second document begins here", hint)])
            elif isinstance(event, yaml.NodeEvent):
                node = self.node(event, events, depth=1)
        return node

    def node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        place = self.at(event.start_mark)
        if depth > MAX_DEPTH:
            raise ConfigError(
                [Problem(place, f"nested deeper than {MAX_DEPTH} levels: not a config", "is it the right file?")]
            )
        if isinstance(event, yaml.AliasEvent):
            node = self.alias(event, place)
        else:
            if event.tag not in {None, "!", _TAG + "str"}:
                tag = ascii(str(event.tag).replace(_TAG, "!!")[:60])[1:-1]
                hint = "remove it: a config is plain data, names, numbers, lists and mappings"
                self.problems.append(Problem(place, f"the tag {tag} is not allowed", hint))
            if isinstance(event, yaml.ScalarEvent):
                node = Node(self.scalar(event), place)
            elif isinstance(event, yaml.SequenceStartEvent):
                node = self.sequence(events, place, depth)
            else:
                node = self.mapping(events, place, depth)
            if event.anchor:
                self.anchors[event.anchor] = node
        self.nodes += node.size if isinstance(event, yaml.AliasEvent) else 1
        if self.nodes > MAX_NODES:
            raise ConfigError(
                [Problem(place, f"more than {MAX_NODES:,} values once aliases are written out", "use fewer aliases")]
            )
        if len(self.problems) > MAX_PROBLEMS:
            raise ConfigError(
                [*self.problems, Problem(place, "too much is wrong to go on", "mend what is told above first")]
            )
        return node

    def alias(self, event: Any, place: Place) -> Node:
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            raise ConfigError(
                [Problem(place, f"more than {MAX_ALIASES} aliases: not a config", "write the values out")]
            )
        if event.anchor not in self.anchors:
            hint = f"define it earlier with &{event.anchor}"
            raise ConfigError([Problem(place, f"the alias *{event.anchor} has no anchor", hint)])
        return self.anchors[event.anchor]

    def scalar(self, event: Any) -> Scalar:
        text: str = event.value
        if unseen := _UNSEEN.search(text):
            hint = "a config is plain text; remove the character"
            message = f"the control character U+{ord(unseen[0]):04X} is not allowed"
            self.problems.append(Problem(self.at(event.start_mark), message, hint))
            text = _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)
        return resolve(text) if event.implicit[0] and event.tag is None else text

    def sequence(self, events: Iterator[Any], place: Place, depth: int) -> Node:
        items = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self.node(event, events, depth + 1))
        return Node(items, place, size=1 + sum(item.size for item in items))

    def mapping(self, events: Iterator[Any], place: Place, depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self.node(event, events, depth + 1)
            value = self.node(next(events), events, depth + 1)
            if not isinstance(key.value, str):
                in_quotes = "" if isinstance(key.value, (list, dict)) else f"; put it in quotes: '{key.value}'"
                hint = f"a key is a name{in_quotes}"
                self.problems.append(Problem(key.place, f"{kind_of(key)} cannot be a key", hint))
            elif len(key.value) > MAX_KEY:
                hint = "a key is a name; does a `:` stand in the wrong place?"
                self.problems.append(Problem(key.place, f"the key {kind_of(key)} is too long", hint))
            elif key.value in values:
                first = keys[key.value]
                self.problems.append(
                    Problem(key.place, f"the key '{key.value}' stands twice", f"first at {first}; keep one of them")
                )
            else:
                values[key.value] = value
                keys[key.value] = key.place
        return Node(values, place, keys, size=1 + sum(1 + value.size for value in values.values()))


def _in_place_of(path: Path) -> str:
    """What one who names a file that there is not may have meant."""
    from nnexp.data.datasets import DATASETS

    if str(path) in DATASETS:
        return f"that is a dataset: `nnexp init --from {path}` writes a config for it"
    if _FLOAT.fullmatch(path.name):
        return "several values of an option are one word, with commas and without spaces: 128,512"
    near = difflib.get_close_matches(path.name, _neighbours(path), n=1, cutoff=0.5)
    return f"did you mean {path.with_name(near[0])}?" if near else _NO_FILE


def _neighbours(path: Path) -> list[str]:
    try:
        return [entry.name for entry in path.parent.iterdir() if entry.suffix in {".yaml", ".yml"}]
    except OSError:
        return []
