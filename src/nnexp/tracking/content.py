"""What trackers are told of a run, from its folder: parameters, tags, figures by epoch, figures of the test, files."""

from __future__ import annotations

import json
import math
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

from nnexp.runs import record
from nnexp.runs.reading import Refused, json_of
from nnexp.runs.record import RunRecord

_DEEPEST = 10  # entries inside entries; a forged config may go on


@dataclass(frozen=True, slots=True)
class Epoch:
    """The figures of an epoch, named as in metrics.json; `at` is in seconds since 1970."""

    number: int
    at: float
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep folder says of its runs together."""

    path: Path
    name: str
    description: str
    started: float  # seconds since 1970
    status: str
    finished: str  # when its last run was; empty where none is


def epoch(number: int, at: float, figures: Mapping[str, float | None]) -> Epoch:
    """An epoch; what is no finite number is NaN, as metrics.json does not tell one from the other."""
    kept = {name: value if value is not None and math.isfinite(value) else math.nan for name, value in figures.items()}
    return Epoch(number, at, kept)


def epochs(found: RunRecord) -> list[Epoch]:
    """The epochs of a run, each at about the time when it ended."""
    ends = accumulate((row.get("seconds") or 0.0 for row in found.history), initial=seconds(found.started))
    next(ends)
    return [
        epoch(row["epoch"], at, {name: value for name, value in row.items() if name != "epoch"})
        for row, at in zip(found.history, ends, strict=True)
    ]


def seconds(time: str | None) -> float:
    """A time of a record in seconds since 1970; now where it is none."""
    try:
        return datetime.fromisoformat(time or "").timestamp()
    except (ValueError, OverflowError, OSError):
        return datetime.now().timestamp()


def parameters(found: RunRecord) -> dict[str, str]:
    """The config by override paths: `optimizer` is adam, `optimizer.learning_rate` 0.001, `layers.1.units` 16.

    What is no text is written as JSON, which a config takes; what is not given is left out.
    """
    left_out = ("name", "description", "track")
    said = (_flat(key, value) for key, value in found.config.items() if key not in left_out)
    flat = {path: value for pairs in said for path, value in pairs if value is not None}
    return {path: value if isinstance(value, str) else json.dumps(value) for path, value in flat.items()}


def tags(found: RunRecord) -> dict[str, str]:
    """What tells the run from others, and how it ended."""
    try:
        environment = json_of(found.folder.environment, record.MOST_MEGABYTES)
    except (OSError, Refused):
        environment = {}
    packages = environment.get("packages") if isinstance(environment, dict) else None
    said = {
        "identity": found.identity,
        "seed": found.seed,
        "status": found.status,
        "task": found.task,
        "stopped": found.stopped["reason"] if found.stopped else None,  # of a trial: whether its search gave it up
        "git_commit": environment.get("git_commit") if isinstance(environment, dict) else None,
        "version": packages.get("nnexp") if isinstance(packages, dict) else None,
        "folder": str(found.path),
        "error": found.error,
    }
    return {name: str(value) for name, value in said.items() if value not in (None, "")}


def figures(found: RunRecord) -> dict[str, float]:
    """The figures of the test split as `test_accuracy`, with `test_accuracy_low` and `_high` of its interval."""
    said = {f"test_{name}": value for name, value in found.test.items() if value is not None}
    for name, (low, high) in found.test_intervals.items():
        said |= {f"test_{name}_low": low, f"test_{name}_high": high}
    return said


def pictures(found: RunRecord) -> list[Path]:
    """The pictures of a run that are there."""
    folder = found.folder
    return there(folder.history_plot, folder.confusion_plot, folder.residuals_plot, folder.curves_plot)


def files(found: RunRecord) -> list[Path]:
    """The files of a run that go into a tracker's store, those that are there."""
    folder = found.folder
    return [*there(folder.config, folder.metrics, folder.model), *pictures(found)]


def sweep_of(run: Path) -> Path | None:
    """The sweep folder that a run folder lies in; None where there is none."""
    return run.parent if there(run.parent / "sweep.json") else None


def runs_directory(run: Path) -> Path:
    """The directory that a run folder, or the sweep folder around it, lies in."""
    return (sweep_of(run) or run).parent


def sweep(path: Path) -> Sweep:
    """What a sweep folder says; it is completed once each of its points has a result, or the refusal expected of it.

    A search writes its points down as it finds them, and `runs`, how many there are to be.
    """
    try:
        state = json_of(path / "sweep.json", record.MOST_MEGABYTES)
    except (OSError, Refused):
        state = {}
    state = state if isinstance(state, dict) else {}
    points = state.get("points")
    labels = [point.get("label") for point in points if isinstance(point, dict)] if isinstance(points, list) else []
    runs = [_run(path / label) for label in labels if isinstance(label, str)]
    statuses = {_status(found) for found in runs}
    if isinstance(to_be := state.get("runs"), int) and len(labels) < to_be:
        statuses.add("interrupted")
    status = next((one for one in ("running", "interrupted", "failed") if one in statuses), "completed")
    finished = max((found.finished or "" for found in runs if found), default="")
    name, description = (str(state.get(key) or "") for key in ("name", "description"))
    return Sweep(path, name or path.name, description, seconds(str(state.get("started"))), status, finished)


def sweep_files(path: Path) -> list[Path]:
    """What a sweep folder says of its runs together, those files that are there."""
    said = [path / name for name in ("sweep.yaml", "table.csv", "table.json", "report.html")]
    return there(*said, *sorted(path.glob("*.png")))


def _run(path: Path) -> RunRecord | None:
    try:
        return record.read(path)
    except record.UnreadableRun:
        return None


def _status(found: RunRecord | None) -> str:
    """As the sweep counts it: a failure that was expected is none."""
    if found is None:
        return "interrupted"
    return "completed" if found.has_result or found.expected else found.status


def there(*paths: Path) -> list[Path]:
    """Those of the paths that are plain files: a folder may come from a stranger, and a link lead anywhere."""
    states = ((path, record.lstat(str(path))) for path in paths)
    return [path for path, state in states if state and stat.S_ISREG(state.st_mode)]


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The parameters at and below a path: those of an entry, of each item of a list that has entries, or the value."""
    if path.count(".") == _DEEPEST:
        yield path, str(value)
    elif isinstance(value, dict) and len(value) == 1 and isinstance(inner := next(iter(value.values())), dict):
        yield path, next(iter(value))
        for key, part in inner.items():
            yield from _flat(f"{path}.{key}", part)
    elif isinstance(value, list) and ("." not in path or any(isinstance(part, dict) for part in value)):
        for place, part in enumerate(value):
            yield from _flat(f"{path}.{place}", part)
    else:
        yield path, value
