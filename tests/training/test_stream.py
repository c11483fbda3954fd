"""Data that stay on the disk train to the very bits of data in memory, through buffers of bounded size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from nnexp.data.content import Arrays
from nnexp.data.datasets import DATASETS
from nnexp.data.rows import Rows
from nnexp.data.splits import Splits, split
from nnexp.errors import RunError
from nnexp.training import backend, stream
from nnexp.training.session import Session

backend.prepare(threads=2)

X, Y = load_digits(return_X_y=True)
X, Y = X.reshape(-1, 8, 8).astype("float32"), Y.astype("int32")
TEST = np.arange(len(X)) % 5 == 0
MLP = "flatten, {dense: {units: 8, activation: relu}}"
CASES = {
    "xla": "engine: xla",
    "graph": "engine: graph\nloss: categorical_crossentropy\nclass_weight: balanced\nbatch_size: 16",
    "graph, in batches larger than a buffer": "engine: graph\nbatch_size: 300",
    "keras": "engine: keras\nbatch_size: 100",
}


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[], np.memmap[Any, Any]]:
    """The digits in a file, mapped to memory."""
    np.save(tmp_path / "x.npy", X)
    return lambda: np.lib.format.open_memmap(tmp_path / "x.npy", mode="r")


def both(stored: np.memmap[Any, Any]) -> tuple[Arrays, Arrays]:
    """The same data in memory, and in their file."""
    rows = Rows(stored, np.dtype("float32"))
    labels = Y[~TEST], Y[TEST]
    return Arrays(X[~TEST], labels[0], X[TEST], labels[1]), Arrays(
        rows.part(~TEST), labels[0], rows.part(TEST), labels[1]
    )


def trained(splits: Splits, experiment: Any, folder: Path) -> list[Any]:
    """All that two epochs give: weights, figures of each epoch, figures and outputs of the test part, dead units."""
    session = Session(experiment, splits, DATASETS["digits"])
    logs = [result.logs for result in session.train(folder, lambda *_: None)]
    evaluation, test = session.evaluate()
    arrays = [array.tobytes() for array in (*session.model.get_weights(), evaluation.probabilities)]
    return [splits.fingerprint, logs, test, session.dead_units(), arrays]


@pytest.mark.parametrize("case", CASES)
def test_streamed_data_train_to_the_same_bits(
    experiment: Any, stored: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setattr(stream, "BUFFER_BYTES", 64 * 4 * 100)  # a hundred examples: many portions, the last not full
    layers = f"layers: [{MLP}, {{dropout: 0.3}}, {{dense: {{units: 10, activation: softmax}}}}]"
    text = f"dataset: digits\nnormalization: standardize\n{layers}\nepochs: 2\nvalidation: 0.2\n"
    described = experiment(text + CASES[case])
    here, there = (trained(split(arrays, 0.2, 1), described, tmp_path) for arrays in both(stored()))
    assert here == there


@pytest.mark.parametrize("name", ["none", "l2", "standardize", "min_max"])
def test_normalizations_find_the_same(stored: Any, name: str) -> None:
    from nnexp.data.normalization import fit

    here, there = (fit(name, arrays.x_train) for arrays in both(stored()))
    assert here.parameters == there.parameters
    if name != "none":
        outputs = [np.asarray(found.layer()(X[:9])).tobytes() for found in (here, there)]  # type: ignore[misc]
        assert outputs[0] == outputs[1]


def test_rows_are_read_as_numpy_would_index_them(stored: Any) -> None:
    rows, mask = Rows(stored(), np.dtype("float32")), Y % 2 == 0
    random = np.random.default_rng(0).permutation(len(X))[:50]
    assert (rows[random] == X[random]).all()
    assert (rows[5:400:3] == X[5:400:3]).all()
    assert (rows.part(mask)[-40:] == X[mask][-40:]).all()
    assert (rows.part(mask).part(mask[mask])[[3, 1, 1]] == X[mask][[3, 1, 1]]).all()
    assert (rows.shape, rows.ndim, rows.nbytes) == (X.shape, X.ndim, X.nbytes)


def test_a_file_that_becomes_shorter_ends_the_run_with_its_name(stored: Any, tmp_path: Path) -> None:
    rows = Rows(stored(), np.dtype("float32"))
    with (tmp_path / "x.npy").open("r+b") as file:
        file.truncate(5000)
    with pytest.raises(RunError, match=r"x\.npy has become shorter"):
        rows[np.arange(100)]
