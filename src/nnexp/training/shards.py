"""Batches in parts, one a thread: what plain convolutional models gain on two to four of them.

A convolution on several threads waits for the slowest of them at each operation. Parts of a batch that each go through
the whole model on one thread meet but once, where the loss is taken: 0.85 of the time of a step, measured on two
cores. To the rest of Keras' `train_step` nothing changes. It is right for layers that treat each example by itself:
not for batch normalization, which looks at the whole batch, nor for what draws random numbers, where parts draw others.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from nnexp.config.batches import needs_batches
from nnexp.config.experiment import Experiment

# More threads than these have not been tried: there an operation on all of them may well be better.
_MOST = 4
_FEWEST_EXAMPLES = 4  # in a part
_KERNELS = {"conv1d", "conv2d", "conv3d", "depthwise_conv1d", "depthwise_conv2d"}
_KERNELS |= {"separable_conv1d", "separable_conv2d"}
_BESIDE = {f"{kind}{rank}d" for kind in ("max_pooling", "average_pooling", "zero_padding") for rank in (1, 2, 3)}
_BESIDE |= {f"global_{kind}_pooling{rank}d" for kind in ("max", "average") for rank in (1, 2, 3)}
_BESIDE |= {"flatten", "reshape", "permute", "rescaling", "dense", "activation", "relu", "leaky_relu", "elu", "softmax"}
_BESIDE |= {"add", "concatenate", "layer_normalization"}


Step = Callable[[tuple[Any, ...]], Any]  # Keras' own train_step or test_step


class Spread(Protocol):
    """How a batch goes through a model."""

    @property
    def parts(self) -> int:
        """In how many parts a single device has it."""
        ...

    def run(self, model: Any, step: Step, batch: tuple[Any, ...]) -> Any:
        """Do a step of the model on a batch, while it is traced; returns the model's output for it."""
        ...

    def scope(self) -> AbstractContextManager[Any]:
        """Where the variables of the model are made."""
        ...

    def epoch(self, model: Any) -> AbstractContextManager[None]:
        """What an epoch runs in."""
        ...

    @property
    def in_step(self) -> bool:
        """Whether all calls of an epoch must be of one length."""
        ...

    def together(self, engine: Any, do: str, epoch: int = 0) -> AbstractContextManager[None]:
        """In which all hosts do the same: train an `epoch`, or evaluate on `validation` or `test`."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """On one device, in so many parts; 1: whole."""

    parts: int = 1
    in_step: bool = False

    def run(self, model: Any, step: Step, batch: tuple[Any, ...]) -> Any:
        """See Spread."""
        with calling(model, self.parts) as outputs:
            step(batch)
        return outputs[-1]

    def scope(self) -> AbstractContextManager[Any]:
        """See Spread."""
        return contextlib.nullcontext()

    def epoch(self, model: Any) -> AbstractContextManager[None]:
        """See Spread."""
        return contextlib.nullcontext()

    def together(self, engine: Any, do: str, epoch: int = 0) -> AbstractContextManager[None]:
        """See Spread."""
        return contextlib.nullcontext()


WHOLE = Parts()


def parts(experiment: Experiment, threads: int) -> int:
    """In how many parts each batch of an experiment is trained on; 1: whole."""
    names = {entry.name for entry in experiment.layers}
    fits = (
        2 <= threads <= _MOST
        and experiment.batch_size >= threads * _FEWEST_EXAMPLES
        and experiment.engine in ("auto", "graph")
        and not needs_batches(experiment.callbacks)
        and names & _KERNELS
        and names <= _KERNELS | _BESIDE
        # Its sum over a batch would be taken part by part.
        and not any(entry.get("activity_regularizer") for entry in experiment.layers)
    )
    return threads if fits else 1


def cut(x: Any, count: int) -> list[Any]:
    """A tensor [n, ...] as `count` parts of nearly equal length; whole where it is short, or n not known."""
    import tensorflow as tf

    examples = x.shape[0]
    if examples is None or len(sizes := lengths(examples, count)) == 1:
        return [x]
    return list(tf.split(x, sizes))


def lengths(examples: int, count: int) -> list[int]:
    """The lengths of `count` nearly equal parts of so many examples; a single one where they would be short."""
    if count == 1 or examples < count * _FEWEST_EXAMPLES:
        return [examples]
    edges = [examples * place // count for place in range(count + 1)]
    return [end - start for start, end in itertools.pairwise(edges)]


@contextlib.contextmanager
def calling(model: Any, count: int) -> Iterator[list[Any]]:
    """Have the model, when it is called in this scope, call itself on parts of what it is given.

    Yields the list of what it gave, call by call.
    """
    import tensorflow as tf

    whole, given = model.call, []

    def call(x: Any, **how: Any) -> Any:
        outputs = [whole(part, **how) for part in cut(x, count)]
        given.append(outputs[0] if len(outputs) == 1 else tf.concat(outputs, axis=0))
        return given[-1]

    model.call = call
    try:
        yield given
    finally:
        del model.call
