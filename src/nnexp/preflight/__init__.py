"""What can be told before training: problems that stop an experiment, and warnings of what will likely go wrong.

It is read from the config and the dataset's description, without TensorFlow; data are looked at only where an embedding
looks up their values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from nnexp.config.experiment import Experiment
from nnexp.config.shapes import LayerShape, Shape, ShapeError, infer
from nnexp.data.datasets import Dataset
from nnexp.errors import Problem
from nnexp.findings import Finding
from nnexp.preflight.distributed import distribution_problems
from nnexp.preflight.measures import (
    callback_problems,
    figure_problems,
    metric_problems,
    metric_warnings,
    monitor_problems,
    task_problems,
)
from nnexp.preflight.outputs import output_problems, output_warnings
from nnexp.preflight.places import place_of
from nnexp.preflight.tokens import token_problems
from nnexp.preflight.training import (
    augmentation_warnings,
    input_warnings,
    memory_problems,
    train_size_problems,
    training_warnings,
    validation_problems,
)


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found: with problems, the experiment cannot start.

    `layers` and `output` are None where a layer cannot take its input, and where only Keras knows the shapes.
    """

    problems: tuple[Problem, ...]
    warnings: tuple[Finding, ...]
    layers: tuple[LayerShape, ...] | None
    output: Shape | None  # of one example, without the batch axis


def preflight(experiment: Experiment, dataset: Dataset) -> Preflight:
    """Hold an experiment against its dataset, before anything of Keras is made."""
    problems: list[Problem] = []
    layers = None
    try:
        layers = infer(experiment.layers, dataset.shape)
    except ShapeError as error:
        place = place_of(experiment, "layers", error.index)
        problems.append(Problem(place, f"layers.{error.index}: {error.message}", error.hint))
    output = layers[-1].output if layers else None
    if output is not None:
        problems += output_problems(experiment, dataset, output)
    if layers:
        total, trainable = sum(layer.parameters for layer in layers), sum(layer.trainable for layer in layers)
        values = [math.prod(layer.output) for layer in layers]
        problems += memory_problems(experiment, dataset, total, trainable, max(values))
    problems += token_problems(experiment, dataset)
    problems += task_problems(experiment, dataset)
    if dataset.task == "classification":
        problems += metric_problems(experiment, dataset.classes, single=output == (1,))
    problems += figure_problems(experiment, yes_or_no=output == (1,) or dataset.task == "multi_label")
    problems += monitor_problems(experiment)
    problems += callback_problems(experiment)
    problems += distribution_problems(experiment)
    problems += validation_problems(experiment, dataset)
    problems += train_size_problems(experiment, dataset)
    warnings = (
        *output_warnings(experiment, dataset),
        *(metric_warnings(experiment, dataset.classes, output) if dataset.task == "classification" else ()),
        *input_warnings(experiment, dataset),
        *augmentation_warnings(experiment, dataset),
        *training_warnings(experiment, dataset),
    )
    problems.sort(key=lambda problem: (problem.place.line or 0, problem.place.column or 0))  # as the file is read
    return Preflight(tuple(problems), warnings, tuple(layers) if layers is not None else None, output)
