"""Shared parts of the tests: experiments from text, and a quiet TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from nnexp.config.experiment import Experiment, parse_experiment
from nnexp.config.loading import parse_config

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# The same examples in every run, and no clock: a busy machine must not fail a test.
settings.register_profile("nnexp", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nnexp")


@pytest.fixture(scope="session")
def experiment() -> Callable[[str], Experiment]:
    """Make an experiment from the text of a config."""
    return lambda text: parse_experiment(parse_config(text, "test.yaml"), "test")


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[[str, Callable[[Path], object]], Path]:
    """Fill a folder once for all workers of the tests, whichever comes first, and return it: real runs take seconds."""
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent

    def filled(name: str, fill: Callable[[Path], object]) -> Path:
        folder = shared / name
        with FileLock(shared / f"{name}.lock"):
            if not folder.exists():
                folder.mkdir()
                fill(folder)
        return folder

    return filled
