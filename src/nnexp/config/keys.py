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
    "train_size",
    "seed",
    "on_divergence",
    "engine",
    "distribute",
    "threads",
    "checkpoint",
    "track",
)
# What others call a key, where no spelling leads there: what is given -> what is likely meant.
GUESSED = dict.fromkeys(
    ("examples", "limit", "max_examples", "n_train", "num_train", "samples", "subset", "train_examples"), "train_size"
)
# As `sweep.reading` and `sweep.searching` read them; any of the first makes a file a sweep file.
MAKE_A_SWEEP = ("base", "variants", "zip", "grid", "space")
SEARCH_KEYS = ("sampler", "trials", "objective", "space", "pruner", "finalists")
SWEEP_KEYS = (
    "name",
    "description",
    "base",
    "variants",
    "zip",
    "grid",
    "set",
    "repeats",
    "seed",
    "workers",
    "baseline",
    "metric",
    "track",
    *SEARCH_KEYS,
)
SWEEP_OPTIONS = ("repeats", "workers", "sampler", "trials")  # those of `nnexp sweep` that a config has no key for
ENGINES = ("auto", "xla", "graph", "keras")
DISTRIBUTIONS = ("none", "mirrored")
