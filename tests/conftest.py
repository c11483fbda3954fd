"""Shared parts of the tests: experiments from text, runs of all tasks, and a quiet TensorFlow, a browser."""

from __future__ import annotations

import json
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
        folder, whole = shared / name, shared / f"{name}.whole"
        with FileLock(shared / f"{name}.lock"):
            if not whole.exists():  # where filling failed, the next one is to fail with the reason too
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                whole.touch()
        return folder

    return filled


DIGITS = """
description: Does a wider layer read digits better?
dataset: digits
layers: [flatten, dense: {{units: {units}, activation: relu}}, dense: {{units: 10, activation: softmax}}]
normalization: standardize
validation: 0.2
epochs: 3
seed: {seed}
"""
CONFIGS = {
    **{f"hidden={units}_seed={seed}": DIGITS.format(units=units, seed=seed) for units in (4, 16) for seed in (1, 2)},
    "iris": "dataset: iris\nlayers: [dense: {units: 3, activation: softmax}]\nepochs: 2\n",
    "values": "dataset: diabetes\nlayers: [dense: {units: 8, activation: relu}, dense: 1]\nepochs: 2\n",
    "labels": "dataset: {npz: {path: data/flowers.npz, classes: [long, wide, small]}}\n"
    "layers: [dense: {units: 3, activation: sigmoid}]\nepochs: 2\n",
    "pictures": "dataset: {images: {path: data/digits}}\n"
    "layers: [flatten, dense: {units: 2, activation: softmax}]\nepochs: 2\n",
}
TRAIN = """
import json, sys
from pathlib import Path
from nnexp.config.experiment import parse_experiment
from nnexp.config.loading import parse_config
from nnexp.experiment import Options, run_experiment

for folder, (name, text) in json.loads(sys.argv[1]).items():
    run_experiment(parse_experiment(parse_config(text, f"{name}.yaml"), name), Options(folder=Path(folder)))
"""


@pytest.fixture(scope="session")
def train() -> Callable[[Path, dict[str, tuple[str, str]]], None]:
    """Train runs of folders, names and configs' texts in one process of their own.

    In one of the tests' processes another test may have fixed TensorFlow's threads already.
    """

    def work(directory: Path, configs: dict[str, tuple[str, str]]) -> None:
        subprocess.run([sys.executable, "-c", TRAIN, json.dumps(configs)], cwd=directory, check=True)

    return work


@pytest.fixture(scope="session")
def trained(once: Callable[[str, Callable[[Path], object]], Path], train: Callable[..., None]) -> Path:
    """Real runs, made in one process: digits with two widths and two seeds, iris, and of other tasks.

    `values` is of regression, `labels` of several labels, `pictures` of two classes of own pictures.
    """

    def fill(folder: Path) -> None:
        data = folder / "data"
        flowers, kind = load_iris(return_X_y=True)
        labels = np.stack([flowers[:, 0] > 5.8, flowers[:, 1] > 3, kind == 0], axis=1)
        for name in ("a 3", "a 8"):
            (data / "digits" / name).mkdir(parents=True)
        np.savez(data / "flowers.npz", x=flowers[:, 1:], y=labels.astype(np.uint8))
        pictures = load_digits()
        for place in np.flatnonzero(np.isin(pictures.target, (3, 8)))[:120]:
            picture = Image.fromarray((15 * pictures.images[place]).astype(np.uint8))
            picture.save(data / "digits" / f"a {pictures.target[place]}" / f"{place}.png")
        named = {name: ("digits" if "hidden" in name else name, text) for name, text in CONFIGS.items()}
        train(folder, named)

    return once("trained", fill)


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
