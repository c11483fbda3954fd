"""What Dask adds to a sweep: `python -m benchmarks.cluster [overhead|idle] [--rounds 2] [--trials 10000]`.

`overhead`: the same sweep by processes of this computer and by a Dask cluster of as many workers here, in turns.
`idle`: trials of one second that do nothing, on simulated workers: how busy they are, and the driver's memory.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from benchmarks import idle
from nnexp.sweeps.child import Ending, Task
from nnexp.sweeps.execute import Listed
from nnexp.sweeps.remote.cluster import Cluster

CONFIG = """
name: overhead
base:
  dataset: fashion_mnist
  normalization: divide_by_255
  layers: [flatten, dense: {units: 512, activation: relu}, dense: {units: 10, activation: softmax}]
  batch_size: 64
  threads: 1
  epochs: EPOCHS
repeats: RUNS
"""
PORT = 38786
SIMULATED = 40  # workers: threads of two Dask workers that wait


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["overhead", "idle"])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=5, help="of each run, so that it takes about ten seconds")
    parser.add_argument("--runs", type=int, default=12)
    options = parser.parse_args()
    console = Console()
    if "overhead" in options.names:
        _overhead(console, options.rounds, options.runs, options.epochs)
    if "idle" in options.names:
        _idle(console, options.trials)


def _overhead(console: Console, rounds: int, runs: int, epochs: int) -> None:
    """A sweep by processes and by Dask in turns, and whether its runs are copied over."""
    seconds: dict[str, list[float]] = {"processes": [], "dask": []}
    with tempfile.TemporaryDirectory(prefix="nnexp-") as folder, _workers(folder, 2) as address:
        file = Path(folder, "overhead.yaml")
        file.write_text(CONFIG.replace("EPOCHS", str(epochs)).replace("RUNS", str(runs)))
        for number in range(rounds):
            for name in seconds:
                where = ["--scheduler", address] if name == "dask" else []
                command = [sys.executable, "-m", "nnexp", "sweep", str(file), "--workers", "2", "--quiet", *where]
                begun = time.perf_counter()
                subprocess.run([*command, "--runs-dir", f"{folder}/{name}-{number}"], check=True)
                seconds[name].append(time.perf_counter() - begun)
                console.print(f"{name}: {seconds[name][-1]:.1f} s for {runs} runs, two at a time")
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    console.print(f"Dask over processes: {middle['dask'] / middle['processes'] - 1:+.1%} (bar: under 5 %)")


@contextmanager
def _workers(folder: str, number: int) -> Iterator[str]:
    """A scheduler with workers of this computer, as `dask` starts them."""
    address = f"tcp://127.0.0.1:{PORT}"
    dask = [sys.executable, "-m", "dask"]
    commands = [[*dask, "scheduler", "--host", "127.0.0.1", "--port", str(PORT), "--no-dashboard"]]
    one = ["--nthreads", "1", "--memory-limit", "0", "--no-dashboard", "--local-directory", folder]
    commands += [[*dask, "worker", address, *one] for _ in range(number)]
    quiet = subprocess.DEVNULL
    processes = [subprocess.Popen(command, stdout=quiet, stderr=quiet) for command in commands]
    try:
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


def _idle(console: Console, trials: int) -> None:
    """Trials that only wait, on as many simulated workers as two cores can look after."""
    from distributed import Client, LocalCluster

    with (
        tempfile.TemporaryDirectory(prefix="nnexp-") as folder,
        LocalCluster(n_workers=2, threads_per_worker=SIMULATED // 2, dashboard_address=None, memory_limit=0) as local,
        Client(local) as client,
    ):
        cluster = Cluster(client, SIMULATED, serve=idle.serve)
        tasks = [Task(f"trial={n}", Path(folder, str(n)), "", "idle", Path(folder)) for n in range(trials)]
        endings: list[Ending] = []
        begun = time.perf_counter()
        cluster.execute(Listed(tasks), SIMULATED, lambda label, event: None, lambda _, ending: endings.append(ending))
        seconds = time.perf_counter() - begun
        cluster.close()
    done = sum(ending.kind == "done" for ending in endings)
    busy = done * idle.SECONDS / (SIMULATED * seconds)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"{done} of {trials} trials in {seconds:.0f} s on {SIMULATED} simulated workers")
    console.print(
        f"workers {busy:.1%} busy (bar: over 90 %); driver {memory:.0f} MB, its scheduler included (bar: 1,000)"
    )


if __name__ == "__main__":
    main()
