"""How long is a sweep: six seeds of the main job through `nnexp sweep` and through what else people write."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import environments
from benchmarks.figures import Asked, Bar, Measure, Result, Row, interleaved
from benchmarks.images import images
from benchmarks.processes import NNEXP, accuracy, measure, peak_of_tree
from benchmarks.run import CONFIG

_LOOP, _OURS, _HYDRA = "notebook loop", "nnexp sweep", "Hydra and joblib, 2 jobs"
_SHELL, _TUNER = "shell loop of the plain script", "KerasTuner, GridSearch"
_RUNS, _MANY = 6, 16
_SECONDS = 1020.0  # a second round of the slow ones begins only if it ends within


def benchmark(asked: Asked) -> Iterator[Result]:
    """Six runs side by side; then sixteen of nnexp alone, for their memory."""
    epochs = 1 if asked.quick else 10
    yield _side_by_side(asked, epochs)
    yield _memory(2 if asked.quick else _MANY, epochs)


def _side_by_side(asked: Asked, epochs: int) -> Result:
    data, notes = str(images()), [f"{_SHELL}, {_TUNER}: one round"]
    with tempfile.TemporaryDirectory(prefix="nnexp-") as folder:
        cases: dict[str, Measure] = {
            _OURS: partial(_nnexp, epochs),
            _LOOP: partial(_timed, [sys.executable, "benchmarks/peers/keras_loop.py", data, str(epochs), str(_RUNS)]),
        }
        if problem := environments.HYDRA.problem(install=not asked.quick):
            notes.append(problem)
        else:
            cases[_HYDRA] = partial(_timed, _hydra(data, epochs, folder))
        shell = ["benchmarks/peers/shell_loop.sh", sys.executable, data, str(epochs), str(_RUNS), folder]
        cases[_SHELL] = partial(_timed, shell)
        if problem := environments.KERAS_TUNER.problem(install=not asked.quick):
            notes.append(problem)
        else:
            tuner = [environments.KERAS_TUNER.python, "benchmarks/peers/tuner_script.py"]
            cases[_TUNER] = partial(_timed, [*tuner, data, str(epochs), str(_RUNS), f"{folder}/tuner"])
        samples = interleaved(
            asked.rounds_or(2), cases, notes=notes, seldom={_SHELL: 1, _TUNER: 1}, seconds=asked.left(_SECONDS)
        )
    rows = [Row(name, measured) for name, measured in samples.items()]
    rows.sort(key=lambda row: (row.name != _LOOP, row.name == _OURS))
    bars = [
        Bar(_OURS, "wall", 1 / 8, _LOOP),
        Bar(_OURS, "wall", 1 / 2, _HYDRA),
        Bar(_OURS, "overhead", 0.25),
    ]
    return Result("sweep", f"a sweep: {CONFIG}, {_RUNS} seeds, epochs: {epochs}", rows, bars, notes)


def _hydra(data: str, epochs: int, folder: str) -> list[str]:
    seeds = ",".join(str(seed) for seed in range(1, _RUNS + 1))
    job = [f"data={data}", f"epochs={epochs}", f"seed={seeds}", f"hydra.sweep.dir={folder}/hydra"]
    return [environments.HYDRA.python, "benchmarks/peers/hydra_job.py", "--multirun", *job]


def _timed(command: list[str]) -> dict[str, float]:
    """Wall seconds and accuracy: what their workers took of CPU and memory, the system does not add up."""
    figures = measure(command)
    return {name: figures[name] for name in ("wall", "accuracy")}


def _command(runs: int, epochs: int, folder: str) -> list[str]:
    seeds = ["--seed", "1", "--repeats", str(runs)]
    return [NNEXP, "sweep", CONFIG, "--epochs", str(epochs), *seeds, "--runs-dir", folder]


def _nnexp(epochs: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="nnexp-") as folder:
        figures = measure(_command(_RUNS, epochs, folder))
        [sweep] = Path(folder).iterdir()
        runs = {path.stat().st_mtime: json.loads(path.read_text("utf-8")) for path in sweep.glob("*/metrics.json")}
        workers = json.loads((sweep / "sweep.json").read_text("utf-8"))["workers"]
        overhead = beyond_the_steps(runs, workers)
        return {"wall": figures["wall"], "accuracy": accuracy(Path(folder)), "overhead": overhead}


def beyond_the_steps(runs: Mapping[float, Mapping[str, Any]], workers: int) -> float:
    """What a run of a sweep takes of its worker's time beyond its training steps, as a part of its training.

    `runs` are metrics by the time (seconds) at which the run ended. A worker's time is all that passed between its
    first run's begin and its last one's end, so what is done beside the next run's training counts once; what it waits
    for another worker's last run is no cost of a run. An epoch's steps count as the median of the epochs after a run's
    first, which compiles.
    """
    begun = sorted(ended - metrics["timings"]["total"] for ended, metrics in runs.items())
    each = (sum(sorted(runs)[-workers:]) - sum(begun[:workers])) / len(runs)
    epochs = [[row["seconds"] for row in metrics["history"]] for metrics in runs.values()]
    steps = statistics.mean(statistics.median(seconds[1:] or seconds) * len(seconds) for seconds in epochs)
    return float((each - steps) / statistics.median(metrics["timings"]["training"] for metrics in runs.values()))


def _memory(runs: int, epochs: int) -> Result:
    with tempfile.TemporaryDirectory(prefix="nnexp-") as folder:
        figures = peak_of_tree([*_command(runs, epochs, folder), "--workers", "2"])
    name = f"nnexp sweep, {runs} runs on 2 workers"
    notes = ["Memory in all: the proportional set sizes of all its processes, added up twice a second."]
    row = Row(name, {measure: [value] for measure, value in figures.items()})
    return Result("sweep", "the memory of a sweep", [row], [Bar(name, "peak", 3000)], notes)
