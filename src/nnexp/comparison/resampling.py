"""The bootstrap of a mean over test examples: how far can it be trusted, whatever the distribution of the values?

Resample the examples, and see how far the mean strays in units of its own standard error: the bootstrap-t of Efron and
Tibshirani (An Introduction to the Bootstrap, 1993, chapters 12 and 16), with both sides taken together (Hall, "On
symmetric bootstrap confidence intervals", Journal of the Royal Statistical Society B 50, 1988). Interval and p-value
are then one and the same statement. docs/statistics.md has the measured coverage, beside that of plain percentiles.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from nnexp.comparison.special import special

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DRAWS = 1_999  # one less than a round number: p-values are whole multiples of 1 / 2,000
_SEED = 19_930_601  # the same answer every time
_MOST_EXAMPLES = 10_000  # of more, what is drawn is Student's t to the last digit that is shown
_AT_ONCE = 200  # draws


def margin_and_p(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    """Half of the interval around the mean of the values [n], n > 1, and the two-sided p-value of a mean of zero."""
    import numpy as np

    size, mean, spread = len(values), float(values.mean()), float(values.std(ddof=1))
    if not spread:
        return 0.0, 0.0 if mean else 1.0
    error = spread / math.sqrt(size)
    student = 2 * float(special().stdtr(size - 1, -abs(mean) / error))
    if size > _MOST_EXAMPLES:
        return float(special().stdtrit(size - 1, 1 - level / 2)) * error, student
    drawn = _studentized((values - mean) / spread)
    beyond = int((drawn >= abs(mean) / error).sum())
    # What is rarer than the draws can tell has Student's t in its place: corrected for many comparisons, it matters.
    p = (1 + beyond) / (_DRAWS + 1) if beyond else min(student, 1 / (_DRAWS + 1))
    rank = round(level * (_DRAWS + 1)) - 1  # p is below the level where fewer than these lie beyond the mean
    return float(np.partition(drawn, -rank)[-rank]) * error, p


def _studentized(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the mean of each draw lies from zero, that of the values, in units of its own standard error."""
    import numpy as np

    size = len(values)
    powers = np.stack([values, values**2], axis=1).astype(np.float32)
    times = _times_drawn(size)
    sums = [times[first : first + _AT_ONCE].astype(np.float32) @ powers for first in range(0, _DRAWS, _AT_ONCE)]
    means, squares = np.concatenate(sums).astype(np.float64).T / size
    errors = np.sqrt(np.maximum(squares - means**2, 0.0) / (size - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        found: NDArray[np.float64] = np.nan_to_num(np.abs(means) / errors, nan=0.0, posinf=np.inf)
    return found


@functools.lru_cache(maxsize=1)
def _times_drawn(size: int) -> NDArray[np.uint8]:
    """How often each draw [draws, size] takes each of the examples: one table for all runs on a test split."""
    import numpy as np

    rng = np.random.default_rng(_SEED)
    times = np.empty((_DRAWS, size), np.uint8)
    for first in range(0, _DRAWS, _AT_ONCE):
        count = min(_AT_ONCE, _DRAWS - first)
        drawn = rng.integers(0, size, (count, size)) + size * np.arange(count)[:, None]
        times[first : first + count] = np.bincount(drawn.ravel(), minlength=count * size).reshape(count, size)
    return times
