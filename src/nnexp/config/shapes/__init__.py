"""Output shapes and parameter counts of a layer stack, in plain Python.

`nnexp check` and every point of a sweep are held against these rules without loading TensorFlow; a test holds the rules
against the installed Keras. A layer without a rule is left to Keras.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nnexp.config.grammar import Entry
from nnexp.config.shapes.needs import Misfit, Shape
from nnexp.config.shapes.rules import KEEPS_SHAPE, apply

_LARGEST = 2**50  # values or weights of a layer; beyond it there is no memory on any machine

__all__ = ["KEEPS_SHAPE", "LayerShape", "Shape", "ShapeError", "infer"]


@dataclass(frozen=True, slots=True)
class LayerShape:
    """What one layer makes: the shape of its output for one example, and how many weights it has."""

    index: int  # from 0, as in the list of layers
    name: str
    output: Shape
    parameters: int
    trainable: int


class ShapeError(Exception):
    """A layer cannot take its input: `index` says which layer (from 0), `message` why, `hint` what to change."""

    def __init__(self, index: int, message: str, hint: str) -> None:
        super().__init__(message)
        self.index = index
        self.message = message
        self.hint = hint


def infer(layers: Sequence[Entry], input_shape: Shape) -> list[LayerShape] | None:
    """The shapes and counts of each layer of a stack; None where some layer has no rule here, so Keras must decide.

    Raises:
        ShapeError: a layer cannot take its input.
    """
    shape = tuple(input_shape)
    found = []
    for index, entry in enumerate(layers):
        try:
            made = apply(entry, shape)
        except Misfit as misfit:
            raise ShapeError(index, misfit.message, misfit.hint) from None
        if made is None:
            return None
        if max(math.prod(made.output), made.weights) > _LARGEST:
            message = f"{entry.name} makes {made.output} with {made.weights:,} weights, more than any memory holds"
            raise ShapeError(index, message, "make it smaller")
        shape = made.output
        found.append(LayerShape(index, entry.name, shape, made.weights, made.weights - made.frozen))
    return found
