"""Whether a run's process lives: here, on another machine, after a reboot, and with a clock that was set."""

from __future__ import annotations

import itertools
import json
import math
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from nnexp.runs import record
from nnexp.runs.process import Heartbeat, alive, this_process

MINUTE = 60.0
SAYS_WHO = (
    "import json, sys; from nnexp.runs.process import this_process\n"
    "print(json.dumps(this_process()), flush=True); sys.stdin.read()"
)


@pytest.fixture
def other() -> Iterator[subprocess.Popen[str]]:
    """Another process, which says who it is and then waits."""
    command = [sys.executable, "-c", SAYS_WHO]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def who(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def elsewhere() -> dict[str, Any]:
    """A process of another machine, whose number is in use here too."""
    return {**this_process(), "host": "elsewhere", "boot": "another"}


def test_another_process_is_alive_until_it_is_killed(other: subprocess.Popen[str]) -> None:
    said = who(other)
    assert alive(said)
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet asked for its exit code: a zombie
    assert not alive(said, time.time())
    other.wait()
    assert not alive(said, time.time())


def test_a_process_that_has_the_number_of_another_is_not_taken_for_it(other: subprocess.Popen[str]) -> None:
    assert not alive({**who(other), "pid": os.getpid()}, time.time())


@pytest.mark.parametrize("years", [-30, -1, 1, 30])
def test_a_clock_that_was_set_makes_no_live_run_dead_and_no_dead_one_live(
    other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch, years: int
) -> None:
    said, now = who(other), time.time()
    monkeypatch.setattr(time, "time", lambda: now + years * 365 * 24 * 60 * MINUTE)
    assert alive(said, now)
    other.kill()
    other.wait()
    assert not alive(said, time.time())


def test_a_process_that_an_older_nnexp_described_is_known() -> None:
    here = this_process()
    old = {"pid": here["pid"], "started": psutil.Process().create_time(), "host": here["host"]}
    assert alive(old)
    assert not alive({**old, "started": old["started"] - 5}, time.time())


@pytest.mark.parametrize(
    ("process", "ago", "status"),
    [
        ("elsewhere", 0, "running"),
        ("elsewhere", 4.5 * MINUTE, "running"),
        ("elsewhere", -MINUTE, "running"),  # its clock, or the file server's, is ahead
        ("elsewhere", 6 * MINUTE, "interrupted"),
        ("elsewhere", -24 * 60 * MINUTE, "interrupted"),  # tomorrow's time says nothing
        ("another container", 0, "running"),
        ("another container", 6 * MINUTE, "interrupted"),
        ("a machine of the same name", 0, "running"),
        ("before the reboot", None, "interrupted"),
    ],
)
def test_a_run_that_cannot_be_asked_runs_as_long_as_it_gives_a_sign(
    tmp_path: Path, process: str, ago: float | None, status: str
) -> None:
    described = {
        "elsewhere": elsewhere(),
        "another container": {**this_process(), "space": "pid:[1]"},
        "a machine of the same name": {**this_process(), "boot": "another"},
        "before the reboot": {**this_process(), "boot": "an earlier one"},
    }[process]
    metrics = tmp_path / "metrics.json"
    metrics.write_text(json.dumps({"status": "running", "process": described}))
    touched = psutil.boot_time() - 10 if ago is None else time.time() - ago
    os.utime(metrics, (touched, touched))
    assert record.read(tmp_path).status == status


@pytest.mark.parametrize("changed", [{}, {"boot": []}, {"space": {}}, {"host": 7}, {"boot": None, "host": None}])
def test_forged_processes_are_dead(changed: dict[str, object]) -> None:
    pids = [None, True, "1", 1.5, -1, 0, 10**30, [1], {}]
    starts = [None, 0, math.nan, math.inf, 10**400, "now"]
    for pid, started in itertools.product(pids, starts):
        assert not alive({**this_process(), "pid": pid, "started": started, **changed})


@pytest.mark.parametrize("process", [None, 3, "me", [], {}, {"boot": "x"}, [this_process()]])
def test_what_describes_no_process_is_dead(process: object) -> None:
    assert not alive(process, time.time())


def until(holds: Callable[[], bool]) -> None:
    """Wait for what must come."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_heartbeat_keeps_the_run_of_another_machine_alive_and_stops(tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.json"
    metrics.write_text(json.dumps({"status": "running", "process": elsewhere()}))
    os.utime(metrics, (0, 0))
    assert record.read(tmp_path).status == "interrupted"
    before = threading.active_count()
    with Heartbeat(metrics, every=0.01):
        until(lambda: record.read(tmp_path).status == "running")
    assert threading.active_count() == before
    os.utime(metrics, (0, 0))
    time.sleep(0.05)
    assert record.read(tmp_path).status == "interrupted"


def test_a_heartbeat_makes_nothing_and_outlives_its_folder(tmp_path: Path) -> None:
    folder, outside = tmp_path / "run", tmp_path / "outside"
    folder.mkdir()
    outside.touch()
    os.utime(outside, (0, 0))
    metrics = folder / "metrics.json"
    with Heartbeat(metrics, every=0.005):
        time.sleep(0.05)
        assert not metrics.exists()
        metrics.symlink_to(outside)
        os.utime(metrics, (0, 0), follow_symlinks=False)
        until(lambda: metrics.lstat().st_mtime > 0)
        shutil.rmtree(folder)
        time.sleep(0.05)
        folder.mkdir()
        metrics.touch()
        os.utime(metrics, (0, 0))
        until(lambda: metrics.stat().st_mtime > 0)
    assert outside.stat().st_mtime == 0
