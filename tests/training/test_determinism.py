"""The same config gives the same bits: in processes of their own, on one thread and on two."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

CONFIG = """
dataset: digits
layers:
  - flatten
  - dense: {{units: 32, activation: relu}}
  {more}
  - dense: {{units: 10, activation: softmax}}
validation: 0.2
epochs: 3
"""


def run(config: Path, runs: Path, *sets: str) -> Path:
    options = [part for set_ in sets for part in ("--set", set_)]
    command = [sys.executable, "-m", "nnexp", "run", str(config), "--runs-dir", str(runs), "--quiet", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    [folder] = runs.iterdir()
    return folder


def weights(folder: Path) -> dict[str, np.ndarray]:
    """Every array in the saved model: weights, normalization, the optimizer's state."""
    with zipfile.ZipFile(folder / "model.keras") as archive:
        content = archive.read("model.weights.h5")
    arrays: dict[str, np.ndarray] = {}
    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(lambda name, item: arrays.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return arrays


def figures(folder: Path) -> dict[str, Any]:
    """All that metrics.json says, without what the clock says."""
    metrics = json.loads((folder / "metrics.json").read_text())
    history = [{key: value for key, value in row.items() if key != "seconds"} for row in metrics["history"]]
    return {**metrics, "history": history, **dict.fromkeys(("timings", "memory", "started", "finished"))}


CONVOLUTION = "- reshape: [8, 4]\n  - conv1d: {filters: 4, kernel_size: 3}\n  - flatten"


@pytest.mark.parametrize(
    ("engine", "threads", "more"),
    [
        pytest.param("xla", 1, "- layer_normalization", marks=pytest.mark.slow),
        ("xla", 2, "- layer_normalization"),
        pytest.param("graph", 2, "- dropout: 0.3", marks=pytest.mark.slow),
        pytest.param(
            "graph",
            2,
            "- reshape: [8, 4]\n  - conv1d: {filters: 4, kernel_size: 3}\n  - flatten",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_run_repeated_from_its_folder_is_the_same_to_the_bit(
    tmp_path: Path, engine: str, threads: int, more: str
) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(CONFIG.format(more=more))
    first = run(config, tmp_path / "first", f"threads={threads}", f"engine={engine}")
    again = run(first / "config.yaml", tmp_path / "again")
    assert (first / "config.yaml").read_text() == (again / "config.yaml").read_text()
    assert figures(first)["engine"]["name"] == engine
    assert ("each batch in 2 parts" in figures(first)["engine"]["reason"]) == ("conv1d" in more)
    assert figures(first)["threads"] == threads
    assert figures(first) == figures(again)
    ours, theirs = weights(first), weights(again)
    assert ours.keys() == theirs.keys()
    assert sum(array.size for array in ours.values()) > 2 * 2410  # weights and Adam's two moments of them
    for name, array in ours.items():
        assert array.tobytes() == theirs[name].tobytes(), name
    with np.load(first / "predictions.npz") as one, np.load(again / "predictions.npz") as two:
        assert one.keys() == two.keys()
        assert all(one[name].tobytes() == two[name].tobytes() for name in one)
