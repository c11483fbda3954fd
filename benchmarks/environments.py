"""Throw-away environments of the peers, below .bench/: optional, each with pins that were tried."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / ".bench"
_PATIENCE = 600  # seconds for an installation
_INSTALL = ["-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]


@dataclass(frozen=True, slots=True)
class Environment:
    """What a peer needs; `layered` ones see this project's own environment, so that TensorFlow is not there twice."""

    name: str
    requirements: tuple[str, ...]
    layered: bool = False

    @property
    def folder(self) -> Path:
        """Where it is, or will be."""
        return BENCH / "environments" / self.name

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / "bin" / "python")

    def program(self, name: str) -> str:
        """A program that is installed in it."""
        return str(self.folder / "bin" / name)

    def problem(self, install: bool = True) -> str:
        """Make the environment where it is missing or other pins made it; what stood in the way, or nothing."""
        return _problem(self, install)

    def make(self) -> None:
        """Make it anew.

        Raises:
            OSError, subprocess.SubprocessError: it could not be installed.
        """
        _run([sys.executable, "-m", "venv", "--clear", str(self.folder)])
        if self.layered:
            site = next(self.folder.glob("lib/python*/site-packages"))
            (site / "project.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        _run([self.python, *_INSTALL, *self.requirements])
        self._marker.write_text(json.dumps(self.requirements), encoding="utf-8")

    @property
    def _marker(self) -> Path:
        return self.folder / "installed.json"

    @property
    def is_made(self) -> bool:
        """Whether it is there, and made by the same pins."""
        return self._marker.exists() and json.loads(self._marker.read_text("utf-8")) == list(self.requirements)


TORCH = Environment("torch", ("torch==2.13.0", "numpy>=2,<3", "matplotlib>=3.9,<3.12"))
HYDRA = Environment("hydra", ("hydra-core>=1.3.2,<1.4", "hydra-joblib-launcher>=1.2,<1.3"), layered=True)
KERAS_TUNER = Environment("keras_tuner", ("keras-tuner>=1.4.7,<1.5",), layered=True)
# Guild 0.9 is the last of its line; it still asks for pkg_resources, which setuptools dropped.
GUILD = Environment("guild", ("guildai==0.9.0", "setuptools<81"))
MLFLOW = Environment("mlflow", ("mlflow>=3.10,<4",))
DVC = Environment("dvc", ("dvc>=3.60,<4",))
OPTUNA = Environment("optuna", ("optuna>=4.5,<6", "pandas>=2.2,<4"))


def prepare(environments: Sequence[Environment]) -> None:
    """Install what is missing, several at a time; what went wrong, `problem` says."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(Environment.problem, environments))


@functools.cache
def _problem(environment: Environment, install: bool) -> str:
    if environment.is_made:
        return ""
    if not install:
        return f"{environment.name} was left out: it is not installed; `make bench` does so"
    try:
        environment.make()
    except (OSError, subprocess.SubprocessError) as error:
        return f"{environment.name} could not be installed: {_last_line(error)}"
    return ""


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=_PATIENCE)


def _last_line(error: Exception) -> str:
    said = getattr(error, "stderr", "") or str(error)
    return str(said).strip().splitlines()[-1][:200]
