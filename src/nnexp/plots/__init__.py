"""The pictures of a run, as PNG files."""

from __future__ import annotations

import importlib

from nnexp.plots.confusion import plot_confusion
from nnexp.plots.curves import plot_curves
from nnexp.plots.history import plot_history
from nnexp.plots.pictures import plot_pictures
from nnexp.plots.residuals import plot_residuals

__all__ = ["plot_confusion", "plot_curves", "plot_history", "plot_pictures", "plot_residuals", "warm_up"]


def warm_up() -> None:
    """Import what plotting needs: time that passes unnoticed while the model trains."""
    for name in ("matplotlib.backends.backend_agg", "matplotlib.figure", "matplotlib.textpath", "PIL.Image"):
        importlib.import_module(name)
