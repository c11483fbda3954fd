"""About how long a sweep takes: from earlier runs of the same configs, or roughly, from the size of the models."""

from __future__ import annotations

import heapq
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnexp.config.experiment import Experiment
from nnexp.data.datasets import describe
from nnexp.errors import InputError
from nnexp.preflight import preflight
from nnexp.preflight.training import trained_on
from nnexp.runs import record
from nnexp.runs.record import RunRecord
from nnexp.sweeps.expand import Point
from nnexp.training.backend import available_cpus

# Measured on one core of a cloud machine of 2026 (docs/sweeps.md): seconds.
_START = 3.0  # until the first workers have TensorFlow
_FIRST_EPOCH = 2.0  # on top of an epoch, for compiling
_END = 1.3  # evaluation, model, predictions and plots
_MULTIPLY_ADD = 5e-11  # forward, and twice that backward
_STEP = 1e-4
_GRAPH_STEP = 5e-4  # where XLA is not used: docs/engine.md
_NOT_XLA = ("conv", "pool", "dropout", "random", "gaussian")
_UNKNOWN_MODEL = 1e6  # multiply-adds, where only Keras knows the shapes

_NEWEST = 500  # earlier runs that are looked at
# May differ in an earlier run.
_ANY = frozenset({"name", "description", "seed", "epochs", "engine", "distribute", "threads", "checkpoint", "track"})
_STOPPING = frozenset({"early_stopping", "stop_when"})


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a sweep takes, and what that is known from, in words."""

    seconds: float
    basis: str


def estimate(points: Sequence[Point], workers: int, threads: int, runs: Path) -> Estimate:
    """The time of a sweep with so many workers, each of so many threads; earlier runs are looked for below `runs`."""
    experiments = [point.experiment for point in points if point.experiment]
    if not experiments:
        return Estimate(0.0, "nothing is to be trained")
    keys = [_key(point.config) for point in points if point.experiment]
    earlier = _earlier(runs, set(keys))
    costs, known = [], 0
    used: set[Path] = set()
    for experiment, key in zip(experiments, keys, strict=True):
        times = {run.path: _again(run, experiment.epochs) for run in earlier.get(key, ())}
        told = {path: seconds for path, seconds in times.items() if seconds is not None}
        used |= told.keys()
        known += bool(told)
        costs.append(statistics.median(told.values()) if told else rough_seconds(experiment))
    # More workers than the CPUs can serve take turns.
    at_once = max(1, min(workers, available_cpus() // threads))
    return Estimate(_START + _makespan(costs, at_once), _basis(experiments, known, len(used)))


def _makespan(costs: Sequence[float], workers: int) -> float:
    """When the last run ends if each free worker takes the longest run that is left."""
    free = [0.0] * workers
    for cost in sorted(costs, reverse=True):
        heapq.heapreplace(free, free[0] + cost)
    return max(free)


def _basis(experiments: Sequence[Experiment], known: int, used: int) -> str:
    earlier = "1 earlier run" if used == 1 else f"{used} earlier runs"
    if known == len(experiments):
        return f"from {earlier}"
    rough = "rough, from the size of the models"
    if any(entry.name in _STOPPING for experiment in experiments for entry in experiment.callbacks):
        rough += "; runs that stop early take less"
    return f"{known} of {len(experiments)} from {earlier}, the rest {rough}" if known else rough


def _key(config: Mapping[str, Any]) -> str:
    """What two runs share that take the same time an epoch."""
    return json.dumps({key: value for key, value in config.items() if key not in _ANY}, sort_keys=True)


def _earlier(runs: Path, keys: set[str]) -> dict[str, list[RunRecord]]:
    """Finished runs by their key. Names begin with the time, so the last are the newest."""
    found: dict[str, list[RunRecord]] = {}
    for path in list(record.find(runs))[-_NEWEST:]:
        try:
            run = record.read(path)
        except InputError:
            continue
        if run.has_result and (key := _key(run.config)) in keys:
            found.setdefault(key, []).append(run)
    return found


def _again(run: RunRecord, epochs: int) -> float | None:
    """The time of such a run with so many epochs; None where the run does not tell."""
    seconds = [row["seconds"] for row in run.history if isinstance(row.get("seconds"), (int, float))]
    # A search's verdict on one run says nothing of the next.
    stopped = run.stopped["epoch"] if run.stopped and not run.pruned else None
    count = min(epochs, stopped) if isinstance(stopped, int) else epochs
    if not seconds or (len(seconds) == 1 < count):
        return None
    rest = statistics.median(seconds[1:]) * (count - 1) if count > 1 else 0.0
    return float(seconds[0] + rest + sum(run.timings.get(stage, 0.0) for stage in ("evaluation", "artifacts")))


def rough_seconds(experiment: Experiment) -> float:
    """The time of a run by the multiply-adds of an epoch and its number of steps, as if every epoch were trained."""
    dataset = describe(experiment.dataset.name, experiment.dataset.parameters)
    examples = trained_on(experiment, dataset)
    layers = preflight(experiment, dataset).layers
    # A layer uses each of its weights once at each position of its output; an embedding only looks them up.
    work = (
        sum(layer.parameters * math.prod(layer.output[:-1]) for layer in layers if layer.name != "embedding")
        if layers
        else _UNKNOWN_MODEL
    )
    graph = any(word in layer.name for layer in experiment.layers for word in _NOT_XLA)
    steps = examples / experiment.batch_size
    epoch = examples * work * _MULTIPLY_ADD + steps * (_GRAPH_STEP if graph else _STEP)
    return _FIRST_EPOCH + experiment.epochs * epoch + _END
