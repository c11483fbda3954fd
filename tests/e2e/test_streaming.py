"""Data that stay on disk: from a file to a run that is killed, resumed, and asked."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CONFIG = """
dataset: {npy: {path: x.npy, y: y.npy}}
normalization: standardize
layers: [dense: {units: 64, activation: relu}, dropout: 0.2, dense: {units: 4, activation: softmax}]
optimizer: {adam: {learning_rate: 0.002}}
validation: 0.1
epochs: 6
checkpoint: every 1
"""


def outcome(run: Path) -> list[Any]:
    metrics = json.loads((run / "metrics.json").read_text())
    history = [{name: value for name, value in row.items() if name != "seconds"} for row in metrics["history"]]
    with np.load(run / "predictions.npz") as arrays:
        predictions = {name: arrays[name].tobytes() for name in arrays}
    return [metrics["identity"], metrics["status"], metrics["test"], history, predictions]


@pytest.mark.slow
def test_a_streamed_run_that_is_killed_comes_to_the_result_of_one_in_memory(
    tmp_path: Path, nnexp: Any, start: Any
) -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 4, 30_000)
    centres = random.normal(size=(4, 50))
    np.save(tmp_path / "x.npy", centres[y] + random.normal(size=(len(y), 50)) * 3)
    np.save(tmp_path / "y.npy", y)
    (tmp_path / "a.yaml").write_text(CONFIG)
    checked = nnexp("check", "a.yaml", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    whole = nnexp("run", "a.yaml", "--quiet", "--runs-dir", "whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    streamed = ["run", "a.yaml", "--runs-dir", "killed", "--set", "dataset.stream=always"]
    process = start(*streamed, "--quiet", cwd=tmp_path)
    while not list(tmp_path.glob("killed/*/checkpoint/*")):
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate()
    [run] = (tmp_path / "killed").iterdir()
    assert json.loads((run / "metrics.json").read_text())["status"] == "running"
    resumed = nnexp("resume", run)
    assert resumed.returncode == 0, resumed.stderr
    assert outcome(run) == outcome(next((tmp_path / "whole").iterdir()))
    memory = json.loads((run / "metrics.json").read_text())["memory"]
    assert memory["streamed_mb"] == round(0.9 * 0.8 * len(y) * 50 * 4 / 1e6)
    asked = nnexp("predict", run, "--index", "0", "--index", "5999", "--json")
    assert [row["truth"] in "0123" for row in json.loads(asked.stdout)["predictions"]] == [True, True]
    for command in ("evaluate", "verify"):
        done = nnexp(command, run)
        assert done.returncode == 0, done.stdout + done.stderr
