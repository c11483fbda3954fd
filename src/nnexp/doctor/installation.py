"""The installation: Python, nnexp and the packages it needs, each against the range that it was made for."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from importlib import metadata

import nnexp
from nnexp.doctor.check import Check, shown
from nnexp.runs import environment

_BOUND = re.compile(r"([<>]=?)\s*([0-9.]+)")
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?([^;]*)(?:;.*extra == ['\"]([^'\"]+)['\"])?")


def checks() -> Iterator[Check]:
    """Python, nnexp, the packages that are needed, and those that are not."""
    try:
        about, requirements = metadata.metadata("nnexp"), metadata.requires("nnexp") or []
    except metadata.PackageNotFoundError:
        yield Check("nnexp", "warning", f"{nnexp.__version__}, run from its source: {_place()}", "pip install -e .")
        return
    python, bounds = platform.python_version(), about["Requires-Python"] or ""
    if _fits(python, bounds):
        yield Check("Python", "ok", python)
    else:
        fix = f"make a virtual environment with a Python {_written(bounds)}, and install nnexp there"
        yield Check("Python", "problem", f"{python}, but nnexp needs {_written(bounds)}", fix)
    yield Check("nnexp", "ok", f"{nnexp.__version__} (source {environment.code()}) in {_place()}")
    needed: list[tuple[str, str]] = []
    extras: dict[str, list[str]] = {}
    for requirement in requirements:
        if (found := _REQUIREMENT.match(requirement)) is None:
            continue
        name, bounds, extra = found[1], found[2].strip(), found[3]
        if extra is None:
            needed.append((name, bounds))
        elif extra != "dev":
            extras.setdefault(extra, []).append(name)
    yield from _needed(needed)
    yield _extras(extras)


def _place() -> str:
    return shown(nnexp.__path__[0])


def _needed(needed: list[tuple[str, str]]) -> Iterator[Check]:
    wrong = 0
    for name, bounds in needed:
        version, wanted = _version(name), f"pip install '{name}{bounds}'"
        if version is None:
            wrong += 1
            yield Check("packages", "problem", f"{name} is not installed", wanted)
        elif not _fits(version, bounds):
            wrong += 1
            message = f"{name} is {version}, and nnexp was made for {_written(bounds)}"
            yield Check("packages", "warning", message, wanted)
    if not wrong:
        yield Check("packages", "ok", f"all {len(needed)} that nnexp needs, in the versions that it was made for")


def _extras(extras: dict[str, list[str]]) -> Check:
    here = [extra for extra, names in extras.items() if all(map(_version, names))]
    missing = sorted(set(extras) - set(here))
    message = f"installed: {', '.join(sorted(here)) or 'none'}"
    if missing:
        message += f"; not: {', '.join(missing)} (where you need one:  pip install 'nnexp[{missing[0]}]')"
    return Check("extras", "ok", message)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _fits(version: str, bounds: str) -> bool:
    """Whether a version is within bounds such as `<4,>=3.11`."""
    number = _number(version)
    for sign, bound in _BOUND.findall(bounds):
        limit = _number(bound)
        if not {"<": number < limit, "<=": number <= limit, ">": number > limit, ">=": number >= limit}[sign]:
            return False
    return True


def _number(version: str) -> tuple[int, ...]:
    """`3.11.0rc1` as (3, 11): final zeros do not count."""
    numbers = [int(part) for part in re.match(r"[0-9.]*", version)[0].split(".") if part]  # type: ignore[index]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _written(bounds: str) -> str:
    return " and ".join(f"{sign} {bound}" for sign, bound in sorted(_BOUND.findall(bounds), reverse=True))
