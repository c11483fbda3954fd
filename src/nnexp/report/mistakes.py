"""A run's most confident mistakes on the test split, with the pictures where the data are at hand."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from nnexp.data.datasets import DATASETS, where
from nnexp.errors import NnexpError
from nnexp.examples import Examples, dataset_entry, load_examples
from nnexp.mistakes import find_mistakes
from nnexp.runs.record import RunRecord

_MOST = 12


@dataclass(frozen=True, slots=True)
class Shown:
    """A test example that the run got wrong."""

    true: str  # names of classes
    predicted: str
    probability: float  # of the predicted class, as the model gave it
    picture: str  # a data: URI; "" where there is none


@dataclass(frozen=True, slots=True)
class MostConfident:
    """The most confident mistakes, the worst first."""

    shown: tuple[Shown, ...]
    wrong: int
    examples: int
    no_pictures: str  # why there are none; "" where there are, or where the data are no images


Images: TypeAlias = Callable[[str], Examples | str]


def test_images(name: str) -> Examples | str:
    """The test images of a dataset, from this computer only; else why there are none ("": the data are no images)."""
    dataset = DATASETS.get(name)
    if dataset is None:
        return f"the dataset {name!r} is not known here"
    if len(dataset.shape) < 2:
        return ""
    if where(dataset) == "not yet":
        return f"{dataset.title} is not on this computer; `nnexp data fetch {name}` gets it"
    try:
        return load_examples(dataset, offline=True)
    except (NnexpError, OSError) as error:
        return f"{dataset.title} cannot be read: {error}"


def mistakes(run: RunRecord, images: Images) -> MostConfident:
    """The most confident mistakes of a run.

    Raises:
        Refused, KeyError: predictions.npz or the evaluation is not what nnexp writes.
        OSError: predictions.npz is missing, or cannot be read.
    """
    found = find_mistakes(run, _MOST)
    names = [row["class"] for row in run.evaluation["per_class"]]
    test = images(dataset_entry(run)[0])
    if isinstance(test, Examples) and test.fingerprint != run.test_split:
        test = "the test split of this run is not the one on this computer"
    if isinstance(test, Examples) and len(test.labels) != found.examples:
        test = "predictions.npz does not fit the test split"
    shown = [
        Shown(
            true=_name(names, one.true),
            predicted=_name(names, one.predicted),
            probability=one.probability,
            picture=_picture(test, one.index) if isinstance(test, Examples) else "",
        )
        for one in found.shown
    ]
    return MostConfident(tuple(shown), found.wrong, found.examples, test if isinstance(test, str) else "")


def _name(names: Sequence[str], label: int) -> str:
    return names[label] if 0 <= label < len(names) else f"class {label}"


def _picture(found: Examples, place: int) -> str:
    from matplotlib.image import imsave

    low, high = found.dataset.value_range
    buffer = io.BytesIO()
    imsave(buffer, found.x[place], cmap="gray", vmin=low, vmax=high, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
