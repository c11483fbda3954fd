"""`--track` as a user has it: real processes, a real MLflow store, TensorBoard's own files."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnexp.runs import record
from nnexp.runs.weights import read_weights

SECONDS = """
dataset: iris
layers: [dense: {units: 4, activation: relu}, dropout: 0.2, dense: {units: 3, activation: softmax}]
epochs: 600
engine: graph
"""
WITHOUT = "import sys; sys.modules['mlflow'] = None; sys.argv[0] = 'nnexp'; from nnexp.cli import main; main()"


def client(runs: Path) -> Any:
    """MLflow's own, of the store beside the runs."""
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{runs / 'mlflow' / 'mlflow.db'}")


def search(runs: Path, query: str = "") -> list[Any]:
    """What MLflow's search finds."""
    [number] = (found.experiment_id for found in client(runs).search_experiments() if found.name == "nnexp")
    return list(client(runs).search_runs([number], query))


def same_weights(run: Path, other: Path) -> bool:
    first, second = read_weights(run / "model.keras"), read_weights(other / "model.keras")
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("command", ["run", "sweep"])
def test_an_extra_that_is_not_installed_is_told_before_anything_begins(
    command: str, config: Callable[..., Path], tmp_path: Path
) -> None:
    given = [command, str(config()), "--track", "mlflow", "--runs-dir", str(tmp_path / "runs")]
    done = subprocess.run([sys.executable, "-c", WITHOUT, *given], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'nnexp[mlflow]'" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["run", "sweep"])
def test_a_store_that_cannot_be_reached_is_told_before_anything_begins(
    command: str, nnexp: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    lost = "{mlflow: {uri: 'sqlite:////dev/null/x.db'}}"
    done = nnexp(command, config(), "--track", lost, "--runs-dir", tmp_path / "runs")
    assert done.returncode == 2
    assert "the store sqlite:////dev/null/x.db cannot be used" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_tracked_run_has_the_weights_of_one_that_is_not(
    nnexp: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    text = config(SECONDS, epochs=20)
    folders = []
    for name, trackers in (("plain", "none"), ("tracked", "mlflow,tensorboard")):
        done = nnexp("run", text, "--track", trackers, "--runs-dir", tmp_path / name)
        assert done.returncode == 0, done.stderr
        folders += list(record.find(tmp_path / name))
    plain, tracked = folders
    assert same_weights(plain, tracked)
    assert record.read(plain).identity == record.read(tracked).identity
    assert list(tracked.glob("events.out.tfevents.*"))


@pytest.mark.slow
def test_a_sweep_tells_wandb_offline_and_quietly(
    nnexp: Any, config: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    monkeypatch.setenv("HOME", "/proc")  # as on a cluster, where nothing can be written to it
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    done = nnexp("sweep", config(), "--repeats", "2", "--track", "wandb", "--runs-dir", runs)
    assert done.returncode == 0, done.stderr
    assert "wandb: " not in done.stderr
    assert "INFO" not in done.stderr
    assert len(list((runs / "wandb").glob("offline-run-*"))) == len(list(record.find(runs))) == 2


@pytest.mark.slow
def test_a_sweep_is_one_tree_in_mlflow_and_its_runs_are_those_of_a_sweep_that_is_not_tracked(
    nnexp: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    asked = [config(), "--hidden", "4,16", "--repeats", "2", "--runs-dir"]
    for name, trackers in (("plain", []), ("tracked", ["--track", "mlflow,tensorboard"])):
        done = nnexp("sweep", *asked, tmp_path / name, *trackers)
        assert done.returncode == 0, done.stderr
    runs = tmp_path / "tracked"
    [parent] = search(runs, "tags.`nnexp.kind` = 'sweep'")
    children = search(runs, f"tags.`mlflow.parentRunId` = '{parent.info.run_id}' and params.epochs = '3'")
    assert {child.data.params["layers.1.units"] for child in children} == {"4", "16"}
    assert {child.info.status for child in [parent, *children]} == {"FINISHED"}
    of_folders = {path.name: record.read(path) for path in record.find(runs)}
    assert {child.info.run_name for child in children} == set(of_folders)
    for child in children:
        found = of_folders[child.info.run_name]
        assert child.data.metrics["test_accuracy"] == pytest.approx(found.test["accuracy"])
        history = client(runs).get_metric_history(child.info.run_id, "val_loss")
        assert [(one.step, one.value) for one in history] == [
            (row["epoch"], pytest.approx(row["val_loss"])) for row in found.history
        ]
        [plain] = (tmp_path / "plain").glob(f"*/{found.path.name}")
        assert same_weights(plain, found.path)
        assert list(found.path.glob("events.out.tfevents.*"))


@pytest.mark.slow
def test_a_killed_run_goes_on_in_the_same_tracked_run_and_no_epoch_is_told_twice(
    nnexp: Any, start: Callable[..., subprocess.Popen[str]], config: Callable[..., Path], tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    process = start("run", config(SECONDS), "--track", "mlflow", "--runs-dir", runs)
    deadline = time.monotonic() + 120
    while not any(client(runs).get_metric_history(run.info.run_id, "loss") for run in told(runs)):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [run.info.status for run in search(runs)] == ["RUNNING"]
    [folder] = record.find(runs)
    assert nnexp("resume", folder).returncode == 0
    [run] = search(runs)
    assert run.info.status == "FINISHED"
    steps = [one.step for one in client(runs).get_metric_history(run.info.run_id, "loss")]
    assert sorted(steps) == list(range(1, 601))


@pytest.mark.slow
def test_a_sweep_that_is_stopped_says_so_in_mlflow_and_goes_on_in_the_same_runs(
    nnexp: Any, start: Callable[..., subprocess.Popen[str]], config: Callable[..., Path], tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    text = config(SECONDS)
    process = start("sweep", text, "--repeats", "2", "--workers", "2", "--track", "mlflow", "--runs-dir", runs)
    deadline = time.monotonic() + 120
    while len(told(runs)) < 3:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert [run.info.status for run in search(runs)] == ["KILLED"] * 3
    [folder] = runs.glob("2*")
    assert nnexp("resume", folder).returncode == 0
    assert [run.info.status for run in search(runs)] == ["FINISHED"] * 3
    for run in search(runs, "tags.`nnexp.seed` != ''"):
        steps = [one.step for one in client(runs).get_metric_history(run.info.run_id, "loss")]
        assert sorted(steps) == list(range(1, 601))


def told(runs: Path) -> list[Any]:
    """The runs in a store that may not be there yet."""
    return search(runs) if list(runs.glob("2*/tracking.json")) else []
