"""A config to start from, made from a look at the data: commented, and good as it is."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from nnexp.data.datasets import DATASETS, Dataset, describe
from nnexp.data.own.kinds import KINDS
from nnexp.errors import InputError
from nnexp.runs.reading import printable

_USUAL_TARGETS = ("target", "label", "class", "y", "species", "category", "kind", "type")
_ENDINGS = {"csv": (".csv",), "parquet": (".parquet",), "npz": (".npz",)}
_FEW = 20_000  # examples: with fewer, more passes and smaller batches


def config_text(folder: Path, start: str) -> tuple[str, str]:
    """A config's text and the name of its file, for a dataset that nnexp knows or for the data found in a folder.

    `start` is the name of the dataset, or the kind of own data; "" takes what is there.

    Raises:
        InputError: there is no such data in the folder, or more than one.
    """
    if start in DATASETS:
        dataset = DATASETS[start]
        return _text(dataset, dataset.name, f"{dataset.title}: {len(dataset.classes)} classes"), f"{dataset.name}.yaml"
    kind, path = _found(folder, start)
    written: dict[str, Any] = {"path": path.name if path != folder else "."}
    if "target" in KINDS[kind]:
        names = _names(kind, path, written)
        lower = {name.lower(): name for name in reversed(names)}
        written["target"] = next((lower[usual] for usual in _USUAL_TARGETS if usual in lower), names[-1])
    if kind == "images":
        written |= _size(path)
    defaults = {name: said.default for name, said in KINDS[kind].items() if said.default is not None}
    dataset = describe(kind, {**defaults, **written, "path": str(path)})
    inner = ", ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in written.items())
    about = f"{dataset.train_size:,} examples to train on, {dataset.test_size:,} to test on, "
    listed = ", ".join(dataset.classes[:8]) + (", …" if len(dataset.classes) > 8 else "")
    about += f"{len(dataset.classes)} classes: {listed}"
    name = path.stem if path != folder else folder.resolve().name
    return _text(dataset, f"{{{kind}: {{{inner}}}}}", about), f"{name}.yaml"


def _text(dataset: Dataset, entry: str, about: str) -> str:
    few = dataset.train_size < _FEW
    table = len(dataset.shape) == 1
    layers = [] if table else ["flatten"]
    width = 32 if math.prod(dataset.shape) < 100 else 128
    layers += [f"dense: {{units: {width}, activation: relu}}"]
    layers += [f"dense: {{units: {len(dataset.classes)}, activation: softmax}}"]
    pixels = dataset.value_range == (0, 255)
    lines = [
        f"# {printable(about)}",
        "# Check it:  nnexp check FILE   train it:  nnexp run FILE   ask something:  nnexp sweep FILE --hidden 16,64",
        f"description: {json.dumps(f'A first model for {dataset.title}.', ensure_ascii=False)}",
        f"dataset: {entry}",
        f"normalization: {'divide_by_255' if pixels else 'standardize'}  # or none, l2, min_max",
        "layers:  # from the input to the output, which has a unit for each class",
        *(f"  - {layer}" for layer in layers),
        "optimizer: adam  # or  adam: 0.01  for another learning rate",
        f"batch_size: {16 if few else 64}",
        f"epochs: {30 if few else 10}",
        "validation: 0.1  # of the training examples: watched while it trains, so that overfitting is seen",
        "seed: 42  # the root of all random numbers; --repeats 5 takes five",
    ]
    return "\n".join(lines) + "\n"


def _found(folder: Path, start: str) -> tuple[str, Path]:
    """The kind of the data in a folder, and where they are."""
    if start and start not in KINDS:
        raise InputError(f"there is no data of the kind {start!r}\nallowed: {', '.join((*KINDS, *DATASETS))}")
    try:
        there = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder} cannot be looked into: {error.strerror}") from None
    found = [(kind, path) for kind, endings in _ENDINGS.items() for path in there if path.suffix.lower() in endings]
    found += [("images", place) for place in (folder, *there) if _holds_pictures(place)]
    fitting = [(kind, path) for kind, path in found if start in ("", kind)]
    if len(fitting) == 1:
        return fitting[0]
    what = f"{start} data" if start else "data (a .csv, .parquet or .npz file, or folders of pictures)"
    if not fitting:
        names = ", ".join(DATASETS)
        raise InputError(f"there are no {what} in {folder}\nput them there, or take one of:  --from {names}")
    listed = ", ".join(str(path.name) for _, path in fitting[:10])
    message = f"there is more than one thing to start from in {folder}: {listed}"
    raise InputError(f"{message}\nput one in a folder of its own")


def _holds_pictures(folder: Path) -> bool:
    """Whether a folder has folders of pictures for classes, or such folders in `train` and `test`."""
    from nnexp.data.own.images import ENDINGS

    if not folder.is_dir() or folder.name.startswith("."):
        return False
    root = folder / "train" if (folder / "train").is_dir() else folder
    try:
        kinds = [place for place in root.iterdir() if place.is_dir()]
        return sum(any(path.suffix.lower() in ENDINGS for path in kind.iterdir()) for kind in kinds) >= 2
    except OSError:  # another's, that may not be looked into
        return False


def _names(kind: str, path: Path, written: dict[str, Any]) -> list[str]:
    """The columns of a table; where it has but one, `written` gets the separator that it seems to have."""
    from nnexp.data.own.tables import read_table

    names = list(read_table(kind, path, written).columns)
    for separator in (";", "\t", "|"):
        if len(names) == 1 and separator in names[0]:
            written["separator"] = separator
            names = list(read_table(kind, path, written).columns)
    return names


def _size(folder: Path) -> dict[str, Any]:
    """The size that pictures must be given where they differ."""
    from nnexp.data.own.images import parts_of, read_picture

    paths = [path for part in parts_of({"path": str(folder)}) for path, _ in part]
    sizes = {read_picture(path)[0].size for path in paths[:1000]}
    return {} if len(sizes) == 1 else {"size": [64, 64]}
