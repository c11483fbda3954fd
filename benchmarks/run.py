"""The whole `nnexp run` of the main job against the same job as a plain Keras script."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.figures import Result, Row, interleaved
from benchmarks.processes import NNEXP, ROOT, measure


def benchmark(rounds: int | None, everything: bool) -> Iterator[Result]:
    """Both from the arrays in nnexp's cache, so that no download or decompression counts, with their output piped."""
    from nnexp.data import cache

    subprocess.run([NNEXP, "data", "fetch", "fashion_mnist"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    data = cache.root() / "fashion_mnist"
    with tempfile.TemporaryDirectory(prefix="nnexp-") as folder:
        script = [sys.executable, "benchmarks/plain_script.py", str(data), str(Path(folder) / "history.png")]
        nnexp = [NNEXP, "run", "configs/fashion_sigmoid128.yaml", "--runs-dir", folder]
        cases = {"plain Keras script": partial(measure, script), "nnexp run": partial(measure, nnexp)}
        samples = interleaved(rounds or 5, cases)
    yield Result(
        "run: configs/fashion_sigmoid128.yaml, whole process",
        [
            Row("plain Keras script", samples["plain Keras script"]),
            Row("nnexp run", samples["nnexp run"], {"wall": 0.4, "peak": 1.0}),
        ],
    )
