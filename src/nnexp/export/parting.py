"""How the program of a run parts the user's own data: the very test examples that the run had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nnexp.data.dataset import Dataset
from nnexp.data.own.labels import TEST_STREAM
from nnexp.export.expressions import listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARTS = "x_train, y_train, x_test, y_test = x[~test], y[~test], x[test], y[test]"


def draw(dataset: Dataset, seed: int, y_test: NDArray[Any]) -> Iterator[str]:
    """The very draw that nnexp makes, of which `splits.stratified` tells."""
    import numpy as np

    yield f"random = np.random.default_rng([{seed}, {TEST_STREAM:#x}])  # draws the test examples of the run"
    yield "test = np.zeros(len(y), bool)"
    if dataset.task == "classification":
        sizes = np.bincount(y_test, minlength=len(dataset.classes)).tolist()
        yield f"for label, size in enumerate({listed(map(str, sizes))}):  # of each class"
        yield "    test[random.permutation(np.flatnonzero(y == label))[:size]] = True"
    else:
        yield f"test[random.permutation(len(y))[:{len(y_test)}]] = True"
