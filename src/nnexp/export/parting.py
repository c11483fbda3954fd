"""How the program of a run parts data by the very draws of the run: its own test part, and what it was trained on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nnexp.config.experiment import Experiment
from nnexp.data.dataset import Dataset
from nnexp.data.datasets import load
from nnexp.data.own.labels import TEST_STREAM
from nnexp.data.splits import SIZE_STREAM, VALIDATION_STREAM, split
from nnexp.export.expressions import listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARTS = "x_train, y_train, x_test, y_test = x[~test], y[~test], x[test], y[test]"


def draw(dataset: Dataset, seed: int, y_test: NDArray[Any]) -> Iterator[str]:
    """The very draw of the test part that nnexp makes."""
    random = f"[{seed}, {TEST_STREAM:#x}])  # draws the test examples of the run"
    yield from _held_out("test", "y", random, _sizes(dataset, y_test))


def fewer(experiment: Experiment, dataset: Dataset, *, weighs: bool) -> Iterator[str]:
    """The very training examples of a run that was trained on some of them, and its validation part."""
    parts = split(load(dataset), experiment.validation, experiment.seed, experiment.train_size)
    arrays = ["x_train", "y_train", *(["weights"] if weighs else [])]
    if isinstance(experiment.validation, float):
        assert parts.y_val is not None
        random = f"[{experiment.seed}, {VALIDATION_STREAM:#x}])  # draws the validation examples of the run"
        yield from _held_out("val", "y_train", random, _sizes(dataset, parts.y_val))
        yield "x_val, y_val = x_train[val], y_train[val]"
        yield _only("~val", arrays)
    yield f"random = np.random.default_rng([{experiment.seed}, {SIZE_STREAM:#x}])  # draws those that it was trained on"
    yield "order = random.permutation(len(y_train))"
    yield "used = np.zeros(len(y_train), bool)"
    sizes = _sizes(dataset, parts.y_train)
    if isinstance(sizes, int):
        yield f"used[order[:{sizes}]] = True"
    else:
        yield f"for label, size in enumerate({listed(map(str, sizes))}):  # of each class"
        yield "    used[order[y_train[order].ravel() == label][:size]] = True"
    yield _only("used", arrays)


def _held_out(mask: str, labels: str, random: str, sizes: list[int] | int) -> Iterator[str]:
    """The draw of which `splits.stratified` tells."""
    yield f"random = np.random.default_rng({random}"
    yield f"{mask} = np.zeros(len({labels}), bool)"
    if isinstance(sizes, int):
        yield f"{mask}[random.permutation(len({labels}))[:{sizes}]] = True"
    else:
        yield f"for label, size in enumerate({listed(map(str, sizes))}):  # of each class"
        yield f"    {mask}[random.permutation(np.flatnonzero({labels} == label))[:size]] = True"


def _sizes(dataset: Dataset, labels: NDArray[Any]) -> list[int] | int:
    """How many examples of each class a part has; of data without classes, how many it has."""
    import numpy as np

    if dataset.task != "classification":
        return len(labels)
    sizes: list[int] = np.bincount(labels, minlength=len(dataset.classes)).tolist()
    return sizes


def _only(mask: str, arrays: list[str]) -> str:
    return f"{', '.join(arrays)} = {', '.join(f'{name}[{mask}]' for name in arrays)}"
