"""`nnexp sweep` as a user has it: real processes, real kills, small real datasets."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pty
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import yaml

from nnexp.runs import record

SLOW = """
dataset: iris
layers: [dense: {units: 4, activation: relu}, dense: {units: 3, activation: softmax}]
epochs: 1000000
engine: graph
"""
# A few seconds on one thread: long enough to be killed in the middle of.
SECONDS = SLOW.replace("1000000", "150")


def sweep_folder(runs: Path) -> Path:
    [folder] = runs.iterdir()
    return folder


def statuses(folder: Path) -> dict[str, str]:
    return {path.parent.name: json.loads(path.read_text())["status"] for path in sorted(folder.glob("*/metrics.json"))}


def wait_until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it never came true")


def running(folder: Path) -> list[int]:
    """The process ids of the runs under way."""
    found = []
    for path in folder.glob("*/metrics.json"):
        metrics = json.loads(path.read_text())
        if metrics["status"] == "running" and psutil.pid_exists(metrics["process"]["pid"]):
            found.append(metrics["process"]["pid"])
    return found


def test_a_grid_with_repeats_trains_each_point_with_the_same_seeds_to_the_bits_of_a_run_alone(
    nnexp: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    small = config(engine="xla")
    done = nnexp("sweep", small, "--hidden", "4,16", "--repeats", 2, "--seed", 7, "--runs-dir", tmp_path / "runs")
    assert done.returncode == 0, done.stderr
    assert "no room here for parameters; table.csv has all" in done.stderr  # `nnexp sweep` has no --csv
    folder = sweep_folder(tmp_path / "runs")
    labels = {f"hidden={width}_seed={seed}" for width in (4, 16) for seed in (7, 8)}
    assert statuses(folder) == dict.fromkeys(labels, "completed")
    for label in labels:
        complete = yaml.safe_load((folder / label / "config.yaml").read_text())
        metrics = json.loads((folder / label / "metrics.json").read_text())
        assert f"hidden={complete['layers'][1]['dense']['units']}_seed={complete['seed']}" == label
        assert metrics["seed"] == complete["seed"]
        assert metrics["threads"] == complete["threads"]
    with (folder / "table.csv").open(encoding="utf-8", newline="") as file:
        assert {(row["hidden"], row["runs"]) for row in csv.DictReader(file)} == {("4", "2"), ("16", "2")}
    assert {path.name for path in folder.iterdir()} >= {
        "sweep.yaml",
        "table.json",
        "report.html",
        "learning_curves.png",
    }
    assert "did better than" in done.stderr or "cannot be told apart" in done.stderr
    assert re.search(rf"nnexp predict {re.escape(str(folder))}/hidden=(4|16)_seed=7 FILE\n", done.stderr)
    # The last run of a point found what XLA had compiled for the first.
    assert nnexp("run", folder / "hidden=4_seed=8" / "config.yaml", "--runs-dir", tmp_path / "alone").returncode == 0
    same_to_the_bit(folder / "hidden=4_seed=8", sweep_folder(tmp_path / "alone"))


def same_to_the_bit(swept: Path, alone: Path) -> None:
    ours, theirs = (json.loads((folder / "metrics.json").read_text()) for folder in (swept, alone))
    for row in (*ours["history"], *theirs["history"]):
        del row["seconds"]
    for key in ("history", "test", "identity", "threads", "engine"):
        assert ours[key] == theirs[key], key
    with np.load(swept / "predictions.npz") as one, np.load(alone / "predictions.npz") as two:
        assert all(one[name].tobytes() == two[name].tobytes() for name in one)


def test_ctrl_c_stops_the_runs_and_resume_does_only_the_rest(
    nnexp: Any, start: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    options = ("sweep", config(SECONDS), "--hidden", "2,3", "--repeats", 2, "--runs-dir", tmp_path / "runs")
    with start(*options) as process:
        folder = wait_until(lambda: next(iter((tmp_path / "runs").glob("*")), None))
        wait_until(lambda: "completed" in statuses(folder).values() and running(folder))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    before = statuses(folder)
    done = list(before.values()).count("completed")
    said = f"stopped with {done} of 4 runs done; what is done is kept. To go on: nnexp resume {folder}\n"
    assert said in err
    assert set(before.values()) <= {"completed", "interrupted"}
    assert done < 4
    assert not running(folder)
    kept = {label: (folder / label / "metrics.json").read_bytes() for label in before if before[label] == "completed"}
    # The same command finds its folder by what it asks for; the folder alone does too.
    again = nnexp(*options, "--resume")
    assert again.returncode == 0, again.stderr
    assert sweep_folder(tmp_path / "runs") == folder
    assert Counter(statuses(folder).values()) == {"completed": 4}
    for label, content in kept.items():
        assert (folder / label / "metrics.json").read_bytes() == content
    nothing = nnexp("sweep", "--resume", folder)
    assert nothing.returncode == 0
    assert "4 of them done before" in nothing.stderr


@pytest.mark.slow
def test_a_run_whose_worker_is_killed_is_tried_once_more_and_then_recorded_as_failed(
    nnexp: Any, start: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    with start("sweep", config(SECONDS), "--repeats", 3, "--workers", 1, "--runs-dir", tmp_path / "runs") as process:
        folder = wait_until(lambda: next(iter((tmp_path / "runs").glob("*")), None))
        killed: list[int] = []
        for _ in range(2):
            [pid] = wait_until(lambda: [pid for pid in running(folder) if pid not in killed])
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
        wait_until(lambda: "failed" in statuses(folder).values())
        [other] = wait_until(lambda: running(folder))  # killed once: it comes to its end all the same
        os.kill(other, signal.SIGKILL)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert Counter(statuses(folder).values()) == {"completed": 2, "failed": 1}
    assert err.count("tried again") == 2
    [failed] = [label for label, status in statuses(folder).items() if status == "failed"]
    assert "SIGKILL" in json.loads((folder / failed / "metrics.json").read_text())["error"]
    assert err.count(failed) >= 2  # when it happens, and in the closing summary
    again = nnexp("sweep", "--resume", folder)
    assert again.returncode == 0, again.stderr
    assert statuses(folder)[failed] == "completed"


@pytest.mark.slow
def test_runs_end_with_a_driver_that_is_killed_and_read_as_interrupted(
    start: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    with start("sweep", config(SLOW), "--repeats", 2, "--runs-dir", tmp_path / "runs") as process:
        folder = wait_until(lambda: next(iter((tmp_path / "runs").glob("*")), None))
        wait_until(lambda: len(running(folder)) == 2)
        pids = running(folder)
        process.kill()
        process.communicate()
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids), 20)
    assert [record.read(path).status for path in record.find(folder)] == ["interrupted", "interrupted"]


@pytest.mark.slow
def test_a_fork_server_that_is_killed_is_started_anew(start: Any, config: Callable[..., Path], tmp_path: Path) -> None:
    with start("sweep", config(SECONDS), "--repeats", 3, "--runs-dir", tmp_path / "runs") as process:
        wait_until(lambda: psutil.Process(process.pid).children())
        time.sleep(1)  # in the middle of its imports
        for server in psutil.Process(process.pid).children():
            server.kill()
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert Counter(statuses(sweep_folder(tmp_path / "runs")).values()) == {"completed": 3}
    assert "Traceback" not in err


@pytest.mark.slow
def test_further_repeats_join_those_that_are_there_to_the_same_bits(
    nnexp: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    small = config(SLOW, epochs=2)
    asked = ("sweep", small, "--hidden", "2,3", "--workers", 2)
    assert nnexp(*asked, "--runs-dir", tmp_path / "runs").returncode == 0
    folder = sweep_folder(tmp_path / "runs")
    kept = {label: (folder / label / "metrics.json").read_bytes() for label in ("hidden=2", "hidden=3")}
    dry = nnexp(*asked, "--repeats", 2, "--resume", "--dry-run", "--runs-dir", tmp_path / "runs")
    assert [f"hidden={width}_seed={seed}" in dry.stdout for width in (2, 3) for seed in (42, 43)] == [0, 1, 0, 1]
    assert set(statuses(folder)) == set(kept)  # nothing was renamed
    more = nnexp(*asked, "--repeats", 2, "--resume", "--runs-dir", tmp_path / "runs")
    assert more.returncode == 0, more.stderr
    assert "4 runs, 2 of them done before" in more.stderr
    assert sweep_folder(tmp_path / "runs") == folder
    for label, content in kept.items():
        assert (folder / f"{label}_seed=42" / "metrics.json").read_bytes() == content
    three = nnexp("resume", folder, "--repeats", 3)
    assert three.returncode == 0, three.stderr
    assert f"<title>{small.stem}, hidden 2,3</title>" in (folder / "report.html").read_text()  # as it was asked for
    assert nnexp(*asked, "--repeats", 3, "--runs-dir", tmp_path / "anew").returncode == 0
    anew = sweep_folder(tmp_path / "anew")
    assert statuses(folder) == statuses(anew)
    for path in anew.glob("*/metrics.json"):
        same_to_the_bit(folder / path.parent.name, path.parent)
    assert len(json.loads((folder / "table.json").read_text())["groups"][0]["runs"]) == 3


@pytest.mark.slow
def test_resuming_keeps_what_is_damaged_and_what_is_not_its_own(
    nnexp: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    small = config(SLOW, epochs=2)
    assert nnexp("sweep", small, "--hidden", "2,3", "--runs-dir", tmp_path / "runs").returncode == 0
    folder = sweep_folder(tmp_path / "runs")
    (folder / "hidden=2" / "metrics.json").write_text('{"torn')
    assert nnexp("sweep", "--resume", folder).returncode == 0
    assert (folder / "hidden=2.damaged-1" / "model.keras").exists()
    assert json.loads((folder / "hidden=2" / "metrics.json").read_text())["status"] == "completed"
    other = tmp_path / "other"
    (other / "hidden=2").mkdir(parents=True)
    (other / "hidden=2" / "thesis.txt").write_text("mine")
    (other / "sweep.yaml").write_text((folder / "sweep.yaml").read_text())
    refused = nnexp("sweep", "--resume", other)
    assert refused.returncode == 2
    assert "no readable sweep.json" in refused.stderr
    assert (other / "hidden=2" / "thesis.txt").read_text() == "mine"


@pytest.mark.slow
def test_a_sweep_on_a_terminal_tells_what_goes_wrong_and_ends(config: Callable[..., Path], tmp_path: Path) -> None:
    """Lines above a table that is drawn at the same time: each has locks of its own."""
    text = SLOW.replace("units: 4, activation: relu", "units: 4")
    changes = {"epochs": 2, "normalization": "none", "optimizer": "{sgd: {learning_rate: 1.0e+30}}"}
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "nnexp", "sweep", str(config(text, **changes)), "--repeats", "8"]
    with subprocess.Popen(
        [*command, "--runs-dir", str(tmp_path / "runs")],
        stdin=follower, stdout=follower, stderr=follower, env={**os.environ, "TERM": "xterm", "COLUMNS": "300"},
    ) as process:  # fmt: skip
        os.close(follower)
        said = b""
        with contextlib.suppress(OSError):  # the terminal is closed with its last process
            while piece := os.read(leader, 65536):
                said += piece
        assert process.wait(timeout=60) == 0
    os.close(leader)
    assert (said.count(b"the run diverged"), said.count(b": diverged too")) == (1, 7)
    assert Counter(statuses(sweep_folder(tmp_path / "runs")).values()) == {"diverged": 8}


@pytest.mark.slow
def test_two_drivers_cannot_do_the_same_sweep(
    nnexp: Any, start: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    with start("sweep", config(SLOW), "--repeats", 2, "--runs-dir", tmp_path / "runs") as process:
        folder = wait_until(lambda: next(iter((tmp_path / "runs").glob("*")), None))
        wait_until(lambda: running(folder))
        second = nnexp("sweep", "--resume", folder)
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 143
    assert set(statuses(folder).values()) == {"interrupted"}
    assert second.returncode == 2
    assert "another process" in second.stderr


def test_a_sweep_with_bad_points_tells_all_that_is_wrong_and_starts_nothing(
    nnexp: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    done = nnexp(
        "sweep",
        config(),
        "--activation",
        "relu,rleu",
        "--set",
        "optimizer.learning_rate=0.1,fast",
        "--runs-dir",
        tmp_path / "runs",
    )
    assert done.returncode == 2
    assert "rleu" in done.stderr
    assert "fast" in done.stderr
    assert "2 problems; nothing was started." in done.stderr  # each told once, not once a point
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_lists_the_runs_and_starts_nothing(nnexp: Any, config: Callable[..., Path], tmp_path: Path) -> None:
    done = nnexp("sweep", config(), "--hidden", "4,8x8", "--repeats", 3, "--dry-run", "--runs-dir", tmp_path / "runs")
    assert done.returncode == 0, done.stderr
    assert all(f"hidden={width}_seed={seed}" in done.stdout for width in ("4", "8x8") for seed in (42, 43, 44))
    assert "6 runs" in done.stdout
    sizes = [line.split()[-1] for line in done.stdout.splitlines() if line.startswith(" hidden=")]
    assert sizes == ["310"] * 3 + ["682"] * 3  # 64 × 4 + 4 + 4 × 10 + 10, and 64 × 8 + 8 + 8 × 8 + 8 + 8 × 10 + 10
    assert not (tmp_path / "runs").exists()


def test_points_that_fail_as_expected_are_counted_apart_from_the_runs(nnexp: Any, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("variants: [{name: a, base: {dataset: digits, layers: []}, expect: error}]")
    done = nnexp("sweep", tmp_path / "study.yaml", "--runs-dir", tmp_path / "runs")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("0 runs, and 1 that fails as expected; ")


def _kill_one(chance: random.Random, processes: list[int]) -> bool:
    """Whether there was one to be killed, and it had not ended by itself just then."""
    with contextlib.suppress(IndexError, ProcessLookupError):
        os.kill(chance.choice(processes), signal.SIGKILL)
        return True
    return False


@pytest.mark.slow
def test_twenty_kills_during_twenty_runs_lose_and_double_nothing(
    start: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    chance = random.Random(0)
    with start("sweep", config(SECONDS), "--repeats", 20, "--runs-dir", tmp_path / "runs") as process:
        folder = wait_until(lambda: next(iter((tmp_path / "runs").glob("*")), None))
        for _ in range(20):
            time.sleep(chance.uniform(0, 1.5))
            wait_until(lambda: _kill_one(chance, running(folder)))
        _, err = process.communicate(timeout=300)
    found = statuses(folder)
    assert sorted(found) == sorted(f"small_seed={seed}" for seed in range(42, 62)), err
    assert set(found.values()) <= {"completed", "failed"}
    assert process.returncode == ("failed" in found.values())
    assert not subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True).stdout
