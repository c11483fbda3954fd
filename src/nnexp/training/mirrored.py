"""Batches spread over all devices of this machine, by TensorFlow's `MirroredStrategy`.

Each device holds the whole model and takes its part of each batch through it. The outputs are joined before the loss,
which each device takes of the whole batch; the gradients are summed before the optimizer, which clips and steps on each
device alike. So any loss, weight and length of batch means what it means on one device. Keras' own `fit` would average
the means of uneven parts, and clip the gradients of each part by itself (Keras 3.15.1).

Two things do differ: batch normalization sees its device's part of a batch, and random layers draw other numbers on
each device. Decision 16 in docs/decisions tells more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from nnexp.config.experiment import Experiment
from nnexp.training import shards

# Between the seeds of devices: far from what layers' seeds in a config are apart.
_STRIDE = 2_654_435_761


def devices() -> list[str]:
    """The devices of this machine that a run can be spread over: its GPUs, else its processor.

    TensorFlow is asked for nothing that would start it, as threads can be set only before.
    """
    import tensorflow as tf

    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    found = map(tf.config.get_logical_device_configuration, tf.config.list_physical_devices(kind))
    return [f"{kind}:{number}" for number in range(sum(len(parts or (None,)) for parts in found))]


def of_a_host() -> list[str]:
    """The devices of this machine for a run on several hosts: all GPUs, else one processor, which TensorFlow takes."""
    found = devices()
    return found if found[0].startswith("GPU") else found[:1]


def replicas(experiment: Experiment, hosts: Sequence[str] = ()) -> list[str] | None:
    """The devices that an experiment is spread over, here or on these hosts; None where it asks for none."""
    if experiment.distribute != "mirrored":
        return None
    return [f"{host} {device}" for host in hosts for device in of_a_host()] if hosts else devices()


@dataclass(frozen=True, slots=True)
class Mirrored:
    """On several devices."""

    strategy: Any
    count: int
    parts: int = 1  # on each device
    first: int = 0  # the place of this process's first device among all
    in_step: bool = False

    @classmethod
    def on(cls, devices: Sequence[str]) -> Mirrored:
        """On these; TensorFlow is started."""
        import tensorflow as tf

        # Of processors, TensorFlow's collective operations fail in all later runs of a process once one has failed.
        plain = all(device.startswith("CPU") for device in devices)
        sums = tf.distribute.ReductionToOneDevice() if plain else None
        return cls(tf.distribute.MirroredStrategy(devices, cross_device_ops=sums), len(devices))

    def scope(self) -> AbstractContextManager[Any]:
        """Where the variables of the model are made: one on each device."""
        scope: AbstractContextManager[Any] = self.strategy.scope()
        return scope

    def run(self, model: Any, step: shards.Step, batch: tuple[Any, ...]) -> Any:
        """Do a step of the model on a batch, each device its part, while it is traced; returns the model's output."""
        x, *rest = batch
        parts = shards.cut(x, self.count)  # a short batch stays whole, and is each device's

        def on_device() -> None:
            step((parts[_device() % len(parts)], *rest))

        lengths = [part.shape[0] for part in parts] if len(parts) > 1 else []
        with _as_one(model, lengths, self.first) as outputs:
            self.strategy.run(on_device)
        return outputs[0]

    def together(self, engine: Any, do: str, epoch: int = 0) -> AbstractContextManager[None]:
        """See Spread."""
        return contextlib.nullcontext()

    @contextlib.contextmanager
    def epoch(self, model: Any) -> Iterator[None]:
        """Within it, devices draw other random numbers; at its end they know the same of the data again."""
        weights = {id(variable) for variable in model.non_trainable_weights}
        for state in model.non_trainable_variables:
            if id(state) not in weights:  # of a random generator: its seed, and how often it was asked
                copies = self.strategy.experimental_local_results(state.value)
                seed, asked = copies[0].numpy()
                for device, copy in enumerate(copies, self.first):
                    copy.assign([seed + _STRIDE * device, asked])
        yield
        # Moving averages are linear in what they are of: their mean now is what the mean at each step would give.
        for variable in model.non_trainable_weights:
            first, *others = (copy.numpy() for copy in self.strategy.experimental_local_results(variable.value))
            if any((other != first).any() for other in others):
                variable.assign(sum(others, first) / (1 + len(others)))


@contextlib.contextmanager
def _as_one(model: Any, lengths: Sequence[int], first: int) -> Iterator[list[Any]]:
    """Have devices that each call the model on a part of so many examples (none: on all) act as one in this scope.

    Yields the list of the model's outputs for the whole batch, one for each call on the `first` device of this process.
    """
    import tensorflow as tf

    whole, count, optimizer = model.call, model.compute_metrics, model.optimizer
    apply, total = optimizer.apply_gradients, optimizer._all_reduce_sum_gradients
    [loss, *_] = model.metrics
    add = loss.update_state
    given: list[Any] = []

    def call(x: Any, **how: Any) -> Any:
        outputs = whole(x, **how)
        if lengths:
            before, after = sum(lengths[: _device()]), sum(lengths[_device() + 1 :])
            padded = tf.pad(outputs, [[before, after]] + [[0, 0]] * (outputs.shape.rank - 1))
            outputs = tf.distribute.get_replica_context().all_reduce("SUM", padded)
        if _device() == first:
            given.append(outputs)
        return outputs

    def compute_metrics(*batch: Any, **more: Any) -> Any:
        return {} if _device() else count(*batch, **more)  # else each example would count once a device

    def update_state(value: Any, sample_weight: Any) -> None:
        if lengths or _device() == 0:  # of parts, each device counts its examples
            add(value, sample_weight=sample_weight)

    model.call, model.compute_metrics, loss.update_state = call, compute_metrics, update_state
    optimizer.apply_gradients = lambda pairs: apply(total(pairs))
    optimizer._all_reduce_sum_gradients = list  # they are the sums
    try:
        yield given
    finally:
        del model.call, model.compute_metrics, loss.update_state
        del optimizer.apply_gradients, optimizer._all_reduce_sum_gradients


def _device() -> int:
    """The place of the device that is being traced for."""
    import tensorflow as tf

    return int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group))
