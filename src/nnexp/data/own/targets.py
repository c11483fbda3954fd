"""What is to be learnt of each example, as its task wants it: a class, a yes or no for each label, or numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnexp.data.own.kinds import BadData
from nnexp.data.own.labels import ONE_OR_MORE, labels_of, need_all_classes
from nnexp.tasks import Task

if TYPE_CHECKING:
    import numpy as np

_YES_OR_NO = {"1": 1, "true": 1, "yes": 1, "1.0": 1, "0": 0, "false": 0, "no": 0, "0.0": 0}
_LARGEST = 3e38  # of 32 bits


@dataclass(frozen=True, slots=True)
class Targets:
    """Those of all examples, in their order."""

    task: Task
    values: np.ndarray
    """classification int32 [n]; multi_label uint8 [n, labels] of 0 and 1; regression float32 [n, targets]."""
    classes: tuple[str, ...]
    """The names of the classes, the labels, or the targets."""

    def parted(self, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values to train on and to test on; `test` is a mask [n].

        Raises:
            BadData: a part has no examples, or training does not meet what is to be learnt.
        """
        train, tested = self.values[~test], self.values[test]
        if self.task == "classification":
            need_all_classes(train, tested, self.classes)
            return train, tested
        if not len(train) or not len(tested):
            raise BadData(f"the {'test' if len(train) else 'training'} part has no examples", ONE_OR_MORE, "test_path")
        same = (train == train[0]).all(axis=0)
        if same.any():
            place = int(same.argmax())
            message = f"{self.classes[place]!r} is {train[0, place]:g} in every example of the training part"
            raise BadData(f"{message}: there is nothing to learn", "leave this target out", "target")
        return train, tested


def targets_of(
    cells: Mapping[str, Sequence[Any] | np.ndarray], parameters: Mapping[str, Any], where: Callable[[int], str]
) -> Targets:
    """The targets of all examples from their cells [n], by the name of each column or array of them.

    `parameters` may say the `task`; else the cells tell it. They may have `classes`, too. `where` says the place of an
    example, for messages.

    Raises:
        BadData: a cell is not what the task takes.
    """
    named = parameters.get("classes")
    task: Task = parameters.get("task") or _task_of(list(cells.values()), named)
    if task == "classification":
        if len(cells) > 1:
            message = f"a classification has one target, not {len(cells)}: {', '.join(cells)}"
            raise BadData(message, "name one column, or take  task: multi_label  or  task: regression", "target")
        [(name, values)] = cells.items()
        found, classes = labels_of(_listed(values), named, repr(name))
        return Targets(task, found, classes)
    if task == "multi_label" and len(cells) < 2:
        message = "multi_label needs two labels or more: one that is yes or no is two classes"
        raise BadData(message, "take  task: classification", "task")
    names = tuple(named or cells)
    if len(names) != len(cells) or len(set(names)) < len(names):
        message = f"`classes` must have a name of its own for each target, and has {', '.join(names)}"
        raise BadData(message, f"the targets: {', '.join(cells)}", "classes")
    read = _READERS[task]
    return Targets(task, _columns([read(name, values, where) for name, values in cells.items()]), names)


def weights_of(name: str, cells: Sequence[Any] | np.ndarray, parameter: str, where: Callable[[int], str]) -> np.ndarray:
    """How much each training example counts, float32 [n], as the column or array of that name says.

    Raises:
        BadData: they are no finite numbers from 0, or all of them are 0.
    """
    import numpy as np

    found = _numbers(cells)
    wrong = ~((found >= 0) & (found < _LARGEST))
    if wrong.any():
        place = int(wrong.argmax())
        message = f"{where(place)}, {name!r}: {_shown(cells[place])} is no weight"
        raise BadData(message, "allowed: finite numbers from 0", parameter)
    if not found.any():
        raise BadData(
            f"{name!r} is 0 for every training example: nothing would be learnt", "give one of them more", parameter
        )
    return found.astype(np.float32)


def _task_of(cells: Sequence[Sequence[Any] | np.ndarray], named: Sequence[str] | None) -> Task:
    """What the cells look like: several columns are labels where no number but 0 and 1 is in them."""
    import numpy as np

    if len(cells) == 1 and len(named or ()) > 1:
        return "classification"
    numbers = [_numbers(column) for column in cells]
    if len(cells) != 1:
        others = any((~np.isnan(column) & ~np.isin(column, (0, 1))).any() for column in numbers)
        return "regression" if others else "multi_label"
    is_number = np.isfinite(numbers[0])
    fractions = (numbers[0][is_number] % 1 != 0).any()
    return "regression" if fractions and is_number.mean() > 0.5 else "classification"


def _read_labels(name: str, cells: Sequence[Any] | np.ndarray, where: Callable[[int], str]) -> np.ndarray:
    import numpy as np

    listed = _listed(cells)
    said = {cell: _YES_OR_NO.get(str(cell).strip().lower(), 2) for cell in set(listed)}
    found = np.array([said[cell] for cell in listed], dtype=np.uint8)
    if (found == 2).any():
        place = int(found.argmax())
        message = f"{where(place)}, {name!r}: {_shown(cells[place])} says neither yes nor no"
        raise BadData(message, "allowed: 0 and 1, false and true, no and yes", "target")
    return found


def _read_numbers(name: str, cells: Sequence[Any] | np.ndarray, where: Callable[[int], str]) -> np.ndarray:
    import numpy as np

    found = _numbers(cells)
    wrong = ~(np.abs(found) < _LARGEST)
    if wrong.any():
        place = int(wrong.argmax())
        message = f"{where(place)}, {name!r}: {_shown(cells[place])} is no finite number"
        raise BadData(message, "a regression learns numbers: mend the cell, or remove its row", "target")
    return found.astype(np.float32)


_READERS = {"multi_label": _read_labels, "regression": _read_numbers}


def _numbers(cells: Sequence[Any] | np.ndarray) -> np.ndarray:
    """As float64 [n]; NaN for what is none."""
    import numpy as np

    if isinstance(cells, np.ndarray) and cells.dtype.kind in "iufb":
        return cells.astype(np.float64)
    import pandas as pd

    found: np.ndarray = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce").to_numpy(
        dtype="float64", na_value=np.nan
    )
    return found


def _columns(columns: Sequence[np.ndarray]) -> np.ndarray:
    import numpy as np

    return np.stack(columns, axis=1)


def _listed(cells: Sequence[Any] | np.ndarray) -> list[Any]:
    return list(cells) if isinstance(cells, Sequence) else cells.tolist()


def _shown(cell: Any) -> str:
    return repr(str(cell)) if isinstance(cell, str) else str(cell)
