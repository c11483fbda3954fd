"""Two computers that fail: workers are killed, one computer is cut off, a sweep's driver is killed and resumed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TRIAL = Path(__file__).with_name("hosts_trial.py")
ONE_RUN = Path(__file__).with_name("one_run_trial.py")


@pytest.mark.slow
def test_a_sweep_on_two_computers_loses_and_doubles_nothing_whatever_is_killed_or_cut_off(tmp_path: Path) -> None:
    """In namespaces of users, networks and mounts, which Linux gives to everyone where it is not told otherwise."""
    assert "40 of 40 runs are the same to the last bit" in told_by(TRIAL, tmp_path)


@pytest.mark.slow
def test_one_run_on_two_computers_ends_with_words_when_one_is_cut_off_and_goes_on(tmp_path: Path) -> None:
    assert "the resumed run is the same to the last bit" in told_by(ONE_RUN, tmp_path)


def told_by(trial: Path, folder: Path) -> str:
    """What a trial says, which works in namespaces of its own."""
    command = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child"]
    command += ["--mount-proc", sys.executable, str(trial), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    print(done.stdout, done.stderr, sep="\n")
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
