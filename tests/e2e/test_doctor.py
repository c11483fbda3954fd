"""`nnexp doctor` says what is so, names what mends the rest, and gives no names away."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nnexp.doctor import computer, installation
from nnexp.doctor.check import Check
from nnexp.doctor.sheet import sheet
from nnexp.doctor.trial import trial


def found(runs: Path) -> dict[str, Check]:
    """The last check of each topic."""
    return {check.topic: check for check in computer.checks(runs, network=False)}


def test_a_computer_that_is_ready_is_told_so_without_names(tmp_path: Path) -> None:
    home = tmp_path / "secret-home"
    (home / "work").mkdir(parents=True)
    environment = {**os.environ, "HOME": str(home), "NNEXP_CACHE_DIR": str(home / "cache"), "USER": "secret-user"}
    environment["XLA_FLAGS"] = f"--xla_dump_to={home}/dump"
    done = subprocess.run(
        [sys.executable, "-m", "nnexp", "doctor", "--json"],
        cwd=home / "work",
        env=environment,
        capture_output=True,
        text=True,
    )
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert told["usable"]
    states = {check["topic"]: check["state"] for check in told["checks"]}
    assert states["training"] == states["runs"] == states["cache"] == "ok"
    assert states["settings"] == "warning"
    assert all(check["fix"] for check in told["checks"] if check["state"] != "ok")
    assert "XLA_FLAGS: --xla_dump_to=~/dump" in told["report"]
    assert not [name for name in ("secret", socket.gethostname() + " ") if name in done.stdout]
    assert list((home / "work").iterdir()) == []


@pytest.mark.parametrize(
    ("broken", "says", "fix"),
    [
        ("raise ImportError('libcudart is gone')", "libcudart is gone", "reinstall"),
        (f"import os; os.kill(os.getpid(), {signal.SIGILL:d})", "SIGILL", "AVX"),
    ],
)
def test_a_tensorflow_that_does_not_work_is_a_problem(
    broken: str, says: str, fix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tensorflow.py").write_text(broken)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    [check], ran_on = trial()
    assert check.state == "problem"
    assert says in check.message
    assert fix in check.fix
    assert f"problem: training: {check.message}" in sheet([check], ran_on)


def test_folders_that_cannot_be_written_to_are_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNEXP_CACHE_DIR", "/proc/cache")
    checks = found(Path("/proc/runs"))
    assert (checks["runs"].state, checks["cache"].state) == ("problem", "warning")
    assert "--runs-dir" in checks["runs"].fix
    assert "NNEXP_CACHE_DIR" in checks["cache"].fix


def test_settings_and_folders_that_do_harm_are_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in computer._SETTINGS:  # nnexp sets one of them itself, where a test of this process has trained
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("NNEXP_DATA_DIR", str(tmp_path / "nothing"))
    warned = [check for check in computer.checks(tmp_path, network=False) if check.state == "warning"]
    assert [check.topic for check in warned if check.topic in ("data", "settings")] == ["data", "settings"]
    assert found(tmp_path / "runs" / "not yet")["runs"].state == "ok"


@pytest.mark.parametrize(
    ("version", "bounds", "fits"),
    [
        ("3.11.7", "<3.14,>=3.11", True),
        ("3.14.0", "<3.14,>=3.11", False),
        ("2.22.0rc1", "<2.22,>=2.21", False),
        ("3", "<4,>=3.0", True),
        ("3.9", "<3.14,>=3.11", False),
    ],
)
def test_versions_are_compared_as_numbers(version: str, bounds: str, fits: bool) -> None:
    assert installation._fits(version, bounds) == fits


def test_this_installation_has_what_it_needs() -> None:
    assert {check.state for check in installation.checks()} == {"ok"}
