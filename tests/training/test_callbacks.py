"""Callbacks: Keras' own by name, `stop_when`, and why training stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnexp.config.batches import needs_batches
from nnexp.config.experiment import Experiment
from nnexp.data.datasets import DATASETS, load
from nnexp.data.splits import split
from nnexp.training import backend
from nnexp.training.loop import EpochResult
from nnexp.training.session import Session

backend.prepare(threads=2)

LAYERS = "[flatten, dense: {units: 8, activation: relu}, dense: {units: 10, activation: softmax}]"


def describe(experiment: Any, callbacks: str, **keys: object) -> Experiment:
    lines = {"dataset": "digits", "layers": LAYERS, "threads": 2, "callbacks": callbacks, **keys}
    return experiment("".join(f"{key}: {value}\n" for key, value in lines.items()))  # type: ignore[no-any-return]


def train(described: Experiment, folder: Path) -> tuple[list[EpochResult], Session]:
    dataset = DATASETS["digits"]
    splits = split(load(dataset), described.validation, described.seed)
    session = Session(described, splits, dataset)
    return list(session.train(folder, lambda *_: None)), session


def test_stop_when_stops_after_the_first_epoch_that_meets_it(experiment: Any, tmp_path: Path) -> None:
    described = describe(experiment, "[stop_when: accuracy > 0.5]", epochs=30)
    results, session = train(described, tmp_path)
    accuracies = [result.logs["accuracy"] for result in results]
    assert 1 < len(results) < 30
    assert max(accuracies[:-1]) <= 0.5 < accuracies[-1]
    assert [result.stop for result in results] == [False] * (len(results) - 1) + [True]
    reason = session.stop_reason(len(results))
    assert reason == f"stop_when: accuracy > 0.5 holds: accuracy is {accuracies[-1]:.4f}"


def test_stop_when_says_a_tiny_value_in_digits_that_show_it(experiment: Any, tmp_path: Path) -> None:
    described = describe(experiment, "[reduce_lr_on_plateau: {monitor: loss}, stop_when: learning_rate < 1]", epochs=2)
    _, session = train(described, tmp_path)
    reason = session.stop_reason(1)
    assert reason.endswith("is 0.001"), reason


def test_early_stopping_says_what_had_not_improved_and_when_it_was_best(experiment: Any, tmp_path: Path) -> None:
    callback = "[early_stopping: {monitor: accuracy, patience: 2, mode: min, restore_best_weights: true}]"
    results, session = train(describe(experiment, callback, epochs=30), tmp_path)
    assert len(results) == 3
    assert session.stop_reason(3) == "early_stopping: accuracy had not improved for 2 epochs; its best was in epoch 1"
    # The best weights are back: they are those of one epoch of training.
    _, once = train(describe(experiment, "[]", epochs=1), tmp_path)
    for ours, theirs in zip(session.model.get_weights(), once.model.get_weights(), strict=True):
        assert (ours == theirs).all()


@pytest.mark.parametrize("callback", ["[]", "[stop_when: loss < 0]", "[early_stopping: {monitor: loss, patience: 9}]"])
def test_training_that_nothing_stops_runs_to_its_end(experiment: Any, tmp_path: Path, callback: str) -> None:
    results, _ = train(describe(experiment, callback, epochs=3), tmp_path)
    assert [(result.epoch, result.stop) for result in results] == [(1, False), (2, False), (3, False)]


def test_keras_callbacks_act_and_their_files_stay_in_the_run_folder(experiment: Any, tmp_path: Path) -> None:
    described = describe(
        experiment,
        "[csv_logger: logs.csv, model_checkpoint: {filepath: 'best.keras', save_best_only: true, monitor: loss}, "
        "reduce_lr_on_plateau: {monitor: loss, factor: 0.1, patience: 1, min_delta: 100}]",
        epochs=3,
        validation=0.2,
    )
    results, session = train(described, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.keras", "logs.csv"]
    header, *rows = (tmp_path / "logs.csv").read_text().splitlines()
    assert header.startswith("epoch,accuracy,")
    assert len(rows) == 3
    assert [result.logs["learning_rate"] for result in results] == pytest.approx([1e-3, 1e-3, 1e-4])
    assert float(session.model.optimizer.learning_rate) == pytest.approx(1e-5)


def test_a_callback_at_batches_is_called_at_each_of_them(experiment: Any, tmp_path: Path) -> None:
    described = describe(experiment, "[{model_checkpoint: {filepath: 'at_{batch}.keras', save_freq: 20}}]", epochs=1)
    _, session = train(described, tmp_path)
    assert session.engine.name == "keras"
    assert session.engine.reason == "the callback model_checkpoint acts at each batch"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["at_20.keras", "at_40.keras"]


def test_training_without_a_number_ends_at_the_batch_that_lost_it(experiment: Any, tmp_path: Path) -> None:
    described = describe(
        experiment, "[terminate_on_nan]", epochs=3, normalization="none", optimizer="{sgd: 1e30}", batch_size=16
    )
    results, _ = train(described, tmp_path)
    assert len(results) == 1
    assert results[0].diverged
    assert results[0].stop


@pytest.mark.parametrize(
    ("callback", "name"),
    [
        ("early_stopping", ""),
        ("stop_when: loss < 1", ""),
        ("csv_logger: a.csv", ""),
        ("model_checkpoint: a.keras", ""),
        ("model_checkpoint: {filepath: a.keras, save_freq: 10}", "model_checkpoint"),
        ("terminate_on_nan", "terminate_on_nan"),
    ],
)
def test_only_what_acts_at_batches_needs_them(experiment: Any, callback: str, name: str) -> None:
    assert needs_batches(describe(experiment, f"[{callback}]").callbacks) == name


def test_validation_sees_the_averaged_weights_where_they_are_swapped_in(experiment: Any, tmp_path: Path) -> None:
    """As in stock fit: the callback acts around each validation, and training goes on from its own weights."""
    keys = {"epochs": 2, "validation": 0.2, "optimizer": "{adam: {use_ema: true}}"}
    plain, _ = train(describe(experiment, "[]", **keys), tmp_path)
    swapped, _ = train(describe(experiment, "[swap_ema_weights]", **keys), tmp_path)
    assert [result.logs["loss"] for result in swapped] == [result.logs["loss"] for result in plain]
    assert all(a.logs["val_loss"] != b.logs["val_loss"] for a, b in zip(swapped, plain, strict=True))
