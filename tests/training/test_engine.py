"""Engines: which one is chosen, chunks, partial batches, progress, falling back, and the order of examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from nnexp.training import backend, engine, model, shards

backend.prepare(threads=2)

DENSE = "dense: {units: 10, activation: softmax}"
MLP = f"[flatten, dense: {{units: 8, activation: relu}}, {DENSE}]"
X, Y = load_digits(return_X_y=True)
X = (X / 16).reshape(-1, 8, 8).astype("float32")
Y = Y.astype("int32")


@pytest.fixture
def fresh(experiment: Any) -> Any:
    """Make a compiled model, always with the same weights."""

    def make(layers: str = MLP, more: str = "") -> Any:
        described = experiment(f"dataset: digits\nlayers: {layers}\n{more}")
        backend.seed_everything(1)
        made = model.build(described, (8, 8), None)
        model.compile_model(made, described)
        return made

    return make


def train(made: Any, name: str, batch: int, chunk: int | None = None) -> tuple[Any, list[int], dict[str, float]]:
    """One epoch; with `chunk`, in chunks of exactly that many steps."""
    runner = engine.CompiledEngine(made, X, Y, batch, name)
    if chunk:
        runner.steps_a_call = chunk
        runner._pace = lambda steps, seconds: None  # type: ignore[method-assign]  # as on a machine of that speed
    told: list[int] = []
    logs = runner.train_epoch(engine.epoch_order(3, 1, len(X)), lambda step, logs: told.append(step))
    return made.get_weights(), told, logs


@pytest.mark.parametrize("name", ["xla", "graph"])
def test_where_chunks_end_changes_no_bit(fresh: Any, name: str) -> None:
    results = [train(fresh(), name, batch=32, chunk=chunk) for chunk in (1, 5, 56)]
    for weights, _, logs in results[1:]:
        assert logs == results[0][2]
        for ours, theirs in zip(weights, results[0][0], strict=True):
            assert ours.tobytes() == theirs.tobytes()
    # 1797 examples: 56 full batches and a partial one.
    assert [told for _, told, _ in results] == [
        list(range(1, 58)),
        [*range(5, 56, 5), 56, 57],
        [56, 57],
    ]


@pytest.mark.parametrize("batch", [1797, 1796, 1000, 5000, 599])
def test_every_example_is_trained_on_once_whatever_the_batch_size(fresh: Any, batch: int) -> None:
    """Without learning, the epoch's accuracy is that of the model on all examples."""
    made = fresh(more="optimizer: {sgd: 1e-30}\n")
    expected = float((made.predict(X, verbose=0).argmax(axis=1) == Y).mean())
    _, told, logs = train(made, "graph", batch)
    assert logs["accuracy"] == pytest.approx(expected, abs=1e-6)
    assert told[-1] == -(-1797 // batch)


def test_where_hosts_are_in_step_a_rest_of_an_epoch_does_not_make_the_calls_of_the_next_one_short(fresh: Any) -> None:
    # 62 batches: 20 calls of 3, and a rest of 2, of which the pace could at most double.
    runner = engine.CompiledEngine(fresh(), X[:62], Y[:62], 1, "graph", spread=shards.Parts(in_step=True))
    told: list[int] = []
    runner.train_epoch(engine.epoch_order(3, 1, 62), lambda step, logs: told.append(step))
    assert told == [*range(3, 61, 3), 62]
    assert runner.steps_a_call == 6


def test_progress_is_told_at_each_chunk_with_the_loss_so_far(fresh: Any) -> None:
    runner = engine.CompiledEngine(fresh(), X, Y, 8, "graph")
    told: list[tuple[int, float]] = []
    for epoch in (1, 2):
        order = engine.epoch_order(0, epoch, len(X))
        logs = runner.train_epoch(order, lambda step, logs: told.append((step, logs["loss"])))
    steps = [step for step, _ in told]
    end = steps.index(225) + 1
    for epoch_steps in (steps[:end], steps[end:]):
        assert len(epoch_steps) > 2
        assert epoch_steps == sorted(set(epoch_steps))
        assert epoch_steps[-1] == 225
    assert steps[0] <= 225 / 20
    assert told[-1][1] == logs["loss"]


@pytest.mark.parametrize("name", ["xla", "graph"])
def test_a_stopped_epoch_begins_anew(fresh: Any, name: str) -> None:
    """The metrics of an epoch are its own, also after one that was broken off."""
    runner = engine.CompiledEngine(fresh(more="optimizer: {sgd: 1e-30}\n"), X, Y, 32, name)
    order = engine.epoch_order(0, 1, len(X))

    def stop(step: int, logs: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.train_epoch(order, stop)
    whole = runner.train_epoch(order, lambda step, logs: None)
    assert whole == runner.train_epoch(order, lambda step, logs: None)


def test_a_model_that_xla_cannot_compile_trains_as_a_graph_and_says_so(fresh: Any) -> None:
    layers = f"[reshape: [8, 8, 1], random_rotation: 0.1, flatten, {DENSE}]"
    fallen_back = engine.CompiledEngine(fresh(layers), X, Y, 32, "xla", "asked for")
    order = engine.epoch_order(3, 1, len(X))
    logs = fallen_back.train_epoch(order, lambda step, logs: None)
    assert fallen_back.name == "graph"
    assert fallen_back.reason.startswith("XLA cannot compile this model: ")
    weights, _, as_graph = train(fresh(layers), "graph", 32)
    assert logs == as_graph  # nothing of the attempt is left
    assert all((ours == theirs).all() for ours, theirs in zip(fallen_back.model.get_weights(), weights, strict=True))


@pytest.mark.parametrize(
    ("layers", "steps", "asked", "callback", "chosen", "why"),
    [
        (MLP, 9380, "auto", "", "xla", "the fastest for these layers"),
        (MLP, 100, "auto", "", "graph", "100 steps are too few"),
        (MLP, 100, "xla", "", "xla", "asked for"),
        (MLP, 9380, "graph", "", "graph", "asked for"),
        (MLP, 9380, "keras", "", "keras", "asked for"),
        (MLP, 9380, "xla", "terminate_on_nan", "keras", "terminate_on_nan acts at each batch"),
        (
            f"[reshape: [8, 8, 1], conv2d: {{filters: 2, kernel_size: 3}}, flatten, {DENSE}]",
            9380,
            "auto",
            "",
            "graph",
            "conv2d",
        ),
        (f"[reshape: [8, 8, 1], max_pooling2d: 2, flatten, {DENSE}]", 9380, "auto", "", "graph", "max_pooling2d"),
        (f"[lstm: 3, {DENSE}]", 9380, "auto", "", "xla", "the fastest for these layers"),
        (f"[bidirectional: {{layer: {{gru: {{units: 3}}}}}}, {DENSE}]", 9380, "auto", "", "xla", ""),
        (f"[lstm: {{units: 3, unroll: true}}, {DENSE}]", 9380, "auto", "", "graph", "lstm"),
        (f"[lstm: {{units: 3, recurrent_dropout: 0.1}}, {DENSE}]", 9380, "auto", "", "graph", "lstm"),
        (f"[flatten, dropout: 0.5, {DENSE}]", 9380, "auto", "", "graph", "dropout"),
        (f"[flatten, batch_normalization, layer_normalization, {DENSE}]", 9380, "auto", "", "xla", ""),
    ],
)
def test_auto_takes_what_is_fastest_for_the_model(
    fresh: Any, layers: str, steps: int, asked: str, callback: str, chosen: str, why: str
) -> None:
    name, reason = engine.choose(fresh(layers), asked, steps=steps, needs_batches=callback)
    assert name == chosen
    assert why in reason


def test_each_epoch_has_an_order_of_its_own_that_the_seed_decides() -> None:
    orders = {(seed, epoch): engine.epoch_order(seed, epoch, 1000) for seed in (0, 1) for epoch in (1, 2, 3)}
    for order in orders.values():
        assert sorted(order) == list(range(1000))
        assert order.dtype == np.int32
    assert len({order.tobytes() for order in orders.values()}) == 6
    assert (orders[1, 2] == engine.epoch_order(1, 2, 1000)).all()


@pytest.mark.parametrize(("examples", "parts"), [(1, 2), (999, 1), (1000, 3), (1797, 1), (1797, 2)])
def test_evaluation_and_prediction_cover_every_example(fresh: Any, examples: int, parts: int) -> None:
    made = fresh()
    x, y = X[:examples], Y[:examples]
    evaluator = engine.Evaluator(made, shards.Parts(parts))
    stock = made.evaluate(x, y, batch_size=examples, verbose=0, return_dict=True)
    figures, outputs = evaluator.evaluate(x, y)
    assert figures == pytest.approx(stock, rel=1e-5)
    np.testing.assert_allclose(outputs, made.predict(x, verbose=0), rtol=1e-5, atol=1e-7)
    [peaks] = evaluator.largest_outputs(made.layers[-1:], x)
    np.testing.assert_allclose(peaks, made.predict(x, verbose=0).max(axis=0), rtol=1e-5)
