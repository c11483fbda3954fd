"""How far predicted values are off, as pictures and charts show it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FEWEST_BARS, _MOST_BARS = 5, 40
_ALIKE = 1e-9  # relative: what lies closer is drawn as if it were the same


def distribution(residuals: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """A histogram of finite differences [n]: counts [bars] and edges [bars + 1], about a bar for each root of n."""
    bars = min(_MOST_BARS, max(_FEWEST_BARS, round(len(residuals) ** 0.5)))
    counts, edges = np.histogram(residuals, bins=bars, range=span(residuals))
    return counts, edges


def span(values: NDArray[np.float64]) -> tuple[float, float]:
    """From below the least to above the largest, and never so narrow that floats cannot part it."""
    low, high = float(values.min()), float(values.max())
    size = max(abs(low), abs(high))
    alike = high - low <= _ALIKE * size
    edge = 0.04 * (size if alike else high - low) or 1.0
    return low - edge, high + edge
