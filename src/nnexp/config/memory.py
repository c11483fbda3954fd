"""The least memory that a training takes, and how much this machine has."""

from __future__ import annotations

import os
from pathlib import Path

from nnexp.config.experiment import Experiment

_BYTES = 4  # a float32
# Numbers that an optimizer keeps for each weight; two where nothing is said here.
_STATE = {"adafactor": 0, "adagrad": 1, "lion": 1, "muon": 1, "rmsprop": 1, "sgd": 0}
_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container


def of_weights(experiment: Experiment, total: int, trainable: int) -> int:
    """Bytes for the weights, and for the gradient and the optimizer's state of those that are trained."""
    return _BYTES * (total + trainable * (1 + _STATE.get(experiment.optimizer.name, 2)))


def of_batch(batch: int, values: int) -> int:
    """Bytes for what one layer makes of a batch, `values` of each example."""
    return _BYTES * batch * values


def available() -> int:
    """Bytes of memory that this machine, or the container, has in all."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(_LIMIT.read_text(encoding="ascii")))
    except (OSError, ValueError):  # not Linux, or "max": no limit
        return machine


def written(size: int) -> str:
    """A size for people: 12 GB, 3,200 GB."""
    return f"{size / 1e9:,.3g} GB" if size < 1e12 else f"{size // 10**9:,} GB"
