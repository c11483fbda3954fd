"""Trains one small model with stock Keras and with each engine, from the same weights and over the same batches."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from sklearn.datasets import load_digits

from nnexp.config.experiment import parse_experiment
from nnexp.config.loading import parse_config
from nnexp.training import backend, engine, model, shards

backend.prepare(threads=2)

ENGINES = ("xla", "graph", "keras")
GRAPH_FIRST = ("graph", "xla", "keras")  # for what `auto` gives to the graph engine
BATCH = 18  # of the 1,797 examples: 99 full batches, and a partial one where a case wants it
MLP = "[flatten, {dense: {units: 16, activation: tanh}}, {dense: {units: 10, activation: softmax}}]"


@dataclass(frozen=True)
class Case:
    """One model to train; `tolerance` is how far its weights may be from stock Keras'.

    The layers, the optimizer and the loss are YAML as it stands in a config.
    """

    name: str
    layers: str = MLP
    optimizer: str = "adam"
    loss: str = "sparse_categorical_crossentropy"
    class_weight: dict[int, float] = field(default_factory=dict)
    tolerance: float = 1e-5
    parts: int = 1  # of each batch
    partial: bool = False  # whether the epoch ends in a partial batch: twice the time to compile
    built_first: bool = False  # whether stock Keras' optimizer is built before its first step, as the engines do
    engines: tuple[str, ...] = ENGINES
    quick: bool = True  # whether `make test` tries it, with the first of its engines


def cases(*made):
    """The parametrization over cases and engines; all but a quick case's first engine wait for `make test-all`."""
    return pytest.mark.parametrize(
        ("case", "name"),
        [
            pytest.param(
                case,
                name,
                id=f"{case.name}-{name}",
                marks=() if case.quick and name == case.engines[0] else pytest.mark.slow,
            )
            for case in made
            for name in case.engines
        ],
    )


class Bench:
    """A case made ready: its data, and fresh models that all start from the same weights."""

    def __init__(self, case: Case) -> None:
        text = f"dataset: digits\nlayers: {case.layers}\noptimizer: {case.optimizer}\nloss: {case.loss}"
        self.case = case
        self.experiment = parse_experiment(parse_config(text, "case.yaml"), "case")
        x, labels = load_digits(return_X_y=True)
        x, labels = (x, labels) if case.partial else (x[: 99 * BATCH], labels[: 99 * BATCH])
        # Noise, so that no pixel is blank throughout: its gradient would be zero but for rounding.
        noise = np.random.default_rng(0).normal(0, 0.1, x.shape)
        self.x = (x / 16 + noise).reshape(-1, 8, 8).astype("float32")
        self.y = model.targets(labels.astype("int32"), self.experiment.loss.name, 10, 10)
        weight = case.class_weight
        self.sample_weight = np.array([weight[label] for label in labels], "float32") if weight else None

    def fresh(self):
        """A newly built and compiled model, with the weights that all others begin with."""
        backend.seed_everything(7)
        made = model.build(self.experiment, (8, 8), None)
        model.compile_model(made, self.experiment)
        return made

    def train(self, name, order):
        """The model and the logs after an epoch with an engine."""
        trained = self.fresh()
        spread = {} if name == "keras" else {"spread": shards.Parts(self.case.parts)}
        make = engine.KerasEngine if name == "keras" else engine.CompiledEngine
        runner = make(trained, self.x, self.y, BATCH, name, sample_weight=self.sample_weight, **spread)
        logs = runner.train_epoch(order, lambda step, logs: None)
        assert runner.name == name, runner.reason  # it did not fall back
        trained.optimizer.finalize_variable_values(trained.trainable_variables)
        return trained, logs


def assert_an_epoch_equals_train_on_batch(case: Case, name: str) -> None:
    """100 steps: the weights are those of `train_on_batch`, the epoch's figures the means over its batches."""
    bench = Bench(case)
    order = engine.epoch_order(seed=3, epoch=1, examples=len(bench.x))
    stock = bench.fresh()
    if case.built_first:
        stock.optimizer.build(stock.trainable_variables)
    sums = dict.fromkeys(("loss", "accuracy"), 0.0)
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        told = stock.train_on_batch(
            bench.x[batch], bench.y[batch], class_weight=case.class_weight or None, return_dict=True
        )
        sums = {figure: total + float(told[figure]) * len(batch) for figure, total in sums.items()}
    stock.optimizer.finalize_variable_values(stock.trainable_variables)
    expected = {figure: total / len(order) for figure, total in sums.items()}

    trained, logs = bench.train(name, order)
    assert logs["loss"] == pytest.approx(expected["loss"], rel=0, abs=1e-5)
    if case.tolerance <= 1e-5:  # one example near the border may fall to the other side otherwise
        assert logs == pytest.approx(expected, rel=0, abs=1e-5)
    assert_same_weights(trained, stock, case.tolerance, name)


def assert_same_weights(ours, theirs, tolerance: float, name: str) -> None:
    """Every weight of the two models is within `tolerance`."""
    for our, their in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(our, their, rtol=0, atol=tolerance, err_msg=name)
