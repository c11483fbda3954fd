"""Intervals of 95 % of what was measured on the test examples."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_Z = 1.959963984540054  # the 97.5 % quantile of the normal distribution: 95 % lie within
_RESAMPLES = 1000
_MOST_BLOCKS = 10_000


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % score interval for a proportion (Wilson 1927), in the order of operations of SciPy's binomtest."""
    share = successes / trials
    scale = 2 * (trials + _Z**2)
    centre = (2 * trials * share + _Z**2) / scale
    half = _Z / scale * math.sqrt(4 * trials * share * (1 - share) + _Z**2)
    return centre - half if successes else 0.0, centre + half if successes < trials else 1.0


def bootstrap(
    of_examples: NDArray[np.float64], figures: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The percentile bootstrap's intervals (Efron & Tibshirani 1993, chapter 13) of figures made of means.

    Args:
        of_examples: What is known of each example [n, k].
        figures: From the means of these over the examples, [k], to some figures.

    Returns:
        The lower and the upper end of each figure. The same examples always give the same.
    """
    sizes = np.ones(len(of_examples))
    if len(of_examples) > _MOST_BLOCKS:  # neighbours together, which are as independent of one another
        starts = np.linspace(0, len(of_examples), _MOST_BLOCKS, endpoint=False).astype(int)
        of_examples = np.add.reduceat(of_examples, starts)
        sizes = np.add.reduceat(np.ones(len(sizes)), starts)
    random = np.random.default_rng(0)
    found = []
    for _ in range(_RESAMPLES):
        drawn = np.bincount(random.integers(0, len(sizes), len(sizes)), minlength=len(sizes))
        found.append(figures(drawn @ of_examples / (drawn @ sizes)))
    low, high = np.percentile(found, [2.5, 97.5], axis=0)
    return low, high
