"""Whole numbers that stand for words: whether an embedding that takes the raw input can look all of them up."""

from __future__ import annotations

from collections.abc import Iterator

from nnexp.config.experiment import Experiment
from nnexp.data.dataset import OwnFiles
from nnexp.data.datasets import Dataset, load
from nnexp.data.rows import pieces
from nnexp.errors import Problem
from nnexp.preflight.places import called, place_of

MOVES = frozenset({"flatten", "permute", "random_flip", "reshape"})  # these leave the values as they are
_EXACT = 2**24  # larger whole numbers are not all to be had in 32 bits


def token_problems(experiment: Experiment, dataset: Dataset) -> Iterator[Problem]:
    """What keeps a first embedding from looking up the raw values: fractions, or numbers that it has no vector for."""
    index = looked_up_in(experiment)
    if index is None:
        return
    size = experiment.layers[index].get("input_dim")
    place = place_of(experiment, "layers", index)
    layer = called(experiment, index)
    if (given := experiment.normalization.name) != "none":
        message = f"{layer} takes whole numbers, and `normalization: {given}` makes others of them"
        yield Problem(place_of(experiment, "normalization"), message, "set `normalization: none`")
    elif size > _EXACT:
        message = f"{layer} has `input_dim: {size}`, but examples are kept in 32 bits, exact up to {_EXACT:,}"
        yield Problem(place, message, "number the tokens anew, from 0")
    elif strange := _first_strange(dataset, size):
        hint = f"set `input_dim` to the largest token and one more, or mend the data: allowed are 0 to {size - 1:,}"
        yield Problem(place, f"{layer} has `input_dim: {size}`, but {strange}", hint)


def missing_normalization(experiment: Experiment, dataset: Dataset) -> str:
    """What would scale raw input; "" where it is scaled, or looked up: to scale tokens would be no remedy."""
    raw = experiment.normalization.name == "none" and looked_up_in(experiment) is None
    return dataset.usual_normalization if raw else ""


def looked_up_in(experiment: Experiment) -> int | None:
    """The place of the embedding that looks up the raw values; None where they are not such."""
    index = next((place for place, layer in enumerate(experiment.layers) if layer.name not in MOVES), 0)
    if not experiment.layers or experiment.layers[index].get("inputs"):
        return None
    return index if experiment.layers[index].name == "embedding" else None


def _first_strange(dataset: Dataset, size: int) -> str:
    """The first value that is no whole number from 0 and below `size`, and where it is; nothing where all are.

    Own data are in memory since the config was read, or in a file that was read whole; of others the range is known.
    """
    low, high = dataset.value_range
    if not isinstance(dataset.origin, OwnFiles):
        return f"{dataset.name} has values from {low:g} to {high:g}" if low < 0 or high >= size else ""
    import numpy as np

    arrays = load(dataset)
    for is_test, examples in ((False, arrays.x_train), (True, arrays.x_test)):
        before = 0
        for piece in pieces(examples):
            wrong = (piece < 0) | (piece >= size) | (piece % 1 != 0)
            if wrong.any():
                row, *within = (int(place) for place in np.argwhere(wrong)[0])
                example, part = before + row, " of the test part" if is_test else " of the training part"
                if arrays.held_out is not None:
                    example, part = np.flatnonzero(arrays.held_out == is_test)[example], ""
                return f"row {example}{part} (from 0) has {piece[(row, *within)]:g} at {within}"
            before += len(piece)
    return ""
