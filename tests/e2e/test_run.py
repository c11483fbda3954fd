"""One run from config to run folder, as its user finds it."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnexp.data.datasets import DATASETS, load
from nnexp.data.splits import fingerprint

CONFIG = """
description: A small run.
dataset: digits
layers: [flatten, dense: {units: 16, activation: relu}, dense: {units: 10, activation: softmax}]
validation: 0.2
epochs: 3
"""
FILES = [
    "config.yaml",
    "confusion_matrix.png",
    "environment.json",
    "history.csv",
    "history.png",
    "log.txt",
    "metrics.json",
    "model.keras",
    "predictions.npz",
]


@dataclass(frozen=True)
class Done:
    """A finished run: the process and what it left."""

    process: subprocess.CompletedProcess[str]
    folder: Path

    def json(self, name: str) -> Any:
        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} is not strict JSON")

        return json.loads((self.folder / name).read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory, nnexp: Any) -> Done:
    home = tmp_path_factory.mktemp("run")
    (home / "small.yaml").write_text(CONFIG)
    process = nnexp("run", "small.yaml", "--runs-dir", "runs", "--json", cwd=home)
    assert process.returncode == 0, process.stderr
    [folder] = (home / "runs").iterdir()
    return Done(process, folder)


def test_the_run_folder_is_complete_and_named_after_time_and_config(done: Done) -> None:
    assert sorted(path.name for path in done.folder.iterdir()) == FILES
    stamp, _, name = done.folder.name.partition("_")
    assert name == "small"
    assert len(stamp) == len("20261121-184512")


def test_the_terminal_shows_what_the_user_wants_to_know(done: Done) -> None:
    told = done.process.stderr
    assert "Traceback" not in told
    for words in ("epoch 1/3  loss ", "epoch 3/3", "val_accuracy", "test accuracy  0.", "(95 % interval 0."):
        assert words in told
    assert re.search(r"engine: graph \(TensorFlow's own loop: \d+ steps are too few", told)
    assert re.search(r"time .* s \(data [\d.]+, TensorFlow and model [\d.]+, .*, files [\d.]+\)", told)
    assert done.folder.name in told.splitlines()[-1]
    assert "\x1b" not in told  # plain where there is no terminal


def test_what_nobody_asked_for_is_not_measured(done: Done) -> None:
    assert "profile" not in done.json("metrics.json")
    assert "where the time went" not in done.process.stderr


def test_json_on_stdout_is_the_metrics_file(done: Done) -> None:
    assert done.process.stdout == (done.folder / "metrics.json").read_text()


def test_metrics_tell_the_whole_run(done: Done) -> None:
    metrics = done.json("metrics.json")
    assert (metrics["schema"], metrics["name"], metrics["status"], metrics["seed"]) == (1, "small", "completed", 42)
    assert metrics["description"] == "A small run."
    assert [row["epoch"] for row in metrics["history"]] == [1, 2, 3]
    assert set(metrics["history"][0]) == {"epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"}
    low, high = metrics["test_intervals"]["accuracy"]
    assert 0 <= low < metrics["test"]["accuracy"] < high <= 1
    assert metrics["parameters"] == {"total": 64 * 16 + 16 + 16 * 10 + 10, "trainable": 1210}
    assert metrics["best_epoch"] == min(metrics["history"], key=lambda row: row["val_loss"])["epoch"]
    assert metrics["stopped"] is None
    assert metrics["process"] is None
    assert metrics["started"] <= metrics["finished"]
    assert metrics["timings"]["total"] >= metrics["timings"]["training"] > 0
    assert metrics["engine"]["name"] == "graph"
    assert sum(map(sum, metrics["evaluation"]["confusion_matrix"])) == 360
    assert all(finding["code"] and finding["message"] and finding["evidence"] for finding in metrics["findings"])


def test_history_has_a_row_an_epoch_with_the_same_figures(done: Done) -> None:
    with (done.folder / "history.csv").open(newline="") as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    assert rows == done.json("metrics.json")["history"]


def test_predictions_open_without_pickle_and_agree_with_the_metrics(done: Done) -> None:
    with np.load(done.folder / "predictions.npz", allow_pickle=False) as file:
        kept = dict(file)
    arrays = load(DATASETS["digits"])
    assert (kept["labels"] == arrays.y_test).all()
    assert kept["probabilities"].shape == (360, 10)
    np.testing.assert_allclose(kept["probabilities"].sum(axis=1), 1, atol=0.01)
    assert (kept["predicted"] == kept["labels"]).mean() == done.json("metrics.json")["test"]["accuracy"]
    assert str(kept["split_fingerprint"]) == fingerprint(arrays.x_test, arrays.y_test)


def test_the_model_predicts_the_same_from_raw_input_in_plain_keras(done: Done, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", load(DATASETS["digits"]).x_test)
    code = (
        "import sys, keras, numpy as np\n"
        "model, x, out = sys.argv[1:]\n"
        "np.save(out, keras.models.load_model(model).predict(np.load(x), verbose=0))\n"
        "assert not any(name.startswith('nnexp') for name in sys.modules)\n"
    )
    paths = [done.folder / "model.keras", tmp_path / "x.npy", tmp_path / "out.npy"]
    subprocess.run([sys.executable, "-c", code, *map(str, paths)], check=True, capture_output=True)
    outputs = np.load(tmp_path / "out.npy")
    with np.load(done.folder / "predictions.npz") as kept:
        assert (outputs.argmax(axis=1) == kept["predicted"]).all()
        np.testing.assert_allclose(outputs, kept["probabilities"], atol=1e-3)


@pytest.mark.parametrize("name", ["history.png", "confusion_matrix.png"])
def test_the_plots_are_pictures(done: Done, name: str) -> None:
    with Image.open(done.folder / name) as picture:
        picture.load()
        assert picture.format == "PNG"


def test_the_environment_tells_what_is_needed_to_repeat_the_run(done: Done) -> None:
    environment = done.json("environment.json")
    assert environment["command"][-4:] == ["small.yaml", "--runs-dir", "runs", "--json"]
    assert environment["packages"]["keras"]
    assert environment["packages"]["tensorflow"]
    assert environment["python"] == sys.version.split()[0]
    assert environment["threads"] == done.json("metrics.json")["threads"] >= 1
    assert {"host", "cpu", "platform", "git_commit"} <= set(environment)


def test_the_log_keeps_what_the_terminal_showed(done: Done) -> None:
    log = (done.folder / "log.txt").read_text(encoding="utf-8")
    told = [
        line for line in done.process.stderr.splitlines() if line.startswith(("reading", "engine", "epoch", "info"))
    ]
    assert len(told) >= 5
    for line in told:
        assert line in log
    [tested] = [line for line in log.splitlines() if line.startswith("test ")]
    assert re.fullmatch(r"test  loss [\d.]+  accuracy [\d.]+ \(95 % interval [\d.]+ to [\d.]+\)", tested)
    assert f"run folder runs/{done.folder.name}" in log
    counts = done.json("metrics.json")["examples"]
    parts = f"{counts['train']:,} to train on, {counts['validation']:,} for validation, {counts['test']:,} to test on"
    assert f"  examples: {parts}\n" in log


def test_no_temporary_is_left_and_every_file_can_be_read_by_others(done: Done) -> None:
    for path in done.folder.iterdir():
        assert not path.name.startswith(".")
        assert path.stat().st_mode & 0o044 == (done.folder / "log.txt").stat().st_mode & 0o044


def test_show_prints_all_of_it(done: Done, nnexp: Any) -> None:
    shown = nnexp("show", done.folder, "--all")
    assert shown.returncode == 0
    for words in (
        "completed",
        "A small run.",
        "val_loss",
        "precision",
        "dense_1",
        "beta_2: 0.999",
        "tensorflow",
        *FILES,
    ):
        assert words in shown.stdout
    short = nnexp("show", done.folder).stdout
    assert "beta_2: 0.999" not in short
    assert short.splitlines()[-1].split() == ["run", "folder", str(done.folder)]  # what matters stands at the end
    assert short.index("dense_1") < short.index("precision") < short.index("test accuracy")
    assert nnexp("show", done.folder, "--json").stdout == (done.folder / "metrics.json").read_text()


def test_ls_lists_the_run(done: Done, nnexp: Any) -> None:
    listed = nnexp("ls", done.folder.parent)
    assert "completed" in listed.stdout
    [row] = json.loads(nnexp("ls", done.folder.parent, "--json").stdout)
    metrics = done.json("metrics.json")
    assert row["status"] == "completed"
    assert (row["epochs"], row["identity"]) == (3, metrics["identity"])
    assert row["test_accuracy"] == metrics["test"]["accuracy"]


def test_the_written_config_passes_check_and_names_every_default(done: Done, nnexp: Any) -> None:
    assert nnexp("check", done.folder / "config.yaml").returncode == 0
    text = (done.folder / "config.yaml").read_text()
    for words in ("batch_size: 32", "seed: 42", "normalization: standardize", "on_divergence: stop", "learning_rate"):
        assert words in text
