"""What was found in a table, kept in nnexp's cache where the table is large, so that it is looked through once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data import cache
from nnexp.data.own.columns import Columns
from nnexp.data.own.kinds import KINDS
from nnexp.data.own.targets import Targets
from nnexp.files import replacing, to_json

if TYPE_CHECKING:
    import numpy as np

_FINDING = 2  # raise it when other things come to be found in the same table
_KEPT = 30 * 24 * 3600  # seconds that a file stays which nobody uses


@dataclass(frozen=True, slots=True)
class Found:
    """All that is in memory of a table, besides its examples."""

    targets: Targets
    test: np.ndarray
    """Which rows are the test part: a mask [n]."""
    weights: np.ndarray | None
    """How much each training row counts, float32 [training rows]; None where all count the same."""
    columns: Columns


def recall(kind: str, parameters: Mapping[str, Any]) -> Found | None:
    """What was found in the table of that kind, and of these parameters with their `sha256`, if it was kept."""
    import numpy as np

    path = _path(kind, parameters)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:  # the archive has a checksum of each
            about = json.loads(str(held["about"]))
            targets = Targets(about["task"], held["targets"], tuple(about["classes"]))
            weights = held["weights"] if about["weighted"] else None
            found = Found(targets, held["test"], weights, Columns.of_plain(about["columns"]))
    except Exception:  # noqa: BLE001  zipfile and NumPy name no end to what damaged archives may raise
        return None
    with contextlib.suppress(OSError):  # a cache that may only be read
        os.utime(path)  # it is in use
    return found


def remember(kind: str, parameters: Mapping[str, Any], found: Found) -> None:
    """Keep it, where the cache can: by these parameters, and by those with the task that was told."""
    import numpy as np

    about = {
        "task": found.targets.task,
        "classes": found.targets.classes,
        "weighted": found.weights is not None,
        "columns": found.columns.plain(),
    }
    weights = np.empty(0, np.float32) if found.weights is None else found.weights
    values = found.targets.values
    with contextlib.suppress(OSError):
        for path in {_path(kind, parameters), _path(kind, {**parameters, "task": found.targets.task})}:
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_old(path.parent)
            with replacing(path) as temporary:
                np.savez(temporary, targets=values, test=found.test, weights=weights, about=to_json(about))


def _path(kind: str, parameters: Mapping[str, Any]) -> Path:
    """Made from all that it depends on: the SHA-256 of the files stands for their paths."""
    types = {name: known.type for name, known in KINDS[kind].items()}
    said = {name: types[name] == "path" or value for name, value in parameters.items() if types[name] != "stream"}
    given = {name: value for name, value in said.items() if value is not None}
    digest = hashlib.sha256(json.dumps([_FINDING, kind, given], sort_keys=True).encode()).hexdigest()
    return cache.home() / "tables" / f"{digest[:32]}.npz"


def _remove_old(folder: Path) -> None:
    """What was not used for long, what a killed process left among it."""
    for path in folder.iterdir():
        if time.time() - path.stat().st_mtime > _KEPT:
            path.unlink(missing_ok=True)
