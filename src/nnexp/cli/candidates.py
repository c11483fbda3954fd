"""What may stand where a command line is being typed: commands, options, files, runs, names and `--set` paths.

Nothing here may take long, or import TensorFlow: it is asked at each press of Tab.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from nnexp.cli.help import COMMANDS, GROUPS
from nnexp.errors import InputError

_MOST_LOOKED_AT = 2000  # entries of directories in which configs are looked for

Found = Mapping[str, str]  # what may stand there, and what it is


def candidates(words: list[str], word: str) -> Found | None:
    """What may stand for the last word of `nnexp WORDS WORD`, as far as that is typed; None where it is any file."""
    from nnexp.cli import application

    command: Any = typer.main.get_command(application([name for name in words[:1] if name in COMMANDS]))
    if not words and not word.startswith("-"):
        return _beginning({name: what for group in GROUPS.values() for name, what in group.items()}, word)
    while inner := getattr(command, "commands", None):
        if not words:
            return _beginning({name: made.get_short_help_str(80) for name, made in inner.items()}, word)
        command, words = inner[words[0]], words[1:]
    options = {name: made for made in command.params for name in (*made.opts, *made.secondary_opts) if name[0] == "-"}
    option, arguments = _parsed(words, options)
    if option is None and word.startswith("--") and "=" in word:
        name, _, word = word.partition("=")
        values = _values(name, options[name], word, arguments)
        return values and {f"{name}={value}": what for value, what in values.items()}
    if option is not None:
        return _values(option, options[option], word, arguments)
    if word.startswith("-"):
        shown = {max(made.opts, key=len): made for name, made in options.items() if name in made.opts}
        others = {name: made.help or "" for name, made in shown.items()}
        return _beginning({**others, "--help": "Show this message and exit."}, word)
    places = [made for made in command.params if made.param_type_name == "argument"]
    if not places:
        return None
    return _arguments(command.name, places[min(len(arguments), len(places) - 1)].metavar or "", word) or None


def _parsed(words: list[str], options: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """The option that waits for its value, and the arguments so far."""
    waiting, arguments = None, []
    for word in words:
        if waiting is not None:
            waiting = None
        elif word in options:
            waiting = None if options[word].is_flag else word
        elif not word.startswith("-"):
            arguments.append(word)
    return waiting, arguments


def _beginning(found: Found, word: str) -> Found:
    return {name: what for name, what in found.items() if name.startswith(word)}


def _values(name: str, option: Any, word: str, arguments: list[str]) -> Found | None:
    """What an option takes. Where several may stand with commas between, what stands before the last is kept."""
    if name == "--set":
        from nnexp.cli.candidate_paths import set_paths

        return set_paths(arguments[0] if arguments else None, word)
    if name == "--metric":
        return _beginning(dict.fromkeys(_metrics(arguments), ""), word)
    if option.type.name == "path" or option.metavar in ("NAME|PATH", "ADDRESS"):  # the last, of a scheduler's file
        return None
    if name not in _NAMES:
        return {}
    before, comma, last = word.rpartition(",")
    return {f"{before}{comma}{value}": "" for value in _NAMES[name](option) if value.startswith(last)}


def _metrics(arguments: list[str]) -> Iterable[str]:
    """The metrics of the first run in the places that are named."""
    from nnexp.comparison.metrics import in_order, metrics_of
    from nnexp.runs import record

    for argument in arguments or ["runs"]:
        place = Path(argument)
        while set("*?[") & set(str(place)):  # a pattern, which the shell has not filled in yet
            place = place.parent
        found = place if (place / "metrics.json").exists() else next(record.find(place), None)
        with contextlib.suppress(InputError):
            return in_order(metrics_of(record.read(found))) if found else ()
    return ()


def _catalog(kind: str) -> Callable[[Any], Iterable[str]]:
    def names(option: Any) -> Iterable[str]:
        from nnexp.config import catalog

        return catalog.names(kind)

    return names


def _normalizations(option: Any) -> Iterable[str]:
    from nnexp.data.normalization import NORMALIZATIONS

    return NORMALIZATIONS


def _datasets(option: Any = None) -> Iterable[str]:
    from nnexp.data.datasets import DATASETS

    return DATASETS


def _starts(option: Any) -> Iterable[str]:
    return ("csv", "parquet", "npz", "npy", "idx", "images", *_datasets())


def _trackers(option: Any) -> Iterable[str]:
    from nnexp.tracking.kinds import TRACKERS

    return TRACKERS


def _formats(option: Any) -> Iterable[str]:
    from nnexp.export.formats import NAMES

    return NAMES


def _of_metavar(option: Any) -> Iterable[str]:
    """The help names them all: `processes | serial | dask`."""
    words: list[str] = option.metavar.split(" | ")
    return words


_NAMES: dict[str, Callable[[Any], Iterable[str]]] = {
    "--activation": _catalog("activations"),
    "--optimizer": _catalog("optimizers"),
    "--normalization": _normalizations,
    "--dataset": _datasets,
    "--from": _starts,
    "--track": _trackers,
    "--to": _trackers,
    "--format": _formats,
    "-f": _formats,
    "--executor": _of_metavar,
    "--sampler": _of_metavar,
}


def _arguments(command: str, metavar: str, word: str) -> Found:
    if metavar in ("NAME", "NAME..."):  # of `data`
        found = dict.fromkeys((name for name in _datasets() if name.startswith(word)), "")
        return {**found, **(_configs(word) if command == "show" else {})}
    if "CONFIG" in metavar:
        return _configs(word)
    if metavar in ("RUN", "RUN…", "PATH…", "DIR…"):
        return _runs(word)
    return {}


def _configs(word: str) -> Found:
    """YAML files, and directories in which there are some, a level at a time; further down where there is one way."""
    while True:
        found = dict.fromkeys(_yaml_in(word), "")
        if len(found) != 1 or not (only := next(iter(found))).endswith("/") or only == word:
            return found
        word = only


def _yaml_in(word: str) -> Iterator[str]:
    folder, _, name = word.rpartition("/")
    room = [_MOST_LOOKED_AT]
    for entry in _entries(f"{folder}/" if "/" in word else "."):
        if entry.name.startswith(name) and entry.name.startswith(".") <= name.startswith("."):
            path = f"{folder}/{entry.name}" if "/" in word else entry.name
            if entry.is_file() and entry.name.endswith((".yaml", ".yml")):
                yield path
            elif entry.is_dir() and _has_yaml(entry.path, 2, room):
                yield f"{path}/"


def _has_yaml(folder: str, levels: int, room: list[int]) -> bool:
    """Whether there is a YAML file in a folder, or in one in it; as many entries are looked at as there is `room`."""
    inside = []
    for entry in _entries(folder):
        room[0] -= 1
        if room[0] < 0:
            return False
        if entry.name.endswith((".yaml", ".yml")):
            return True
        if levels > 1 and not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
            inside.append(entry.path)
    return any(_has_yaml(path, levels - 1, room) for path in inside)


def _runs(word: str) -> Found:
    """Run and sweep folders, the newest first: of `runs`, or of the directory that is typed."""
    folder, slash, _ = word.rpartition("/")
    found = {}
    for directory in (f"{folder}/",) if slash else ("", "runs/"):
        for entry in _entries(directory or "."):
            path = f"{directory}{entry.name}"
            if path.startswith(word) and entry.name[0] != ".":
                is_sweep = os.path.lexists(f"{entry.path}/sweep.yaml")
                if is_sweep or os.path.lexists(f"{entry.path}/metrics.json"):
                    found[path] = (entry.stat(follow_symlinks=False).st_mtime, "sweep" if is_sweep else "run")
    return {path: what for path, (_, what) in sorted(found.items(), key=lambda item: item[1], reverse=True)}


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """What is in a directory, by name; nothing where it cannot be read."""
    try:
        with os.scandir(Path(folder)) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []
