"""Fewer training examples: from a run that is killed and resumed to its program, and to a comparison."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnexp.data.datasets import DATASETS, load
from nnexp.data.splits import split

FEWER = {"train_size": 200, "epochs": 30, "checkpoint": "every 1", "class_weight": "balanced"}


def metrics_of(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "metrics.json").read_text())
    return found


def outcome(run: Path) -> list[Any]:
    metrics = metrics_of(run)
    history = [{name: value for name, value in row.items() if name != "seconds"} for row in metrics["history"]]
    with np.load(run / "predictions.npz") as arrays:
        predictions = {name: arrays[name].tobytes() for name in arrays}
    return [metrics[key] for key in ("identity", "status", "examples", "test")] + [history, predictions]


@pytest.fixture(scope="module")
def runs(once: Any, nnexp: Any) -> Path:
    """Of one config: `whole run` on 200 examples, and `all run` on all of them."""

    def fill(folder: Path) -> None:
        text = (
            "dataset: digits\nvalidation: 0.2\n"
            "layers: [flatten, dense: {units: 16, activation: relu}, dropout: 0.2, dense: 10, softmax]\n"
        )
        (folder / "a.yaml").write_text(text + "".join(f"{key}: {value}\n" for key, value in FEWER.items()))
        for name, change in (("whole", ()), ("all", ("--set", "train_size=none", "--epochs", "2"))):
            done = nnexp("run", "a.yaml", "--runs-dir", name, *change, cwd=folder)
            assert done.returncode == 0, done.stderr
            next((folder / name).iterdir()).rename(folder / f"{name} run")

    made: Path = once("fewer", fill)
    return made


def test_what_is_said_and_recorded_is_what_was_trained_on(runs: Path) -> None:
    metrics = metrics_of(runs / "whole run")
    assert metrics["examples"] == {"train": 200, "validation": 287, "test": 360}
    assert metrics["config"]["train_size"] == 200
    assert (
        "  examples: 200 to train on, 287 for validation, 360 to test on\n"
        in (runs / "whole run" / "log.txt").read_text()
    )


@pytest.mark.slow
def test_a_killed_run_comes_to_the_same_result_and_is_verified(runs: Path, nnexp: Any, start: Any) -> None:
    process = start("run", "a.yaml", "--runs-dir", "killed", "--quiet", cwd=runs)
    while not list(runs.glob("killed/*/checkpoint/*")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    [run] = (runs / "killed").iterdir()
    assert metrics_of(run)["status"] == "running"
    resumed = nnexp("resume", run)
    assert resumed.returncode == 0, resumed.stderr
    assert outcome(run) == outcome(runs / "whole run")
    verified = nnexp("verify", run)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_it_is_measured_on_the_test_part_that_all_have(runs: Path, nnexp: Any) -> None:
    evaluated = nnexp("evaluate", runs / "whole run", "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    assert metrics_of(runs / "whole run")["test_split"] == metrics_of(runs / "all run")["test_split"]


def test_its_program_trains_on_the_same_examples(runs: Path, nnexp: Any, tmp_path: Path) -> None:
    done = nnexp("export", runs / "whole run", "-f", "script", "-o", "program.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    reading, training = (tmp_path / "program.py").read_text().split("# The model")
    found: dict[str, Any] = {}
    exec(reading, found)
    own = split(load(DATASETS["digits"]), 0.2, 42, 200)
    for part in ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test"):
        assert np.array_equal(found[part], getattr(own, part)), part
    assert "x_train" in training


def test_a_run_from_before_the_key_is_a_repeat_of_one_without_it(runs: Path, nnexp: Any) -> None:
    """Its config.yaml and its metrics.json say nothing of it, as those of a run on all examples do now."""
    assert "train_size" not in (runs / "all run" / "config.yaml").read_text()
    assert "train_size" not in metrics_of(runs / "all run")["config"]
    compared = nnexp("compare", runs / "all run", runs / "whole run", "--json")
    assert compared.returncode == 0, compared.stderr
    groups = json.loads(compared.stdout)["groups"]
    assert sorted(str(group["parameters"]["train_size"]) for group in groups) == ["200", "none"]


@pytest.mark.slow
def test_a_sweep_over_sizes_has_them_as_numbers(runs: Path, nnexp: Any) -> None:
    (runs / "sizes.yaml").write_text("base: a.yaml\ngrid: {train_size: [50, 0.5]}\n")
    done = nnexp("sweep", "sizes.yaml", "--epochs", "1", "--runs-dir", "swept", cwd=runs)
    assert done.returncode == 0, done.stderr
    [folder] = (runs / "swept").iterdir()
    trained = {run.parent.name: metrics_of(run.parent) for run in folder.glob("*/metrics.json")}
    assert {name: run["examples"]["train"] for name, run in trained.items()} == {
        "train_size=50": 50,
        "train_size=0.5": 575,
    }
    found = json.loads((folder / "table.json").read_text())
    assert {group["parameters"]["train_size"] for group in found["groups"]} == {50, 0.5}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("train_size=1151", "write at most 1150, or `none` for all"),
        ("limit=100", "did you mean 'train_size'?"),
    ],
)
def test_what_cannot_be_is_told_before_training(runs: Path, nnexp: Any, change: str, told: str) -> None:
    done = nnexp("run", "a.yaml", "--set", change, "--runs-dir", "refused", cwd=runs)
    assert done.returncode == 2
    assert f"--set {change}: " in done.stderr
    assert told in done.stderr
    assert not (runs / "refused").exists()


def test_an_option_of_that_name_is_told_what_to_type(runs: Path, nnexp: Any) -> None:
    for option in ("--train-size", "--limit"):
        done = nnexp("run", "a.yaml", option, "100", cwd=runs)
        assert "It is a key of the config: --set train_size=…" in done.stderr
