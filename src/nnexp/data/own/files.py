"""Which files of a folder belong together, by their names: examples and labels, labels and pictures."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from nnexp.data.own.kinds import BadData

_ENDS = {"npy": re.compile(r"\.npy$", re.I), "idx": re.compile(r"[.-]idx\d-?u?byte(\.gz)?$|\.idx(\.gz)?$", re.I)}
_EXAMPLES = frozenset({"x", "data", "examples", "features", "images", "inputs"})
_LABELS = frozenset({"y", "classes", "label", "labels", "target", "targets"})
_TEST = frozenset({"test", "t10k"})
_OTHERS = frozenset({"val", "valid", "validation"})  # of which no config knows
_ROLES = {
    "path": "examples",
    "y": "labels",
    "test_path": "examples of the test part",
    "test_y": "labels of the test part",
}
_ALLOWED = {
    "npy": "name them x.npy and y.npy, or X_train.npy and y_train.npy, with X_test.npy and y_test.npy if you like",
    "idx": "name them as MNIST does: train-images-idx3-ubyte and train-labels-idx1-ubyte, .gz or not, and t10k-…",
}


def stored_in(kind: str, files: Sequence[Path]) -> dict[str, Path]:
    """The NPY or IDX files of examples and of labels among these files, by the parameters that name them.

    Where there are no files of that kind, {}.

    Raises:
        BadData: there are some, but not one of each; or their names do not tell what they are.
    """
    there = [path for path in files if _ENDS[kind].search(path.name)]
    found: dict[str, Path] = {}
    for path in there:
        words = set(re.split(r"[^a-z0-9]+", _ENDS[kind].sub("", path.name.lower())))
        role = "path" if words & _EXAMPLES else "y" if words & _LABELS else ""
        if not role or words & _OTHERS:
            continue
        if words & _TEST:
            role = "test_path" if role == "path" else "test_y"
        if role in found:
            message = f"there is more than one thing to start from: {found[role].name} and {path.name}"
            raise BadData(message, "put one in a folder of its own")
        found[role] = path
    parts = ("path", "y", "test_path", "test_y") if found.keys() & {"test_path", "test_y"} else ("path", "y")
    if there and (lacking := [_ROLES[part] for part in parts if part not in found]):
        listed = ", ".join(path.name for path in there[:10])
        raise BadData(f"no file is known by its name as the {lacking[0]}; there are: {listed}", _ALLOWED[kind])
    return {part: found[part] for part in parts if part in found}


def labelled_by(path: Path) -> Path | None:
    """The folder of the pictures that a CSV file has the labels of; None where it has none."""
    if path.suffix.lower() != ".csv":
        return None
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = next(csv.DictReader(file), {})
        name = first.get("file") if "label" in first else None
        places = (path.parent, *sorted(place for place in path.parent.iterdir() if place.is_dir()))
        return next((place for place in places if name and (place / name).is_file()), None)
    except (OSError, UnicodeDecodeError, csv.Error):
        return None


def labels_in(path: Path) -> tuple[Path, Path] | None:
    """The one CSV file of labels of pictures that is at the path, or in a folder there, and the folder of its pictures.

    Raises:
        BadData: there are several.
    """
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    found = [(file, pictures) for file in files if (pictures := labelled_by(file))]
    if len(found) > 1:
        listed = ", ".join(file.name for file, _ in found[:10])
        raise BadData(f"{path} has several files of labels: {listed}", "name the one that is meant")
    return found[0] if found else None
