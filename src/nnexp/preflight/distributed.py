"""What of a config `distribute: mirrored` cannot do, or not to the result of one device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnexp.config.batches import needs_batches
from nnexp.config.experiment import Experiment
from nnexp.config.grammar import Entry
from nnexp.errors import Problem
from nnexp.preflight.places import called, place_of

# They give one number for a batch, which Keras 3.15.1 does not divide by the number of devices, as it does means.
_OF_A_BATCH = ("dice", "tversky")
_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
# They step now and then, in a branch of the program, where devices cannot meet.
_NOW_AND_THEN = ("gradient_accumulation_steps", "ema_overwrite_frequency")
_AGAINST = "distribute: mirrored"


def distribution_problems(experiment: Experiment) -> Iterator[Problem]:
    """Of an experiment that is spread over devices, whatever devices there are."""
    if experiment.distribute == "none":
        return
    if experiment.engine in ("xla", "keras"):
        message = f"engine {experiment.engine} runs on one device, which {_AGAINST} does not"
        yield Problem(place_of(experiment, "engine"), message, "remove `engine`, or one of: auto, graph")
    if name := needs_batches(experiment.callbacks):
        place = place_of(experiment, "callbacks", [entry.name for entry in experiment.callbacks].index(name))
        hint = "have it act at the ends of epochs, or remove it"
        yield Problem(place, f"{name} acts at each batch, which {_AGAINST} does not allow", hint)
    yield from _loss(experiment)
    optimizer = experiment.optimizer
    for key in _NOW_AND_THEN:
        if optimizer.get(key):
            message = f"{optimizer.name}: {key} does not work with {_AGAINST}"
            yield Problem(place_of(experiment, "optimizer"), message, f"remove {key}")
    if optimizer.name == "loss_scale_optimizer":
        message = f"loss_scale_optimizer does not work with {_AGAINST}"
        yield Problem(place_of(experiment, "optimizer"), message, "name its inner optimizer alone")
    for index, layer in enumerate(experiment.layers):
        if layer.name == "activity_regularization" or _has(layer, "activity_regularizer"):
            message = f"{called(experiment, index)} adds to the loss for the activity in a whole batch, of which with "
            message += f"{_AGAINST} each device has a part"
            place = place_of(experiment, "layers", index)
            yield Problem(place, message, "regularize weights instead, such as kernel_regularizer: {l2: 0.001}")


def _loss(experiment: Experiment) -> Iterator[Problem]:
    loss, place = experiment.loss, place_of(experiment, "loss")
    if loss.name in _OF_A_BATCH:
        yield Problem(place, f"Keras does not scale {loss.name} as {_AGAINST} needs it", "use a mean over examples")
    elif loss.get("reduction", _MEANS[0]) not in _MEANS:
        message = f"{loss.name}: with {_AGAINST} the reduction is a mean over the batch, not {loss.get('reduction')}"
        yield Problem(place, message, f"one of: {', '.join(_MEANS)}")


def _has(value: Any, parameter: str) -> bool:
    """Whether an entry, or one in it, gives a parameter."""
    if isinstance(value, Entry):
        return bool(value.get(parameter)) or any(_has(inner, parameter) for inner in value.parameters.values())
    return isinstance(value, (list, tuple)) and any(_has(inner, parameter) for inner in value)
