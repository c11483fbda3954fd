"""How a sweep shares the machine: how many runs at once, and the threads of each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nnexp import machine
from nnexp.config import memory
from nnexp.config.experiment import Experiment
from nnexp.data.datasets import describe
from nnexp.preflight import preflight
from nnexp.sweeps.expand import Point
from nnexp.training.backend import available_cpus

# What a run needs whatever its model is, beside what it shares with the server that it is forked from.
_BYTES_A_WORKER = 600_000_000
_EVALUATED = 1000  # examples in a batch of evaluation
# Of weights: as they are, in a checkpoint, in a file being written. Of data: split, in TensorFlow, of the run before.
_COPIES = 3


def share(points: Sequence[Point], workers: int | None) -> tuple[int, int]:
    """How many runs at once, and the threads of each; `workers` is what was asked for.

    One thread each as soon as there are as many runs as CPUs: two threads do fewer than twice the steps of one (1.4
    times as many for 784-1024-10, 1.5 times for a CNN, measured on two cores). Fewer at once where memory would not
    hold them, but on as many threads: XLA's last bits depend on threads, and are not to depend on what else fills the
    memory.
    """
    import psutil

    cpus = available_cpus()
    models = {point.stem: point.experiment for point in points if point.experiment}
    largest = max(map(_bytes, models.values()), default=0)
    free = min(psutil.virtual_memory().available, machine.memory())  # the latter is a container's
    fitting = max(1, int(free // (_BYTES_A_WORKER + largest)))
    wanted = min(workers or cpus, len(points))
    return (wanted if workers else min(wanted, fitting)), max(1, cpus // wanted)


def _bytes(experiment: Experiment) -> int:
    """What this experiment's data and model add to a worker's memory; of models that only Keras knows, the data."""
    dataset = describe(experiment.dataset.name, experiment.dataset.parameters)
    data = 0 if dataset.streamed else _COPIES * dataset.train_size * math.prod(dataset.shape)
    layers = preflight(experiment, dataset).layers or ()
    weights = sum(layer.parameters for layer in layers)
    values = [math.prod(layer.output) for layer in layers]
    trained = memory.of_batch(experiment.batch_size, 2 * sum(values))  # outputs are kept for the way back
    evaluated = memory.of_batch(_EVALUATED, 2 * max(values, default=0))
    return data + _COPIES * memory.of_weights(experiment, weights, weights) + max(trained, evaluated)
