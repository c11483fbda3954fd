"""The dataset of a run, and the test examples of a dataset as this computer has them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data import rows
from nnexp.data.dataset import Dataset, OwnFiles
from nnexp.data.datasets import describe, load
from nnexp.data.own.files import labels_in
from nnexp.data.own.kinds import KINDS, BadData
from nnexp.data.progress import FetchProgress
from nnexp.errors import InputError
from nnexp.files import to_json
from nnexp.runs.reading import ANEW, Refused, json_to_the_letter, parsed, printable
from nnexp.runs.record import MOST_MEGABYTES, RunRecord, kind_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Examples:
    """The test part of a dataset."""

    dataset: Dataset
    x: rows.Examples  # [n, ...], raw
    labels: NDArray[Any]  # [n] or [n, k], as `Arrays` has them
    fingerprint: str  # runs with the same one were tested on the very same examples
    file: str = ""  # of an own table, the name of the file that the test part is from
    rows: NDArray[Any] | None = None  # [n], and where in it: as editors count; None where that is not known

    def name_of(self, index: int) -> str:
        """What a test example is called: of an own table its row, "wine.csv:17", else its number, from 0."""
        return str(index) if self.rows is None else f"{self.file}:{self.rows[index]}"


def dataset_entry(run: RunRecord) -> tuple[str, Mapping[str, Any]]:
    """The name of a run's dataset and its parameters, as its config has them; "" where it has none."""
    return _parts(run.config.get("dataset", ""))


def entry_to_the_letter(run: RunRecord) -> tuple[str, Mapping[str, Any]]:
    """The same with all signs as they are: a record has spaces for those that no terminal shows, paths have them."""
    entry = run.config.get("dataset", "")
    with contextlib.suppress(OSError, Refused, KeyError, TypeError, RecursionError):
        found = json_to_the_letter(run.folder.metrics, MOST_MEGABYTES)["config"]["dataset"]
        if parsed(to_json(found).encode()) == entry:  # no other was written meanwhile
            return _parts(found)
    return _parts(entry)


def _parts(entry: Any) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(entry, dict):
        return str(entry), {}
    name, parameters = next(iter(entry.items()), ("", {}))
    return str(name), parameters if isinstance(parameters, dict) else {}


def dataset_of(run: RunRecord, moved_to: Path | None = None) -> Dataset:
    """The dataset of a run; own data may be at another path by now.

    Raises:
        InputError: this nnexp does not know it, or own data are no longer there, or no longer what they were.
    """
    name, parameters = entry_to_the_letter(run)
    shown = printable(run.path)
    try:
        if name not in KINDS:
            if moved_to is not None:
                raise InputError(f"{shown} was trained on {printable(name)}, which nnexp knows; leave --dataset out")
            return describe(name, parameters)
        if not parameters["sha256"]:  # no file is read but the one that the run was made from
            raise KeyError("sha256")
        if moved_to is None and kind_of(Path(parameters["path"])) == "nothing":
            what = f"the data of {shown} are no longer at {printable(parameters['path'])}"
            raise InputError(f"{what}\nput them back, or say where they are now:  --dataset PATH")
        return describe(name, parameters if moved_to is None else _moved(name, parameters, moved_to))
    except BadData as error:
        if moved_to is not None and error.parameter == "sha256":
            raise InputError(
                f"{printable(moved_to)} does not hold the data that {shown} was trained on; give those, unchanged"
            ) from None
        raise
    except (KeyError, TypeError, ValueError, OverflowError):  # a stranger may have written them
        raise InputError(f"{shown}: its config does not say what its data are; {ANEW}") from None


def own_dataset_at(run: RunRecord, path: Path) -> Dataset | None:
    """The run's own dataset, which is at that path by now; None where other data are there, or it has none."""
    name, parameters = entry_to_the_letter(run)
    if name == "images" and parameters.get("labels") and (labels := labels_in(path)):
        _, path = labels
    kind = kind_of(path)
    if name not in KINDS or not parameters.get("sha256") or kind != ("directory" if name == "images" else "file"):
        return None
    try:
        return dataset_of(run, path)
    except InputError:
        return None


def _moved(kind: str, parameters: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The parameters with their paths where the data are now: other files lie beside it as they did."""
    before, now = Path(parameters["path"]), path.absolute()
    found = {**parameters, "path": str(now)}
    for name, known in KINDS[kind].items():
        if known.type != "path" or name == "path" or not parameters.get(name):
            continue
        other = Path(parameters[name])
        inside = other.is_relative_to(before)
        beside = now / other.relative_to(before) if inside else now.parent / os.path.relpath(other, before.parent)
        if kind_of(beside) != "nothing":
            found[name] = os.path.normpath(beside)
    return found


def load_examples(dataset: Dataset, *, offline: bool, progress: FetchProgress | None = None) -> Examples:
    """The test part of a dataset, fetched first where it is not here.

    Raises:
        InputError, DataUnavailable: it is not to be had.
    """
    from nnexp.data.splits import fingerprint

    arrays = load(dataset, offline=offline, progress=progress)
    found = Examples(dataset, arrays.x_test, arrays.y_test, fingerprint(arrays.x_test, arrays.y_test))
    if not isinstance(dataset.origin, OwnFiles):
        return found
    from nnexp.data.own.reading import read_own

    said = dataset.origin.parameters
    file = Path(said.get("test_path") or said["path"]).name
    return replace(found, file=file, rows=read_own(dataset.origin.kind, said).test_rows)
