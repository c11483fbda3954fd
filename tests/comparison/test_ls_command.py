"""`nnexp ls` as a user has it: the first figure of each run, whatever its task."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Make = Callable[..., Path]


def ls(runs: Path, *options: str, width: int = 120) -> str:
    done = asked(runs, *options, width=width)
    assert done.returncode == 0, done.stderr
    return done.stdout


def asked(runs: Path, *options: str, width: int = 120) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nnexp", "ls", str(runs), *options]
    environment = {**os.environ, "COLUMNS": str(width), "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)


@pytest.fixture
def values(make: Make) -> Path:
    """A run that is off by ten everywhere."""
    return make("values", errors=np.full((20, 1), 10.0))


def test_the_column_is_named_by_the_figure_where_all_runs_have_the_same(make: Make, values: Path) -> None:
    make("more values", errors=np.full((20, 1), 25_000.0))
    head, _, *rows = [line.split() for line in ls(values.parent).splitlines() if line.strip()]
    assert head == ["run", "status", "epochs", "loss", "mean_absolute_error", "time"]
    assert [row[-3] for row in rows] == ["25000", "10.0000"]


def test_runs_of_several_tasks_stand_in_one_table(make: Make, values: Path) -> None:
    accuracy = make("classes", correct=[True, True, True, False])
    head, _, *rows = [line.split() for line in ls(values.parent).splitlines() if line.strip()]
    assert head == ["run", "status", "epochs", "loss", "result", "time"]
    assert [row[4:6] for row in rows] == [["accuracy", "0.7500"], ["mean_absolute_error", "10.0000"]]
    told: list[dict[str, Any]] = json.loads(ls(values.parent, "--json"))
    assert [row["run"] for row in told] == [str(accuracy), str(values)]
    assert [row["task"] for row in told] == ["classification", "regression"]
    assert told[0]["test_accuracy"] == 0.75
    assert told[1]["test_mean_absolute_error"] == pytest.approx(10)
    assert "test_accuracy" not in told[1]


def test_a_run_is_not_said_to_hold_no_runs(values: Path) -> None:
    done = asked(values)
    assert done.returncode == 2
    assert f"is a run itself; see it with  nnexp show {values}" in done.stderr
