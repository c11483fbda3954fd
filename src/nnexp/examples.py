"""The dataset of a run, and the test examples of a dataset as this computer has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnexp.data import rows
from nnexp.data.datasets import Dataset, describe, load
from nnexp.data.own.kinds import KINDS
from nnexp.data.progress import FetchProgress
from nnexp.errors import InputError
from nnexp.runs.reading import printable
from nnexp.runs.record import RunRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Examples:
    """The test part of a dataset."""

    dataset: Dataset
    x: rows.Examples  # [n, ...], raw
    labels: NDArray[Any]  # [n]
    fingerprint: str  # runs with the same one were tested on the very same examples


def dataset_entry(run: RunRecord) -> tuple[str, Mapping[str, Any]]:
    """The name of a run's dataset and its parameters, as its config has them; "" where it has none."""
    entry = run.config.get("dataset", "")
    if not isinstance(entry, dict):
        return str(entry), {}
    name, parameters = next(iter(entry.items()), ("", {}))
    return str(name), parameters if isinstance(parameters, dict) else {}


def dataset_of(run: RunRecord) -> Dataset:
    """The dataset of a run.

    Raises:
        InputError: this nnexp does not know it, or own data are no longer what they were.
    """
    name, parameters = dataset_entry(run)
    try:
        if name in KINDS and not parameters["sha256"]:  # no file is read but the one that the run was made from
            raise KeyError("sha256")
        return describe(name, parameters)
    except (KeyError, TypeError, ValueError, OverflowError):  # a stranger may have written them
        raise InputError(f"{printable(run.path)}: its config does not say what its data are") from None


def load_examples(dataset: Dataset, *, offline: bool, progress: FetchProgress | None = None) -> Examples:
    """The test part of a dataset, fetched first where it is not here.

    Raises:
        InputError, DataUnavailable: it is not to be had.
    """
    from nnexp.data.splits import fingerprint

    arrays = load(dataset, offline=offline, progress=progress)
    return Examples(dataset, arrays.x_test, arrays.y_test, fingerprint(arrays.x_test, arrays.y_test))
