"""How runs end, through the command line: diverged, stopped, failed, and every kind of output and loss."""

from __future__ import annotations

import csv
import json
import math
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from nnexp.cli import application
from nnexp.data.datasets import DATASETS, load
from nnexp.training import backend

# These run in this process, where the number of threads can be set once.
backend.prepare(threads=2)


@dataclass(frozen=True)
class Outcome:
    """What a run said, its exit code, and its folder."""

    exit_code: int
    told: str
    folder: Path

    @property
    def metrics(self) -> dict[str, Any]:
        return json.loads((self.folder / "metrics.json").read_text())  # type: ignore[no-any-return]

    @property
    def codes(self) -> list[str]:
        return [finding["code"] for finding in self.metrics["findings"]]


@pytest.fixture
def run(config: Callable[..., Path], tmp_path: Path) -> Iterator[Callable[..., Outcome]]:
    """Run the small config of digits with keys changed."""
    before = signal.getsignal(signal.SIGTERM)

    def go(*arguments: str, **keys: object) -> Outcome:
        path = config(**{"threads": 2, **keys})
        result = CliRunner().invoke(application(), ["run", str(path), "--runs-dir", str(tmp_path / "runs"), *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        folders = sorted((tmp_path / "runs").iterdir()) if (tmp_path / "runs").exists() else []
        return Outcome(result.exit_code, result.stderr, folders[-1] if folders else Path("no folder"))

    yield go
    signal.signal(signal.SIGTERM, before)


WHOLE = {"config.yaml", "confusion_matrix.png", "environment.json", "history.csv", "history.png", "log.txt"} | {
    "metrics.json",
    "model.keras",
    "predictions.npz",
}
EXPLODING = {
    "optimizer": "{sgd: 1e30}",
    "normalization": "none",
    "layers": "[flatten, dense: 16, dense: 10]",
    "epochs": 4,
}


def test_a_diverging_run_stops_is_whole_and_says_so(run: Any) -> None:
    done = run(**EXPLODING)
    metrics = done.metrics
    assert done.exit_code == 0
    assert metrics["status"] == "diverged"
    assert {path.name for path in done.folder.iterdir()} == WHOLE
    assert len(metrics["history"]) == metrics["stopped"]["epoch"] == 1
    assert metrics["history"][0]["loss"] is None
    assert metrics["test"]["loss"] is None
    assert done.codes.count("diverged") == 1
    assert "The loss was no longer a finite number in epoch 1" in done.told
    assert "diverged after epoch 1" in done.told
    assert "test loss      –" in done.told


def test_a_diverging_run_goes_on_where_it_is_asked_to(run: Any) -> None:
    done = run(**EXPLODING, on_divergence="continue")
    metrics = done.metrics
    assert (done.exit_code, metrics["status"], metrics["stopped"]) == (0, "diverged", None)
    assert [row["epoch"] for row in metrics["history"]] == [1, 2, 3, 4]
    with (done.folder / "history.csv").open() as file:
        assert [math.isfinite(float(row["loss"])) for row in csv.DictReader(file)] == [False] * 4
    assert "training went on as asked" in done.told
    assert {path.name for path in done.folder.iterdir()} == WHOLE


def test_stop_when_says_why_it_stopped(run: Any) -> None:
    done = run(callbacks="[stop_when: accuracy > 0.4]", epochs=50)
    stopped = done.metrics["stopped"]
    assert done.metrics["status"] == "completed"
    assert stopped["epoch"] == len(done.metrics["history"]) < 50
    assert stopped["reason"].startswith("stop_when: accuracy > 0.4 holds: accuracy is 0.4")
    assert f"completed after epoch {stopped['epoch']}: stop_when" in done.told
    assert "stopped_early" in done.codes


def test_early_stopping_says_why_it_stopped(run: Any) -> None:
    done = run(callbacks="[early_stopping: {monitor: val_loss, patience: 1, min_delta: 100}]", epochs=50)
    assert done.metrics["stopped"]["epoch"] == 2
    assert "early_stopping: val_loss had not improved for 1 epoch; its best was in epoch 1" in done.told


def test_validation_on_the_test_split_warns_and_equals_the_test_figures(run: Any) -> None:
    done = run(validation="test", epochs=1)
    metrics = done.metrics
    assert metrics["history"][-1]["val_accuracy"] == pytest.approx(metrics["test"]["accuracy"])
    assert metrics["history"][-1]["val_loss"] == pytest.approx(metrics["test"]["loss"])
    assert "validation_on_test" in done.codes
    assert "choices made on them spoil the test figure" in done.told


def test_without_validation_there_are_no_held_out_figures(run: Any) -> None:
    assert set(run(validation="none", epochs=1).metrics["history"][0]) == {"epoch", "loss", "accuracy", "seconds"}


TWO = "[dense: {units: 8, activation: relu}, dense: %s]"


@pytest.mark.parametrize(
    ("layers", "loss"),
    [
        (TWO % "{units: 1, activation: sigmoid}", None),
        pytest.param(TWO % "1", None, marks=pytest.mark.slow),
        (TWO % "{units: 2, activation: softmax}", None),
        pytest.param(TWO % "2", None, marks=pytest.mark.slow),
        pytest.param(TWO % "{units: 2, activation: softmax}", "categorical_crossentropy", marks=pytest.mark.slow),
        pytest.param(TWO % "{units: 1, activation: sigmoid}", "mean_squared_error", marks=pytest.mark.slow),
    ],
    ids=["sigmoid", "one score", "softmax", "two scores", "one-hot", "squares"],
)
def test_two_classes_are_learnt_with_one_output_or_two(run: Any, layers: str, loss: str | None) -> None:
    keys = {"loss": loss} if loss else {}
    done = run(dataset="breast_cancer", layers=layers, epochs=12, optimizer="{adam: 0.01}", **keys)
    metrics = done.metrics
    assert done.exit_code == 0
    assert metrics["test"]["accuracy"] > 0.9
    assert [row["class"] for row in metrics["evaluation"]["per_class"]] == ["malignant", "benign"]
    with np.load(done.folder / "predictions.npz") as kept:
        assert kept["probabilities"].shape == (114, 2)
        np.testing.assert_allclose(kept["probabilities"].sum(axis=1), 1, atol=2e-3)
        right = kept["predicted"] == load(DATASETS["breast_cancer"]).y_test
        assert right.mean() == metrics["test"]["accuracy"]


@pytest.mark.parametrize(
    "loss",
    [
        "categorical_crossentropy",
        pytest.param("mean_squared_error", marks=pytest.mark.slow),
        pytest.param("binary_crossentropy", marks=pytest.mark.slow),
    ],
)
def test_losses_that_want_one_hot_labels_learn_as_well(run: Any, loss: str) -> None:
    done = run(loss=loss, epochs=8, optimizer="{adam: 0.01}")
    assert done.metrics["test"]["accuracy"] > 0.8
    assert all(0 <= row["accuracy"] <= 1 for row in done.metrics["history"])


def test_a_run_that_fails_keeps_what_was_done_and_says_where(run: Any) -> None:
    """Here a callback writes where it cannot: its file's name is a directory's, which another callback needs."""
    done = run(callbacks="[csv_logger: x, csv_logger: x/y.csv]", epochs=2)
    metrics = done.metrics
    assert done.exit_code == 1
    assert metrics["status"] == "failed"
    assert metrics["error"]
    assert "the run failed: " in done.told
    assert f"what was done is kept; to go on from its start:  nnexp resume {done.folder}" in done.told
    assert "Traceback (most recent call last)" in (done.folder / "log.txt").read_text()
    assert "Traceback" not in done.told


def test_a_model_that_raises_in_training_is_told_in_one_message(run: Any) -> None:
    """An embedding is asked for an index that it does not have, by a layer before it: nobody can tell beforehand."""
    done = run(
        layers="[flatten, rescaling: 3, embedding: {input_dim: 2, output_dim: 2}, flatten,"
        " dense: {units: 10, activation: softmax}]",
        normalization="none", engine="graph", epochs=1,
    )  # fmt: skip
    assert done.exit_code == 1
    assert done.metrics["status"] == "failed"
    assert "indices" in done.told
    assert len(done.told.splitlines()) < 25


def test_quiet_says_nothing(run: Any) -> None:
    done = run("--quiet", epochs=1)
    assert done.told == ""
    assert done.metrics["status"] == "completed"


def test_a_place_where_no_run_folder_can_be_made_is_told(run: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("--runs-dir", str(tmp_path / "file"), epochs=1)
    assert done.exit_code == 2
    assert f"{tmp_path / 'file'} is a file, not a directory" in done.told


def test_xla_falls_back_to_a_graph_and_says_so(run: Any) -> None:
    done = run(
        layers="[reshape: [8, 8, 1], random_rotation: 0.1, flatten, dense: {units: 10, activation: softmax}]",
        engine="xla",
        epochs=1,
    )
    assert done.exit_code == 0
    assert done.metrics["engine"]["name"] == "graph"
    assert "engine: graph (XLA cannot compile this model" in done.told
    assert "engine: graph" in (done.folder / "log.txt").read_text()
