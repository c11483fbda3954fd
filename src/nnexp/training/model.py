"""From an experiment to a compiled Keras model that takes raw input."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnexp.config.experiment import Experiment
from nnexp.config.grammar import Entry
from nnexp.errors import ConfigError, Place, Problem
from nnexp.training.parts import make

# Layers that attend from a query to a value: given one input, they attend from it to itself.
_SELF_ATTENTION = {"multi_head_attention", "group_query_attention"}
_LIST_ATTENTION = {"attention", "additive_attention"}


def build(experiment: Experiment, input_shape: tuple[int, ...], normalization: Any) -> Any:
    """The Keras model: raw input, normalization (a Keras layer, or None), then the layer stack.

    Raises:
        ConfigError: Keras refuses a layer; the message names it, its place and Keras' reason.
    """
    import keras

    raw = keras.Input(shape=input_shape, name="input")
    x = raw if normalization is None else normalization(raw)
    outputs = {"input": x}
    for index, entry in enumerate(experiment.layers):
        place = experiment.places.get(("layers", index), Place("layers"))
        incoming = [outputs[name] for name in entry.get("inputs", ())] or [x]
        try:
            x = _call(make(entry, "layers"), entry, incoming)
        except (ValueError, TypeError, ArithmeticError, NotImplementedError) as error:
            shapes = ", ".join(_shape_text(tensor.shape) for tensor in incoming)
            message = f"Keras cannot build {entry.name} on input of shape {shapes}: {reason(error)}"
            raise ConfigError([Problem(place, message, "change this layer, or one before it")]) from error
        if isinstance(x, (list, tuple)):  # a layer that also returns its state
            x = x[0]
        if name := entry.get("name"):
            outputs[name] = x
    return keras.Model(raw, x, name=_identifier(experiment.name))


def compile_model(model: Any, experiment: Experiment) -> None:
    """Compile the model with the experiment's optimizer, loss and metrics.

    Raises:
        ConfigError: Keras refuses one of them.
    """
    parts: list[Any] = []
    for key, kind, entries in (
        ("optimizer", "optimizers", [experiment.optimizer]),
        ("loss", "losses", [experiment.loss]),
        ("metrics", "metrics", experiment.metrics),
    ):
        try:
            parts.append([make(entry, kind) for entry in entries])
        except (ValueError, TypeError) as error:
            place = experiment.places.get((key,), Place(key))
            raise ConfigError(
                [Problem(place, f"Keras refuses the {key}: {reason(error)}", "change its parameters")]
            ) from error
    [optimizer], [loss], metrics = parts
    # The engine decides what is compiled how; Keras' own choice applies where Keras runs the batches.
    model.compile(optimizer=optimizer, loss=loss, metrics=list(metrics), jit_compile=False)


def targets(labels: NDArray[Any], loss: str, classes: int, outputs: int) -> NDArray[Any]:
    """Labels as the loss takes them, from the classes' [n], or from what has several labels or values, [n, k].

    Classes: [n] for sparse losses, [n, 1] of 0 and 1 for one output, else one-hot [n, classes].
    """
    if labels.ndim == 2:
        return labels.astype(np.float32)
    if loss.startswith("sparse_"):
        return labels
    if outputs == 1:
        return labels.astype(np.float32)[:, None]
    one_hot: NDArray[np.float32] = np.eye(classes, dtype=np.float32)[labels]
    return one_hot


def summary(model: Any) -> list[dict[str, Any]]:
    """A row a layer: its name, Keras class, output shape without the batch axis, and number of parameters."""
    return [
        {
            "layer": layer.name,
            "kind": type(layer).__name__,
            "output": _shape_text(layer.output.shape[1:]),
            "parameters": int(layer.count_params()),
        }
        for layer in model.layers
    ]


def parameter_counts(model: Any) -> dict[str, int]:
    """How many numbers the model holds, and how many of them training changes."""
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    return {"total": int(model.count_params()), "trainable": trainable}


def reason(error: Exception) -> str:
    """Keras' own words of why it refuses something, without its listing of arguments."""
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    kept = [line for line in lines if not line.startswith(("Arguments received", "•", "Exception encountered"))]
    return " ".join(kept or lines)[:300] or type(error).__name__


def _call(layer: Any, entry: Entry, incoming: list[Any]) -> Any:
    if entry.name in _SELF_ATTENTION:
        return layer(*(incoming if len(incoming) > 1 else incoming * 2))
    if entry.name in _LIST_ATTENTION:
        return layer(incoming if len(incoming) > 1 else incoming * 2)
    return layer(incoming if len(incoming) > 1 else incoming[0])


def _shape_text(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join(str(size) for size in shape) + ")"


def _identifier(name: str) -> str:
    """`name` as Keras allows it for a model: it becomes part of TensorFlow scopes and file names."""
    plain = re.sub(r"[^A-Za-z0-9_.]", "_", name)
    return plain if plain[:1].isalnum() else f"model{plain}"
