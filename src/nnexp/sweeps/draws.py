"""Points of a space that need no results: at random, and its ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nnexp.config.sweep.space import Dimension


def draw(space: Sequence[Dimension], seed: int, number: int, again: int = 0) -> dict[str, Any]:
    """The point that trial `number` of a random search has, from 1; another one for each `again`.

    It follows from these numbers alone, so that it is the same in whatever order and on however many workers the trials
    are run.
    """
    import numpy as np

    # A fraction for every dimension, also for one that does not count here: the others then do not depend on it.
    fractions = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, number, again]))).random(len(space))
    found: dict[str, Any] = {}
    for dimension, fraction in zip(space, fractions, strict=True):
        if dimension.counts(found):
            found[dimension.name] = dimension.values.at(float(fraction))
    return found


def ends(space: Sequence[Dimension]) -> Iterator[dict[str, Any]]:
    """Points in which each choice, and each end of a range, stands once; the rest has its first values."""
    for dimension in space:
        for value in dimension.values.ends:
            yield _with(space, dimension, value)


def _with(space: Sequence[Dimension], chosen: Dimension, value: Any) -> dict[str, Any]:
    """The point of first values, but for one dimension, and those that it depends on."""
    wanted = {chosen.name: value}
    for dimension in reversed(space):  # what a dimension depends on stands before it
        if dimension.name in wanted:
            for name, values in dimension.when.items():
                wanted.setdefault(name, values[0])
    found: dict[str, Any] = {}
    for dimension in space:
        if dimension.counts(found):
            found[dimension.name] = wanted.get(dimension.name, dimension.values.ends[0])
    return found
