"""Where a message points, and how it calls a layer."""

from __future__ import annotations

from nnexp.config.experiment import Experiment
from nnexp.errors import Place


def place_of(experiment: Experiment, *path: str | int) -> Place:
    """Where that part was written, or the nearest part around it."""
    for end in range(len(path), -1, -1):
        if path[:end] in experiment.places:
            return experiment.places[path[:end]]
    return Place(experiment.name)


def called(experiment: Experiment, index: int) -> str:
    """How a message calls a layer: by its place from 0, as paths such as layers.1.units and the table of check do."""
    kind = experiment.layers[index].name
    return f"layers.{index} ({kind})"
