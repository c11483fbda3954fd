"""The trackers by name, and what each can be told: what a config may say under `track`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a tracker; a default of None is the tracker's own."""

    type: type
    default: str | bool | None
    summary: str


_ARTIFACTS = Parameter(bool, True, "Whether it gets files too: config, metrics, pictures, model.")
TRACKERS: Mapping[str, Mapping[str, Parameter]] = {
    "mlflow": {
        "uri": Parameter(str, None, "Where the store is: sqlite:///PATH or http(s)://…; else one beside the runs."),
        "experiment": Parameter(str, "nnexp", "The MLflow experiment that the runs go into."),
        "artifacts": _ARTIFACTS,
    },
    "tensorboard": {
        "artifacts": Parameter(bool, True, "Whether it gets the pictures too."),
    },
    "wandb": {
        "project": Parameter(str, "nnexp", "The project that the runs go into once `wandb sync` sends them."),
        "artifacts": Parameter(bool, True, "Whether it gets files too: config, pictures, model."),
    },
}
