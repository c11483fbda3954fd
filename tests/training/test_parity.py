"""Every engine trains as stock Keras does: the same weights in and the same batches give the same weights out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from sklearn.datasets import load_digits

from nnexp.training import backend, engine, model

backend.prepare(threads=2)

ENGINES = ("xla", "graph", "keras")
BATCH = 18  # 1,797 examples: 99 full batches and a partial one
MLP = "[flatten, {dense: {units: 16, activation: tanh}}, {dense: {units: 10, activation: softmax}}]"
CNN = (
    "[{reshape: [8, 8, 1]}, {conv2d: {filters: 4, kernel_size: 3, activation: tanh}}, {average_pooling2d: 2}, flatten, "
    "{dense: {units: 10, activation: softmax}}]"
)
ONE_HOT_LOSSES = (
    "categorical_crossentropy: {label_smoothing: 0.1}",
    "categorical_focal_crossentropy",
    "binary_crossentropy",
    "kl_divergence",
    "mean_squared_error",
    "mean_absolute_error",
    "huber",
    "log_cosh",
    "poisson",
)
OPTIMIZERS = (
    "sgd: {learning_rate: 0.05}",
    "sgd: {learning_rate: 0.05, momentum: 0.9, nesterov: true}",
    "adam",
    "adam: {amsgrad: true, clipnorm: 1.0}",
    "adam: {use_ema: true, ema_overwrite_frequency: 20}",
    "adam: {gradient_accumulation_steps: 3}",
    "adamw: {weight_decay: 0.01}",
    "rmsprop",
    "adadelta",
    "adagrad",
    "adamax",
    "nadam",
    "lion",
    "adafactor",
    "lamb",
    "loss_scale_optimizer: {inner_optimizer: adam}",
)
SCHEDULES = (
    "exponential_decay: {initial_learning_rate: 0.05, decay_steps: 20, decay_rate: 0.9}",
    "cosine_decay: {initial_learning_rate: 0.05, decay_steps: 80, warmup_target: 0.1, warmup_steps: 10}",
    "piecewise_constant_decay: {boundaries: [30, 60], values: [0.1, 0.05, 0.01]}",
    "polynomial_decay: {initial_learning_rate: 0.05, decay_steps: 80}",
    "inverse_time_decay: {initial_learning_rate: 0.05, decay_steps: 20, decay_rate: 0.5}",
)


@dataclass(frozen=True)
class Case:
    """One model to train with every engine; `weights` and `loss` are how far they may be from stock Keras."""

    name: str
    layers: str = MLP
    optimizer: str = "adam"
    loss: str = "sparse_categorical_crossentropy"
    class_weight: dict[int, float] = field(default_factory=dict)
    weights: float = 1e-5
    engines: tuple[str, ...] = ENGINES


def _amplified(name: str, layers: str = MLP, optimizer: str = "adam") -> Case:
    """A case in which gradients that are zero but for rounding are amplified."""
    return Case(name, layers, optimizer, weights=1e-3)


CASES = [
    Case("mlp"),
    Case("cnn", CNN),
    Case("max_pooling", CNN.replace("average", "max").replace("tanh", "relu"), "sgd: 0.05"),
    Case("lstm", "[{lstm: 6}, {dense: {units: 10, activation: softmax}}]"),
    Case("gru", "[{gru: 6}, {dense: {units: 10, activation: softmax}}]"),
    Case("layer_norm", MLP.replace("{dense: {units: 10", "layer_normalization, {dense: {units: 10")),
    # XLA draws other random numbers than TensorFlow's kernels; `auto` gives such models to the graph engine.
    Case("dropout", MLP.replace("flatten,", "flatten, {dropout: 0.3},"), engines=("graph", "keras")),
    Case("l1_l2", MLP.replace("units: 16", "units: 16, kernel_regularizer: {l1_l2: {l1: 0.001, l2: 0.01}}")),
    Case("activity", MLP.replace("units: 16", "units: 16, activity_regularizer: {l2: 0.001}")),
    Case("max_norm", MLP.replace("units: 16", "units: 16, kernel_constraint: {max_norm: 0.5}")),
    Case("class_weight", class_weight={label: 0.5 + label / 5 for label in range(10)}),
    _amplified("batch_norm", MLP.replace("{dense: {units: 10", "batch_normalization, {dense: {units: 10")),
    _amplified("attention", MLP.replace("flatten", "{multi_head_attention: {num_heads: 2, key_dim: 4}}, flatten")),
    _amplified("ftrl", optimizer="ftrl"),
    _amplified("muon", optimizer="muon"),
    *(Case(optimizer, optimizer=optimizer) for optimizer in OPTIMIZERS),
    *(Case(schedule, optimizer=f"sgd: {{learning_rate: {{{schedule}}}}}") for schedule in SCHEDULES),
    *(Case(loss, loss=loss) for loss in ONE_HOT_LOSSES),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.split(":")[0])
def test_an_epoch_equals_stock_keras(case, experiment):
    text = f"dataset: digits\nlayers: {case.layers}\noptimizer: {{{case.optimizer}}}\nloss: {{{case.loss}}}\n"
    if ":" not in case.optimizer:
        text = text.replace(f"{{{case.optimizer}}}", case.optimizer)
    if ":" not in case.loss:
        text = text.replace(f"{{{case.loss}}}", case.loss)
    described = experiment(text)
    x, y = load_digits(return_X_y=True)
    x = (x / 16).reshape(-1, 8, 8).astype("float32")
    targets = model.targets(y.astype("int32"), described.loss.name, 10, 10)
    order = engine.epoch_order(seed=3, epoch=1, examples=len(x))

    def fresh():
        backend.seed_everything(7)
        made = model.build(described, (8, 8), None)
        model.compile_model(made, described)
        return made

    stock = fresh()
    sums = dict.fromkeys(("loss", "accuracy"), 0.0)
    for start in range(0, len(x), BATCH):
        batch = order[start : start + BATCH]
        logs = stock.train_on_batch(x[batch], targets[batch], class_weight=case.class_weight or None, return_dict=True)
        sums = {name: total + float(logs[name]) * len(batch) for name, total in sums.items()}
    stock.optimizer.finalize_variable_values(stock.trainable_variables)
    expected = {name: total / len(x) for name, total in sums.items()}

    sample_weight = np.array([case.class_weight[label] for label in y], "float32") if case.class_weight else None
    for name in case.engines:
        trained = fresh()
        make = engine.KerasEngine if name == "keras" else engine.CompiledEngine
        runner = make(trained, x, targets, BATCH, name, sample_weight=sample_weight)
        logs = runner.train_epoch(order, lambda step, logs: None)
        assert runner.name == name, runner.reason
        trained.optimizer.finalize_variable_values(trained.trainable_variables)
        assert logs == pytest.approx(expected, rel=0, abs=1e-5)
        for ours, theirs in zip(trained.get_weights(), stock.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=case.weights, err_msg=name)


def test_an_epoch_equals_stock_fit(experiment):
    """Given Keras' order, the weights, and the loss and accuracy that are reported, are those of `model.fit`."""
    described = experiment(f"dataset: digits\nlayers: {MLP}")
    x, y = load_digits(return_X_y=True)
    x, y = (x / 16).reshape(-1, 8, 8).astype("float32"), y.astype("int32")

    def fresh():
        backend.seed_everything(7)
        made = model.build(described, (8, 8), None)
        model.compile_model(made, described)
        return made

    stock = fresh()
    history = stock.fit(x, y, BATCH, shuffle=False, verbose=0).history
    for name in ENGINES:
        trained = fresh()
        make = engine.KerasEngine if name == "keras" else engine.CompiledEngine
        logs = make(trained, x, y, BATCH, name).train_epoch(np.arange(len(x), dtype="int32"), lambda step, logs: None)
        assert logs == pytest.approx({key: values[-1] for key, values in history.items()}, rel=1e-6)
        for ours, theirs in zip(trained.get_weights(), stock.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5, err_msg=name)
