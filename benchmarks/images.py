"""Fashion-MNIST as plain .npy files for the peers, decoded once: python -m benchmarks.images FOLDER."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.environments import BENCH, ROOT

DATASET = "fashion_mnist"


def images() -> Path:
    """The folder of x_train.npy, y_train.npy, x_test.npy and y_test.npy, as bytes; made where it is missing.

    By another process: a benchmark must stay small itself, see processes.py.
    """
    folder = BENCH / DATASET
    if not (folder / "y_test.npy").exists():
        subprocess.run([sys.executable, "-m", "benchmarks.images", str(folder)], cwd=ROOT, check=True)
    return folder


def _write(folder: Path) -> None:
    import numpy as np

    from nnexp.data.datasets import DATASETS, load

    arrays = load(DATASETS[DATASET])
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.save(folder / f"{name}.npy", getattr(arrays, name), allow_pickle=False)


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
