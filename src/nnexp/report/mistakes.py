"""A run's most confident mistakes on the test split, with the pictures where the data are at hand."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from nnexp.data.datasets import DATASETS, Dataset, load, where
from nnexp.errors import NnexpError
from nnexp.runs.predictions import read_predictions
from nnexp.runs.reading import Refused
from nnexp.runs.record import RunRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST = 12


@dataclass(frozen=True, slots=True)
class Mistake:
    """A test example that the run got wrong."""

    true: str  # names of classes
    predicted: str
    probability: float  # of the predicted class, as the model gave it
    picture: str  # a data: URI; "" where there is none


@dataclass(frozen=True, slots=True)
class Mistakes:
    """The most confident ones, the worst first."""

    shown: tuple[Mistake, ...]
    wrong: int
    examples: int
    no_pictures: str  # why there are none; "" where there are, or where the data are no images


@dataclass(frozen=True, slots=True)
class TestImages:
    """The images of a test split [n, height, width] or [n, height, width, 3]."""

    dataset: Dataset
    images: NDArray[Any]
    fingerprint: str


Images: TypeAlias = Callable[[str], TestImages | str]


def test_images(name: str) -> TestImages | str:
    """The test images of a dataset, from this computer only; else why there are none ("": the data are no images)."""
    from nnexp.data.splits import fingerprint

    dataset = DATASETS.get(name)
    if dataset is None:
        return f"the dataset {name!r} is not known here"
    if len(dataset.shape) < 2:
        return ""
    if where(dataset) == "not yet":
        return f"{dataset.title} is not on this computer; `nnexp data fetch {name}` gets it"
    try:
        arrays = load(dataset, offline=True)
    except (NnexpError, OSError) as error:
        return f"{dataset.title} cannot be read: {error}"
    return TestImages(dataset, arrays.x_test, fingerprint(arrays.x_test, arrays.y_test))


def mistakes(run: RunRecord, images: Images) -> Mistakes:
    """The most confident mistakes of a run.

    Raises:
        Refused, KeyError: predictions.npz or the evaluation is not what nnexp writes.
        OSError: predictions.npz is missing, or cannot be read.
    """
    import numpy as np

    tested = read_predictions(run.folder.predictions, probabilities=True)
    labels, predicted, probabilities = tested.labels, tested.predicted, tested.probabilities
    names = [row["class"] for row in run.evaluation["per_class"]]
    wrong = np.flatnonzero(labels != predicted)
    confidence = probabilities[wrong, predicted[wrong]].astype(float)
    if not np.isfinite(confidence).all():
        raise Refused("its probabilities are no finite numbers")
    worst = wrong[np.argsort(-confidence, kind="stable")[:_MOST]]
    found = images(_dataset_of(run))
    if isinstance(found, TestImages) and found.fingerprint != run.test_split:
        found = "the test split of this run is not the one on this computer"
    if isinstance(found, TestImages) and len(found.images) != len(labels):
        found = "predictions.npz does not fit the test split"
    shown = [
        Mistake(
            true=_name(names, int(labels[place])),
            predicted=_name(names, int(predicted[place])),
            probability=float(probabilities[place, predicted[place]]),
            picture=_picture(found, int(place)) if isinstance(found, TestImages) else "",
        )
        for place in worst
    ]
    return Mistakes(tuple(shown), len(wrong), len(labels), found if isinstance(found, str) else "")


def _dataset_of(run: RunRecord) -> str:
    entry = run.config.get("dataset", "")
    return str(next(iter(entry), "")) if isinstance(entry, dict) else str(entry)


def _name(names: Sequence[str], label: int) -> str:
    return names[label] if 0 <= label < len(names) else f"class {label}"


def _picture(found: TestImages, place: int) -> str:
    from matplotlib.image import imsave

    low, high = found.dataset.value_range
    buffer = io.BytesIO()
    imsave(buffer, found.images[place], cmap="gray", vmin=low, vmax=high, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
