"""An epoch in nnexp's engines against an epoch of stock `model.fit`, on real Fashion-MNIST images."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.figures import Result, Row, Samples, interleaved

STOCK = "stock model.fit"
BATCH = 64
Epoch = Callable[[], tuple[float, float]]  # trains one; wall and CPU seconds


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of model; `examples` of the training set are enough to time it."""

    layers: str
    examples: int = 12_800
    bar: float | None = None


def _stack(*layers: str) -> str:
    return f"[{', '.join(layers)}, {{dense: {{units: 10, activation: softmax}}}}]"


def _dense(units: int, activation: str) -> str:
    return f"{{dense: {{units: {units}, activation: {activation}}}}}"


def _regularized(units: int) -> str:
    return f"{{dense: {units}}}, batch_normalization, {{activation: relu}}, {{dropout: 0.3}}"


def _convolution(filters: int) -> str:
    return f"{{conv2d: {{filters: {filters}, kernel_size: 3, activation: relu}}}}"


FAMILIES = {
    "784-128-10": Family(_stack("flatten", _dense(128, "sigmoid")), 60_000, 0.2),
    "784-1024-10": Family(_stack("flatten", _dense(1024, "sigmoid"))),
    "784-256-128-64-10": Family(_stack("flatten", *(_dense(units, "relu") for units in (256, 128, 64)))),
    "784-256-128-10, BatchNorm and Dropout": Family(_stack("flatten", _regularized(256), _regularized(128))),
    "CNN 32-64-128": Family(
        _stack(
            "{reshape: {target_shape: [28, 28, 1]}}",
            *(_convolution(32), "max_pooling2d", _convolution(64), "max_pooling2d", _convolution(128), "flatten"),
        ),
        1_920,
    ),
}


def benchmark(rounds: int | None, everything: bool) -> Iterator[Result]:
    """A table a family, each measured in a process of its own; `everything` adds the engines that auto did not take."""
    for name, family in FAMILIES.items():
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
            samples, picked = fresh.submit(_measure, name, rounds or 5, everything).result()
        bars = {} if family.bar is None else {"epoch": family.bar}
        rows = [
            Row(engine, measured, {} if engine == STOCK else bars, "picked by auto" if engine == picked else "")
            for engine, measured in samples.items()
        ]
        yield Result(
            f"epoch: {name}; {family.examples:,} images, {-(-family.examples // BATCH)} steps of {BATCH}", rows
        )


def _measure(name: str, rounds: int, everything: bool) -> tuple[dict[str, Samples], str]:
    """Samples of stock fit and of the engines, and the engine that auto picks."""
    from nnexp.config.experiment import parse_experiment
    from nnexp.config.loading import parse_config
    from nnexp.data.datasets import DATASETS, load
    from nnexp.data.splits import Splits
    from nnexp.training.session import Session

    family, dataset = FAMILIES[name], DATASETS["fashion_mnist"]
    text = f"dataset: {dataset.name}\nlayers: {family.layers}\nbatch_size: {BATCH}\nepochs: 100\n"
    experiment = parse_experiment(parse_config(text, name), "benchmark")
    arrays = load(dataset)
    x, y = arrays.x_train[: family.examples], arrays.y_train[: family.examples]
    splits = Splits(x, y, None, None, arrays.x_test, arrays.y_test, "")
    sessions = {"auto": Session(experiment, splits, dataset)}
    picked = sessions["auto"].engine.name
    if everything:
        sessions |= {
            engine: Session(replace(experiment, engine=engine), splits, dataset)
            for engine in ("xla", "graph", "keras")
            if engine != picked
        }
    cases: dict[str, Epoch] = {STOCK: _stock(experiment, x, y)}
    cases |= {session.engine.name: _engine(session, len(x)) for session in sessions.values()}
    first = {case: [epoch()[0]] for case, epoch in cases.items()}  # compiles
    samples = interleaved(rounds, {case: _times(epoch) for case, epoch in cases.items()})
    return {case: measured | {"first": first[case]} for case, measured in samples.items()}, picked


def _times(epoch: Epoch) -> Callable[[], dict[str, float]]:
    def measure() -> dict[str, float]:
        wall, cpu = epoch()
        return {"epoch": wall, "cpu": cpu}

    return measure


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(begun: tuple[float, float]) -> tuple[float, float]:
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


def _engine(session: Any, examples: int) -> Epoch:
    from nnexp.training.engine import epoch_order

    epochs = iter(range(1, 1_000_000))

    def epoch() -> tuple[float, float]:
        begun = _now()
        session.engine.train_epoch(epoch_order(42, next(epochs), examples), lambda step, logs: None)
        return _since(begun)

    return epoch


def _stock(experiment: Any, x: Any, y: Any) -> Epoch:
    """Keras as its guides show it. In its favour: float32 made beforehand, nothing printed, epochs timed inside fit."""
    import keras

    from nnexp.training.model import build

    model = build(experiment, x.shape[1:], None)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    floats = x.astype("float32") / 255
    times: list[tuple[float, float]] = []
    timer = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: times.append(_now()),
        on_epoch_end=lambda epoch, logs: times.append(_since(times.pop())),
    )

    def epoch() -> tuple[float, float]:
        model.fit(floats, y, batch_size=BATCH, epochs=1, verbose=0, callbacks=[timer])
        return times.pop()

    return epoch
