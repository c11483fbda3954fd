"""`nnexp run --profile`: where the time went."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXPECTED = {
    "start",
    "config",
    "data",
    "setup",
    "setup/tensorflow",
    "setup/model",
    "training",
    "training/compile",
    "training/steps",
    "training/validation",
    "training/callbacks",
    "training/checkpoints",
    "training/record",
    "evaluation",
    "artifacts",
    "artifacts/model",
    "artifacts/predictions",
    "artifacts/plots",
    "record",
    "rest",
}


def test_the_stages_are_the_whole_time(nnexp: Any, config: Callable[..., Path], tmp_path: Path) -> None:
    begun = time.perf_counter()
    done = nnexp("run", config(), "--profile", "--json", "--runs-dir", tmp_path / "runs")
    wall = time.perf_counter() - begun
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout)
    profile = metrics["profile"]
    stages = profile["stages"]
    assert set(stages) == EXPECTED
    assert sum(stages.values()) == pytest.approx(profile["total"])
    assert metrics["timings"]["total"] < profile["total"] < wall
    for stage in ("data", "training", "evaluation", "artifacts"):
        inside = sum(seconds for name, seconds in stages.items() if name.split("/")[0] == stage)
        assert inside >= metrics["timings"][stage] > 0  # the same lines of code, measured from outside
    assert all(stages[name] > 0 for name in EXPECTED)
    batch_size = metrics["config"]["batch_size"]
    assert profile["examples_a_second"] == pytest.approx(1e6 * batch_size / profile["microseconds_a_step"])
    assert 0 < profile["steps"] < 3 * 1150 / batch_size + 3  # 1,150 examples; the first steps are the compiler's
    assert profile["cpu_seconds"] > 1
    assert 100e6 < profile["peak_memory_bytes"] < 10e9

    table = done.stderr.splitlines()
    table = table[next(number for number, line in enumerate(table) if "where the time went" in line) :]
    assert max(map(len, table)) <= 80
    for words in ("import of TensorFlow and Keras", "steps", "plots", "total", "µs a step", "peak memory"):
        assert any(words in line for line in table)
    [folder] = (tmp_path / "runs").iterdir()
    assert "where the time went" in nnexp("show", folder).stdout


def test_a_sweep_is_not_profiled_and_says_what_is(nnexp: Any, tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").touch()
    refused = nnexp("resume", tmp_path, "--profile")
    assert refused.returncode == 2
    assert "--profile is for single runs" in refused.stderr
