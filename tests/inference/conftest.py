"""Trained models for the tests of what they are good for."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from nnexp.cli import application

IRIS = "dataset: iris\nlayers: [dense: {units: 3, activation: softmax}]\nepochs: 3\n"
DIGITS = """
dataset: digits
layers: [flatten, dense: {units: 16, activation: relu}, dense: 10]
epochs: 3
"""  # raw scores: the loss makes probabilities of them
OWN = """
dataset: {{csv: {{path: {folder}/own.csv, target: kind, separator: ";"}}}}
layers: [dense: {{units: 2, activation: softmax}}]
epochs: 1
"""


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Commands that run here take over what SIGTERM and SIGHUP do."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def nnexp_here() -> Callable[..., Result]:
    """Run a command in this process, where TensorFlow is loaded already, and see that it ends with an exit code."""

    def run(*words: object, code: int = 0) -> Result:
        result = CliRunner().invoke(application(), [*map(str, words)])
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture(scope="session")
def trained(once: Any, train: Any) -> Path:
    """A run of digits, one of iris, and one of an own table."""

    def fill(folder: Path) -> None:
        rows = [f"{number};{('red', 'blue')[number % 2]};{('a', 'b')[number % 2]}" for number in range(20)]
        (folder / "own.csv").write_text("\n".join(["size;colour;kind", *rows]))
        texts = {"digits": DIGITS, "iris": IRIS, "own": OWN.format(folder=folder)}
        train(folder, {name: ("test", text) for name, text in texts.items()})

    return once("predict", fill)


VALUES = """
dataset: {{csv: {{path: {folder}/values.csv, target: [near, far], drop: [id]}}}}
layers: [dense: {{units: 8, activation: relu}}, dense: 2]
epochs: 3
"""
LABELS = """
dataset: {{npz: {{path: {folder}/labels.npz, classes: [left, top, =right]}}}}
layers: [flatten, dense: {{units: 3, activation: sigmoid}}]
epochs: 3
"""
IMAGES = """
dataset: {{images: {{path: {folder}/pictures}}}}
layers: [flatten, dense: {{units: 2, activation: softmax}}]
epochs: 2
"""


@pytest.fixture(scope="session")
def tasks(once: Any, train: Any) -> Path:
    """Runs on own data: values of a table, labels of arrays of pictures, and classes of picture files."""

    def fill(folder: Path) -> None:
        random = np.random.default_rng(3)
        x = random.normal(size=(100, 2)).round(3)
        table = pd.DataFrame({"id": range(100), "width": x[:, 0], "tint": random.choice(["red", "blue"], 100)})
        table["near"], table["far"] = x[:, 0] + (table["tint"] == "red"), 1000 * x[:, 0] + x[:, 1]
        table.to_csv(folder / "values.csv", index=False)
        pixels = random.integers(0, 256, (100, 4, 4), dtype=np.uint8)
        bright = pixels.astype(int)
        sums = np.stack([bright[:, :, :2].sum(axis=(1, 2)), bright[:, :2].sum(axis=(1, 2)), bright[:, 0, 0] * 8], 1)
        np.savez(folder / "labels.npz", x=pixels, y=(sums > 1024).astype(np.uint8))
        for place, picture in enumerate(pixels[:60]):
            path = folder / "pictures" / ("left", "right")[int(sums[place, 0] > 1024)] / f"{place}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
        texts = {"values": VALUES, "labels": LABELS, "images": IMAGES}
        train(folder, {f"run-{name}": ("test", text.format(folder=folder)) for name, text in texts.items()})

    return once("tasks", fill)
