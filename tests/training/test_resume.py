"""Training that goes on from a checkpoint comes to the very same weights, figures and files."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from test_parity_optimizers import NEEDS, OPTIONS, SCHEDULES

from nnexp.config import catalog
from nnexp.config.experiment import Experiment
from nnexp.data.content import Arrays
from nnexp.data.datasets import DATASETS
from nnexp.data.splits import Splits, split
from nnexp.errors import RunError
from nnexp.runs import checkpoint
from nnexp.runs.checkpoint import Checkpoint
from nnexp.training import backend
from nnexp.training.session import Done, Session
from nnexp.training.state import State

backend.prepare(threads=2)

EPOCHS = 4
MLP = "flatten, {dense: {units: 8, activation: relu}}"
RANDOM = f"{MLP}, {{dropout: 0.3}}, {{gaussian_noise: 0.1}}, batch_normalization"
LAYERS = {
    "dropouts": f"{MLP}, {{dropout: 0.3}}, {{alpha_dropout: 0.2}}, {{gaussian_dropout: 0.2}}, {{gaussian_noise: 0.1}}",
    "spatial_dropout": (
        "{reshape: [8, 8, 1]}, {conv2d: {filters: 4, kernel_size: 3}}, {spatial_dropout2d: 0.3}, flatten"
    ),
    "batch_normalization": f"{MLP}, batch_normalization",
    "spectral_normalization": "flatten, {spectral_normalization: {layer: {dense: {units: 8}}}}",
    "recurrent_dropout": "{lstm: {units: 6, dropout: 0.2, recurrent_dropout: 0.2}}",
    "augmentation": "{reshape: [8, 8, 1]}, {random_translation: {height_factor: 0.1, width_factor: 0.1}}, flatten",
    "attention_dropout": "{multi_head_attention: {num_heads: 2, key_dim: 4, dropout: 0.2}}, flatten",
}
# Each such that what it remembers from the first two epochs decides about the others: nothing improves by 100.
CALLBACKS = {
    "early_stopping": "{early_stopping: {monitor: val_loss, patience: 2, min_delta: 100, restore_best_weights: true}}",
    "stopped_early": "{early_stopping: {monitor: val_loss, patience: 1, min_delta: 100, restore_best_weights: true}}",
    "reduce_lr_on_plateau": "{reduce_lr_on_plateau: {monitor: val_loss, patience: 0, min_delta: 0.5, cooldown: 1}}",
    "model_checkpoint": (
        "{model_checkpoint: {filepath: a.weights.h5, mode: max, save_weights_only: true, save_best_only: true}}"
    ),
    "stop_when": "{stop_when: loss < 100}",
    "csv_logger": "{csv_logger: log.csv}",
    "swap_ema_weights": "{swap_ema_weights: true}",
}


@pytest.fixture(scope="module")
def splits() -> Splits:
    x, y = load_digits(return_X_y=True)
    x, y = x.reshape(-1, 8, 8)[:500].astype("float32"), y[:500].astype("int32")
    return split(Arrays(x[:400], y[:400], x[400:], y[400:]), 0.2, 7)


@dataclass(frozen=True)
class Trained:
    """All that training leaves."""

    variables: list[bytes]
    predictions: bytes
    logs: list[dict[str, float]]
    reason: str
    files: dict[str, bytes]


def trained(described: Experiment, splits: Splits, folder: Path, done: Done | None = None, save: int = 0) -> Trained:
    """Train, after what was `done`; write a checkpoint at the end of epoch `save`."""
    folder.mkdir(exist_ok=True)
    session = Session(described, splits, DATASETS["digits"])
    logs, reason = [], ""
    for result in session.train(folder, lambda *_: None, done):
        logs.append({name: value for name, value in result.logs.items() if name != "seconds"})
        if result.stop:
            reason = session.stop_reason(result.epoch)
        if result.epoch == save:
            state = session.state()
            history = [{"epoch": epoch, "loss": 1.0} for epoch in range(1, save + 1)]
            parts = {"stopped": None, "diverged_at": None, "timings": {}, "history": history, "stop": result.stop}
            checkpoint.write(
                folder / "checkpoint",
                Checkpoint(epoch=save, logs=result.logs, training=state.plain, arrays=state.arrays, **parts),
            )
    variables = [*session.model.variables, *session.model.optimizer.variables]
    return Trained(
        [np.asarray(variable.numpy()).tobytes() for variable in variables],
        session.evaluator.evaluate(splits.x_test, splits.y_test)[1].tobytes(),
        logs,
        reason,
        {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()},
    )


def assert_goes_on_to_the_same(described: Experiment, splits: Splits, folder: Path, save: int = 2) -> None:
    whole = trained(described, splits, folder / "whole", save=save)
    found = checkpoint.latest(folder / "whole" / "checkpoint")
    assert found is not None
    done = Done(found.epoch, dict(found.logs), found.stop, State(found.training, found.arrays))
    shutil.copytree(folder / "whole", folder / "rest")  # as far as its files go, it was cut off at the last moment
    rest = trained(described, splits, folder / "rest", done)
    assert rest.logs == whole.logs[save:]
    assert rest.variables == whole.variables
    assert rest.predictions == whole.predictions
    assert rest.files == whole.files
    if not found.stop:
        assert rest.reason == whole.reason


def case(experiment: Any, **keys: object) -> Experiment:
    lines = {"dataset": "digits", "threads": 2, "epochs": EPOCHS, "batch_size": 32, "validation": 0.2, **keys}
    layers = lines.pop("layers", MLP)
    text = "".join(f"{key}: {value}\n" for key, value in lines.items())
    described: Experiment = experiment(f"layers: [{layers}, {{dense: {{units: 10, activation: softmax}}}}]\n{text}")
    return described


@pytest.mark.parametrize("engine", ["xla", "graph", "keras"])
def test_each_engine_goes_on_to_the_same_result(experiment: Any, splits: Splits, tmp_path: Path, engine: str) -> None:
    callbacks = ", ".join(CALLBACKS[name] for name in ("early_stopping", "reduce_lr_on_plateau", "csv_logger"))
    described = case(experiment, layers=RANDOM, engine=engine, callbacks=f"[{callbacks}]")
    assert_goes_on_to_the_same(described, splits, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*catalog.names("optimizers"), *OPTIONS])
def test_each_optimizer_goes_on_to_the_same_result(experiment: Any, splits: Splits, tmp_path: Path, name: str) -> None:
    optimizer = OPTIONS.get(name) or NEEDS.get(name, name)
    assert_goes_on_to_the_same(case(experiment, optimizer=optimizer, engine="graph"), splits, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", catalog.names("schedules"))
def test_each_schedule_goes_on_to_the_same_result(experiment: Any, splits: Splits, tmp_path: Path, name: str) -> None:
    optimizer = f"{{sgd: {{learning_rate: {{{name}: {SCHEDULES[name]}}}}}}}"
    assert_goes_on_to_the_same(case(experiment, optimizer=optimizer, engine="graph"), splits, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_each_layer_with_a_memory_goes_on_to_the_same_result(
    experiment: Any, splits: Splits, tmp_path: Path, name: str
) -> None:
    assert_goes_on_to_the_same(case(experiment, layers=LAYERS[name], engine="graph"), splits, tmp_path)


@pytest.mark.parametrize("name", CALLBACKS)
def test_each_callback_goes_on_to_the_same_result(experiment: Any, splits: Splits, tmp_path: Path, name: str) -> None:
    optimizer = "{adam: {use_ema: true}}" if name == "swap_ema_weights" else "adam"
    described = case(experiment, callbacks=f"[{CALLBACKS[name]}]", optimizer=optimizer, engine="graph")
    save = 1 if name == "stop_when" else 2
    assert_goes_on_to_the_same(described, splits, tmp_path, save)


def test_best_weights_of_a_type_that_numpy_lacks_are_restored(experiment: Any, splits: Splits, tmp_path: Path) -> None:
    layers = "flatten, {dense: {units: 8, dtype: bfloat16}}"
    described = case(experiment, layers=layers, callbacks=f"[{CALLBACKS['stopped_early']}]", engine="graph")
    assert_goes_on_to_the_same(described, splits, tmp_path)


def test_a_forged_checkpoint_cannot_say_where_callbacks_write(experiment: Any, splits: Splits, tmp_path: Path) -> None:
    described = case(experiment, callbacks=f"[{CALLBACKS['model_checkpoint']}]", engine="graph")
    trained(described, splits, tmp_path / "run", save=2)
    found = checkpoint.latest(tmp_path / "run" / "checkpoint")
    assert found is not None
    [remembered] = found.training["callbacks"]
    ours, victim = tmp_path / "run" / "a.weights.h5", tmp_path / "victim.weights.h5"
    ours.unlink()
    forged = {**found.training, "callbacks": [{**remembered, "filepath": str(victim), "best": -1e9}]}
    done = Done(found.epoch, dict(found.logs), found.stop, State(forged, found.arrays))
    trained(described, splits, tmp_path / "run", done)
    assert ours.exists()
    assert not victim.exists()


def test_a_checkpoint_of_another_model_is_refused(experiment: Any, splits: Splits, tmp_path: Path) -> None:
    trained(case(experiment, epochs=1, engine="graph"), splits, tmp_path / "one", save=1)
    found = checkpoint.latest(tmp_path / "one" / "checkpoint")
    assert found is not None
    done = Done(found.epoch, dict(found.logs), found.stop, State(found.training, found.arrays))
    with pytest.raises(RunError, match="another model"):
        trained(case(experiment, layers="flatten, {dense: 9}", engine="graph"), splits, tmp_path / "other", done)
