"""The model's output against the labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nnexp.config.experiment import Experiment
from nnexp.config.grammar import Entry
from nnexp.config.outputs import PROBABILITIES, output_of
from nnexp.config.shapes import KEEPS_SHAPE, Shape
from nnexp.data.datasets import Dataset
from nnexp.errors import Problem
from nnexp.findings import Finding
from nnexp.preflight.places import called, place_of


def output_problems(experiment: Experiment, dataset: Dataset, output: Shape) -> list[Problem]:
    """What is wrong with the model's output shape (without the batch axis) for the dataset's labels and the loss.

    Public for models whose shapes only Keras knows: call it with the built model's output shape.
    """
    classes, units = len(dataset.classes), output[-1] if output else 0
    problems = []
    if len(output) != 1:
        problems.append(_rank_problem(experiment, dataset, output))
    single = dataset.task == "classification" and units == 1 and classes == 2
    if units != classes and not single:
        problems.append(_units_problem(experiment, dataset, units))
    if single and len(output) == 1:
        problems += _single_unit_problems(experiment)
    return problems


def _rank_problem(experiment: Experiment, dataset: Dataset, output: Shape) -> Problem:
    classes = len(dataset.classes)
    message = f"the model ends in {_batched(output)}, but the labels of {dataset.name} need {_batched((classes,))}"
    tail = _shape_keeping_tail(experiment.layers)
    dense = next((index for index in tail if experiment.layers[index].name == "dense"), None)
    before = (tail.start if dense is None else dense) - 1
    if dense is not None:
        rows = f"{output[0]} rows" if len(output) == 2 else f"{' × '.join(map(str, output[:-1]))} positions"
        message += (
            f": {called(experiment, dense)} works on the last axis only, so each of the {rows} got its own answer"
        )
    if before >= 0 and experiment.layers[before].get("return_sequences"):
        hint = f"set `return_sequences: false` in {called(experiment, before)}"
        return Problem(place_of(experiment, "layers", before, "return_sequences"), message, hint)
    if dense is not None:
        position = "as the first layer, " if dense == 0 else ""
        hint = f"add `- flatten` {position}before {called(experiment, dense)}"
        return Problem(place_of(experiment, "layers", dense), message, hint)
    hint = f"add `- flatten` and `{_last_layer(dataset)}` at the end"
    return Problem(place_of(experiment, "layers", len(experiment.layers) - 1), message, hint)


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
    message = f"{called(experiment, last)} gives {outputs}, but {dataset.name} has {_counted(dataset)}"
    if experiment.layers[last].name == "dense":
        return Problem(place_of(experiment, "layers", last, "units"), message, f"set `units: {classes}` in this layer")
    hint = f"add `{_last_layer(dataset)}` at the end"
    return Problem(place_of(experiment, "layers", last), message, hint)


def _single_unit_problems(experiment: Experiment) -> Iterator[Problem]:
    """One output is a yes or a no: the labels are a column of 0 and 1."""
    last = len(experiment.layers) - 1
    fix = "for two classes use 1 unit with `activation: sigmoid` and `loss: binary_crossentropy`, or `units: 2`"
    if output_of(experiment.layers).activations[-1:] == ("softmax",):
        message = f"{called(experiment, last)}: a softmax over 1 unit is always 1.0, whatever the input"
        yield Problem(place_of(experiment, "layers", last), message, fix)
    if "categorical" in experiment.loss.name:
        message = f"the loss {experiment.loss.name} compares several outputs, but the model has 1"
        yield Problem(place_of(experiment, "loss"), message, fix)


def _batched(shape: Shape) -> str:
    return f"(None, {', '.join(map(str, shape))})" if shape else "(None,)"


def _last_layer(dataset: Dataset) -> str:
    activation = {"classification": ", activation: softmax", "multi_label": ", activation: sigmoid", "regression": ""}
    return f"- dense: {{units: {len(dataset.classes)}{activation[dataset.task]}}}"


def _counted(dataset: Dataset) -> str:
    """How many classes, labels or targets there are, in words."""
    what = {"classification": "class", "multi_label": "label", "regression": "target"}[dataset.task]
    count = len(dataset.classes)
    return f"1 {what}" if count == 1 else f"{count} {what}es" if what == "class" else f"{count} {what}s"


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


def output_warnings(experiment: Experiment, dataset: Dataset) -> Iterator[Finding]:
    """Of a last activation that does not suit the loss or the task."""
    loss, layers = experiment.loss, experiment.layers
    end = output_of(layers)
    if dataset.task == "regression":
        yield from _squashed(experiment)
        return
    if not layers or loss.name not in _NEED_PROBABILITIES:
        return
    last = end.last
    several = dataset.task == "multi_label"
    wanted = "sigmoid" if several or layers[end.index].get("units") == 1 else "softmax"
    evidence = {"loss": loss.name, "activations": list(end.activations), "layer": end.index + 1}
    scores = called(experiment, end.index)
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
    if several and last == "softmax":
        message = f"The probabilities of a softmax sum to 1, but an example may have several of {_counted(dataset)}."
        yield Finding("softmax_of_labels", "warning", message, "End in `activation: sigmoid`.", evidence)
    elif loss.name.startswith("binary_") and last == "softmax" and len(dataset.classes) > 2:
        message = f"{loss.name} scores each of the {len(dataset.classes)} softmax outputs as a yes or no of its own."
        yield Finding("binary_loss", "warning", message, "Use `loss: categorical_crossentropy`.", evidence)


_RANGES = {"sigmoid": "between 0 and 1", "softmax": "that sum to 1", "tanh": "between -1 and 1", "relu": "from 0"}


def _squashed(experiment: Experiment) -> Iterator[Finding]:
    end = output_of(experiment.layers)
    last = end.last
    if last in _RANGES:
        message = f"The model ends in {last}, which gives numbers {_RANGES[last]} only: others cannot be predicted."
        suggestion = f"Remove `activation: {last}` from {called(experiment, end.index)}."
        evidence = {"activations": list(end.activations), "layer": end.index + 1}
        yield Finding("squashed_output", "info" if last == "relu" else "warning", message, suggestion, evidence)
