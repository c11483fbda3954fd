"""What a run's model takes and gives, from its run folder alone: its data may be elsewhere by now."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from nnexp.data.datasets import DATASETS
from nnexp.data.own.columns import Columns
from nnexp.errors import InputError
from nnexp.examples import dataset_entry, dataset_of, entry_to_the_letter
from nnexp.runs.reading import ANEW, Refused, json_to_the_letter, printable
from nnexp.runs.record import RunRecord
from nnexp.tasks import Task

_SHAPE = re.compile(r"\((\d{1,9}(?:, \d{1,9})*)\)")
_PIXELS = (0.0, 255.0)
_ARRAYS = ("npz", "npy", "idx")  # kinds of own data whose values may be in any range
_MOST_MEGABYTES = 8  # of columns.json
NAMED: Mapping[Task, str] = MappingProxyType(
    {"classification": "classes", "multi_label": "labels", "regression": "targets"}
)
"""What the numbers of an answer are of."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What goes into a model, raw, and what comes out."""

    shape: tuple[int, ...]  # of one example
    value_range: tuple[float, float]  # of raw pictures
    task: Task
    classes: tuple[str, ...]  # the index is the label; or the names of the labels or targets, by the task
    features: tuple[str, ...]  # the names of a table's numbers; empty for all else
    columns: Columns | None  # how the columns of an own table become these numbers
    separator: str = ","  # between the cells of an own table
    targets: tuple[str, ...] = ()  # its columns of what is to be learnt

    @property
    def size(self) -> int:
        """How many numbers an example has."""
        return math.prod(self.shape)

    @property
    def is_picture(self) -> bool:
        """Whether an example can be a picture: [height, width], grey with one channel or none, or RGB."""
        return len(self.shape) == 2 or (len(self.shape) == 3 and self.shape[2] in (1, 3))


def signature_of(run: RunRecord) -> Signature:
    """The signature of a run that came to its end.

    Raises:
        InputError: it has not, or its files do not tell.
    """
    path = printable(run.path)
    if run.status == "running":
        raise InputError(f"{path} is still running; wait for its end")
    if not run.has_result:
        raise InputError(f"{path} is {run.status}, so it has no trained model; first:  nnexp resume {path}")
    shape = _SHAPE.fullmatch(run.model[0]["output"]) if run.model else None
    classes = names_of(run)
    if shape is None or len(classes) < (2 if run.task == "classification" else 1):
        raise InputError(f"{path}: its metrics.json does not say what its model takes and what it learnt; {ANEW}")
    dataset, parameters = entry_to_the_letter(run)
    known = DATASETS.get(dataset)
    columns = _columns(run)
    if columns and shape[1] != str(len(columns.features)):
        raise InputError(
            f"{printable(run.folder.columns)} has {len(columns.features)} features, the model {shape[1]}; {ANEW}"
        )
    return Signature(
        shape=tuple(map(int, shape[1].split(", "))),
        value_range=known.value_range if known else _PIXELS,
        task=run.task,
        classes=classes,
        features=columns.features if columns else known.feature_names if known else (),
        columns=columns,
        separator=str(parameters.get("separator") or ","),
        targets=tuple(map(str, target if isinstance(target := parameters.get("target"), list) else [target or ""])),
    )


def names_of(run: RunRecord) -> tuple[str, ...]:
    """The names of a run's classes, labels or targets."""
    if run.task == "regression":
        return tuple(row["target"] for row in run.evaluation.get("per_target", ()))
    return tuple(row["class"] for row in run.evaluation.get("per_class", ()))


def scaled(signature: Signature, run: RunRecord, moved_to: Path | None = None) -> Signature:
    """The signature with the range that pictures are scaled to: of own arrays only these themselves tell it.

    They may have moved to another path.

    Raises:
        InputError: they are no longer there.
    """
    if dataset_entry(run)[0] not in _ARRAYS or not signature.is_picture:
        return signature
    return replace(signature, value_range=dataset_of(run, moved_to).value_range)


def _columns(run: RunRecord) -> Columns | None:
    try:
        return Columns.of_plain(json_to_the_letter(run.folder.columns, _MOST_MEGABYTES))
    except FileNotFoundError:
        return None  # not trained on an own table
    except (Refused, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        why = str(error) if isinstance(error, Refused) else "it is not what nnexp writes"
        raise InputError(f"{printable(run.folder.columns)} cannot be used: {why}; {ANEW}") from None
