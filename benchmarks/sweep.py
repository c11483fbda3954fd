"""Six runs of the main job through `nnexp sweep` against the same six in one plain Keras script."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial

from benchmarks.figures import Result, Row, interleaved
from benchmarks.processes import NNEXP, ROOT, measure

_MAIN_JOB = "configs/fashion_sigmoid128.yaml"


def benchmark(rounds: int | None, everything: bool) -> Iterator[Result]:
    """Both from the arrays in nnexp's cache; nnexp's time includes its table, plots, comparison and report."""
    from nnexp.data import cache

    subprocess.run([NNEXP, "data", "fetch", "fashion_mnist"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    data = cache.root() / "fashion_mnist"
    with tempfile.TemporaryDirectory(prefix="nnexp-") as folder:
        loop = [sys.executable, "benchmarks/plain_loop.py", str(data)]
        nnexp = [NNEXP, "sweep", _MAIN_JOB, "--seed", "1", "--repeats", "6", "--runs-dir", folder]
        samples = interleaved(rounds or 3, {"plain loop": partial(measure, loop), "sweep": partial(measure, nnexp)})
    yield Result(
        "sweep: configs/fashion_sigmoid128.yaml with six seeds, whole process",
        [Row("plain Keras loop", samples["plain loop"]), Row("nnexp sweep", samples["sweep"], {"wall": 1 / 7})],
    )
