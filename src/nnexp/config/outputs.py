"""Which layer and which activations make a model's output, read from the layer stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nnexp.config.grammar import Entry

# Activations whose values a loss can take as probabilities.
PROBABILITIES = frozenset({"softmax", "sigmoid", "hard_sigmoid", "sparsemax", "sparse_sigmoid"})
_PASSES_ON = frozenset({"activity_regularization", "dropout", "flatten", "identity", "reshape"})


@dataclass(frozen=True, slots=True)
class Output:
    """What a stack's output is made of."""

    activations: tuple[str, ...]  # in the order in which they are applied, after the last weights
    index: int  # of the layer that makes the scores
    known: bool  # whether that layer is one whose activation can be read

    @property
    def last(self) -> str:
        """The activation in which the model ends; `linear` is none."""
        return self.activations[-1] if self.activations else "linear"


def output_of(layers: Sequence[Entry]) -> Output:
    """Follow a stack back from its output to the layer that makes the scores."""
    activations: list[str] = []
    for index in range(len(layers) - 1, -1, -1):
        layer = layers[index]
        if layer.name in {"relu", "softmax", "elu", "leaky_relu", "prelu"}:
            plain = layer.name != "relu" or not layer.get("negative_slope")
            activations.append(layer.name if plain else "leaky_relu")
        elif "activation" in layer.parameters or layer.name == "dense":
            name = _activation(layer)
            activations += [name] if name != "linear" else []
            if layer.name != "activation":
                return Output(tuple(reversed(activations)), index, known=True)
        elif layer.name not in _PASSES_ON:
            return Output(tuple(reversed(activations)), index, known=False)
        if layer.get("inputs"):
            break
    return Output(tuple(reversed(activations)), max(len(layers) - 1, 0), known=False)


def _activation(layer: Entry) -> str:
    value = layer.get("activation")
    return value.name if isinstance(value, Entry) else str(value or "linear")
