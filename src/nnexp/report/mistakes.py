"""What a run got most wrong on the test split, with the pictures where the data are at hand."""

from __future__ import annotations

import base64
import io
import json
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from nnexp.data.datasets import DATASETS, where
from nnexp.data.own.kinds import KINDS
from nnexp.errors import NnexpError, Reason
from nnexp.examples import Examples, dataset_entry, dataset_of, load_examples
from nnexp.mistakes import find_largest_errors, find_mistakes, find_wrong_labels
from nnexp.runs.reading import Refused
from nnexp.runs.record import RunRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST = 12
_MOST_TARGETS = 4
_MOST_SIDE = 112  # pixels of a picture
# A run's config, perhaps a stranger's, names files of this computer, all of which are read to know them by their hash.
_MOST_BYTES = 1_000_000_000
_MOST_FILES = 100_000
_MOST_TABLE_BYTES = 50_000_000  # read in a second or two, to tell rows of it
_TABLES = ("csv", "parquet")


@dataclass(frozen=True, slots=True)
class Shown:
    """A test example that the run got wrong."""

    cells: tuple[str, ...]  # of a table
    caption: tuple[str, ...]  # of a picture: lines, of which the second is what the run said
    alt: str
    picture: str  # a data: URI; "" where there is none


@dataclass(frozen=True, slots=True)
class Worst:
    """Some of what a run got wrong, the worst first."""

    said: str
    columns: tuple[str, ...]
    numbers: int  # how many of the last columns hold numbers
    shown: tuple[Shown, ...]
    no_pictures: str  # why there are none; "" where there are, or where the data are no images


Images: TypeAlias = Callable[[RunRecord], Examples | str]


def test_images() -> Images:
    """A function that gives a run's test images, or rows of an own table; reads each dataset once, from this computer.

    Where there are none it gives the reason ("": the data are no images, and none are missed).
    """
    found: dict[str, Examples | str] = {}

    def images(run: RunRecord) -> Examples | str:
        key = json.dumps(run.config.get("dataset"), sort_keys=True)
        if key not in found:
            found[key] = _images(run)
        return found[key]

    return images


def mistakes(run: RunRecord, images: Images) -> Worst:
    """The most confident mistakes of a run that tells classes or labels.

    Raises:
        Refused, LookupError: predictions.npz or the evaluation is not what nnexp writes.
        OSError: predictions.npz is missing, or cannot be read.
    """
    names = [row["class"] for row in run.evaluation["per_class"]]
    if run.task == "multi_label":
        return _wrong_labels(run, images, names)
    found = find_mistakes(run, _MOST)
    test, why = _test_examples(run, images, found.examples)
    shown = []
    for one in found.shown:
        true, predicted = (names[k] if k < len(names) else f"class {k}" for k in (one.true, one.predicted))
        shown.append(
            Shown(
                cells=(_called(test, one.index), true, predicted, f"{one.probability:.3f}"),
                caption=(true, f"→ {predicted}", f"{100 * one.probability:.0f} %"),
                alt=f"{true}, taken for {predicted}",
                picture=_picture(test, one.index),
            )
        )
    said = f"{found.wrong:,} of {found.examples:,} test examples are wrong"
    said += "; the most confident ones:" if shown else "."
    return Worst(said, ("example", "true class", "predicted", "probability"), 1, tuple(shown), why)


def largest_errors(run: RunRecord, images: Images) -> Worst:
    """The largest errors of a run that predicts values; raises as `mistakes` does."""
    found = find_largest_errors(run, _MOST)
    names = [row["target"] for row in run.evaluation["per_target"]]
    if found.true.shape[1] != len(names):
        raise Refused("its values are not those of the targets")
    test, why = _test_examples(run, images, found.examples)
    shown = []
    for index, true, predicted in zip(found.indices, found.true.tolist(), found.predicted.tolist(), strict=True):
        pairs = list(zip(true, predicted, strict=True))[:_MOST_TARGETS]
        numbers = [_short(value) for pair in pairs for value in (*pair, pair[1] - pair[0])]
        lines = [f"{_short(truth)} → {_short(guess)}" for truth, guess in pairs]
        single = _short(true[0]), f"→ {_short(predicted[0])}", f"example {index}"
        shown.append(
            Shown(
                cells=(_called(test, index), *numbers),
                caption=single if len(names) == 1 else (f"example {index}", *lines),
                alt=f"example {index}: {'; '.join(lines)}",
                picture=_picture(test, index),
            )
        )
    columns = [f"{what} {name}" for name in names[:_MOST_TARGETS] for what in ("true", "predicted", "error of")]
    by = ", by the sum over the targets, each in units of its deviation" if len(names) > 1 else ""
    some = f"; the first {_MOST_TARGETS} of {len(names)} targets are shown" if len(names) > _MOST_TARGETS else ""
    said = f"Of {found.examples:,} test examples{by}{some}:"
    return Worst(said, ("example", *columns), len(columns), tuple(shown), why)


def _wrong_labels(run: RunRecord, images: Images, names: Sequence[str]) -> Worst:
    found = find_wrong_labels(run, _MOST)
    if found.true.shape[1] != len(names):
        raise Refused("its labels are not those of the classes")
    test, why = _test_examples(run, images, found.examples)
    shown = []
    for index, true, predicted in zip(found.indices, found.true.tolist(), found.predicted.tolist(), strict=True):
        has, said = (
            ", ".join(name for name, is_so in zip(names, of, strict=True) if is_so) for of in (true, predicted)
        )
        caption = has or "none", f"→ {said or 'none'}", f"example {index}"
        cells = _called(test, index), *caption[:1], said or "none"
        shown.append(Shown(cells, caption, ": ".join(caption), _picture(test, index)))
    said = f"{found.wrong:,} of {found.examples:,} test examples have a wrong label"
    said += "; the most confident ones:" if shown else "."
    return Worst(said, ("example", "true labels", "predicted"), 0, tuple(shown), why)


def _images(run: RunRecord) -> Examples | Reason:
    name, parameters = dataset_entry(run)
    if name in KINDS:
        paths = [parameters.get(key) for key, known in KINDS[name].items() if known.type == "path"]
        most = _MOST_TABLE_BYTES if name in _TABLES else _MOST_BYTES
        if not all(_may_be_read(Path(path), most) for path in paths if isinstance(path, str)):
            why: Reason = "the data are not where they were, or too large to be looked through for a report"
            return "" if name in _TABLES else why
        title = "the data"
    else:
        dataset = DATASETS.get(name)
        if dataset is None:
            return f"the dataset {name!r} is not known here"
        if len(dataset.shape) < 2:
            return ""
        if where(dataset) == "not yet":
            return f"{dataset.title} is not on this computer; `nnexp data fetch {name}` gets it"
        title = dataset.title
    try:
        found = load_examples(dataset_of(run), offline=True)
    except (NnexpError, OSError) as error:
        return "" if name in _TABLES else f"{title} cannot be read: {str(error).splitlines()[0]}"
    return found if name in _TABLES or _are_pictures(found) else ""


def _are_pictures(found: Examples) -> bool:
    return found.x.ndim == 3 or (found.x.ndim == 4 and found.x.shape[3] in (1, 3))


def _may_be_read(path: Path, most: int) -> bool:
    """Whether it is a file, or a folder of nothing but files, of at most so many bytes; nothing is opened."""
    size = files = 0
    try:
        if not path.is_dir():
            about = path.stat()
            return stat.S_ISREG(about.st_mode) and about.st_size <= most
        for folder, _, names in os.walk(path):
            for name in names:
                about = Path(folder, name).stat()
                size, files = size + about.st_size, files + 1
                if not stat.S_ISREG(about.st_mode) or size > most or files > _MOST_FILES:
                    return False
    except (OSError, ValueError):
        return False
    return True


def _test_examples(run: RunRecord, images: Images, tested: int) -> tuple[Examples | None, Reason]:
    """The run's test examples, pictures or rows, where they are at hand; else why there are no pictures."""
    test = images(run)
    if isinstance(test, str):
        return None, test
    is_table = not _are_pictures(test)
    if test.fingerprint != run.test_split:
        return None, "" if is_table else "the test split of this run is not the one on this computer"
    if len(test.labels) != tested:
        return None, "" if is_table else "predictions.npz does not fit the test split"
    return test, ""


def _called(test: Examples | None, index: int) -> str:
    return str(index) if test is None else test.name_of(index)


def _short(value: float) -> str:
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def _picture(test: Examples | None, place: int) -> str:
    if test is None or not _are_pictures(test):
        return ""
    import numpy as np
    from PIL import Image

    low, high = test.dataset.value_range
    raw: NDArray[Any] = test.x[place]
    levels = np.nan_to_num((raw.astype(float) - low) / ((high - low) or 1)).clip(0, 1)
    pixels = (255 * levels + 0.5).astype(np.uint8)
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels)
    picture.thumbnail((_MOST_SIDE, _MOST_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
