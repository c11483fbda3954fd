"""Engines: how the steps of an epoch are executed. None rewrites Keras' maths; all call Keras' own `train_step`.

    xla      one XLA program runs many steps in a loop, on data that are resident, or come in portions from disk
    graph    the same loop as a TensorFlow graph: faster than XLA on a CPU for convolutions and random layers
    keras    Keras' own batch-by-batch training, for what needs a hook at each batch

Keras' private names that this rests on are used in this file and mirrored.py only; the parity tests fail when Keras
moves them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nnexp.data.rows import batches
from nnexp.errors import Reason
from nnexp.training import shards, stream

Logs = dict[str, float]
OnProgress = Callable[[int, Logs], None]

# Progress is told about four times a second; more chunks cost time, fewer look stuck.
CHUNK_SECONDS = 0.25
# Compiling with XLA costs about a second more than a graph does and wins it back at this many steps.
XLA_PAYS_AFTER = 1500


class Engine(Protocol):
    """Executes epochs for a compiled model whose training data it holds."""

    name: str
    reason: str
    callbacks: Any
    model: Any
    steps_a_call: int

    def train_epoch(self, order: NDArray[np.int32], on_progress: OnProgress) -> Logs:
        """One pass over the training set in `order` (shape [n]); returns loss and metrics of the epoch."""
        ...

    def feed(self, x: Any, y: Any, sample_weight: Any = None) -> None:
        """Train on other data of the same shapes from now on; what is compiled is kept."""
        ...


def choose(model: Any, engine: str, *, steps: int, needs_batches: str = "", devices: int = 1) -> tuple[str, Reason]:
    """The engine for a model and the reason; `steps` is the number of optimizer steps of the whole run.

    `needs_batches` names a callback that acts at each batch. The rule was measured on CPUs: docs/engine.md.
    """
    if devices > 1:
        return "graph", f"a program of XLA runs on one device, and each batch is spread over {devices}"
    if needs_batches:
        return "keras", f"the callback {needs_batches} acts at each batch"
    if engine != "auto":
        return engine, "asked for"
    layers = list(model._flatten_layers())
    if slow := next((layer for layer in layers if _slow_in_xla(layer)), None):
        return "graph", f"TensorFlow's own loop: compiled by XLA, {slow.name} would be slower"
    if steps < XLA_PAYS_AFTER:
        return "graph", f"TensorFlow's own loop: {steps:,} steps are too few to be worth compiling with XLA"
    return "xla", "all steps in one program that XLA compiles, the fastest for these layers"


def _slow_in_xla(layer: Any) -> bool:
    kind = type(layer).__name__
    unrolled = bool(getattr(layer, "unroll", False))  # the steps of a sequence one by one, each compiled for itself
    return not layer.supports_jit or "Conv" in kind or "Pool" in kind or unrolled or _is_random(layer)


def _is_random(layer: Any) -> bool:
    """Whether a layer draws numbers as it trains: recurrent ones always could, and do with a rate of dropout."""
    rates = [getattr(layer, name) for name in ("dropout", "recurrent_dropout") if hasattr(layer, name)]
    return bool(getattr(layer, "_seed_generators", ())) and (any(rates) or not rates)


class CompiledEngine:
    """Runs many `train_step`s in one compiled loop (`xla` and `graph`)."""

    callbacks: Any = None  # batch hooks are never called

    def __init__(
        self,
        model: Any,
        x: Any,
        y: Any,
        batch_size: int,
        name: str,
        reason: str = "",
        sample_weight: Any = None,
        spread: shards.Spread = shards.WHOLE,
    ) -> None:
        """x: [n, ...] raw examples (may stay uint8, or in their file); y: [n] or [n, k]; sample_weight: [n] or None."""
        self.spread = spread
        self.model, self.name, self.reason = model, name, reason
        self.batch_size, self.examples = batch_size, len(x)
        self.steps, self.rest = divmod(self.examples, batch_size)
        self.feed(x, y, sample_weight)
        build(model, self._gather(*self.source.single(np.arange(min(2, self.examples), dtype=np.int32))))
        self._compile()
        self.steps_a_call = max(1, self.steps // 20)
        self._warm = False

    def feed(self, x: Any, y: Any, sample_weight: Any = None) -> None:
        """Train on other data of the same shapes from now on; what is compiled is kept."""
        self.source = stream.source([array for array in (x, y, sample_weight) if array is not None], self.batch_size)

    def _compile(self) -> None:
        import tensorflow as tf

        self._loop = tf.function(self._run_steps, jit_compile=self.name == "xla", autograph=False)
        # The last partial batch runs once an epoch: not worth a second XLA compile.
        self._single = tf.function(self._run_batch, autograph=False)

    def _gather(self, data: Any, index: Any) -> Any:
        import tensorflow as tf

        return tuple(tf.gather(array, index) for array in data)

    def _run_steps(self, data: Any, order: Any, start: Any, stop: Any) -> Any:
        import tensorflow as tf

        def body(step: Any) -> Any:
            index = tf.ensure_shape(order[step], [self.batch_size])
            self._step(data, index)
            return step + 1

        tf.while_loop(lambda step: step < stop, body, (start,), parallel_iterations=1)
        return self.model.get_metrics_result()

    def _run_batch(self, data: Any, index: Any) -> Any:
        self._step(data, index)
        return self.model.get_metrics_result()

    def _step(self, data: Any, index: Any) -> None:
        self.spread.run(self.model, self.model.train_step, self._gather(data, index))

    def train_epoch(self, order: NDArray[np.int32], on_progress: OnProgress) -> Logs:
        """One pass over the training set in `order` (shape [n]); returns loss and metrics of the epoch."""
        with self.spread.epoch(self.model):
            return self._train_epoch(order, on_progress)

    def _train_epoch(self, order: NDArray[np.int32], on_progress: OnProgress) -> Logs:
        self.model.reset_metrics()
        full = self.steps * self.batch_size
        logs: Logs = {}
        done, steps_a_call = 0, self.steps_a_call
        for portion in self.source.portions(order[:full].reshape(self.steps, self.batch_size)):
            step = 0
            while step < portion.steps:
                stop = min(portion.steps, step + steps_a_call)
                begun = time.perf_counter()
                logs = self._chunk(portion, step, stop)
                seconds = time.perf_counter() - begun
                # The first chunk's time is mostly the compiler's. Where all are of one length, a rest sets no pace.
                if self._warm and not (self.spread.in_step and stop - step < steps_a_call):
                    self._pace(stop - step, seconds)
                    steps_a_call = steps_a_call if self.spread.in_step else self.steps_a_call
                self._warm = True
                step = stop
                on_progress(done + step, logs)
            done += portion.steps
        if self.rest:
            logs = _floats(self._single(*self.source.single(order[full:])))
            on_progress(done + 1, logs)
        return logs

    def _chunk(self, portion: stream.Portion, start: int, stop: int) -> Logs:
        import tensorflow as tf

        arguments = portion.data, portion.batches, tf.constant(start), tf.constant(stop)
        try:
            return _floats(self._loop(*arguments))
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            # An op without an XLA kernel is refused at compile time, before any state has changed.
            if self.name != "xla" or self._warm:
                raise
            why: Reason = f"XLA cannot compile this model: {_first_line(error)}"
            self.name, self.reason = "graph", why
            self._compile()
            return _floats(self._loop(*arguments))

    def _pace(self, steps: int, seconds: float) -> None:
        """Aim the next chunk at CHUNK_SECONDS. Where chunks end changes no bit of the result."""
        wanted = round(steps * CHUNK_SECONDS / max(seconds, 1e-6))
        self.steps_a_call = min(max(wanted, 1), 2 * steps)


class KerasEngine:
    """Keras' own compiled step, a batch at a time, with the batch hooks of its callbacks."""

    callbacks: Any = None  # a keras CallbackList, for its batch hooks
    steps_a_call = 1

    def __init__(
        self, model: Any, x: Any, y: Any, batch_size: int, name: str, reason: str = "", sample_weight: Any = None
    ) -> None:
        """x: [n, ...] raw examples; y: [n] or [n, k]; sample_weight: [n] or None."""
        self.model, self.name, self.reason = model, name, reason
        self.batch_size = batch_size
        self.feed(x, y, sample_weight)
        build(model, tuple(array[:2] for array in (x, y, sample_weight) if array is not None))

    def feed(self, x: Any, y: Any, sample_weight: Any = None) -> None:
        """Train on other data of the same shapes from now on."""
        self.x, self.y, self.sample_weight = x, y, sample_weight

    def train_epoch(self, order: NDArray[np.int32], on_progress: OnProgress) -> Logs:
        """One pass over the training set in `order` (shape [n]); returns loss and metrics of the epoch."""
        self.model.reset_metrics()
        self.model.make_train_function()
        logs: Logs = {}
        told = time.perf_counter()
        for step in range(math.ceil(len(order) / self.batch_size)):
            index = order[step * self.batch_size : (step + 1) * self.batch_size]
            if self.callbacks is not None:
                self.callbacks.on_train_batch_begin(step)
            batch = tuple(None if array is None else array[index] for array in (self.x, self.y, self.sample_weight))
            # As train_on_batch, which would reset the metrics at each batch.
            logs = _floats(self.model.train_function(iter([batch])))
            if self.callbacks is not None:
                self.callbacks.on_train_batch_end(step, dict(logs))
            if time.perf_counter() - told > CHUNK_SECONDS:
                told = time.perf_counter()
                on_progress(step + 1, logs)
            if self.model.stop_training:
                break
        return logs


class Evaluator:
    """Loss, metrics and predictions of a model on held-out data, compiled once for every size of batch."""

    def __init__(self, model: Any, spread: shards.Spread = shards.WHOLE) -> None:
        import tensorflow as tf

        self.model, self.spread = model, spread
        self._test = tf.function(self._run_batch, reduce_retracing=True, autograph=False)
        self._peaks: tuple[Sequence[Any], Any] = (), None  # of these layers, compiled

    def _run_batch(self, batch: Any) -> Any:
        return self.spread.run(self.model, self.model.test_step, batch)

    def evaluate(self, x: Any, y: Any) -> tuple[Logs, NDArray[np.float32]]:
        """Loss and metrics over all of x: [n, ...] and y: [n] or [n, k], and the model's output for x: [n, ...]."""
        self.model.reset_metrics()
        outputs = [self._test((_tensor(x[part]), _tensor(y[part]))) for part in batches(x)]
        return _floats(self.model.get_metrics_result()), np.concatenate([np.asarray(output) for output in outputs])

    def largest_outputs(self, layers: Sequence[Any], x: Any) -> list[NDArray[np.float32]]:
        """For each layer the largest output of each unit (or channel) over all of x: [n, ...]; shape [units]."""
        if self._peaks[0] != layers:
            self._peaks = layers, self._compiled_peaks(layers)
        parts = [self._peaks[1](_tensor(x[part])) for part in batches(x)]
        return [np.max([np.asarray(part) for part in peak], axis=0) for peak in zip(*parts, strict=True)]

    def _compiled_peaks(self, layers: Sequence[Any]) -> Any:
        import keras
        import tensorflow as tf

        probe = keras.Model(self.model.inputs, [layer.output for layer in layers])

        def largest(part: Any) -> Any:
            outputs = tf.nest.flatten(probe(part, training=False))
            return [tf.reduce_max(output, axis=list(range(output.shape.rank - 1))) for output in outputs]

        def peaks(batch: Any) -> Any:
            found = [largest(part) for part in shards.cut(batch, self.spread.parts)]
            return [tf.reduce_max(peak, axis=0) for peak in zip(*found, strict=True)]

        return tf.function(peaks, reduce_retracing=True, autograph=False)


def epoch_order(seed: int, epoch: int, examples: int) -> NDArray[np.int32]:
    """The order of the training examples in an epoch (from 1): a permutation of range(examples), fresh each epoch.

    Derived from seed and epoch alone, so that a resumed run meets the same batches.
    """
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch])))
    return generator.permutation(examples).astype(np.int32)


def build(model: Any, batch: Any) -> None:
    """Build layers, metrics, loss and optimizer slots, as `fit` does before its first step."""
    model._symbolic_build(data_batch=batch)


def _tensor(array: Any) -> Any:
    import tensorflow as tf

    return tf.convert_to_tensor(array)


def _floats(logs: Mapping[str, Any]) -> Logs:
    return {name: float(value) for name, value in logs.items()}


def _first_line(error: Exception) -> str:
    return str(getattr(error, "message", error)).strip().split("\n")[0][:200]
