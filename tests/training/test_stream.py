"""Data that stay on the disk train to the very bits of data in memory, through buffers of bounded size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from nnexp.data.content import Arrays
from nnexp.data.datasets import DATASETS, describe, load
from nnexp.data.normalization import fit
from nnexp.data.rows import batches, rows_of
from nnexp.data.splits import split
from nnexp.errors import RunError
from nnexp.training import backend, engine, model, stream
from nnexp.training.session import Session

backend.prepare(threads=2)

X, Y = load_digits(return_X_y=True)
X, Y = X.reshape(-1, 8, 8).astype("float32"), Y.astype("int32")
TEST = np.arange(len(X)) % 5 == 0
MLP = "[flatten, {dense: {units: 8, activation: relu}}, {dense: {units: 10, activation: softmax}}]"


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[], np.memmap[Any, Any]]:
    """The digits in a file, mapped to memory."""
    np.save(tmp_path / "x.npy", X)
    return lambda: np.lib.format.open_memmap(tmp_path / "x.npy", mode="r")


def both(stored: np.memmap[Any, Any]) -> tuple[Arrays, Arrays]:
    """The same data in memory, and in their file."""
    rows = rows_of(stored, np.dtype("float32"))
    labels = Y[~TEST], Y[TEST]
    return Arrays(X[~TEST], labels[0], X[TEST], labels[1]), Arrays(
        rows.part(~TEST), labels[0], rows.part(TEST), labels[1]
    )


@pytest.fixture(autouse=True)
def small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BUFFER_BYTES", X[:100].nbytes)  # many portions, the last one not full


@pytest.mark.parametrize(("name", "batch"), [("xla", 32), ("graph", 300), ("keras", 300)], ids=lambda value: str(value))
def test_streamed_batches_train_to_the_same_bits(experiment: Any, stored: Any, name: str, batch: int) -> None:
    """1437 examples: the last batch of an epoch is a partial one; 300 are more than a buffer takes."""
    described = experiment(f"dataset: digits\nlayers: {MLP}\n")
    found = []
    for arrays in both(stored()):
        backend.seed_everything(1)
        made = model.build(described, (8, 8), None)
        model.compile_model(made, described)
        make = engine.KerasEngine if name == "keras" else engine.CompiledEngine
        runner = make(made, arrays.x_train, arrays.y_train, batch, name)
        orders = [engine.epoch_order(3, epoch, len(arrays.x_train)) for epoch in (1, 2)]
        told: list[int] = []
        logs = [runner.train_epoch(order, lambda step, _, told=told: told.append(step)) for order in orders]
        if name != "keras":  # which tells its progress four times a second
            assert told[-1] == -(-len(arrays.x_train) // batch)
        found.append((logs, [array.tobytes() for array in made.get_weights()]))
    assert found[0] == found[1]


def test_a_streamed_run_comes_to_the_same_result(experiment: Any, stored: Any, tmp_path: Path) -> None:
    """With normalization, validation, fewer examples, one-hot targets, weights, the test part and its dead units."""
    more = "epochs: 1\nvalidation: 0.2\nengine: graph\nloss: categorical_crossentropy\nclass_weight: balanced\n"
    described = experiment(f"dataset: digits\nnormalization: standardize\nlayers: {MLP}\n{more}")
    found = []
    for arrays in both(stored()):
        splits = split(arrays, 0.2, 1, 500)
        assert len(splits.x_train) == 500
        session = Session(described, splits, DATASETS["digits"])
        logs = [result.logs for result in session.train(tmp_path, lambda *_: None)]
        evaluation, test = session.evaluate()
        found.append([splits.fingerprint, logs, test, session.dead_units(), evaluation.plain()])
    assert found[0] == found[1]


def test_pictures_decoded_into_the_cache_come_to_the_same_result(
    experiment: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNEXP_CACHE_DIR", str(tmp_path / "cache"))
    for place in np.flatnonzero(Y < 3):
        path = tmp_path / "digits" / str(Y[place]) / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((15 * X[place]).astype("uint8")).save(path)
    found = []
    for how in ("always", "never"):
        images = f"{{images: {{path: {tmp_path / 'digits'}, stream: {how}}}}}"
        described = experiment(f"dataset: {images}\nlayers: {MLP.replace('10', '3')}\nepochs: 2\nengine: graph\n")
        dataset = describe(described.dataset.name, described.dataset.parameters)
        splits = split(load(dataset), 0.2, 1)
        session = Session(described, splits, dataset)
        logs = [result.logs for result in session.train(tmp_path, lambda *_: None)]
        weights = [array.tobytes() for array in session.model.get_weights()]
        found.append([described.identity, splits.fingerprint, logs, weights, session.evaluate()[1]])
        assert (session.streamed > 0) == (how == "always")
    assert found[0] == found[1]


@pytest.mark.parametrize("name", ["none", "l2", "standardize", "min_max"])
def test_normalizations_find_the_same(stored: Any, name: str) -> None:
    here, there = (fit(name, arrays.x_train) for arrays in both(stored()))
    if name != "none":
        outputs = [np.asarray(found()(X[:9])).tobytes() for found in (here, there)]  # type: ignore[misc]
        assert outputs[0] == outputs[1]


@pytest.mark.parametrize(("shape", "most"), [((784,), 1000), ((256, 256, 3), 85), ((9000, 9000), 1)], ids=str)
def test_a_model_is_asked_for_fewer_examples_at_once_where_they_are_large(shape: tuple[int, ...], most: int) -> None:
    """At most 1000, of at most 64 MB as float32, but one."""
    x = np.broadcast_to(np.uint8(0), (2500, *shape))
    places = [np.arange(2500)[some] for some in batches(x)]
    assert np.array_equal(np.concatenate(places), np.arange(2500))
    assert max(map(len, places)) == most


def test_rows_are_read_as_numpy_would_index_them(stored: Any) -> None:
    rows, mask = rows_of(stored(), np.dtype("float32")), Y % 2 == 0
    random = np.random.default_rng(0).permutation(len(X))[:50]
    assert (rows[random] == X[random]).all()
    assert (rows[5:400:3] == X[5:400:3]).all()
    assert (rows.part(mask)[-40:] == X[mask][-40:]).all()
    assert (rows.part(mask).part(mask[mask])[[3, 1, 1]] == X[mask][[3, 1, 1]]).all()
    assert (rows.shape, rows.ndim, rows.nbytes) == (X.shape, X.ndim, X.nbytes)


def cut(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(5000)


def rewrite(file: Path) -> None:
    np.save(file, np.zeros_like(np.load(file)))


@pytest.mark.parametrize("change", [cut, rewrite])
def test_a_file_that_is_changed_in_place_ends_the_run_with_its_name(
    stored: Any, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    rows = rows_of(stored(), np.dtype("float32"))
    assert (rows[np.arange(100)] == X[:100]).all()
    change(tmp_path / "x.npy")
    with pytest.raises(RunError, match=r"x\.npy was changed while it was read"):
        rows[np.arange(100)]


def test_a_new_file_of_the_same_name_leaves_a_run_what_it_had(stored: Any, tmp_path: Path) -> None:
    rows = rows_of(stored(), np.dtype("float32"))
    np.save(tmp_path / "other.npy", np.zeros_like(X))
    (tmp_path / "other.npy").replace(tmp_path / "x.npy")
    assert (rows[np.arange(100)] == X[:100]).all()
