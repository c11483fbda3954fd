"""What each test example adds to a figure of predicted values, so that the figure is the mean over the examples.

A root and a ratio are no means, but near the figure they are: what one example more or less would change it by (the
influence of Hampel, Journal of the American Statistical Association 69, 1974; the infinitesimal jackknife in Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, chapter 21). Means of these have the figure's own interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def _root_mean_squared_error(true: NDArray[np.float64], predicted: NDArray[np.float64]) -> NDArray[Any]:
    import numpy as np

    squared = (predicted - true) ** 2
    root = np.sqrt(squared.mean(axis=0))
    beyond = np.divide(squared - root**2, 2 * root, out=np.zeros_like(squared), where=root > 0)
    return np.asarray(root + beyond)


def _r2_score(true: NDArray[np.float64], predicted: NDArray[np.float64]) -> NDArray[Any]:
    import numpy as np

    squared, spread = (predicted - true) ** 2, (true - true.mean(axis=0)) ** 2
    missed, varies = squared.mean(axis=0), spread.mean(axis=0)
    # As scikit-learn's: a target that does not vary gives 1 where it is met, else 0.
    left = np.divide(missed, varies, out=np.where(missed > 0, 1.0, 0.0), where=varies > 0)
    beyond = np.divide(squared - left * spread, varies, out=np.zeros_like(squared), where=varies > 0)
    return np.asarray(1 - left - beyond)


LINEAR = {"root_mean_squared_error": _root_mean_squared_error, "r2_score": _r2_score}
"""By the name of a figure: what each example adds to it [n, targets], from true and predicted values [n, targets]."""


def by_example(metric: str, labels: NDArray[Any], predicted: NDArray[Any]) -> NDArray[Any]:
    """What each example adds [n] to a figure of LINEAR, the mean over the targets."""
    import numpy as np

    with np.errstate(all="ignore"):  # a stranger's values may be any
        added = LINEAR[metric](np.asarray(labels, np.float64), np.asarray(predicted, np.float64))
        return np.asarray(added.mean(axis=1))
