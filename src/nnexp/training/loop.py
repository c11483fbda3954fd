"""The training loop: a generator of epochs, so that saving and showing stay outside."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nnexp.profile import Mark, Progress, unmarked
from nnexp.training.engine import Engine, Evaluator, Logs, epoch_order


@dataclass(frozen=True, slots=True)
class EpochResult:
    """What one epoch gave."""

    epoch: int  # from 1
    logs: Logs  # loss, metrics, val_*, learning_rate where a callback logs it
    seconds: float
    diverged: bool  # its loss is no finite number
    stop: bool  # a callback asked to stop, or the run diverged and is to stop


def epochs(
    model: Any,
    engine: Engine,
    callbacks: Any,
    *,
    first: int,
    last: int,
    seed: int,
    examples: int,
    steps: int,
    validation: tuple[Any, Any] | None,
    evaluator: Evaluator,
    stop_on_divergence: bool,
    progress: Progress,
    mark: Mark = unmarked,
) -> Iterator[EpochResult]:
    """Train from epoch `first` to `last` (from 1, inclusive), yielding each epoch's result as it ends.

    `callbacks` is a keras CallbackList with a History, which knows that training has begun; `validation` is (x, y) as
    the model and its loss take them.
    """
    for epoch in range(first, last + 1):
        begun = time.perf_counter()

        def on_progress(step: int, logs: Logs, epoch: int = epoch) -> None:
            progress(epoch, step, steps, logs)

        progress(epoch, 0, steps, {})  # the first epoch compiles before its first step
        callbacks.on_epoch_begin(epoch - 1)
        with evaluator.spread.together(engine, "epoch", epoch):
            logs = dict(engine.train_epoch(epoch_order(seed, epoch, examples), on_progress))
        diverged = not math.isfinite(logs["loss"])
        if validation is not None:
            mark("training/validation")
            callbacks.on_test_begin()
            with evaluator.spread.together(engine, "validation"):
                held_out, _ = evaluator.evaluate(*validation)
            callbacks.on_test_end(held_out)
            logs |= {f"val_{name}": value for name, value in held_out.items()}
        mark("training/callbacks")
        callbacks.on_epoch_end(epoch - 1, logs)
        # Callbacks may add to the logs, as ReduceLROnPlateau does; Keras' History, the last of them, has it all.
        logs |= {name: float(values[-1]) for name, values in model.history.history.items()}
        stop = bool(model.stop_training) or (diverged and stop_on_divergence)
        yield EpochResult(epoch, logs, time.perf_counter() - begun, diverged, stop)
        if stop or model.stop_training:  # whoever took the result may have had enough
            return
