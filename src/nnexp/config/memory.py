"""The least memory that a training takes."""

from __future__ import annotations

from nnexp.config.experiment import Experiment

_BYTES = 4  # a float32
# Numbers that an optimizer keeps for each weight; two where nothing is said here.
_STATE = {"adafactor": 0, "adagrad": 1, "lion": 1, "muon": 1, "rmsprop": 1, "sgd": 0}


def of_weights(experiment: Experiment, total: int, trainable: int) -> int:
    """Bytes for the weights, and for the gradient and the optimizer's state of those that are trained."""
    return _BYTES * (total + trainable * (1 + _STATE.get(experiment.optimizer.name, 2)))


def of_batch(batch: int, values: int) -> int:
    """Bytes for what one layer makes of a batch, `values` of each example."""
    return _BYTES * batch * values
