"""What a model is to learn, and the figure of the test split that tells first how well it did."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

Task = Literal["classification", "multi_label", "regression"]

FIGURES: Mapping[Task, tuple[str, ...]] = MappingProxyType(
    {
        "classification": ("accuracy",),  # one class of several
        "multi_label": ("exact_match", "f1"),  # any number of labels; first the share of examples with all right
        "regression": ("mean_absolute_error", "root_mean_squared_error", "r2_score"),  # numbers, in their own units
    }
)
"""The figures of the test split that each task has without being asked, by their names in metrics.json."""

HEADLINES: Mapping[Task, str] = MappingProxyType({task: figures[0] for task, figures in FIGURES.items()})
"""The first figure of each task."""

_LETTERS = {
    "root_mean_squared_error": "RMSE",
    "mean_squared_error": "MSE",
    "mean_absolute_error": "MAE",
    "mean_absolute_percentage_error": "MAPE",
}
_WORDS = {"f1": "F1", "r2_score": "R²", "roc_auc": "ROC AUC"}


def in_words(figure: str) -> str:
    """A figure's name as people say it: `mean absolute error`."""
    return _WORDS.get(figure, figure.replace("_", " "))


def in_letters(figure: str) -> str:
    """A figure's name in the letters by which errors are known: `val_MAE`."""
    for name, letters in _LETTERS.items():
        figure = figure.replace(name, letters)
    return figure


def figure_called(name: str, figures: Iterable[str]) -> str:
    """The figure that people call so, in small letters or large ones: `RMSE`, `r2`, `val_mae`; "" where none is."""
    wanted = _folded(name)
    found = [figure for figure in figures if wanted in map(_folded, (figure, in_letters(figure), in_words(figure)))]
    return found[0] if len(found) == 1 else ""


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().replace("_", " ")
