"""What two environments have not in common, told in words, also where one of them is forged."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from nnexp.runs.environment import changes, code, describe

CACHE = "--tf_xla_persistent_cache_directory=/some/where"


@pytest.fixture
def here() -> dict[str, Any]:
    return {**describe([], 2, ["CPU:0"]), "accelerators": [], "engine": {"name": "graph"}, "variables": {}}


def test_the_same_environment_has_not_changed(here: dict[str, Any]) -> None:
    assert changes(here, here) == []


@pytest.mark.parametrize(
    ("then", "told"),
    [
        ({"python": "3.10.1"}, "Python 3.10.1 then, "),
        ({"cpu": "Z80"}, "processor: Z80 then, "),
        ({"threads": 1}, "threads: 1 then, 2 now"),
        ({"replicas": ["GPU:0", "GPU:1"]}, "devices of distribute: GPU:0, GPU:1 then, CPU:0 now"),
        ({"accelerators": ["H200"]}, "accelerators: H200 then, none now"),
        ({"engine": {"name": "xla"}}, "engine: xla then, graph now"),
        ({"code": "0123456789abcdef"}, "nnexp of the same version but another source: 0123456789abcdef then, "),
        ({"variables": {"XLA_FLAGS": "--a --b"}}, "XLA_FLAGS: --a --b then, not set now"),
        ({"variables": {"TF_XLA_FLAGS": f"--a {CACHE}"}}, "TF_XLA_FLAGS: --a then, not set now"),
    ],
)
def test_each_change_is_told_in_words(here: dict[str, Any], then: dict[str, Any], told: str) -> None:
    [change] = changes({**here, **then}, here)
    assert change.startswith(told)


def test_another_version_is_told_of_each_package_that_counts(here: dict[str, Any]) -> None:
    then = {**here, "code": "0", "packages": dict.fromkeys(here["packages"], "0.0")}
    assert [change.split()[0] for change in changes(then, here)] == [
        name for name in here["packages"] if name != "matplotlib"
    ]


@pytest.mark.parametrize("then", [{"accelerators": None}, {"variables": {"TF_XLA_FLAGS": CACHE}}, {"packages": {}}])
def test_what_is_unknown_or_without_effect_is_passed_over(here: dict[str, Any], then: dict[str, Any]) -> None:
    assert changes({**here, **then}, here) == []


@pytest.mark.parametrize("forged", [None, 1, "x", [], [[]], {"a": {}}, {}, 1.5, True, [1], "\x1b[2J" + "x" * 10_000])
def test_forged_environments_are_told_on_short_lines_or_passed_over(here: dict[str, Any], forged: object) -> None:
    inside = dict.fromkeys(here, forged) | {"packages": dict.fromkeys(here["packages"], forged)}
    variables = {"variables": {"XLA_FLAGS": forged}}
    for recorded in (forged, inside, {**here, **variables}):
        assert all(len(change) < 350 and change.isprintable() for change in changes(recorded, here))


def test_the_code_is_the_same_for_every_process() -> None:
    command = [sys.executable, "-c", "from nnexp.runs.environment import code; print(code())"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{code()}\n"
    assert len(code()) == 16
