"""`nnexp sweep` on a Dask cluster as one starts it: what is refused, and what a worker's place does."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import nnexp as package
from nnexp.runs import record

Cluster = Callable[..., "contextlib.AbstractContextManager[str]"]


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    """A scheduler and a worker of their own, which is there as soon as this is entered; its address."""

    @contextlib.contextmanager
    def start(cwd: Path | None = None, **environment: str) -> Iterator[str]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        address = f"tcp://127.0.0.1:{port}"
        dask, log = [sys.executable, "-m", "dask"], tmp_path / "worker.log"
        worker = ["worker", address, "--nthreads", "1", "--memory-limit", "0", "--no-dashboard"]
        with log.open("wb") as said:
            started = [
                subprocess.Popen([*dask, *words], stdout=said, stderr=said, cwd=cwd, env={**os.environ, **environment})
                for words in (
                    ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"],
                    [*worker, "--local-directory", str(tmp_path)],
                )
            ]
        try:
            while b"Registered to" not in log.read_bytes():
                assert all(process.poll() is None for process in started), log.read_text()
                time.sleep(0.1)
            yield address
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait()

    return start


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--executor", "dsk"], "there is no executor 'dsk'; did you mean 'dask'? there are: processes, serial, dask"),
        (["--scheduler", "lab"], "--scheduler lab is no address; give one such as tcp://lab:8786, or a scheduler file"),
        pytest.param(  # for which it waits
            ["--scheduler", "lab.json"], "there is no scheduler file lab.json", marks=pytest.mark.slow
        ),
        (["--scheduler", "tcp://lab:1", "--executor", "serial"], "--scheduler is for --executor dask, not serial"),
    ],
)
def test_what_is_no_executor_is_refused_before_anything_is_made(
    words: list[str], told: str, nnexp: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    done = nnexp("sweep", config(), *words, "--runs-dir", tmp_path / "runs", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "runs").exists()) == (2, False)
    assert told in done.stderr


def test_runs_that_need_several_numbers_of_threads_are_not_begun_in_one_process(
    nnexp: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    config()
    sweep = config("base: small.yaml\nzip: {hidden: [4, 8], threads: [1, 2]}", "threads.yaml")
    done = nnexp("sweep", sweep, "--executor", "serial", "--runs-dir", tmp_path / "runs")
    assert (done.returncode, (tmp_path / "runs").exists()) == (2, False)
    assert "TensorFlow's threads are set up once" in done.stderr


@pytest.mark.slow
def test_another_nnexp_on_the_cluster_is_refused_with_both_and_nothing_is_made(
    cluster: Cluster, nnexp: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    other = shutil.copytree(Path(package.__file__).parent, tmp_path / "other" / "nnexp")
    with (other / "errors.py").open("a") as file:
        file.write("# another\n")
    with cluster(PYTHONPATH=str(other.parent)) as address:
        done = nnexp("sweep", config(), "--scheduler", address, "--runs-dir", tmp_path / "runs")
    assert (done.returncode, (tmp_path / "runs").exists()) == (2, False)
    assert done.stderr.count("nnexp's source") == 2  # the scheduler's and the worker's
    assert "(here " in done.stderr


@pytest.mark.slow
def test_a_worker_that_works_in_another_directory_finds_the_runs_on_the_same_disk(
    cluster: Cluster, nnexp: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    (elsewhere := tmp_path / "elsewhere").mkdir()
    with cluster(cwd=elsewhere) as address:
        done = nnexp("sweep", config(), "--scheduler", address, "--runs-dir", "runs", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "runs").glob("*/*/model.keras"))) == 1
    assert not (elsewhere / "runs").exists()


@pytest.mark.slow
def test_a_worker_of_another_nnexp_that_joins_late_gets_no_run_and_fails_none(
    cluster: Cluster, start: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    other = shutil.copytree(Path(package.__file__).parent, tmp_path / "other" / "nnexp")
    with (other / "errors.py").open("a") as file:
        file.write("# another\n")
    runs = tmp_path / "runs"
    with cluster() as address:
        sweep = start("sweep", config(epochs=100), "--hidden", "4,8,12", "--scheduler", address, "--runs-dir", runs)
        while not list(runs.glob("*/*/log.txt")):
            assert sweep.poll() is None, sweep.communicate()
            time.sleep(0.1)
        late = subprocess.Popen(
            [sys.executable, "-m", "dask", "worker", address, "--nthreads", "4", "--no-nanny", "--no-dashboard"],
            env={**os.environ, "PYTHONPATH": str(other.parent)},
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        _, said = sweep.communicate(timeout=120)
        late.terminate()
        _, log = late.communicate(timeout=60)
    assert sweep.returncode == 0, said
    assert "this worker gets no run of nnexp: it has nnexp's source" in log


@pytest.mark.slow
def test_a_scheduler_that_goes_away_ends_the_sweep_with_what_is_done_and_how_to_go_on(
    cluster: Cluster, start: Any, nnexp: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    with cluster() as address:
        sweep = start("sweep", config(epochs=30), "--repeats", 4, "--scheduler", address, "--runs-dir", runs)
        while len(list(runs.glob("*/*/model.keras"))) < 2:
            assert sweep.poll() is None
            time.sleep(0.1)
    _, said = sweep.communicate(timeout=120)
    assert sweep.returncode == 1
    assert "the cluster's scheduler is gone" in said
    [folder] = runs.iterdir()
    assert f"nnexp sweep --resume {folder} --scheduler ADDRESS" in said
    assert f"nnexp resume {folder}" in said
    assert nnexp("resume", folder).returncode == 0
    assert {record.read(path.parent).status for path in folder.glob("*/metrics.json")} == {"completed"}


@pytest.mark.slow
def test_a_serial_sweep_that_is_told_to_end_keeps_its_run_and_says_by_which_signal(
    start: Any, config: Callable[..., Path], tmp_path: Path
) -> None:
    sweep = start("sweep", config(epochs=5000), "--executor", "serial", "--runs-dir", tmp_path)
    while not list(tmp_path.glob("*/*/history.csv")):
        assert sweep.poll() is None, sweep.communicate()
        time.sleep(0.1)
    sweep.terminate()
    _, said = sweep.communicate(timeout=60)
    assert sweep.returncode == 143, said
    [run] = [path.parent for path in tmp_path.glob("*/*/metrics.json")]
    assert record.read(run).status == "interrupted"
