"""Shared parts of the tests: experiments from text, and a quiet TensorFlow, a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, Playwright, sync_playwright

from nnexp.config.experiment import Experiment, parse_experiment
from nnexp.config.loading import parse_config

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# The same examples in every run, and no clock: a busy machine must not fail a test.
settings.register_profile("nnexp", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nnexp")

NO_BROWSER = "no Chromium on this computer; scripts/get-browser gets one, or says what to install"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]


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


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright's driver: one a process, or they would be in each other's way."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """A headless Chromium: the computer's own, else Playwright's."""
    names = ("chromium", "chromium-browser", "google-chrome")
    own = (path for path in map(shutil.which, names) if path and works(path))
    program = next(own, playwright.chromium.executable_path)
    assert Path(program).exists(), NO_BROWSER
    launched = playwright.chromium.launch(executable_path=program, args=QUIET)
    yield launched
    launched.close()


def works(program: str) -> bool:
    """Whether a program is a browser: one of that name may only ask for a package."""
    return subprocess.run([program, "--version"], capture_output=True).returncode == 0
