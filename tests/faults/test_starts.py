"""Runs that many processes start in the same second: each has a folder of its own, and each folder is whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nnexp.runs import record

# What a run does first, over and over: `Recorder.begin` without the training that it begins.
STARTS = """
import sys
from datetime import datetime
from pathlib import Path
from nnexp.files import write_text
from nnexp.runs.folder import RunFolder
from nnexp.runs.process import this_process

runs, process, starts = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.read()
for start in range(starts):
    folder = RunFolder.create(runs, "a", datetime(2026, 11, 22))
    identity = f"{process}-{start}"
    write_text(folder.config, identity)
    folder.write_metrics({"status": "running", "identity": identity, "process": this_process()})
    folder.append_log(identity)
"""


@pytest.mark.parametrize(
    ("processes", "starts"), [(4, 5), pytest.param(64, 30, marks=pytest.mark.slow)], ids=["short", "full"]
)
def test_runs_of_one_second_have_distinct_whole_folders(tmp_path: Path, processes: int, starts: int) -> None:
    runs = tmp_path / "runs"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", STARTS, runs, str(number), str(starts)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) for number in range(processes)
    ]  # fmt: skip
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:  # all at once, for as long as they last
        assert process.stdin is not None
        process.stdin.close()
    for process in started:
        with process:
            assert process.wait() == 0
    found = [record.read(path) for path in record.find(runs)]
    assert {run.identity for run in found} == {f"{p}-{s}" for p in range(processes) for s in range(starts)}
    for run in found:
        assert run.folder.config.read_text() == run.identity
        assert run.folder.log.read_text() == f"{run.identity}\n"
        assert run.status == "interrupted"  # its process is gone
    count = processes * starts
    assert {path.name for path in runs.iterdir()} == {
        f"20261122-000000_a{f'-{number}' if number > 1 else ''}" for number in range(1, count + 1)
    }
