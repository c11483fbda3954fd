"""Every engine trains every kind of model as stock Keras does."""

from __future__ import annotations

import numpy as np
import pytest
from parity import (
    BATCH,
    ENGINES,
    GRAPH_FIRST,
    MLP,
    Bench,
    Case,
    assert_an_epoch_equals_train_on_batch,
    assert_same_weights,
    cases,
)

SOFTMAX = "{dense: {units: 10, activation: softmax}}"
CNN = (
    "[{reshape: [8, 8, 1]}, {conv2d: {filters: 4, kernel_size: 3, activation: tanh}}, {average_pooling2d: 2}, "
    f"flatten, {SOFTMAX}]"
)
LOSSES = (
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "binary_crossentropy",
    "kl_divergence",
    "mean_squared_error",
    "mean_absolute_error",
    "huber",
    "log_cosh",
    "poisson",
)


def hidden(parameters: str) -> str:
    """The small MLP with more parameters on its hidden layer."""
    return MLP.replace("units: 16", f"units: 16, {parameters}")


@cases(
    Case("mlp", partial=True),
    Case("cnn", CNN, partial=True, engines=GRAPH_FIRST),
    Case("cnn_in_parts", CNN, partial=True, engines=("graph",), parts=2),
    Case(
        "weighted_cnn_in_parts",
        CNN.replace("kernel_size: 3", "kernel_size: 3, kernel_regularizer: l2"),
        class_weight={label: 0.5 + label / 5 for label in range(10)},
        engines=("graph",),
        parts=4,
    ),
    Case("max_pooling", CNN.replace("average", "max").replace("tanh", "relu"), "{sgd: 0.05}", engines=GRAPH_FIRST),
    Case("lstm", f"[{{lstm: 6}}, {SOFTMAX}]"),
    Case("gru", f"[{{gru: 6}}, {SOFTMAX}]", quick=False),
    Case("bidirectional", f"[masking, {{bidirectional: {{layer: {{lstm: {{units: 4}}}}}}}}, {SOFTMAX}]", quick=False),
    Case("layer_normalization", MLP.replace(SOFTMAX, f"layer_normalization, {SOFTMAX}")),
    # XLA draws other random numbers than TensorFlow's kernels do; `auto` gives such models to the graph engine.
    Case("dropout", MLP.replace("flatten,", "flatten, {dropout: 0.3},"), engines=("graph", "keras")),
    Case("kernel_regularizer", hidden("kernel_regularizer: {l1_l2: {l1: 0.001, l2: 0.01}}")),
    Case("activity_regularizer", hidden("activity_regularizer: {l2: 0.001}"), quick=False),
    Case("kernel_constraint", hidden("kernel_constraint: {max_norm: 0.5}"), quick=False),
    Case("class_weight", class_weight={label: 0.5 + label / 5 for label in range(10)}, partial=True),
    # Gradients that are zero but for rounding are amplified here.
    Case("batch_normalization", MLP.replace(SOFTMAX, f"batch_normalization, {SOFTMAX}"), tolerance=1e-3),
    Case(
        "attention",
        MLP.replace("flatten", "{multi_head_attention: {num_heads: 2, key_dim: 4}}, flatten"),
        tolerance=1e-3,
        quick=False,
    ),
)
def test_an_epoch_of_each_kind_of_layer_equals_stock_keras(case, name):
    assert_an_epoch_equals_train_on_batch(case, name)


@cases(*(Case(loss, loss=loss) for loss in LOSSES))
def test_an_epoch_with_each_loss_equals_stock_keras(case, name):
    assert_an_epoch_equals_train_on_batch(case, name)


def test_an_epoch_equals_stock_fit():
    """In the order of the data, weights and reported figures are those of `model.fit`."""
    bench = Bench(Case("mlp", partial=True))
    stock = bench.fresh()
    history = stock.fit(bench.x, bench.y, BATCH, shuffle=False, verbose=0).history
    for name in ENGINES:
        trained, logs = bench.train(name, np.arange(len(bench.x), dtype="int32"))
        assert logs == pytest.approx({key: values[-1] for key, values in history.items()}, rel=1e-6), name
        assert_same_weights(trained, stock, 1e-5, name)
