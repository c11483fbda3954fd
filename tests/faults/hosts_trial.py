"""The trial of test_hosts.py, within its namespaces: `python hosts_trial.py DIRECTORY`."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

from hosts import ENVIRONMENT, Host, scheduler

from nnexp.runs import record
from nnexp.verification import differences

CONFIG = """
name: trial
base:
  dataset: digits
  layers: [flatten, dense: {units: 16, activation: relu}, dropout: 0.1, dense: {units: 10, activation: softmax}]
  validation: 0.2
  epochs: 60
  checkpoint: every 2
grid: {hidden: [8, 12, 16, 24], batch_size: [8, 16]}
repeats: 5
"""
PORT = 28786


def sweep(*words: object) -> subprocess.Popen[bytes]:
    """The driver of a sweep."""
    return subprocess.Popen([sys.executable, "-m", "nnexp", "sweep", *map(str, words)], env=ENVIRONMENT)


def finished(folder: Path) -> dict[str, float]:
    """The runs that are finished, and when their record was written."""
    found = {}
    for path in folder.glob("*/metrics.json"):
        with contextlib.suppress(record.UnreadableRun):
            if record.read(path.parent).has_result:
                found[path.parent.name] = path.stat().st_mtime
    return found


def wait_for(folder: Path, runs: int, driver: subprocess.Popen[bytes]) -> None:
    """Wait until so many runs are finished."""
    while len(finished(folder)) < runs:
        assert driver.poll() is None, "the driver has ended"
        time.sleep(0.2)


def main(directory: Path) -> None:
    """The sweep undisturbed on this computer, then on the two, where everything goes wrong."""
    config = directory / "trial.yaml"
    config.write_text(CONFIG)
    (directory / "runs").mkdir()
    assert sweep(config, "--runs-dir", directory / "whole", "--quiet").wait() == 0
    [whole] = (directory / "whole").iterdir()
    with scheduler(PORT, directory) as address:
        hosts = [Host(number, directory / "runs", PORT, 2, directory) for number in (1, 2)]
        driver = sweep(config, "--runs-dir", directory / "runs", "--scheduler", address, "--workers", 4)
        while not (begun := list((directory / "runs").glob("*/sweep.json"))):
            time.sleep(0.2)
        folder = begun[0].parent
        wait_for(folder, 5, driver)
        hosts[0].workers[0].send_signal(signal.SIGKILL)
        print("a worker of the first computer is killed", flush=True)
        wait_for(folder, 12, driver)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        print("the driver is killed", flush=True)
        before = finished(folder)
        driver = sweep("--resume", folder, "--scheduler", address, "--workers", 4)
        wait_for(folder, 20, driver)
        hosts[1].cut_off()
        print("the second computer is cut off", flush=True)
        assert driver.wait() == 0
        after = finished(folder)
    assert {name: after[name] for name in before} == before, "a finished run was done again"
    names = sorted(path.parent.name for path in folder.glob("*/metrics.json"))
    assert names == sorted(path.parent.name for path in whole.glob("*/metrics.json"))
    same = [name for name in names if not differences(whole / name, folder / name)]
    went_on = [name for name in names if record.read(folder / name).resumed]
    print(f"{len(same)} of {len(names)} runs are the same to the last bit; {len(went_on)} went on elsewhere")
    assert same == names


if __name__ == "__main__":
    main(Path(sys.argv[1]))
