"""What every executor does alike: one suite for all of them."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from nnexp.runs import record
from nnexp.verification import differences

PROGRAM = Path(__file__).with_name("on_executor.py")
EXECUTORS = ("processes", "serial", "dask", "apart")
SWEEP = """
name: two
base:
  dataset: digits
  layers: [flatten, dense: {units: 8, activation: relu}, dropout: 0.2, dense: {units: 10, activation: softmax}]
  validation: 0.2
  threads: 1
  checkpoint: true
"""
SHORT = f"{SWEEP}  epochs: 3\ngrid: {{hidden: [4, 8]}}\n"
LONG = f"{SWEEP}  epochs: 150\n  batch_size: 4\nrepeats: 2\n"
OTHERS = [name for name in EXECUTORS if name != "serial"]  # there the run's process is the driver's

Sweep = Callable[..., "subprocess.Popen[str]"]
Ended = Callable[["subprocess.Popen[str]"], str]


@pytest.fixture
def begin(tmp_path: Path) -> Sweep:
    """Begin a sweep on an executor, or go on with it."""

    def start(executor: str, text: str, name: str = "runs") -> subprocess.Popen[str]:
        source = tmp_path / "sweep.yaml"
        source.write_text(text)
        command = [sys.executable, str(PROGRAM), executor, str(source), str(tmp_path / name)]
        # What starts the tests may have Ctrl-C ignored, as a shell does for `pytest &`.
        listen = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        how: dict[str, Any] = {"stderr": subprocess.PIPE, "text": True, "start_new_session": True, "preexec_fn": listen}
        with (tmp_path / "said").open("w") as said:
            return subprocess.Popen(command, stdout=said, **how)

    return start


@pytest.fixture
def ended(tmp_path: Path) -> Callable[..., str]:
    """Wait until a sweep has ended, see that it did so well, and return what it said."""

    def wait(sweep: subprocess.Popen[str]) -> str:
        _, wrong = sweep.communicate(timeout=300)
        assert sweep.returncode == 0, wrong
        return (tmp_path / "said").read_text()

    return wait


def runs_in(runs: Path) -> dict[str, Path]:
    return {path.parent.name: path.parent for path in runs.glob("*/*/metrics.json")}


@pytest.fixture(scope="session")
def alone(once: Callable[..., Path]) -> Callable[[str], Path]:
    """The runs of a sweep by processes of this computer, undisturbed."""

    def runs(text: str) -> Path:
        def fill(folder: Path) -> None:
            (folder / "sweep.yaml").write_text(text)
            command = [sys.executable, str(PROGRAM), "processes", str(folder / "sweep.yaml"), str(folder / "runs")]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

        return once("executors-short" if text == SHORT else "executors-long", fill) / "runs"

    return runs


def the_same(found: Path, expected: Path) -> bool:
    """Whether two directories have the same runs, to the last bit."""
    one, other = runs_in(found), runs_in(expected)
    return one.keys() == other.keys() and all(differences(one[name], other[name]) == [] for name in one)


@pytest.mark.slow
@pytest.mark.parametrize("executor", EXECUTORS)
def test_runs_have_the_same_bits_and_files_and_all_that_happens_is_told(
    executor: str, begin: Sweep, ended: Ended, alone: Callable[[str], Path], tmp_path: Path
) -> None:
    said = ended(begin(executor, SHORT))
    assert the_same(tmp_path / "runs", alone(SHORT))
    for name, folder in runs_in(alone(SHORT)).items():
        [mine] = (tmp_path / "runs").glob(f"*/{name}")
        assert {path.name for path in mine.iterdir()} == {path.name for path in folder.iterdir()}
        for event in ("Started", "Stage", "EpochEnded(epoch=3, ", "Ended(ending=Ending(kind='done'"):
            assert f"{name} {event}" in said
        assert str(mine) in (mine / "log.txt").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("executor", OTHERS)
def test_runs_whose_processes_are_killed_go_on_from_their_checkpoints_to_the_same_bits(
    executor: str, begin: Sweep, ended: Ended, alone: Callable[[str], Path], tmp_path: Path
) -> None:
    sweep = begin(executor, LONG)
    _going(tmp_path / "runs", sweep, 2)
    for process in _training(sweep):
        process.kill()
    assert ended(sweep).count("its process was ended by SIGKILL") == 2
    assert the_same(tmp_path / "runs", alone(LONG))
    went_on = [record.read(folder).resumed for folder in runs_in(tmp_path / "runs").values()]
    assert all(times[0]["after_epoch"] > 0 for times in went_on)


@pytest.mark.slow
@pytest.mark.parametrize("executor", OTHERS)
def test_a_run_whose_process_is_killed_again_and_again_fails_alone(
    executor: str, begin: Sweep, ended: Ended, tmp_path: Path
) -> None:
    sweep = begin(executor, LONG.replace("repeats: 2", "repeats: 1"))
    _going(tmp_path / "runs", sweep, 1)
    for _ in range(2):
        while not (processes := _training(sweep)):
            time.sleep(0.05)
        processes[0].kill()
        psutil.wait_procs(processes, 30)
    assert ended(sweep).splitlines()[-1].startswith("failed ")
    [run] = runs_in(tmp_path / "runs").values()
    assert record.read(run).status == "failed"
    assert "SIGKILL" in json.loads((run / "metrics.json").read_text())["error"]
    ended(begin(executor, LONG.replace("repeats: 2", "repeats: 1")))
    assert record.read(run).status == "completed"


@pytest.mark.slow
@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_sweep_that_is_told_to_stop_keeps_what_is_done_and_goes_on_to_the_same_bits(
    executor: str, begin: Sweep, ended: Ended, alone: Callable[[str], Path], tmp_path: Path
) -> None:
    sweep = begin(executor, LONG)
    _going(tmp_path / "runs", sweep)
    os.killpg(sweep.pid, signal.SIGINT)  # as a terminal does
    _, wrong = sweep.communicate(timeout=120)
    assert (sweep.returncode, wrong) == (130, "")
    stopped = runs_in(tmp_path / "runs")
    assert "interrupted" in {record.read(folder).status for folder in stopped.values()}
    ended(begin(executor, LONG))
    assert the_same(tmp_path / "runs", alone(LONG))


@pytest.mark.slow
@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_sweep_whose_driver_is_killed_goes_on_to_the_same_bits_and_leaves_no_process(
    executor: str, begin: Sweep, ended: Ended, alone: Callable[[str], Path], tmp_path: Path
) -> None:
    sweep = begin(executor, LONG)
    _going(tmp_path / "runs", sweep)
    children = psutil.Process(sweep.pid).children(recursive=True)
    sweep.kill()
    sweep.communicate()
    _, alive = psutil.wait_procs(children, 60)
    assert alive == []
    ended(begin(executor, LONG))
    assert the_same(tmp_path / "runs", alone(LONG))


def _going(runs: Path, sweep: subprocess.Popen[str], number: int = 1) -> None:
    """Wait until so many runs train, and have a checkpoint."""
    while len({path.parent for path in runs.glob("*/*/checkpoint/*.checkpoint")}) < number:
        assert sweep.poll() is None, sweep.communicate()
        time.sleep(0.05)


def _training(sweep: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that train: those that were forked from a server."""
    found = psutil.Process(sweep.pid).children(recursive=True)
    return [process for process in found if _is_server(process) and (parent := process.parent()) and _is_server(parent)]


def _is_server(process: psutil.Process) -> bool:
    try:
        return "forkserver" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False
