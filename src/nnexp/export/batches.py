"""How the program of a run trains on examples that stay on disk: in batches that are read when their turn comes.

Where the run streamed arrays or pictures, `x_train`, `x_val` and `x_test` of its program say where examples are: their
places in the file, or the paths of the pictures.
"""

from __future__ import annotations

import math

from nnexp.data.dataset import Dataset, OwnFiles
from nnexp.export.expressions import call

_PIECE = 2**24  # values that are in memory at once as the normalization is fitted


def stays_on_disk(dataset: Dataset) -> bool:
    """Whether the program leaves the examples on disk. Tables and NPZ files are read as a whole: all else is long."""
    origin = dataset.origin
    return dataset.streamed and isinstance(origin, OwnFiles) and origin.kind in ("npy", "idx", "images")


def file_of(dataset: Dataset, part: str) -> str:
    """The variable of the file in which a part (train, val, test) is; "" for pictures, each in a file of its own."""
    assert isinstance(dataset.origin, OwnFiles)
    if dataset.origin.kind == "images":
        return ""
    return "held_out" if part == "test" and dataset.origin.parameters.get("test_path") else "held"


def read(dataset: Dataset, file: str, places: str) -> str:
    """Source of the examples at these places of the file, or of the pictures with these paths: [k, ...]."""
    if not file:
        return f"np.stack([picture(path) for path in {places}])"
    return f"{file}[{places}]" + ('.astype("float32")' if dataset.dtype == "float32" else "")


def batches_of(dataset: Dataset, part: str, *options: str) -> str:
    """Source of the batches of a part."""
    file = file_of(dataset, part)
    return call("Batches", [*([file] if file else []), f"x_{part}", f"y_{part}", *options])


def batches_class(dataset: Dataset, size: int) -> str:
    """The class that makes batches of that size, as `model.fit` takes them."""
    file = file_of(dataset, "train") and "file"
    given, what = ("file, ", "at some places of a file, which") if file else ("", "in picture files, which")
    return f'''

class Batches(keras.utils.PyDataset):
    """Batches of the examples {what} are read when their turn comes."""

    def __init__(self, {given}x, y, shuffle=False):
        super().__init__()
        self.{given.replace(", ", ", self.")}x, self.y, self.shuffle = {given}x, y, shuffle
        self.order = np.arange(len(y))
        self.on_epoch_end()

    def __len__(self):
        return math.ceil(len(self.y) / {size})

    def __getitem__(self, batch):
        some = np.sort(self.order[{size} * batch : {size} * (batch + 1)])
        return {read(dataset, file and "self.file", "self.x[some]")}, self.y[some]

    def on_epoch_end(self):
        if self.shuffle:
            np.random.shuffle(self.order)
'''


def pieces(dataset: Dataset) -> str:
    """A line that parts `x_train` into `pieces`, for what is found out of all training examples."""
    size = max(1, min(1000, _PIECE // math.prod(dataset.shape)))
    return f"pieces = np.array_split(x_train, len(x_train) // {size} + 1)  # one after the other in memory"
