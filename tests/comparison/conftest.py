"""Real runs to compare: a few trained once, and copies of them edited into repeats, failures and forgeries."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

_TRAIN = """
import sys
from pathlib import Path
from nnexp.config.experiment import parse_experiment
from nnexp.config.loading import parse_config
from nnexp.experiment import Options, run_experiment

def train(name, seed, text):
    run_experiment(
        parse_experiment(parse_config(f"{text}seed: {seed}\\nthreads: 1\\n", "test.yaml"), "digits"),
        Options(folder=Path(sys.argv[1], name)),
    )

for units in (4, 32):
    layers = f"[flatten, dense: {{units: {units}, activation: relu}}, dense: {{units: 10, activation: softmax}}]"
    for seed in (1, 2, 3):
        text = f"dataset: digits\\nlayers: {layers}\\nvalidation: 0.2\\nepochs: 2\\n"
        train(f"hidden={units}_seed={seed}", seed, text)
layers = "[dense: {units: 3, activation: softmax}]"
train("iris", 1, f"dataset: iris\\nlayers: {layers}\\nepochs: 1\\n")
train("diverged", 1, f"dataset: iris\\nlayers: {layers}\\noptimizer: {{sgd: 3e38}}\\nepochs: 5\\n")
"""

Make = Callable[..., Path]


@pytest.fixture(scope="session")
def trained(once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A folder of real runs: digits with 4 and 32 hidden units and 3 seeds each, one of iris, one that diverged."""
    train = [sys.executable, "-c", _TRAIN]
    return once("to_compare", lambda folder: subprocess.run([*train, folder], check=True, capture_output=True))


@pytest.fixture
def make(trained: Path, tmp_path: Path) -> Make:
    """Copy a real run under a new name, with changes to its width, config, other metrics, and what it got right.

    With `errors` [examples, targets] it is a run that predicts values, and misses the true ones by these.
    """

    def copy(
        folder: str,
        /,
        *,
        source: str = "hidden=4_seed=1",
        units: int | None = None,
        correct: Sequence[bool] | NDArray[np.bool_] | None = None,
        errors: NDArray[np.float64] | None = None,
        config: dict[str, Any] | None = None,
        **metrics: Any,
    ) -> Path:
        target = tmp_path / "runs" / folder
        shutil.copytree(trained / source, target)
        file = target / "metrics.json"
        data = json.loads(file.read_text(encoding="utf-8"))
        data |= {"seed": metrics.get("seed", data["seed"])}
        data["config"] |= {"seed": data["seed"], "name": metrics.get("name", data["name"]), **(config or {})}
        if units is not None:
            data["config"]["layers"][1]["dense"]["units"] = units
        if correct is not None:
            right = np.asarray(correct)
            labels = np.arange(len(right)) % 10
            split = metrics.get("test_split", f"{len(right)} examples")
            arrays = {"labels": labels, "predicted": np.where(right, labels, -1), "split_fingerprint": np.array(split)}
            np.savez(target / "predictions.npz", **arrays)
            data |= {"test": {**data["test"], "accuracy": float(right.mean())}, "test_split": split}
        if errors is not None:
            data |= _of_values(target / "predictions.npz", errors)
        file.write_text(json.dumps({**data, **metrics}), encoding="utf-8")
        return target

    return copy


def _of_values(predictions: Path, errors: NDArray[np.float64]) -> dict[str, Any]:
    """Predictions of values that miss the true ones by these errors, and what metrics.json says of them."""
    labels = np.random.default_rng(0).normal(150, 50, errors.shape).astype(np.float32)
    predicted = labels + errors.astype(np.float32)
    split = f"{errors.shape} values"
    np.savez(predictions, labels=labels, predicted=predicted, split_fingerprint=np.array(split))
    missed = predicted.astype(np.float64) - labels
    test = {"loss": float((missed**2).mean()), "mean_absolute_error": float(np.abs(missed).mean())}
    low, high = 0.9 * test["mean_absolute_error"], 1.1 * test["mean_absolute_error"]
    intervals = {"mean_absolute_error": [low, high]}
    return {"task": "regression", "test": test, "test_intervals": intervals, "test_split": split}


@pytest.fixture
def repeats(make: Make) -> Callable[..., list[Path]]:
    """Runs of one configuration, a seed each, with the accuracies given on the same 10,000 examples.

    Which examples are hard is the same for every run, up to one in twenty.
    """

    def runs(units: int, accuracies: Sequence[float], first_seed: int = 1, **metrics: Any) -> list[Path]:
        hardness = np.random.default_rng(0).random(10_000)
        made = []
        for seed, accuracy in enumerate(accuracies, first_seed):
            noise = np.random.default_rng([units, seed]).normal(scale=0.05, size=len(hardness))
            right = np.zeros(len(hardness), dtype=bool)
            right[np.argsort(hardness + noise)[: round(accuracy * len(hardness))]] = True
            name = f"hidden={units}_seed={seed}_{metrics.get('name', '')}"
            made.append(make(name, correct=right, units=units, seed=seed, **metrics))
        return made

    return runs
