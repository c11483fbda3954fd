"""Whole processes, measured as the operating system counts them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from benchmarks.environments import ROOT
from benchmarks.figures import Failed

NNEXP = str(Path(sys.executable).with_name("nnexp"))
_ACCURACY = re.compile(r"test accuracy ([0-9.]+)")
_SAMPLE_SECONDS = 0.5


def _usual() -> dict[str, str]:
    """The environment without what makes Python compile its modules anew at each start."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def measure(
    command: Sequence[str], *, exit_code: int = 0, environment: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Run a command to its end: wall and CPU seconds, and the largest resident memory in MB of any of its processes.

    And the mean of the accuracies, if it prints any as `test accuracy 0.8`. The caller must be small
    itself: Linux counts the memory of the process that forked into the child's peak.

    Raises:
        Failed: it ended otherwise than it should.
    """
    with tempfile.TemporaryFile() as output:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**_usual(), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode(errors="replace")
    if process.returncode != exit_code:
        raise Failed(f"{' '.join(command)} ended with {process.returncode}, not {exit_code}:\n{said[-2000:].strip()}")
    unit = 1 if sys.platform == "darwin" else 1024
    figures = {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * unit / 1e6}
    if accuracies := [float(found) for found in _ACCURACY.findall(said)]:
        figures["accuracy"] = statistics.mean(accuracies)
    return figures


def accuracy(runs: Path) -> float:
    """The mean test accuracy of the runs below a folder."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in runs.rglob("metrics.json")]
    return float(statistics.mean(metrics["test"]["accuracy"] for metrics in found))


def peak_of_tree(command: Sequence[str]) -> dict[str, float]:
    """Run a command to its end: wall seconds, and the largest memory in MB of all its processes together.

    Pages that several processes share are counted once.
    """
    begun, peak = time.perf_counter(), 0.0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        root = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, _together(root))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_SAMPLE_SECONDS)
    if process.returncode:
        raise Failed(f"{' '.join(command)} ended with {process.returncode}")
    return {"wall": time.perf_counter() - begun, "peak": peak / 1e6}


def _together(root: psutil.Process) -> float:
    total = 0.0
    for process in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):  # it ended meanwhile
            memory = process.memory_full_info()
            total += getattr(memory, "pss", memory.uss)
    return total


def imported(command: Sequence[str]) -> set[str]:
    """The top-level packages that a Python command (without the interpreter) imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
