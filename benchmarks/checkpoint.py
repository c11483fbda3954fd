"""What a checkpoint adds to an epoch of the main job, when one is written after each."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.environments import ROOT
from benchmarks.figures import Asked, Bar, Result, Row, Samples, interleaved

WITHOUT, WITH = "an epoch", "an epoch and a checkpoint"


def benchmark(asked: Asked) -> Iterator[Result]:
    """The same model trains on; every other epoch ends with a checkpoint on this directory's disk."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
        samples = fresh.submit(_measure, asked.rounds_or(20)).result()
    rows = [Row(name, measured) for name, measured in samples.items()]
    title = "a checkpoint after each epoch: configs/fashion_sigmoid128.yaml"
    yield Result("checkpoint", title, rows, [Bar(WITH, "epoch", 1.03, WITHOUT)])


def _measure(rounds: int) -> dict[str, Samples]:
    from nnexp.config.experiment import load_experiment
    from nnexp.data.datasets import DATASETS, load
    from nnexp.data.splits import split
    from nnexp.runs import checkpoint
    from nnexp.runs.checkpoint import Checkpoint
    from nnexp.training.engine import epoch_order
    from nnexp.training.session import Session
    from nnexp.training.state import Keeper

    experiment = load_experiment(ROOT / "configs/fashion_sigmoid128.yaml")
    dataset = DATASETS[experiment.dataset.name]
    splits = split(load(dataset), experiment.validation, experiment.seed)
    session = Session(experiment, splits, dataset)
    keeper = Keeper(session.model, [])
    epochs = iter(range(1, 1_000_000))

    def train() -> tuple[int, dict[str, float]]:
        epoch = next(epochs)
        return epoch, session.engine.train_epoch(epoch_order(42, epoch, len(splits.x_train)), lambda step, logs: None)

    def with_checkpoint(folder: Path) -> None:
        epoch, logs = train()
        state = keeper.take()
        history = [{"epoch": 1 + row, **logs} for row in range(epoch)]
        checkpoint.write(folder, Checkpoint(epoch, False, logs, history, None, None, {}, state.plain, state.arrays))

    def timed(do: object, *arguments: object) -> dict[str, float]:
        assert callable(do)
        begun = time.perf_counter()
        do(*arguments)
        return {"epoch": time.perf_counter() - begun}

    with tempfile.TemporaryDirectory(dir=".", prefix=".benchmark-") as folder:
        with_checkpoint(Path(folder))  # compiles
        cases = {WITHOUT: lambda: timed(train), WITH: lambda: timed(with_checkpoint, Path(folder))}
        return interleaved(rounds, cases, notes=[])
