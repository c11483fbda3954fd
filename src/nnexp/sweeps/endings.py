"""What the folder of a run says when the run itself could not: that it failed, was interrupted, or refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from nnexp.config.loading import dump
from nnexp.files import write_text
from nnexp.runs import record
from nnexp.runs.folder import RunFolder
from nnexp.runs.reading import Refused, json_of
from nnexp.sweeps.child import Ending
from nnexp.sweeps.expand import Point
from nnexp.sweeps.folder import SweepFolder


def settle(folder: SweepFolder, point: Point, ending: Ending) -> None:
    """See to it that the folder of a run that is over says how it ended, also where the run itself could not.

    Raises:
        OSError: it cannot be written to.
    """
    run = folder.run(point.label)
    if ending.kind in ("done", "busy") or (ending.kind == "stopped" and not run.path.exists()):
        return
    metrics = _metrics(run)
    status = "interrupted" if ending.kind == "stopped" else "failed"
    if metrics.get("status") != status:  # else the run wrote it itself
        record_failure(run, point, metrics, status, ending.message)


def record_failure(run: RunFolder, point: Point, metrics: dict[str, Any], status: str, message: str) -> None:
    """Write that the run of a point ended so, beside what its metrics.json says."""
    run.path.mkdir(exist_ok=True)
    if not run.config.exists():
        write_text(run.config, dump(dict(point.config)))
    named = {"name": str(point.config.get("name", point.label)), "seed": point.seed, "config": point.config}
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    run.write_metrics({**named, **metrics, "status": status, "process": None, "finished": now, "error": message})
    run.append_log(f"{status}: {message}")


def record_refusal(folder: SweepFolder, point: Point, *, expected: bool) -> None:
    """A point that was refused: its folder says why."""
    run = folder.run(point.label)
    run.discard()
    run = RunFolder.make(run.path)
    record_failure(run, point, {"expected": expected}, "failed", point.refusal)


def is_damaged(run: RunFolder) -> bool:
    """Whether there is a metrics.json that is none, and could be read."""
    try:
        record.read(run.path)
    except record.Unreachable:
        return False
    except record.UnreadableRun:
        return run.metrics.exists()
    return False


def _metrics(run: RunFolder) -> dict[str, Any]:
    try:
        metrics = json_of(run.metrics, record.MOST_MEGABYTES)
    except (OSError, Refused):
        return {}
    return metrics if isinstance(metrics, dict) else {}
