"""What can be told before training: problems that stop an experiment, and warnings of what will likely go wrong.

All of it is read from the config and the dataset's description, without TensorFlow and without data.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnexp.config import catalog, condition, memory
from nnexp.config.experiment import Experiment
from nnexp.config.grammar import Entry
from nnexp.config.outputs import PROBABILITIES, output_of
from nnexp.config.shapes import KEEPS_SHAPE, LayerShape, Shape, ShapeError, infer
from nnexp.data.datasets import Dataset
from nnexp.errors import Place, Problem
from nnexp.findings import Finding


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
    """Hold an experiment against its dataset, before anything is loaded."""
    problems: list[Problem] = []
    layers = None
    try:
        layers = infer(experiment.layers, dataset.shape)
    except ShapeError as error:
        place = _place(experiment, "layers", error.index)
        problems.append(Problem(place, f"layer {error.index + 1}: {error.message}", error.hint))
    output = layers[-1].output if layers else None
    if output is not None:
        problems += output_problems(experiment, dataset, output)
    if layers:
        total, trainable = sum(layer.parameters for layer in layers), sum(layer.trainable for layer in layers)
        values = [math.prod(layer.output) for layer in layers]
        problems += memory_problems(experiment, dataset, total, trainable, max(values))
    problems += _metric_problems(experiment, single=output == (1,))
    problems += _monitor_problems(experiment)
    problems += _callback_problems(experiment)
    problems += _validation_problems(experiment, dataset)
    warnings = (
        *_output_warnings(experiment, dataset),
        *_input_warnings(experiment, dataset),
        *_training_warnings(experiment, dataset),
    )
    problems.sort(key=lambda problem: (problem.place.line or 0, problem.place.column or 0))  # as the file is read
    return Preflight(tuple(problems), warnings, tuple(layers) if layers is not None else None, output)


def output_problems(experiment: Experiment, dataset: Dataset, output: Shape) -> list[Problem]:
    """What is wrong with the model's output shape (without the batch axis) for the dataset's labels and the loss.

    Public for models whose shapes only Keras knows: call it with the built model's output shape.
    """
    classes, units = len(dataset.classes), output[-1] if output else 0
    problems = []
    if len(output) != 1:
        problems.append(_rank_problem(experiment, dataset, output))
    if units != classes and not (units == 1 and classes == 2):
        problems.append(_units_problem(experiment, dataset, units))
    if output == (1,) and classes == 2:
        problems += _single_unit_problems(experiment)
    return problems


def memory_problems(
    experiment: Experiment, dataset: Dataset, total: int, trainable: int, values: int
) -> Iterator[Problem]:
    """That a model cannot be held in this machine's memory, by its weights and by the values of its largest output.

    Public for models whose shapes only Keras knows. What is counted is the least that any training needs.
    """
    here = memory.available()
    weights = memory.of_weights(experiment, total, trainable)
    batch = min(experiment.batch_size, dataset.train_size)
    outputs = memory.of_batch(batch, values)
    if weights > here:
        message = f"the model has {total:,} weights: to train them with {experiment.optimizer.name} takes at least "
        message += f"{memory.written(weights)} of memory, and this machine has {memory.written(here)}"
        yield Problem(_place(experiment, "layers"), message, "make its layers smaller")
    elif weights + outputs > here:
        message = f"one layer makes {values:,} values of each example, and a batch has {batch:,}: this takes at least "
        message += f"{memory.written(weights + outputs)} of memory, and this machine has {memory.written(here)}"
        yield Problem(_place(experiment, "layers"), message, "make that layer smaller, or `batch_size`")


def logged_metrics(experiment: Experiment) -> tuple[str, ...]:
    """The names under which Keras logs each epoch's figures: what `stop_when` and `monitor` may name."""
    names = ["loss"]
    counts: dict[str, int] = {}
    for entry in experiment.metrics:
        # Keras names a metric without a name of its own after its class: MeanIoU becomes mean_io_u.
        name = str(entry.get("name") or entry.name.replace("iou", "io_u"))
        seen = counts[name] = counts.get(name, -1) + 1
        names.append(f"{name}_{seen}" if seen else name)
    if experiment.validation != "none":
        names += [f"val_{name}" for name in names]
    if any(entry.name == "reduce_lr_on_plateau" for entry in experiment.callbacks):
        names.append("learning_rate")
    return tuple(names)


# Where a message points, and how it calls a layer.


def _place(experiment: Experiment, *path: str | int) -> Place:
    """Where that part was written, or the nearest part around it."""
    for end in range(len(path), -1, -1):
        if path[:end] in experiment.places:
            return experiment.places[path[:end]]
    return Place(experiment.name)


def _called(experiment: Experiment, index: int) -> str:
    return f"layer {index + 1} ({experiment.layers[index].name})"


# The output against the labels.


def _rank_problem(experiment: Experiment, dataset: Dataset, output: Shape) -> Problem:
    classes = len(dataset.classes)
    message = f"the model ends in {_batched(output)}, but the labels of {dataset.name} need {_batched((classes,))}"
    tail = _shape_keeping_tail(experiment.layers)
    dense = next((index for index in tail if experiment.layers[index].name == "dense"), None)
    before = (tail.start if dense is None else dense) - 1
    if dense is not None:
        rows = f"{output[0]} rows" if len(output) == 2 else f"{' × '.join(map(str, output[:-1]))} positions"
        message += (
            f": {_called(experiment, dense)} works on the last axis only, so each of the {rows} got its own answer"
        )
    if before >= 0 and experiment.layers[before].get("return_sequences"):
        hint = f"set `return_sequences: false` in {_called(experiment, before)}"
        return Problem(_place(experiment, "layers", before, "return_sequences"), message, hint)
    if dense is not None:
        position = "as the first layer, " if dense == 0 else ""
        hint = f"add `- flatten` {position}before {_called(experiment, dense)}"
        return Problem(_place(experiment, "layers", dense), message, hint)
    hint = f"add `- flatten` and `{_last_layer(classes)}` at the end"
    return Problem(_place(experiment, "layers", len(experiment.layers) - 1), message, hint)


def _shape_keeping_tail(layers: Sequence[Entry]) -> range:
    """The last layers that keep every axis but the last: what a flatten before them does reaches the end."""
    start = len(layers)
    while start and layers[start - 1].name in KEEPS_SHAPE | {"dense"} and not layers[start - 1].get("inputs"):
        start -= 1
    return range(start, len(layers))


def _units_problem(experiment: Experiment, dataset: Dataset, units: int) -> Problem:
    classes = len(dataset.classes)
    last = max((i for i, layer in enumerate(experiment.layers) if layer.name not in KEEPS_SHAPE), default=0)
    outputs = "1 output" if units == 1 else f"{units} outputs"
    message = f"{_called(experiment, last)} gives {outputs}, but {dataset.name} has {classes} classes"
    if experiment.layers[last].name == "dense":
        return Problem(_place(experiment, "layers", last, "units"), message, f"set `units: {classes}` in this layer")
    hint = f"add `{_last_layer(classes)}` at the end"
    return Problem(_place(experiment, "layers", last), message, hint)


def _single_unit_problems(experiment: Experiment) -> Iterator[Problem]:
    """One output is a yes or a no: the labels are a column of 0 and 1."""
    last = len(experiment.layers) - 1
    fix = "for two classes use 1 unit with `activation: sigmoid` and `loss: binary_crossentropy`, or `units: 2`"
    if output_of(experiment.layers).activations[-1:] == ("softmax",):
        message = f"{_called(experiment, last)}: a softmax over 1 unit is always 1.0, whatever the input"
        yield Problem(_place(experiment, "layers", last), message, fix)
    if "categorical" in experiment.loss.name:
        message = f"the loss {experiment.loss.name} compares several outputs, but the model has 1"
        yield Problem(_place(experiment, "loss"), message, fix)


def _batched(shape: Shape) -> str:
    return f"(None, {', '.join(map(str, shape))})" if shape else "(None,)"


def _last_layer(classes: int) -> str:
    return f"- dense: {{units: {classes}, activation: softmax}}"


# Metrics, and what watches them.


def _metric_problems(experiment: Experiment, *, single: bool) -> Iterator[Problem]:
    """Keras' metrics take the labels as the loss does: whole numbers for `sparse_` losses, one-hot for the others."""
    whole = experiment.loss.name.startswith("sparse_")
    given = "whole numbers" if whole else "0 or 1" if single else "one-hot"
    for index, entry in enumerate(experiment.metrics):
        several = single and "categorical" in entry.name
        if entry.name == "accuracy" or (_takes_whole_numbers(entry) == whole and not several):
            continue
        other = f"sparse_{entry.name}" if whole else entry.name.removeprefix("sparse_")
        known = not single and other != entry.name and other in catalog.names("metrics")
        needs = "several outputs" if several else "one-hot labels" if whole else "labels that are whole numbers"
        message = f"the metric {entry.name} needs {needs}, but the loss {experiment.loss.name} makes labels {given}"
        hint = f"use the metric `{other if known else 'accuracy'}`"
        if whole:
            hint += ", or set `loss: categorical_crossentropy`, which makes labels one-hot"
        yield Problem(_place(experiment, "metrics", index), message, hint)


def _takes_whole_numbers(metric: Entry) -> bool:
    if metric.name in {"iou", "mean_iou"}:  # these want the prediction as a class unless told that it is a vector
        return metric.get("sparse_y_pred") is False
    return metric.name.startswith("sparse_") or metric.get("sparse_y_true") is True


def _monitor_problems(experiment: Experiment) -> Iterator[Problem]:
    logged = logged_metrics(experiment)
    for index, entry in enumerate(experiment.callbacks):
        place = _place(experiment, "callbacks", index)
        name = _watched(entry)
        if name is None or name in logged:
            continue
        near = catalog.nearest(name, (*logged, *(f"val_{known}" for known in logged)))
        hint = f"did you mean `{near}`? " if near else ""
        if near is not None and near not in logged:
            hint = f"did you mean `{near}`? It needs `validation: 0.1`; "
        reason = "is not logged"
        if name.startswith("val_") and name.removeprefix("val_") in logged:
            reason = "will not exist: `validation` is none"
            hint = f"set `validation: 0.1`, or watch `{name.removeprefix('val_')}`; "
        yield Problem(place, f"{entry.name} watches `{name}`, which {reason}", f"{hint}logged: {', '.join(logged)}")


def _callback_problems(experiment: Experiment) -> Iterator[Problem]:
    """Callbacks that want something of the optimizer, or a figure in the name of a file."""
    for index, entry in enumerate(experiment.callbacks):
        place = _place(experiment, "callbacks", index)
        if entry.name == "swap_ema_weights" and not experiment.optimizer.get("use_ema"):
            hint = f"set `use_ema: true` in the optimizer {experiment.optimizer.name}, or remove the callback"
            yield Problem(place, "swap_ema_weights needs an optimizer that averages the weights", hint)
        if entry.name == "reduce_lr_on_plateau" and isinstance(experiment.optimizer.get("learning_rate"), Entry):
            hint = "give the optimizer a number, or remove the callback"
            yield Problem(place, "reduce_lr_on_plateau cannot change a learning rate that follows a schedule", hint)
        known = ("epoch", *logged_metrics(experiment), *(["batch"] if isinstance(entry.get("save_freq"), int) else []))
        for name in re.findall(r"\{(\w+)", str(entry.get("filepath", ""))):
            if name not in known:
                yield Problem(place, f"{entry.name}: no figure is called '{name}'", f"known: {', '.join(known)}")


def _watched(callback: Entry) -> str | None:
    """The metric that a callback looks at; None if it looks at none."""
    if callback.name == "stop_when":
        return condition.parse(str(callback.get("condition"))).metric
    if callback.name == "model_checkpoint" and not callback.get("save_best_only"):
        return None
    monitor = callback.get("monitor")
    return None if monitor is None else str(monitor)


def _validation_problems(experiment: Experiment, dataset: Dataset) -> Iterator[Problem]:
    held_out = _held_out(experiment, dataset)
    if isinstance(experiment.validation, float) and not 0 < held_out < dataset.train_size:
        message = (
            f"validation {experiment.validation:g} holds out {held_out} of {dataset.train_size:,} training examples"
        )
        yield Problem(_place(experiment, "validation"), message, "both parts need examples: such as `validation: 0.1`")


def _held_out(experiment: Experiment, dataset: Dataset) -> int:
    """How many training examples the validation fraction takes."""
    return round(dataset.train_size * experiment.validation) if isinstance(experiment.validation, float) else 0


# Warnings.

_NEED_PROBABILITIES = frozenset(
    {
        "binary_crossentropy",
        "binary_focal_crossentropy",
        "categorical_crossentropy",
        "categorical_focal_crossentropy",
        "categorical_generalized_cross_entropy",
        "kl_divergence",
        "poisson",
        "sparse_categorical_crossentropy",
    }
)


def _output_warnings(experiment: Experiment, dataset: Dataset) -> Iterator[Finding]:
    loss, layers = experiment.loss, experiment.layers
    end = output_of(layers)
    if not layers or loss.name not in _NEED_PROBABILITIES:
        return
    last = end.activations[-1] if end.activations else "linear"
    wanted = "sigmoid" if layers[end.index].get("units") == 1 else "softmax"
    evidence = {"loss": loss.name, "activations": list(end.activations), "layer": end.index + 1}
    scores = _called(experiment, end.index)
    if loss.get("from_logits") and last in PROBABILITIES:
        message = f"{loss.name} has from_logits: true and so expects raw scores, but the model ends in {last}."
        yield Finding("activation_twice", "warning", message, f"Remove from_logits, or the {last}.", evidence)
    if wanted == "softmax" and (last == "relu" or end.activations[-2:] == ("relu", "softmax")):
        stands = "The model ends in ReLU" if last == "relu" else "ReLU stands right before the softmax"
        message = f"{stands}: scores of {scores} below 0 become 0, and a unit whose scores all do so stops learning. "
        message += "Whole classes may be lost."
        suggestion = f"{'End in softmax instead of' if last == 'relu' else 'Remove'} the ReLU."
        yield Finding("relu_before_softmax", "warning", message, suggestion, evidence)
    elif not loss.get("from_logits") and last not in PROBABILITIES and (end.known or end.activations):
        message = f"{loss.name} needs probabilities, but the model ends in {last} ({scores})."
        other = (
            ", or give the loss `from_logits: true`" if "from_logits" in loss.parameters and last == "linear" else ""
        )
        yield Finding(f"{wanted}_missing", "warning", message, f"End in `activation: {wanted}`{other}.", evidence)
    if loss.name.startswith("binary_") and last == "softmax" and len(dataset.classes) > 2:
        message = f"{loss.name} scores each of the {len(dataset.classes)} softmax outputs as a yes or no of its own."
        yield Finding("binary_loss", "warning", message, "Use `loss: categorical_crossentropy`.", evidence)


_RESCALES = frozenset(
    {
        "batch_normalization",
        "embedding",  # takes raw whole numbers
        "group_normalization",
        "layer_normalization",
        "normalization",
        "rescaling",
        "rms_normalization",
        "unit_normalization",
    }
)
_LARGE = 20.0  # far beyond it, the first layer's sums saturate or explode


def _input_warnings(experiment: Experiment, dataset: Dataset) -> Iterator[Finding]:
    low, high = dataset.value_range
    moves = {"flatten", "permute", "random_flip", "reshape"}  # these leave the values as they are
    first = next((layer.name for layer in experiment.layers if layer.name not in moves), "")
    if experiment.normalization.name == "none" and max(abs(low), abs(high)) > _LARGE and first not in _RESCALES:
        message = f"The raw input of {dataset.name} ranges from {low:g} to {high:g}, and nothing rescales it: "
        message += "training may not converge, or diverge at once."
        better = "divide_by_255" if (low, high) == (0, 255) else "standardize"
        evidence = {"value_range": [low, high], "normalization": "none"}
        yield Finding("raw_input", "warning", message, f"Set `normalization: {better}`.", evidence)


_SMALL_RATES = (1e-5, 1e-3, 1e-2)  # least, typical, most
_LARGE_RATES = (1e-4, 1e-2, 1.0)
_USUAL_RATES = {
    **dict.fromkeys(("adam", "adamax", "adamw", "lamb", "lion", "muon", "nadam", "rmsprop"), _SMALL_RATES),
    **dict.fromkeys(("adagrad", "ftrl", "sgd"), _LARGE_RATES),
}


def _training_warnings(experiment: Experiment, dataset: Dataset) -> Iterator[Finding]:
    optimizer = experiment.optimizer.name
    rate = _learning_rate(experiment.optimizer)
    if rate is not None and optimizer in _USUAL_RATES:
        low, typical, high = _USUAL_RATES[optimizer]
        if not low <= rate <= high:
            side = "above" if rate > high else "below"
            message = f"The learning rate {rate:g} is {side} what is usual for {optimizer}: {low:g} to {high:g}."
            evidence = {"optimizer": optimizer, "learning_rate": rate, "usual": [low, high]}
            yield Finding("unusual_learning_rate", "warning", message, f"Try {typical:g}.", evidence)
    examples = dataset.train_size - _held_out(experiment, dataset)
    if experiment.batch_size > examples > 0:
        message = f"The batch_size {experiment.batch_size} is larger than the training set of {examples} examples: "
        message += "an epoch is a single step."
        evidence = {"batch_size": experiment.batch_size, "examples": examples}
        yield Finding("large_batch", "warning", message, "Set a smaller batch_size, such as 32.", evidence)
    if experiment.validation == "test":
        message = f"The {dataset.test_size:,} test examples are used for validation: choices made on them spoil the "
        message += "test figure."
        suggestion = "Set `validation: 0.1`: that part of the training set is held out instead."
        yield Finding("validation_on_test", "warning", message, suggestion, {"test_size": dataset.test_size})


def _learning_rate(optimizer: Entry) -> float | None:
    """The rate, or the highest that a schedule starts from; None where it cannot be read."""
    rate = optimizer.get("learning_rate")
    if isinstance(rate, Entry):
        start = [rate.get("warmup_target"), rate.get("initial_learning_rate"), *(rate.get("values") or ())]
        rate = max((value for value in start if isinstance(value, (int, float))), default=None)
    return float(rate) if isinstance(rate, (int, float)) else None
