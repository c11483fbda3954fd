"""An epoch of nnexp: python -m benchmarks.engines PIPE DATASET EXAMPLES FAMILY auto [ENGINE...]."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.families import BATCH, FAMILIES
from benchmarks.peers.turns import Variant, take_turns
from nnexp.config.experiment import parse_experiment
from nnexp.config.loading import parse_config
from nnexp.data.datasets import DATASETS, load
from nnexp.data.splits import Splits
from nnexp.training.session import Session

# More than any sitting has rounds, and few enough that `auto` weighs up a run of ordinary length.
_EPOCHS = 100


def variant(dataset_name: str, examples: int, family: str, engine: str, folder: str) -> Variant:
    """A session of its own that trains on, an epoch at a time, as `nnexp run` does: from bytes, all hooks in place."""
    dataset = DATASETS[dataset_name]
    text = f"dataset: {dataset.name}\nlayers: {FAMILIES[family].layers}\nbatch_size: {BATCH}\nepochs: {_EPOCHS}\n"
    experiment = replace(parse_experiment(parse_config(text, family), "benchmark"), engine=engine)
    arrays = load(dataset)
    splits = Splits(arrays.x_train[:examples], arrays.y_train[:examples], None, None, arrays.x_test, arrays.y_test, "")
    session = Session(experiment, splits, dataset)
    epochs = session.train(Path(folder), lambda epoch, step, steps, logs: None)

    def train() -> None:
        next(epochs)

    return session.engine.name if engine == "auto" else "", train, lambda: session.evaluate()[1]["accuracy"]


if __name__ == "__main__":
    _, _, dataset_name, examples, family, *engines = sys.argv
    with tempfile.TemporaryDirectory(prefix="nnexp-") as folder:
        take_turns(
            {f"nnexp, {engine}": variant(dataset_name, int(examples), family, engine, folder) for engine in engines}
        )
