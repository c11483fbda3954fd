"""The experiment: what one YAML file describes, complete and validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nnexp.config.grammar import Entry
from nnexp.errors import Place


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment with every default filled in. Entries carry all parameters whose Keras default is not None."""

    name: str
    description: str
    dataset: Entry
    normalization: Entry
    layers: tuple[Entry, ...]
    loss: Entry
    metrics: tuple[Entry, ...]
    optimizer: Entry
    batch_size: int
    epochs: int
    callbacks: tuple[Entry, ...]
    validation: float | str  # "none", "test", or the fraction of the training set that is held out
    seed: int
    on_divergence: str
    engine: str
    threads: int | None  # None: as many as this process may use
    # Where each part was written, for messages: ("layers", 2) or ("optimizer",) -> file:line:column.
    places: Mapping[tuple[str | int, ...], Place] = field(default_factory=dict, compare=False, repr=False)
