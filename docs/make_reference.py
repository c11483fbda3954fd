"""Write docs/reference/ from the code: the command line, the config's keys, what Keras offers, the exit codes.

python docs/make_reference.py      writes what is not up to date, and removes pages that are no more
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from nnexp.cli import application
from nnexp.config import catalog, schema
from nnexp.config.catalog import Item, Parameter
from nnexp.config.loading import dump
from nnexp.config.sweep import schema as sweep_schema
from nnexp.errors import EXIT_CODES

FOLDER = Path(__file__).resolve().parent / "reference"
_NOTE = "\n\n<!-- Written by `make reference` from the code. -->\n\n"
# What each kind is for: its title, and a sentence.
_KINDS = {
    "layers": ("Layers", "What stands in `layers`, as may any of the activations."),
    "optimizers": ("Optimizers", "What stands after `optimizer`."),
    "schedules": ("Schedules", "What `learning_rate` of an optimizer can be in place of a number."),
    "losses": ("Losses", "What stands after `loss`."),
    "metrics": ("Metrics", "What stands in `metrics`."),
    "regularizers": ("Regularizers", "Penalties on weights or outputs: parameters of layers."),
    "initializers": ("Initializers", "What weights begin with: parameters of layers."),
    "constraints": ("Constraints", "What weights are held to: parameters of layers."),
    "callbacks": ("Callbacks", "What stands in `callbacks`."),
    "activations": ("Activations", "A parameter of layers, or a layer of its own: `- relu`."),
}


def pages() -> dict[str, str]:
    """The text of each page by its path in docs/reference/."""
    made = {
        "cli.md": _cli(),
        "config.md": _config(),
        "exit-codes.md": _exit_codes(),
        "catalogue.md": _catalogue(),
    }
    made |= {f"catalogue/{kind}.md": _kind(kind) for kind in catalog.KINDS}
    return {name: text.rstrip().replace("\n\n", _NOTE, 1) + "\n" for name, text in made.items()}


# The command line.


def _cli() -> str:
    whole = typer.main.get_command(application())
    commands = list(_commands(whole, "nnexp"))
    rows = "".join(
        f"| [`{words}`](#{_anchor(words)}) | {_plain(_paragraphs(it.help)[0])} |\n" for words, it in commands
    )
    sections = "\n".join(_command(words, command) for words, command in commands)
    said = "What `--help` says of each command, in one place. What the codes mean that commands end with: "
    table = f"| command | what it does |\n|---|---|\n{rows}"
    return f"# Commands\n\n{said}[exit codes](exit-codes.md).\n\n{table}\n{_options(whole, 'nnexp')}\n{sections}"


def _commands(group: Any, words: str) -> Iterator[tuple[str, Any]]:
    """Every command by its words, those of groups included."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{words} {name}")
        elif not command.hidden:
            yield f"{words} {name}", command


def _command(words: str, command: Any) -> str:
    context = command.context_class(command, info_name=words)
    arguments = [
        _argument(param.make_metavar(context), required=param.required)
        for param in command.params
        if param.param_type_name == "argument"
    ]
    text = f"## {words}\n\n```text\n{' '.join([words, *arguments, '[OPTIONS]'])}\n```\n\n"
    for paragraph in [*_paragraphs(command.help), *_paragraphs(command.epilog)]:
        text += _help(paragraph)
    return text + _options(command, words)


def _argument(metavar: str, *, required: bool) -> str:
    return metavar if required or metavar.startswith("[") else f"[{metavar}]"


def _paragraphs(text: str | None) -> list[str]:
    return [part.strip("\n") for part in re.split(r"\n\s*\n", (text or "").replace("\b\n", "\b")) if part.strip()]


def _help(paragraph: str) -> str:
    """A paragraph of help as Markdown; examples, and what Click is told to leave as it is, as code."""
    if not re.match(r"\x08|Examples?:", paragraph):
        return f"{_plain(' '.join(paragraph.split()))}\n\n"
    lines = [re.sub(r"^Examples?:\s*", "", line) for line in paragraph.removeprefix("\b").splitlines()]
    code = "\n".join(line for line in lines if line)
    return f"```text\n{code}\n```\n\n"


def _options(command: Any, words: str) -> str:
    context = command.context_class(command, info_name=words)
    records = (param.get_help_record(context) for param in command.params)
    return "".join(_option(*record) for record in records if record)


def _option(names: str, told: str) -> str:
    told, _, more = told.partition("  [")
    extra = [part for part in more.rstrip("]").split("; ") if part]
    notes = "; ".join(f"default `{part.removeprefix('default: ')}`" if "default: " in part else part for part in extra)
    return f"- **`{names}`**{f' ({_plain(notes)})' if notes else ''}: {_plain(told)}\n"


# The config.


def _config() -> str:
    experiment, sweep = schema.build(), sweep_schema.build()
    intro = (
        "Every key of an experiment and of a sweep file, as the JSON Schemas have them by which editors complete and "
        "check configs. How a config is written, and what the keys are for: [the config](../config.md). The parts by "
        "name, such as layers and optimizers: [catalogue](catalogue.md)."
    )
    text = f"# Config keys\n\n{intro}\n\n## Experiments\n\n{_keys(experiment, experiment, '')}"
    text += "## Own data\n\nWhat the kinds of `dataset` take that read your own files: [own data](../own-data.md).\n\n"
    text += _named(experiment["properties"]["dataset"]["oneOf"])
    text += "## Parameters of trackers\n\nWhat the trackers of `track` take: [trackers](../tracking.md).\n\n"
    text += _named(experiment["properties"]["track"]["anyOf"])
    text += "## Sweep files\n\nHow they work: [sweeps](../sweeps.md), [search](../search.md).\n\n"
    return text + _keys(sweep, experiment, "Sweep: ")


def _keys(whole: Mapping[str, Any], experiment: Mapping[str, Any], before: str) -> str:
    text = ""
    for key, said in whole["properties"].items():
        if said.get("$ref", "").endswith("/properties/track"):
            said = {**experiment["properties"]["track"], **said}
        needed = key in whole.get("required", ())
        default = "needed" if needed else f"default `{_yaml(said['default'])}`" if "default" in said else ""
        text += f"### {before}{key}\n\n{_plain(said['description'])}\n\n"
        text += f"- takes {_words(said)}\n" + (f"- {default}\n" if default else "")
        together = whole.get("required", ()) if needed else (key,)
        lines = [_written(name, whole["properties"][name]["examples"][0]) for name in together]
        text += f"\n```yaml\n{''.join(lines)}```\n\n"
        if inner := _entries_of(said):
            text += _parameters(inner) + "\n"
    return text


def _written(key: str, value: Any) -> str:
    """A key with its value as people write it: a list an item a line, all else on one line."""
    if isinstance(value, list) and not all(isinstance(item, int) for item in value):
        return f"{key}:\n" + "".join(f"  - {_item(item)}\n" for item in value)
    return f"{key}: {_yaml(value)}\n"


def _item(value: Any) -> str:
    text = _yaml(value)
    return text[1:-1] if isinstance(value, dict) and len(value) == 1 else text


def _entries_of(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """The mapping that the items of a list may be: the keys of a sweep file's variants."""
    forms = said.get("items", {}).get("anyOf", [])
    return next((form for form in forms if "set" in form.get("properties", ())), {})


def _named(forms: list[dict[str, Any]]) -> str:
    """The parameters of what is written as one name and a mapping."""
    text = ""
    for form in forms:
        for name, inner in form.get("properties", {}).items():
            entry = next((part for part in inner.get("anyOf", [inner]) if "properties" in part), {})
            text += f"### {name}\n\n{_parameters(entry)}\n" if entry else ""
    return text


def _parameters(entry: Mapping[str, Any]) -> str:
    lines = []
    for name, said in entry["properties"].items():
        default = " (needed)" if name in entry.get("required", ()) else ""
        default = f" (default `{_yaml(said['default'])}`)" if "default" in said else default
        lines.append(f"- **`{name}`**{default}: {_words(said)}. {_plain(said.get('description', ''))}".rstrip() + "\n")
    return "".join(lines)


def _words(said: Mapping[str, Any]) -> str:
    """What a schema takes, in words."""
    for several in ("anyOf", "oneOf"):
        if several in said:
            return _or(_words(form) for form in _joined(said[several]))
    if "$ref" in said:
        name = said["$ref"].rpartition("/")[2]
        if name in catalog.KINDS:
            return f"one of the [{name}](catalogue/{name}.md)"
        if name == "activations.names":
            return "one of the [activations](catalogue/activations.md)"
        return "an experiment" if name.endswith("schema.json") else f"what `{name}` of an experiment takes"
    if "const" in said:
        return f"`{_yaml(said['const'])}`"
    if "enum" in said:
        names = _or(f"`{_yaml(value)}`" for value in said["enum"])
        return f"{names}, alone or with parameters" if said.get("either") else names
    kind = said.get("type")
    if isinstance(kind, list):
        return _or(_words({**said, "type": one}) for one in kind)
    if kind == "array":
        length = f" of {said['minItems']}" if said.get("minItems", 0) == said.get("maxItems") else ""
        return f"a list{length}, each item {_words(said['items'])}" if "items" in said else f"a list{length}"
    if kind == "object" and said.get("minProperties") == said.get("maxProperties") == 1:
        return f"{_or(f'`{name}`' for name in said['properties'])} with parameters"
    if kind == "object" and len(names := list(said.get("properties", ()))) == 1:
        return f"`{names[0]}` with parameters"
    nouns = {"string": "text", "boolean": "`true` or `false`", "null": "`null`", "object": "a mapping"}
    nouns |= {"integer": f"a whole number{_range(said)}", "number": f"a number{_range(said)}"}
    return "`every N`" if "every" in said.get("pattern", "") else nouns[kind]


def _joined(forms: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The forms, with names that may stand alone or with parameters as one form."""
    for form in forms:
        if form.get("type") != "object" or list(form.get("properties", ())) not in [it.get("enum") for it in forms]:
            either = any("enum" in form and list(it.get("properties", ())) == form["enum"] for it in forms)
            yield {**form, "either": either}


def _or(forms: Iterable[str]) -> str:
    *others, last = dict.fromkeys(forms)
    if any(" or " in form or ", " in form for form in (*others, last)):
        return "; or ".join([*others, last])
    return f"{', '.join(others)} or {last}" if others else last


def _range(said: Mapping[str, Any]) -> str:
    if {"minimum", "maximum"} <= said.keys():
        return f" from {said['minimum']} to {said['maximum']:,}"
    names = {"minimum": "of at least", "exclusiveMinimum": "above", "exclusiveMaximum": "below"}
    return " and".join(f" {words} {said[name]}" for name, words in names.items() if name in said)


# What Keras offers.


def _catalogue() -> str:
    version = json.loads(catalog.PATH.read_text(encoding="utf-8"))["keras"]
    text = (
        f"# Catalogue\n\nAll parts that a config can name: what Keras {version} offers, and nnexp's `stop_when`. Each "
        "is written as its name, or as one name with its parameters ([the grammar](../config.md#the-one-grammar)); "
        "a bare value is the first parameter. Names are Keras' in snake_case; its own (`Conv2D`) are read as well.\n\n"
    )
    for kind in catalog.KINDS:
        title, told = _KINDS[kind]
        links = ", ".join(f"[{name}](catalogue/{kind}.md#{name})" for name in catalog.names(kind))
        text += f"## {title}\n\n{told} [All with their parameters](catalogue/{kind}.md).\n\n{links}\n\n"
    return text


def _kind(kind: str) -> str:
    title, told = _KINDS[kind]
    items = [item for name in catalog.names(kind) if (item := catalog.find(kind, name))]
    text = f"# {title}\n\n{told} How parts are written: [catalogue](../catalogue.md).\n\n"
    if kind == "layers":
        text += "Each takes `inputs` too: [joining layers](../../config.md#joining-layers).\n\n"
    if shared := _shared(items):
        lines = "".join(_parameter(parameter) for parameter in shared.values())
        text += f"Each takes these too, where it says nothing else:\n\n{lines}\n"
    for item in items:
        text += f"## {item.name}\n\n{_sentence(item.summary)}"
        text += f" In Keras `{item.class_name}`.\n\n" if item.class_name else "\n\n"
        own = [parameter for name, parameter in item.parameters.items() if parameter != shared.get(name)]
        lacking = [f"`{name}`" for name in shared if name not in item.parameters]
        text += "".join(map(_parameter, own)) + (f"- without {', '.join(lacking)}\n" if lacking else "") + "\n"
    refused = [item for name in _refused(kind) if (item := catalog.find(kind, name))]
    if refused:
        lines = "".join(f"- **`{item.name}`**: {_sentence(item.refused)}\n" for item in refused)
        text += f"## What is refused\n\n{lines}"
    return text


def _refused(kind: str) -> list[str]:
    known = json.loads(catalog.PATH.read_text(encoding="utf-8"))[kind]
    return sorted(name for name in known if "refused" in known[name])


def _shared(items: list[Item]) -> dict[str, Parameter]:
    """The parameters that most items have alike, but not as their first, which are told once a page."""
    found = Counter((name, str(parameter)) for item in items for name, parameter in item.parameters.items())
    first = Counter(next(iter(item.parameters), "") for item in items)
    return {
        name: parameter
        for item in items
        for name, parameter in item.parameters.items()
        if found[name, str(parameter)] > len(items) / 2 > first[name]
    }


def _parameter(parameter: Parameter) -> str:
    default = "needed" if parameter.required else f"default `{_yaml(parameter.default)}`"
    takes = re.sub(r"\bone of the (\w+)", r"one of the [\1](\1.md)", catalog.expected(parameter))
    return f"- **`{parameter.name}`** ({default}): {takes}. {_sentence(parameter.summary)}".rstrip() + "\n"


# Exit codes.


def _exit_codes() -> str:
    rows = "".join(f"| {code} | {told} |\n" for code, told in EXIT_CODES.items())
    whole = typer.main.get_command(application())
    more = "".join(
        f"- [`{words}`](cli.md#{_anchor(words)}): {_plain(' '.join(said[0].split()))}\n"
        for words, command in _commands(whole, "nnexp")
        for paragraph in _paragraphs(command.help)
        if (said := re.search(r"Exit codes? .+?\.(?=\s|$)", paragraph, re.DOTALL))
    )
    links = "What is kept, and how to go on: [when a run is cut off](../resume.md); in sweeps: [sweeps](../sweeps.md)."
    text = f"# Exit codes\n\nWhat `nnexp` ends with.\n\n| code | meaning |\n|---|---|\n{rows}\n{links}\n"
    return f"{text}\nOf single commands:\n\n{more}" if more else text


# Text.


def _yaml(value: Any) -> str:
    """A value as a config has it, on one line."""
    if isinstance(value, dict) and value:
        return "{" + ", ".join(f"{key}: {_yaml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    return dump(value).removesuffix("...\n").strip()


def _sentence(text: str) -> str:
    """A summary of Keras' as a sentence: without links, and with its full stop."""
    text = re.sub(r"\[([^\]]+)\]\(\s*http[^)]*\)", r"\1", re.sub(r"\s*\{\{\w+\}\}", "", text))
    return _plain(text) + ("" if not text or text[-1] in ".…?!" else ".")


def _plain(text: str) -> str:
    """Text with the signs escaped that Markdown would read, but those between backticks."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*<|\[\]]|\b_|_\b)", r"\\\1", part) for part in parts)


def _anchor(words: str) -> str:
    return words.replace(" ", "-")


def main() -> None:
    """Bring docs/reference/ up to date."""
    made = pages()
    for path in FOLDER.rglob("*.md"):
        if path.relative_to(FOLDER).as_posix() not in made:
            path.unlink()
    for name, text in made.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
