"""A worker's process that is told to stop while it still writes the last files of a run that is trained."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SCRIPT = """
import signal, sys, time
from pathlib import Path
from nnexp.sweeps import child

def interrupt(number, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGTERM, interrupt)
folder = Path(sys.argv[1])

def slowly(name):
    def do():
        (folder / f"{name} begun").touch()
        time.sleep(1)
        (folder / name).touch()
        return True
    return do

rest = child._Rest()
rest.begin(slowly("first"))
rest.begin(slowly("second"))  # waits for the first
(folder / "in order").write_text(str((folder / "first").exists()))
rest.wait()
(folder / "over").write_text(str(rest.may_another_follow))
"""


def test_signals_cut_off_no_last_files_and_let_no_other_run_follow(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)], stderr=subprocess.PIPE)
    for name in ("first", "second"):
        while not (tmp_path / f"{name} begun").exists():
            assert process.poll() is None
            time.sleep(0.02)
        for _ in range(3):
            time.sleep(0.1)
            os.kill(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert said == b""
    assert process.returncode == 0
    assert {path.name for path in tmp_path.iterdir()} >= {"first", "second"}
    assert (tmp_path / "in order").read_text() == "True"
    assert (tmp_path / "over").read_text() == "False"
