"""Has Keras build a model on paper: every shape and every check of its own, but no memory for the weights.

A config may ask for more than any machine has, or for less but still gigabytes; `nnexp check` must say so, and not try.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnexp.config.experiment import Experiment
from nnexp.data.datasets import Dataset
from nnexp.data.normalization import fit
from nnexp.errors import ConfigError, NnexpError, Place, Problem
from nnexp.preflight.outputs import output_problems
from nnexp.preflight.training import memory_problems
from nnexp.training import backend, model, shards


def rehearse(
    experiment: Experiment, dataset: Dataset, threads: int | None = None
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Build and compile the model for made-up data of the dataset's shape: a row a layer, and how many parameters.

    A process sets its number of threads once: `threads` matters where training follows in the same one.

    Raises:
        ConfigError: Keras refuses a part of the experiment, or the model needs more memory than this machine has.
    """
    count = threads or backend.available_cpus()
    backend.prepare(count, shards.parts(experiment, count))
    import keras

    keras.utils.clear_session()
    labels: Any = np.arange(4 * len(dataset.classes), dtype=np.int32) % len(dataset.classes)
    if dataset.task != "classification":
        labels = np.eye(len(dataset.classes), dtype=np.float32)[labels]
    x = np.random.default_rng(0).uniform(*dataset.value_range, (len(labels), *dataset.shape)).astype(dataset.dtype)
    try:
        # In this scope new variables have a shape and no value.
        with keras.StatelessScope(initialize_variables=False):
            built = model.build(experiment, dataset.shape, fit(experiment.normalization.name, x)())
        _check(built, experiment, dataset)
        found = model.summary(built), model.parameter_counts(built)
        keras.utils.clear_session()  # forgets the variables without a value: any other scope would give them one
        _try_loss(built.output, labels, experiment, dataset)
        return found
    except NnexpError:
        raise
    except Exception as error:  # Keras and TensorFlow refuse in more ways than can be listed
        place = experiment.places.get(("layers",), Place("layers"))
        raise ConfigError(
            [Problem(place, f"Keras cannot build this model: {model.reason(error)}", "change its layers")]
        ) from error
    finally:
        keras.utils.clear_session()


def _check(built: Any, experiment: Experiment, dataset: Dataset) -> None:
    problems = output_problems(experiment, dataset, tuple(built.output_shape[1:]))
    values = [math.prod(size or 1 for size in layer.output.shape) for layer in built.layers]
    counts = model.parameter_counts(built)
    problems += memory_problems(experiment, dataset, counts["total"], counts["trainable"], max(values))
    if problems:
        raise ConfigError(problems)


def _try_loss(output: Any, labels: Any, experiment: Experiment, dataset: Dataset) -> None:
    """Have Keras take loss, metrics and optimizer with a model that only passes on what has this output's shape."""
    import keras

    passed = keras.Input(batch_shape=output.shape, dtype=output.dtype)
    passing = keras.Model(passed, passed)
    model.compile_model(passing, experiment)
    targets = model.targets(labels, experiment.loss.name, len(dataset.classes), int(output.shape[-1]))
    outputs = np.zeros((len(labels), *output.shape[1:]), np.float32)
    try:
        passing._symbolic_build(data_batch=(outputs, targets))
    except (ValueError, TypeError) as error:
        message = f"Keras cannot train this model with the loss {experiment.loss.name}: {model.reason(error)}"
        place = experiment.places.get(("loss",), Place("loss"))
        raise ConfigError([Problem(place, message, "check the loss and the metrics against the labels")]) from error
