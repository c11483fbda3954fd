"""The keys of a config, for those that read none and may not take long, such as completion at each press of Tab."""

from __future__ import annotations

# As `experiment.FIELDS` reads them.
KEYS = (
    "name",
    "description",
    "dataset",
    "normalization",
    "layers",
    "loss",
    "metrics",
    "class_weight",
    "optimizer",
    "batch_size",
    "epochs",
    "callbacks",
    "validation",
    "seed",
    "on_divergence",
    "engine",
    "distribute",
    "threads",
    "checkpoint",
    "track",
)
ENGINES = ("auto", "xla", "graph", "keras")
DISTRIBUTIONS = ("none", "mirrored")
