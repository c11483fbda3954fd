"""Trained models for the tests of what they are good for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnexp.experiment import Options, run_experiment

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


@pytest.fixture(scope="session")
def trained(once: Any, experiment: Any) -> Path:
    """A run of digits, one of iris, and one of an own table."""

    def train(folder: Path) -> None:
        rows = [f"{number};{('red', 'blue')[number % 2]};{('a', 'b')[number % 2]}" for number in range(20)]
        (folder / "own.csv").write_text("\n".join(["size;colour;kind", *rows]))
        for name, text in (("digits", DIGITS), ("iris", IRIS), ("own", OWN.format(folder=folder))):
            run_experiment(experiment(text), Options(folder=folder / name))

    return once("predict", train)
