"""From a file of one's own to a compared pair of runs, as a new user does it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_diabetes, load_digits, load_wine
from sklearn.dummy import DummyRegressor
from typer.testing import CliRunner

from nnexp.cli import application
from nnexp.config.experiment import load_experiment

TABLE = """
dataset:
  csv: {path: wine.csv, target: cultivar}
layers: [dense: {units: 16, activation: relu}, dense: {units: 3, activation: softmax}]
epochs: 12
batch_size: 8
optimizer: {adam: 0.01}
"""


def wine(folder: Path) -> None:
    """Wine as a table with text for classes, a category, and cells left empty."""
    frame = load_wine(as_frame=True).frame
    frame["cultivar"] = frame.pop("target").map({0: "Barolo", 1: "Grignolino", 2: "Barbera"})
    frame["tint"] = np.where(frame.color_intensity > 5, "deep", "light")
    frame.loc[::7, "magnesium"] = None
    frame.loc[::9, "tint"] = None
    frame.to_csv(folder / "wine.csv", index=False)


@pytest.mark.slow
def test_a_table_from_file_to_a_compared_pair(tmp_path: Path, nnexp: Any) -> None:
    wine(tmp_path)
    (tmp_path / "configs").mkdir()
    config = tmp_path / "configs" / "wine.yaml"
    config.write_text(TABLE.replace("wine.csv", "../wine.csv"))
    checked = nnexp("check", config)
    assert checked.returncode == 0, checked.stderr
    swept = nnexp("sweep", config, "--hidden", "4,16", "--repeats", "2", "--runs-dir", tmp_path / "runs")
    assert swept.returncode == 0, swept.stderr
    [sweep] = (tmp_path / "runs").iterdir()
    assert str(tmp_path / "wine.csv") in (sweep / "sweep.yaml").read_text()
    resumed = nnexp("resume", sweep)
    assert resumed.returncode == 0, resumed.stderr
    compared = json.loads(nnexp("compare", sweep, "--json").stdout)
    assert [len(group["runs"]) for group in compared["groups"]] == [2, 2]
    assert len(compared["verdicts"]) == 1
    runs = [path.parent for path in sweep.glob("*/metrics.json")]
    assert len(runs) == 4
    for run in runs:
        metrics = json.loads((run / "metrics.json").read_text())
        assert metrics["status"] == "completed"
        assert metrics["test"]["accuracy"] > 0.8
        assert {row["class"] for row in metrics["evaluation"]["per_class"]} == {"Barolo", "Grignolino", "Barbera"}
        columns = {column["name"]: column for column in json.loads((run / "columns.json").read_text())}
        assert columns["tint"]["categories"] == ["(missing)", "deep", "light"]
        assert columns["magnesium"]["median"] > 80
        assert str(tmp_path / "wine.csv") in (run / "config.yaml").read_text()
    repeated = nnexp("verify", runs[0])
    assert repeated.returncode == 0, repeated.stdout + repeated.stderr


@pytest.mark.slow
def test_a_run_refuses_data_that_have_changed_since(tmp_path: Path, nnexp: Any) -> None:
    wine(tmp_path)
    (tmp_path / "wine.yaml").write_text(TABLE)
    done = nnexp("run", "wine.yaml", "--set", "epochs=1", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    [run] = (tmp_path / "runs").iterdir()
    with (tmp_path / "wine.csv").open("a") as file:
        file.write((tmp_path / "wine.csv").read_text().splitlines()[1] + "\n")
    again = nnexp("run", run / "config.yaml", cwd=tmp_path)
    assert again.returncode == 2
    assert "is not what it was" in again.stderr
    assert "Traceback" not in again.stderr
    assert len(list((tmp_path / "runs").iterdir())) == 1


@pytest.mark.parametrize("kind", ["npz", "images"])
def test_pictures_and_arrays(tmp_path: Path, nnexp: Any, kind: str) -> None:
    x, labels = load_digits(return_X_y=True)
    x = (x * 15.9).astype(np.uint8).reshape(-1, 8, 8)
    few = np.flatnonzero(labels < 3)
    if kind == "npz":
        np.savez(tmp_path / "digits.npz", x=x[few], y=labels[few])
    else:
        for place in few:
            folder = tmp_path / "digits" / f"number {labels[place]}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(x[place]).save(folder / f"{place}.png")
    path = "digits.npz" if kind == "npz" else "digits"
    layers = "[flatten, dense: {units: 3, activation: softmax}]"
    text = f"dataset: {{{kind}: {path}}}\nlayers: {layers}\nepochs: 5\noptimizer: {{adam: 0.05}}\n"
    (tmp_path / "own.yaml").write_text(text)
    done = nnexp("run", "own.yaml", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["test"]["accuracy"] > 0.9


@pytest.mark.slow
def test_numbers_from_a_file_to_a_run_that_repeats(tmp_path: Path, nnexp: Any) -> None:
    """Whole numbers are learnt as numbers; the config of the run says so, whatever the data look like."""
    frame = load_diabetes(as_frame=True, scaled=False).frame
    frame.to_csv(tmp_path / "diabetes.csv", index=False)
    assert CliRunner().invoke(application(), ["init", str(tmp_path)]).exit_code == 0
    done = nnexp("run", "diabetes.yaml", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout)
    assert metrics["task"] == "regression"
    [run] = (tmp_path / "runs").iterdir()
    with np.load(run / "predictions.npz") as held:
        truth = held["labels"]
    guess = DummyRegressor().fit(truth, truth).predict(truth)  # the mean of the test part itself
    assert metrics["test"]["mean_absolute_error"] < 0.8 * np.abs(truth.ravel() - guess).mean()
    assert "task: regression" in (run / "config.yaml").read_text()
    assert load_experiment(run / "config.yaml").identity == load_experiment(tmp_path / "diabetes.yaml").identity
