"""Shared parts of the tests: experiments from text, runs of all tasks, and a quiet TensorFlow, a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from PIL import Image
from playwright.sync_api import Browser, Playwright, sync_playwright
from sklearn.datasets import load_digits, load_iris

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


TASKS = {
    "values": "dataset: diabetes\nlayers: [dense: {units: 8, activation: relu}, dense: 1]\noptimizer: {adam: 0.01}\n",
    "labels": "dataset: {csv: {path: flowers.csv, target: [long, wide, small]}}\n"
    "layers: [dense: {units: 3, activation: sigmoid}]\n",
    "pictures": "dataset: {images: {path: digits}}\nlayers: [flatten, dense: {units: 2, activation: softmax}]\n",
}
TRAIN = """
import sys
from pathlib import Path
from nnexp.config.experiment import load_experiment
from nnexp.experiment import Options, run_experiment

for config in map(Path, sys.argv[1:]):
    run_experiment(load_experiment(config), Options(folder=config.with_suffix("")))
"""


@pytest.fixture(scope="session")
def tasks(once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A folder with a real run of each task: `values` (regression), `labels` (several), `pictures` (two classes)."""

    def train(folder: Path) -> None:
        flowers = load_iris(as_frame=True).frame
        wide, small = flowers["sepal width (cm)"], flowers["target"]
        table = {"long": flowers.pop("sepal length (cm)") > 5.8, "wide": wide > 3, "small": small == 0}
        flowers.drop(columns="target").assign(**table).astype(float).to_csv(folder / "flowers.csv", index=False)
        digits = load_digits()
        for place in np.flatnonzero(np.isin(digits.target, (3, 8)))[:120]:
            home = folder / "digits" / f"a {digits.target[place]}"
            home.mkdir(parents=True, exist_ok=True)
            Image.fromarray((15 * digits.images[place]).astype(np.uint8)).save(home / f"{place}.png")
        for name, text in TASKS.items():
            (folder / f"{name}.yaml").write_text(f"{text}epochs: 2\n")
        configs = [folder / f"{name}.yaml" for name in TASKS]
        subprocess.run([sys.executable, "-c", TRAIN, *configs], check=True)

    return once("tasks", train)


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
