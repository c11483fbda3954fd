"""The command line as a user has it: real processes, small real datasets."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Nnexp = Callable[..., subprocess.CompletedProcess[str]]

DIGITS = """
dataset: digits
layers: [flatten, dense: {units: 16, activation: relu}, dense: {units: 10, activation: softmax}]
validation: 0.2
epochs: 3
"""


@pytest.fixture(scope="session")
def nnexp() -> Nnexp:
    """Run `nnexp` with arguments in a process of its own and wait for its end."""

    def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "nnexp", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)

    return run


@pytest.fixture(scope="session")
def start() -> Callable[..., subprocess.Popen[str]]:
    """Start `nnexp` with arguments; its output is there to read as it comes."""

    def run(*arguments: object, **options: Any) -> subprocess.Popen[str]:
        # What starts the tests may have Ctrl-C ignored, as a shell does for `pytest &`; a user's terminal has not.
        listen = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        command = [sys.executable, "-m", "nnexp", *map(str, arguments)]
        return subprocess.Popen(command, preexec_fn=listen, **{**pipes, **options})

    return run


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., Path]:
    """Write a config: the small one of digits with lines added or replaced."""

    def write(text: str = DIGITS, name: str = "small.yaml", **keys: object) -> Path:
        kept = [line for line in text.strip().splitlines() if line.split(":")[0] not in keys]
        path = tmp_path / name
        path.write_text("\n".join([*kept, *(f"{key}: {value}" for key, value in keys.items())]) + "\n")
        return path

    return write


@pytest.fixture(scope="session")
def quiet_environment() -> dict[str, str]:
    """As this process', without what would make a terminal of a pipe or take colours away."""
    return {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}}
