"""A session that is renewed for another seed gives, to the bit, what a new one gives, without compiling again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnexp.config.experiment import Experiment, parse_experiment
from nnexp.config.loading import parse_config
from nnexp.data.datasets import DATASETS, load
from nnexp.data.splits import Splits, split
from nnexp.training.session import Session

DIGITS = DATASETS["digits"]
OUTPUT = "{dense: {units: 10, activation: softmax}}"
CONFIGS = {
    "xla": f"layers: [flatten, {{dense: {{units: 16, activation: relu}}}}, {OUTPUT}]\nengine: xla\n",
    "graph, random layers": f"layers: [flatten, {{dense: 16}}, batch_normalization, {{dropout: 0.3}}, {OUTPUT}]\n",
    "fewer examples": f"layers: [flatten, {{dense: 16}}, {OUTPUT}]\ntrain_size: 100\nclass_weight: balanced\n",
    "keras": f"layers: [flatten, {{dense: 16}}, {{dropout: 0.3}}, {OUTPUT}]\nengine: keras\n",
    "an optimizer that begins from the weights": f"layers: [flatten, {OUTPUT}]\noptimizer: schedule_free_adamw\n",
    "averaged weights": f"layers: [flatten, {OUTPUT}]\noptimizer: {{adam: {{use_ema: true}}}}\n",
    "callbacks that remember": (
        f"layers: [flatten, {OUTPUT}]\ncallbacks:\n"
        "  - reduce_lr_on_plateau: {patience: 1, min_delta: 0.5}\n"
        "  - early_stopping: {patience: 1, restore_best_weights: true}\n"
    ),
}


def of_seed(text: str, seed: int) -> tuple[Experiment, Splits]:
    experiment = parse_experiment(parse_config(f"dataset: digits\nvalidation: 0.2\nepochs: 3\n{text}", "test"), "test")
    experiment = replace(experiment, seed=seed)
    return experiment, split(load(DIGITS), experiment.validation, seed, experiment.train_size)


def outcome(session: Session, folder: Path) -> tuple[Any, ...]:
    history = [result.logs for result in session.train(folder, lambda *told: None)]
    evaluation, test = session.evaluate()
    weights = [variable.numpy().tobytes() for variable in session.model.variables]
    return history, test, evaluation.probabilities.tobytes(), session.dead_units(), weights


@pytest.mark.parametrize("text", CONFIGS.values(), ids=CONFIGS.keys())
def test_a_renewed_session_gives_the_bits_of_a_new_one(text: str, tmp_path: Path) -> None:
    text = f"normalization: l2\n{text}"
    new = outcome(Session(*of_seed(text, 2), DIGITS), tmp_path)
    session = Session(*of_seed(text, 1), DIGITS)
    first = outcome(session, tmp_path)
    assert session.renew(*of_seed(text, 2))
    assert outcome(session, tmp_path) == new
    assert first != new


def test_it_compiles_nothing_again(tmp_path: Path) -> None:
    text = f"normalization: l2\n{CONFIGS['xla']}"
    session = Session(*of_seed(text, 1), DIGITS)
    outcome(session, tmp_path)
    compiled = session.engine._loop.experimental_get_tracing_count()
    assert session.renew(*of_seed(text, 2))
    outcome(session, tmp_path)
    assert session.engine._loop.experimental_get_tracing_count() == compiled == 1


def test_it_is_not_renewed_for_another_experiment_or_another_normalization() -> None:
    session = Session(*of_seed(f"normalization: l2\n{CONFIGS['keras']}", 1), DIGITS)
    assert not session.renew(*of_seed(f"normalization: l2\nbatch_size: 16\n{CONFIGS['keras']}", 2))
    fitted = Session(*of_seed(f"normalization: standardize\n{CONFIGS['keras']}", 1), DIGITS)
    assert not fitted.renew(*of_seed(f"normalization: standardize\n{CONFIGS['keras']}", 2))
    experiment, _ = of_seed(f"normalization: standardize\ntrain_size: 50\n{CONFIGS['keras']}", 1)
    same = replace(experiment, validation="none")
    drawn = Session(same, split(load(DIGITS), "none", 1, 50), DIGITS)
    assert not drawn.renew(replace(same, seed=2), split(load(DIGITS), "none", 2, 50))
    experiment, _ = of_seed(f"normalization: standardize\n{CONFIGS['keras']}", 1)
    same = replace(experiment, validation="none")
    kept = Session(same, split(load(DIGITS), "none", 1), DIGITS)
    assert kept.renew(replace(same, seed=2), split(load(DIGITS), "none", 2))
    assert np.array_equal(kept.splits.x_train, load(DIGITS).x_train)
