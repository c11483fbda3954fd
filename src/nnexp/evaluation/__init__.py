"""Evaluation on the test split: from the model's outputs to figures in words and numbers.

The arithmetic is here and not imported: scikit-learn's metrics and SciPy's statistics take two seconds of processor
time and 90 MB to import. Tests hold it equal to both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nnexp.evaluation.evaluation import Evaluation
from nnexp.tasks import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Evaluation", "answers", "evaluate"]


def answers(task: Task, outputs: NDArray[Any], from_logits: bool) -> NDArray[np.float32]:
    """What a model's outputs [n, k] say: probabilities [n, classes or labels], or predicted values [n, targets].

    One output for two classes is the probability of the second.
    """
    if task == "regression":
        values: NDArray[np.float32] = outputs.astype("float32", copy=False)
        return values
    from nnexp.evaluation import classes, labels

    if task == "multi_label":
        return labels.probabilities(outputs, from_logits)
    return classes.probabilities(outputs, from_logits)


def evaluate(task: Task, truth: NDArray[Any], answered: NDArray[np.float32], names: Sequence[str]) -> Evaluation:
    """All figures.

    Args:
        task: What was to be learnt.
        truth: Labels [n] of classes, 0 and 1 [n, labels], or values [n, targets].
        answered: What `answers` gave.
        names: Of the classes, labels or targets.
    """
    from nnexp.evaluation import classes, labels, values

    module = {"classification": classes, "multi_label": labels, "regression": values}[task]
    found: Evaluation = module.evaluate(truth, answered, names)
    return found
