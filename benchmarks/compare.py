"""How soon 2,000 runs are compared, against a process that only reads and parses their metrics.json."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Result, Row, interleaved
from benchmarks.processes import NNEXP, imported, measure

_BAR = 3
_RUNS = 2000
_REPEATS = 5
_READ = "import numpy, rich, json, glob, sys; [json.load(open(p)) for p in glob.glob(sys.argv[1] + '/*/metrics.json')]"
_CONFIG = """
dataset: digits
layers: [flatten, dense: {units: 64, activation: relu}, dense: {units: 10, activation: softmax}]
validation: 0.1
"""


def benchmark(rounds: int | None, everything: bool) -> Iterator[Result]:
    """Groups of 5 repeats, then as many runs that are all alone, then (on demand) ten times as many."""
    with tempfile.TemporaryDirectory(prefix="nnexp-") as folder:
        sample = _sample(Path(folder))
        cases = [(_RUNS, _REPEATS), (_RUNS, 1), *([(10 * _RUNS, _REPEATS)] if everything else [])]
        for runs, repeats in cases:
            place = Path(folder) / f"{runs}_{repeats}"
            make_runs(sample, place, runs, repeats)
            command = [NNEXP, "compare", str(place)]
            read = [sys.executable, "-c", _READ, str(place)]
            measures = {"read and parse": partial(measure, read), "nnexp compare": partial(measure, command)}
            interleaved(1, measures)
            samples = interleaved(rounds or 7, measures)
            heavy = imported(command) & {"tensorflow", "keras", "matplotlib", "plotly", "sklearn"}
            note = f"loads {', '.join(sorted(heavy))}" if heavy else "no TensorFlow"
            yield Result(
                f"compare {runs:,} runs, {repeats} of each configuration",
                [
                    Row("read and parse", samples["read and parse"]),
                    Row("nnexp compare", samples["nnexp compare"], {"wall": _BAR}, note),
                ],
            )


def make_runs(sample: Path, place: Path, runs: int, repeats: int) -> None:
    """Run folders after a real one: other widths, seeds and figures, with predictions that give those figures."""
    metrics = json.loads((sample / "metrics.json").read_text(encoding="utf-8"))
    with np.load(sample / "predictions.npz", allow_pickle=False) as arrays:
        predictions = dict(arrays)
    random = np.random.default_rng(0)
    for number in range(runs):
        units, seed = 16 + number // repeats, number % repeats
        path = place / f"hidden={units}_seed={seed}"
        path.mkdir(parents=True)
        wrong = random.random(len(predictions["labels"])) < 0.1 + 0.05 / (1 + number // repeats)
        predicted = np.where(wrong, (predictions["labels"] + 1) % 10, predictions["labels"])
        np.savez_compressed(path / "predictions.npz", **{**predictions, "predicted": predicted})
        text = json.dumps(_changed(metrics, units, seed, float(1 - wrong.mean())), indent=2)
        (path / "metrics.json").write_text(text, encoding="utf-8")


def _changed(metrics: dict[str, Any], units: int, seed: int, accuracy: float) -> dict[str, Any]:
    config = json.loads(json.dumps(metrics["config"]))
    config["layers"][1]["dense"]["units"] = units
    return metrics | {
        "config": {**config, "seed": seed},
        "seed": seed,
        "identity": f"{units}-{seed}",
        "test": {"loss": 1.1 - accuracy, "accuracy": accuracy},
        "test_intervals": {"accuracy": [accuracy - 0.02, accuracy + 0.02]},
    }


def _sample(folder: Path) -> Path:
    """One real run, to make the others of."""
    config = folder / "sample.yaml"
    config.write_text(_CONFIG, encoding="utf-8")
    command = [NNEXP, "run", str(config), "--runs-dir", str(folder / "sample"), "--quiet"]
    subprocess.run(command, check=True)
    [run] = (folder / "sample").iterdir()
    return run
