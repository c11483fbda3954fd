"""Run folders: never shared, each file appended or replaced whole."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nnexp.errors import RunError
from nnexp.runs.folder import RunFolder

NOW = datetime(2026, 11, 21, 18, 45, 12, tzinfo=UTC)


def test_a_folder_is_named_after_its_time_and_run(tmp_path: Path) -> None:
    runs = tmp_path / "some" / "runs"
    names = [RunFolder.create(runs, "fashion", NOW).path.name for _ in range(3)]
    assert names == ["20261121-184512_fashion", "20261121-184512_fashion-2", "20261121-184512_fashion-3"]


def test_runs_of_the_same_second_never_share_a_folder(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: RunFolder.create(tmp_path, "a", NOW).path, range(40)))
    assert len(set(made)) == 40
    assert all(path.is_dir() for path in made)


def test_processes_of_the_same_second_never_share_a_folder(tmp_path: Path) -> None:
    code = (
        "import sys; from datetime import datetime; from pathlib import Path; from nnexp.runs.folder import RunFolder\n"
        "for _ in range(20): print(RunFolder.create(Path(sys.argv[1]), 'a', datetime(2026, 1, 1)).path)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    made = [line for process in processes for line in process.communicate()[0].split()]
    assert len(made) == len(set(made)) == 60


@pytest.mark.parametrize(("name", "told"), [("x" * 300, "File name too long"), ("a/b", "cannot make a run folder")])
def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(RunError, match=told):
        RunFolder.create(tmp_path, name, NOW)


def test_a_runs_directory_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(RunError, match="give another place with --runs-dir"):
        RunFolder.create(tmp_path / "runs", "a", NOW)


def test_history_has_a_header_and_a_row_an_epoch(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for epoch, loss in ((1, 0.5), (2, 1 / 3), (3, math.nan)):
        folder.append_history(["epoch", "loss"], {"epoch": epoch, "loss": loss})
    with folder.history.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[1]["loss"]) == 1 / 3
    assert math.isnan(float(rows[2]["loss"]))


def test_metrics_are_replaced_whole_and_carry_their_schema(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_metrics({"status": "running", "loss": math.nan})
    folder.write_metrics({"status": "completed"})
    assert json.loads(folder.metrics.read_text()) == {"schema": 1, "status": "completed"}
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]


def test_the_log_takes_any_text(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.append_log("épöch 1")
    folder.append_log("two\nlines")
    assert folder.log.read_text(encoding="utf-8") == "épöch 1\ntwo\nlines\n"
