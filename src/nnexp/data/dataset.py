"""What a dataset is: all that is known of it before it is loaded. Light: config validation imports it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from nnexp.data.own.columns import Columns
from nnexp.data.sources import Files
from nnexp.tasks import Task


@dataclass(frozen=True, slots=True)
class Bundled:
    """A dataset that scikit-learn ships, by the name of its loader in `sklearn.datasets`, and what that is given."""

    loader: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """The user's own data, as the config names them: see own/kinds.py."""

    kind: str
    parameters: Mapping[str, Any]


Origin: TypeAlias = Bundled | Files | OwnFiles


@dataclass(frozen=True, slots=True)
class Dataset:
    """What there is to know of a dataset before it is loaded, and its origin, from which `load` makes the arrays."""

    name: str
    title: str
    shape: tuple[int, ...]
    """Of one example, as users know it: (28, 28) for MNIST, (32, 32, 3) for CIFAR-10, (4,) for iris."""
    dtype: str
    """Of the raw examples: "uint8" or "float32"."""
    value_range: tuple[float, float]
    """The smallest and the largest raw value."""
    classes: tuple[str, ...]
    """Their names, the index is the label; or those of the labels or targets, by the task."""
    train_size: int
    test_size: int
    licence: str
    homepage: str
    source: str
    """One sentence: where it comes from."""
    split: str
    """One sentence: how the training and the test part came to be."""
    origin: Origin = field(repr=False)
    task: Task = "classification"
    feature_names: tuple[str, ...] = ()
    """Of a table's columns; empty for images."""
    columns: Columns | None = None
    """How the columns of an own table became numbers."""
    sha256: str = ""
    """Of the files of own data, 16 hex digits."""
    streamed: bool = False
    """Whether its examples stay in their file, and are read as they are needed."""

    @property
    def usual_normalization(self) -> str:
        """What brings these values to a scale that networks learn from."""
        low, high = self.value_range
        return "divide_by_255" if (low, high) == (0, 255) else "standardize"
