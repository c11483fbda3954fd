"""A sweep on an executor, as a program: `python on_executor.py EXECUTOR SWEEP RUNS`.

`apart` is a Dask cluster of this computer whose workers see nothing of the runs directory.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from nnexp.config.sweep import load_sweep
from nnexp.sweeps import sweep
from nnexp.sweeps.child import Task
from nnexp.sweeps.executors import Executor, opened
from nnexp.sweeps.expand import expand
from nnexp.sweeps.folder import SweepFolder
from nnexp.sweeps.remote.cluster import Cluster, connected


class Apart(Cluster):
    def token(self, task: Task) -> Path:
        return super().token(task).with_name("not here")


@contextlib.contextmanager
def executor(name: str) -> Iterator[Executor]:
    """The executor of that name."""
    with connected("", 2) if name == "apart" else opened(name, workers=2) as found:
        if isinstance(found, Cluster) and name == "apart":
            found.__class__ = Apart
        yield found


def main(name: str, source: Path, runs: Path) -> None:
    """Begin the sweep, or go on with the one that is there."""
    with executor(name) as where:
        how = sweep.Options(runs, executor=where)
        begun = SweepFolder.all_in(runs)
        plan = load_sweep(begun[0].sweep if begun else source, workers=2)
        points = expand(plan)
        job = sweep.go_on(begun[0], plan, points, how) if begun else sweep.begin(plan, points, how)
        sweep.carry_out(job, how, lambda label, event: print(f"{label} {event}\n", end="", flush=True))
        print("failed", *sweep.failures(job))


if __name__ == "__main__":
    try:
        main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    except KeyboardInterrupt:
        sys.exit(130)
