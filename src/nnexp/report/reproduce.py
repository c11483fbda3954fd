"""The section Reproduce: how the runs can be made again, and what they ran on."""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.comparison.parameters import compact
from nnexp.comparison.result import Comparison, runs_of
from nnexp.examples import dataset_entry
from nnexp.report.details import environment_of
from nnexp.report.rendering import render
from nnexp.report.subject import Subject, detailed
from nnexp.runs.reading import printable

if TYPE_CHECKING:
    from markupsafe import Markup

_MOST_COMMANDS = 20
_MACHINE = (("python", "python"), ("processor", "cpu"), ("threads", "threads"))


def reproduce(subject: Subject) -> Markup:
    """How the runs can be made again."""
    commands = subject.reproduce or _of_each_run(subject.comparison)
    chosen, _ = detailed(subject.comparison)
    found = [environment for _, run in chosen if (environment := environment_of(run))]
    return render(
        "reproduce.html",
        commands=commands[:_MOST_COMMANDS],
        more=len(commands) - _MOST_COMMANDS,
        whole=bool(subject.reproduce) and not subject.chosen,
        again=_this_page(subject) if subject.chosen else "",
        folders=_folders(subject.sources),
        own=_own_data(subject.comparison),
        sources=subject.sources,
        versions=_versions(found),
        runs=len(found),
    )


def _this_page(subject: Subject) -> str:
    """The command that makes the page of what was asked for."""
    comparison = subject.comparison
    asked = [*(("--filter", text) for text in comparison.filters), ("--metric", comparison.metric)]
    if comparison.baseline is not None:
        asked.append(("--baseline", comparison.baseline))
    options = itertools.chain.from_iterable(asked)
    return shlex.join(["nnexp", "report", *map(str, subject.sources), *options, "-o", "report.html"])


def _of_each_run(comparison: Comparison) -> tuple[str, ...]:
    """A command for each sweep, and for each run of none."""
    found = dict.fromkeys(_command(run.path) for run in runs_of(comparison.groups))
    return tuple(command for command in found if command)


def _command(run: Path) -> str:
    """What makes a run again, and its sweep where it is of one; "" where its folder holds neither file."""
    for verb, file in (("sweep", run.parent / "sweep.yaml"), ("run", run / "config.yaml")):
        if os.path.isfile(file):  # noqa: PTH113  Path's raises where a name is too long
            return f"nnexp {verb} {shlex.quote(printable(file))}"
    return ""


def _folders(sources: Sequence[Path]) -> list[str]:
    """Names in the folder where the commands can be given as they are; none where any will do, or none is known."""
    firsts = dict.fromkeys(source.parts[0] if source.parts else ".." for source in sources)
    absolute = any(source.is_absolute() for source in sources)
    return [] if absolute or {"..", "~"} & firsts.keys() else list(firsts)


def _own_data(comparison: Comparison) -> list[str]:
    """Where own data lay."""
    paths = (dataset_entry(run)[1].get("path") for run in runs_of(comparison.groups))
    return list(dict.fromkeys(path for path in paths if isinstance(path, str)))


def _versions(environments: Sequence[Any]) -> dict[str, list[str]]:
    """Every value that occurs, by what it is of: repeats on other versions may differ."""
    facts: dict[str, dict[str, None]] = {}
    for environment in environments:
        packages = environment.get("packages")
        versions = packages if isinstance(packages, dict) else {}
        machine = {name: environment.get(key) for name, key in _MACHINE}
        for name, value in {**machine, **versions}.items():
            if value is not None:
                facts.setdefault(str(name), {})[compact(value)] = None
    return {name: list(values) for name, values in facts.items()}
