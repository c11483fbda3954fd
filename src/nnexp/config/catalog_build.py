"""Writes `catalog.json` from the installed Keras: `python -m nnexp.config.catalog_build`.

Each item's parameters come from its signature, its docstring, `catalog_rules`, `catalog_summaries`, and trials: Keras
is asked to make the object with values such as -1, 1.5 and "nonsense", so that bounds and choices are those that Keras
itself enforces.
"""

from __future__ import annotations

import fnmatch
import functools
import importlib
import inspect
import json
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from nnexp.config import catalog_rules as rules
from nnexp.config.catalog import KINDS, PATH, floats
from nnexp.config.catalog_summaries import SUMMARIES

_HELPERS = ("get", "serialize", "deserialize")
_TYPE = r"(?:optional |positive |python |single |small |an? |or )*(?:int|integer|float|bool|boolean|string|str|number)"
_TYPE_LEAD = re.compile(
    rf"^\(?{_TYPE}(?: value)?(?: or none)?(?: ?,? ?\(default[^)]*\))?\)?[,;:] +|^\(optional\) +|"
    rf"^{_TYPE} or (?:a )?(?:tuple/)?(?:list|tuple) of \d (?:integers?|ints?),? (?:specifying )?|^boolean indicating ",
    re.IGNORECASE,
)
_TYPE_ONLY = re.compile(
    rf"\W*(?:optional|default.*|{_TYPE}\b.{{0,45}}|(?:a |an |or )*(?:tuple|list|integer|python scalar)\b.{{0,40}}|"
    r"only used if .*|must be positive|unset by default|.*returns the actual value to use|)\W*",
    re.IGNORECASE,
)
_DTYPES = (
    *("bfloat16", "bool", "float16", "float32", "float64", "int16", "int32", "int64"),
    *("mixed_bfloat16", "mixed_float16", "string", "uint8"),
)
_LAST = ("name", "dtype", "trainable")  # never what a bare value means


def build() -> dict[str, Any]:
    """The catalogue as plain data: kind -> name -> item, and Keras' version."""
    import keras

    return {"keras": keras.__version__, **{kind: _kind(kind) for kind in KINDS}}


def dump(catalogue: dict[str, Any]) -> str:
    """The catalogue as JSON text, one item a line."""
    blocks = [f'"keras": {json.dumps(catalogue["keras"])}']
    for kind in KINDS:
        items = (
            f"{json.dumps(name)}: {json.dumps(item, ensure_ascii=False)}" for name, item in catalogue[kind].items()
        )
        blocks.append(f'"{kind}": {{\n' + ",\n".join(items) + "\n}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def module(kind: str) -> ModuleType:
    """The public Keras module of a kind."""
    path = "keras.optimizers.schedules" if kind == "schedules" else f"keras.{kind}"
    return importlib.import_module(path)


def example(class_name: str, parameter: str) -> Any:
    """A plausible plain value of a required parameter."""
    return rules.EXAMPLES.get(f"{class_name}.{parameter}", rules.EXAMPLES.get(parameter))


def snake(class_name: str) -> str:
    """`MaxPooling2D` -> `max_pooling2d`, `LSTMCell` -> `lstm_cell`, `ReLU` -> `relu`."""
    for odd, even in rules.WORDS.items():
        class_name = class_name.replace(odd, even)
    words = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", class_name)
    return re.sub(r"([a-z]|\d(?=[A-Z][a-z]))([A-Z])", r"\1_\2", words).lower()


def make(kind: str, value: Any) -> Any:
    """The Keras object of an entry written as plain data: `name`, or `{name: {parameter: value}}`."""
    name, given = next(iter(value.items())) if isinstance(value, dict) else (value, {})
    public = _public(kind)
    target = next(obj for class_name, obj in public.items() if name in (class_name, snake(class_name)))
    return target(**given) if inspect.isclass(target) else target


@functools.cache
def _public(kind: str) -> dict[str, Any]:
    """Public name -> class, or function where no class has the same meaning; aliases of one class once."""
    found: dict[str, Any] = {}
    known = module(kind)
    skipped = {*_HELPERS, *rules.SHADOWED.get(kind, ())}
    for is_kind in (inspect.isclass, inspect.isfunction):
        if is_kind is inspect.isfunction and kind not in ("losses", "metrics", "activations"):
            continue
        skipped |= {snake(name) for name in found}
        objects = {name: obj for name, obj in vars(known).items() if is_kind(obj)}
        for name, obj in sorted(objects.items()):
            own_name = obj.__name__ if obj.__name__ in objects else name
            if name == own_name and name not in skipped:
                found[name] = obj
    return found


def get_table(kind: str) -> dict[str, Any]:
    """The names that Keras' own `get()` knows, where it keeps such a table."""
    inside = importlib.import_module(f"keras.src.{kind}") if kind != "schedules" else None
    table: dict[str, Any] = getattr(inside, "ALL_OBJECTS_DICT", {})
    return table


def _kind(kind: str) -> dict[str, Any]:
    from keras.src.utils.naming import to_snake_case

    public = _public(kind)
    items: dict[str, Any] = {}
    for class_name, obj in public.items():
        name = snake(class_name)
        extra = rules.EXTRA_ALIASES.get(kind, {}).get(name, ())
        aliases = {class_name, obj.__name__, to_snake_case(class_name), *_spellings(kind, class_name, obj), *extra}
        item: dict[str, Any] = {"class": class_name, "aliases": sorted(aliases - {name})}
        if summary := _sentence(inspect.getdoc(obj) or ""):
            item["summary"] = summary
        if class_name in rules.REFUSED.get(kind, {}):
            item["refused"] = rules.REFUSED[kind][class_name]
        elif inspect.isclass(obj):
            item["parameters"] = _parameters(kind, class_name, obj)
        items[name] = item
    return dict(sorted({**items, **rules.OURS.get(kind, {})}.items()))


def _spellings(kind: str, class_name: str, obj: Any) -> Iterator[str]:
    """Other public names of the same object, and those that Keras' get() takes."""
    for name, other in vars(module(kind)).items():
        if other is obj:
            yield name
            if inspect.isclass(obj):
                yield snake(name)
    function = getattr(module(kind), snake(class_name), None)
    for name, other in get_table(kind).items():
        if other is obj or (function is not None and other is function):
            yield name


def _parameters(kind: str, class_name: str, obj: Any) -> dict[str, Any]:
    texts = {**_documented(inspect.getdoc(obj.__init__) or ""), **_documented(inspect.getdoc(obj) or "")}
    found = {
        name: parameter
        for name, parameter in inspect.signature(obj).parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
    required = {name: example(class_name, name) for name in found if found[name].default is inspect.Parameter.empty}
    # What a class needs though its signature has a default, such as Discretization's boundaries.
    needed = {
        name: rules.EXAMPLES[f"{class_name}.{name}"] for name in found if f"{class_name}.{name}" in rules.EXAMPLES
    }

    base = _real(class_name, required | needed)
    obj(**base)  # a wrong example would make every trial fail

    def accepts(name: str, value: Any) -> bool:
        try:
            with warnings.catch_warnings(action="error"):
                obj(**{**base, name: value})
        except Exception:  # noqa: BLE001  whatever Keras raises, it refuses the value
            return False
        return True

    defaults = {name: p.default for name, p in found.items() if name not in required}
    if kind == "layers":
        extra = {"name": None, "dtype": None, "trainable": True}
        defaults |= {name: value for name, value in extra.items() if name not in found and accepts(name, value)}
    ordered = [name for name in (*required, *defaults) if name not in _LAST]
    ordered += [name for name in _LAST if name in defaults]
    parameters = {}
    for name in ordered:
        if name in needed and not accepts(name, None) and defaults.get(name, 0) is None:
            del defaults[name]
        fields = _parameter(f"{class_name}.{name}", texts.get(name, ""), defaults, functools.partial(accepts, name))
        if fields is not None:
            parameters[name] = fields
    return parameters


def _real(class_name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Plain example values with entries made into Keras objects."""
    made = {}
    for name, value in values.items():
        kind = _spec(f"{class_name}.{name}").get("kind")
        if kind and isinstance(value, list):
            made[name] = [make(kind, part) for part in value]
        else:
            made[name] = make(kind, value) if kind else value
    return made


def _parameter(path: str, text: str, defaults: dict[str, Any], accepts: Callable[[Any], bool]) -> dict[str, Any] | None:
    """One parameter's fields; None where a config cannot give it."""
    name = path.partition(".")[2]
    spec = _spec(path)
    if spec.get("types") == ["-"]:
        return None
    fields: dict[str, Any] = {}
    default = defaults.get(name)
    if name not in defaults:
        fields["required"] = True
    elif default is not None:
        fields["default"] = default = _plain(default, spec.get("kind"))
    fields |= spec
    if "types" not in fields:
        fields["types"] = _types(path, default, text)
    if "default" in fields and "float" in fields["types"] and "int" not in fields["types"]:
        fields["default"] = floats(default)
    if name in defaults and default is None and "null" not in fields["types"]:
        fields["types"] = [*fields["types"], "null"]
    if "str" in fields["types"]:
        fields |= _choices(name, text, fields, accepts)
    _tighten(fields, accepts)
    if summary := SUMMARIES.get(path) or _sentence(text, SUMMARIES.get(name, "")):
        fields["summary"] = summary
    return fields


def _plain(value: Any, kind: str | None) -> Any:
    """A default as plain data: tuples as lists, an item by its canonical name."""
    if kind and isinstance(value, str):
        return next(name for name, item in _names(kind).items() if value in item)
    return json.loads(json.dumps(value))


@functools.cache
def _names(kind: str) -> dict[str, set[str]]:
    """Canonical name -> every spelling."""
    return {
        snake(class_name): {snake(class_name), class_name, *_spellings(kind, class_name, obj)}
        for class_name, obj in _public(kind).items()
    }


def _spec(path: str) -> dict[str, Any]:
    """The rule of a parameter as fields."""
    text = next((meaning for pattern, meaning in rules.RULES if fnmatch.fnmatchcase(path, pattern)), "")
    fields: dict[str, Any] = {}
    if choices := re.search(r"\{(.*)\}", text):
        fields["choices"] = choices.group(1).split()
        text = text.replace(choices.group(), "")
    for word in text.split():
        if bound := re.fullmatch(r"([<>])(=?)(-?[\d.]+)", word):
            side, inclusive, value = bound.groups()
            end = "minimum" if side == ">" else "maximum"
            fields[end] = json.loads(value)
            if not inclusive:
                fields[f"exclusive_{end}"] = True
        else:
            fields |= _type_fields(word)
    return fields


def _type_fields(word: str) -> dict[str, Any]:
    """`int|list:float` -> types and items; `entry:layers` and `list:layers` -> types and kind."""
    fields: dict[str, Any] = {"types": []}
    for part in word.split("|"):
        name, _, inside = part.partition(":")
        fields["types"].append(name)
        if inside in KINDS:
            fields["kind"] = inside
        elif inside and inside != "any":
            fields["items"] = inside.split(",")
    return fields


def _types(path: str, default: Any, text: str) -> list[str]:
    """The types that the default and the docstring tell.

    Raises:
        LookupError: they do not tell; a rule is needed.
    """
    start = text[:60].lower()
    if isinstance(default, bool):
        return ["bool"]
    if isinstance(default, float) or (isinstance(default, int) and "float" in start):
        return ["float"]
    if isinstance(default, int):
        return ["int"]
    if isinstance(default, str):
        return ["str"]
    for word, kind in (("bool", "bool"), ("int", "int"), ("float", "float"), ("string", "str")):
        if default is None and word in start:
            return [kind]
    if default is None and re.search(r"equation|path|filename", start):
        return ["str"]
    raise LookupError(f"catalog_rules needs a rule for {path}: default {default!r}, {text[:200]!r}")


def _choices(name: str, text: str, fields: dict[str, Any], accepts: Callable[[Any], bool]) -> dict[str, Any]:
    """The texts that Keras takes, where it or a rule refuses others."""
    if "choices" in fields:
        return {"choices": [word for word in fields["choices"] if accepts(word)]}
    if accepts("nonsense"):
        return {}
    words = {*re.findall(r"[\"'`]+([A-Za-z_]\w*)[\"'`]+", text), *([fields["default"]] if "default" in fields else [])}
    if name.endswith("dtype"):
        if accepts("float32"):
            return {"choices": list(_DTYPES)}  # one trial for all: an item that takes floats takes every type
        words |= set(_DTYPES)
    choices = sorted(word for word in words if accepts(word))
    return {"choices": choices} if choices else {}


def _tighten(fields: dict[str, Any], accepts: Callable[[Any], bool]) -> None:
    """Bounds and list lengths as Keras enforces them, where that is stricter than what is known."""
    types = fields["types"]
    numeric = "int" in types or "float" in types
    if "list" in types and "kind" not in fields and (numeric or isinstance(fields.get("default"), list)):
        part = 0.5 if fields.get("items") == ["float"] else 1
        lengths = [length for length in (1, 2, 3, 4) if accepts([part] * length)]
        if len(lengths) < 4 and lengths:
            fields["lengths"] = lengths
    if not numeric:
        return
    number = int if "int" in types else float

    def fits(value: float) -> bool:
        return accepts(number(value)) or ("list" in types and value >= -1 and accepts([number(value)] * 2))

    # The least value that Keras takes, and the bound that this means: a half stands for "anything above".
    bounds = ((-1000, None), (-1, -1), (-0.5, -1), (0, 0), (0.5, 0), (1, 1), (2, 2))
    tried = [(value, bound) for value, bound in bounds if number is float or value == int(value)]
    value, bound = next((pair for pair in tried if fits(pair[0])), (0, None))
    if bound is not None:
        _raise_minimum(fields, bound, exclusive=value != bound)
    if number is float and not fits(1.5) and not fits(1000) and fits(0.5):
        _lower_maximum(fields, 1, exclusive=not fits(1))


def _raise_minimum(fields: dict[str, Any], low: float, *, exclusive: bool) -> None:
    if low > fields.get("minimum", -1e9) or (low == fields["minimum"] and exclusive):
        fields.pop("exclusive_minimum", None)
        fields["minimum"] = low
        if exclusive:
            fields["exclusive_minimum"] = True


def _lower_maximum(fields: dict[str, Any], high: float, *, exclusive: bool) -> None:
    if high < fields.get("maximum", 1e9) or (high == fields["maximum"] and exclusive):
        fields.pop("exclusive_maximum", None)
        fields["maximum"] = high
        if exclusive:
            fields["exclusive_maximum"] = True


def _documented(doc: str) -> dict[str, str]:
    """The Args section of a docstring: parameter -> its text in one line."""
    section = re.search(r"^(?:Args|Arguments):\n((?:[ \t].*\n|\n)+)", inspect.cleandoc(doc) + "\n", re.MULTILINE)
    texts: dict[str, str] = {}
    names: list[str] = []
    for line in section.group(1).splitlines() if section else ():
        head = re.match(r"    `?(\w+(?:`?, `?\w+)*)`?\s*(?:\([^)]*\))?:(?:\s+|$)(.*)", line)
        if head:
            names = re.split(r"`?, `?", head.group(1))
            texts |= dict.fromkeys(names, head.group(2).strip())
        elif names:
            texts |= dict.fromkeys(names, f"{texts[names[0]]} {line.strip()}".strip())
    return texts


def _sentence(text: str, otherwise: str = "") -> str:
    """The first sentence that says more than a type, or `otherwise`, or just the first; in one line, without markup."""
    plain = re.sub(r"\s+", " ", text.strip().split("\n\n")[0].replace("`", ""))
    sentences = re.split(r"(?<!e\.g)(?<!i\.e)\.(?:\s|$)| - (?=If |[\"'])", plain)
    told = (_TYPE_LEAD.sub("", sentence.strip(" .:")) for sentence in sentences)
    first = next((sentence for sentence in told if not _TYPE_ONLY.fullmatch(sentence)), "") or otherwise or sentences[0]
    first = first[:1].upper() + first[1:].rstrip(" .:")
    return first if len(first) <= 160 else first[:159].rsplit(" ", 1)[0] + " …"


if __name__ == "__main__":
    PATH.write_text(dump(build()), encoding="utf-8")
    sys.stderr.write(f"wrote {PATH}\n")
