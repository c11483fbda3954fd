"""How the program of a run reads the user's own data: what a person would write with pandas, NumPy and Pillow."""

from __future__ import annotations

from collections.abc import Iterator

from nnexp.data.dataset import Dataset, OwnFiles
from nnexp.data.datasets import load
from nnexp.export.arrays import of_npz, of_stored
from nnexp.export.images import of_images
from nnexp.export.tables import of_table

_KINDS = {
    "csv": of_table,
    "parquet": of_table,
    "npz": of_npz,
    "npy": of_stored,
    "idx": of_stored,
    "images": of_images,
}


def loading(dataset: Dataset, origin: OwnFiles) -> Iterator[str]:
    """Lines that make `x_train`, `y_train`, `x_test` and `y_test`; and `weights`, where examples have such."""
    yield from _KINDS[origin.kind](origin.kind, dataset, origin.parameters, load(dataset).y_test)


def weighs_examples(dataset: Dataset) -> bool:
    """Whether `loading` makes `weights`: how much each training example counts."""
    given = dataset.origin.parameters if isinstance(dataset.origin, OwnFiles) else {}
    return bool(given.get("weight_column") or given.get("weights"))
