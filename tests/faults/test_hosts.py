"""Sweeps on two computers that fail: workers are killed, one computer is cut off, the driver is killed and resumed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TRIAL = Path(__file__).with_name("hosts_trial.py")


@pytest.mark.slow
def test_a_sweep_on_two_computers_loses_and_doubles_nothing_whatever_is_killed_or_cut_off(tmp_path: Path) -> None:
    """In namespaces of users, networks and mounts, which Linux gives to everyone where it is not told otherwise."""
    command = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child"]
    command += ["--mount-proc", sys.executable, str(TRIAL), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    print(done.stdout, done.stderr, sep="\n")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "40 of 40 runs are the same to the last bit" in done.stdout
