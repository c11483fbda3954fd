"""Run folders: never shared, each file appended or replaced whole."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nnexp.errors import InputError, RunError
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


def test_an_empty_folder_keeps_its_name_for_a_run_and_a_full_one_is_never_made_again(tmp_path: Path) -> None:
    kept = RunFolder.create(tmp_path, "a", NOW).path
    run = RunFolder.make(kept)
    assert RunFolder.create(tmp_path, "a", NOW).path != kept
    run.append_log("begun")
    with pytest.raises(RunError, match="File exists"):
        RunFolder.make(kept)


@pytest.mark.parametrize(("name", "told"), [("x" * 300, "File name too long"), ("a/b", "cannot make a run folder")])
def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(RunError, match=told):
        RunFolder.create(tmp_path, name, NOW)


def test_a_runs_directory_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(RunError, match="give another place with --runs-dir"):
        RunFolder.create(tmp_path / "runs", "a", NOW)


def test_a_number_that_became_free_is_used_again(tmp_path: Path) -> None:
    made = [RunFolder.create(tmp_path, "a", NOW).path for _ in range(9)]
    for path in made[2:]:
        path.rmdir()
    made[0].rmdir()
    names = [RunFolder.create(tmp_path, "a", NOW).path.name for _ in range(3)]
    assert names == ["20261121-184512_a", "20261121-184512_a-3", "20261121-184512_a-4"]


CREATES = """
import os, sys
from datetime import datetime
from pathlib import Path
from nnexp.errors import NnexpError
from nnexp.runs.folder import RunFolder

if os.geteuid() == 0:
    os.setuid(65534)  # root may do all
for begin in (RunFolder.check, lambda runs: RunFolder.create(runs, "a", datetime(2026, 1, 1))):
    try:
        begin(Path(sys.argv[1]))
    except NnexpError as error:
        print(error.exit_code, error)
"""


@pytest.mark.parametrize("place", ["shut", "shut/runs", "shut/runs/deep"])
def test_a_place_without_permission_is_told_before_and_after_the_work(tmp_path: Path, place: str) -> None:
    (tmp_path / "shut" / "runs").mkdir(parents=True)
    (tmp_path / "shut").chmod(0o500 if place == "shut" else 0o000)
    done = subprocess.run([sys.executable, "-c", CREATES, str(tmp_path / place)], capture_output=True, text=True)
    (tmp_path / "shut").chmod(0o700)
    before, after = done.stdout.splitlines()
    assert before.startswith("2 ")
    assert after.startswith("1 ")
    assert before.endswith("give another place with --runs-dir")
    assert after.endswith("Permission denied; give another place with --runs-dir")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("place", "told"),
    [("x" * 300, "File name too long"), ("file", "is a file, not a directory"), ("file/runs", "is a file"),
     ("nowhere", "is a file, not a directory"), ("circle/runs", "Too many levels of symbolic links")],
)  # fmt: skip
def test_a_place_that_cannot_hold_runs_is_told_before_the_work(tmp_path: Path, place: str, told: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(InputError, match=rf"{told}.*; give another place with --runs-dir"):
        RunFolder.check(tmp_path / place)


def test_a_place_that_vanishes_is_made_again_or_told(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    RunFolder.check(runs)
    RunFolder.create(runs, "a", NOW).path.rmdir()
    runs.rmdir()
    assert RunFolder.create(runs, "a", NOW).path.is_dir()
    (runs / "20261121-184512_a").rmdir()
    runs.rmdir()
    runs.symlink_to(tmp_path / "gone")
    with pytest.raises(RunError, match=r"cannot make a run folder in .*; give another place"):
        RunFolder.create(runs, "a", NOW)


@pytest.mark.parametrize("append", [
    lambda folder: folder.append_log("x"), lambda folder: folder.append_history({"epoch": 1})
])  # fmt: skip
def test_nothing_is_appended_through_a_link_or_into_a_pipe(tmp_path: Path, append: Callable[[RunFolder], None]) -> None:
    outside, folder = tmp_path / "outside", RunFolder(tmp_path / "run")
    folder.path.mkdir()
    outside.write_text("mine")
    for name in ("log.txt", "history.csv"):
        (folder.path / name).symlink_to(outside)
    with pytest.raises(OSError, match="symbolic links"):
        append(folder)
    assert outside.read_text() == "mine"
    for name in ("log.txt", "history.csv"):
        (folder.path / name).unlink()
        os.mkfifo(folder.path / name)
    with pytest.raises(OSError, match="No such device"):
        append(folder)


@pytest.mark.parametrize("name", ["checkpoint", "model.keras", "logs/train/deeper/4"])
def test_a_link_in_a_run_folder_is_refused_at_any_depth(tmp_path: Path, name: str) -> None:
    outside, folder = tmp_path / "outside", RunFolder(tmp_path / "run")
    outside.mkdir()
    (outside / "inner").symlink_to(tmp_path)
    (folder.path / "logs" / "train" / "deeper").mkdir(parents=True)
    folder.append_log("x")
    folder.refuse_links()
    (folder.path / name).symlink_to(outside)
    with pytest.raises(InputError, match=f"{name} is a link"):
        folder.refuse_links()


def test_a_directory_that_cannot_be_looked_into_is_no_place_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be looked into: No such file"):
        RunFolder(tmp_path / "gone").refuse_links()


def test_history_has_a_header_and_a_row_an_epoch(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for epoch, loss in ((1, 0.5), (2, 1 / 3), (3, math.nan)):
        folder.append_history({"epoch": epoch, "loss": loss})
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
