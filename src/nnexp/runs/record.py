"""The frozen record of a run, read from its folder as plain data: no TensorFlow, no config schema of the day."""

from __future__ import annotations

import math
import os
import shlex
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from nnexp.errors import InputError
from nnexp.runs import figures
from nnexp.runs.folder import WITH_RESULT, RunFolder
from nnexp.runs.meant import beside, best_of
from nnexp.runs.reading import Refused, content_of, escaped, parsed, printable
from nnexp.tasks import HEADLINES, Task

MOST_MEGABYTES = 32  # of metrics.json: a thousand classes make 11, ten thousand epochs 3
_LONGEST_NAME = 255  # of a folder too
_ELSE = "copy it again, or leave it out"  # what to do where it is not the folder of a run, or damaged

# A directory with this file is a tracker's store beside the runs: what it holds are copies of files of runs.
TRACKER_STORE = "mlflow.db"
STATUSES = ("running", "completed", "diverged", "failed", "interrupted")

# How the reason begins of a run that its search gave up after an epoch.
PRUNED = "pruned: "


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a run folder says. Missing figures are absent from the mappings, never invented."""

    path: Path
    name: str
    status: str  # one of STATUSES; a run whose process is gone reads as interrupted
    seed: int | None
    identity: str
    description: str
    test: Mapping[str, float | None]
    test_intervals: Mapping[str, Sequence[float]]
    history: Sequence[Mapping[str, Any]]  # a row an epoch
    best_epoch: int | None
    stopped: Mapping[str, Any] | None
    parameters: Mapping[str, int]
    findings: Sequence[Mapping[str, Any]]
    timings: Mapping[str, float]
    started: str
    finished: str | None
    metrics: Mapping[str, Any] = field(default_factory=dict)  # metrics.json as it is, for what is seldom asked for
    error: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)  # complete, as config.yaml has it
    test_split: str = ""  # fingerprint: runs with the same one can be paired example by example
    expected: bool = False  # a failure that the sweep file announced (`expect: error`)
    threads: int | None = None  # how many TensorFlow was given
    task: Task = "classification"
    resumed: Sequence[Mapping[str, Any]] = ()  # each time it was gone on with: `after_epoch`, `at`

    @property
    def has_result(self) -> bool:
        """Whether the run came to its end: a diverged one has a result too."""
        return self.status in WITH_RESULT

    @property
    def pruned(self) -> bool:
        """Whether its search gave it up before its end, so that it says nothing about how good its config is."""
        return self.stopped is not None and self.stopped["reason"].startswith(PRUNED)

    @property
    def began(self) -> float:
        """When it was started, in seconds since 1970, whatever the time zone; long ago where that is not known."""
        try:
            return datetime.fromisoformat(self.started).timestamp()
        except (ValueError, OverflowError):
            return -math.inf

    @property
    def headline(self) -> str:
        """The name of the figure of the test split that tells first how well it did."""
        return HEADLINES[self.task]

    @property
    def evaluation(self) -> Mapping[str, Any]:
        """Figures of the test split by class, label or target, and confusions; see `figures.evaluation`."""
        return figures.evaluation(self.metrics.get("evaluation"))

    @property
    def model(self) -> Sequence[Mapping[str, Any]]:
        """A row a layer: `layer`, `kind`, `output`, `parameters`."""
        return figures.layers(self.metrics.get("model"))

    @property
    def folder(self) -> RunFolder:
        """The paths of the run."""
        return RunFolder(self.path)


class UnreadableRun(InputError):
    """A folder that is no run, or whose metrics.json cannot be read."""


class Unreachable(UnreadableRun):
    """A run that may well be whole, but cannot be read now: no permission, or a disk that does not answer."""


def read(path: Path) -> RunRecord:
    """Read the run in a folder.

    Raises:
        UnreadableRun: no metrics.json there, or not one that nnexp wrote.
        Unreachable: there may be one, but it cannot be read now.
    """
    return record_of(path, *data_of(path))


def data_of(path: Path) -> tuple[dict[str, Any], bytes]:
    """The data of the metrics.json in a folder, which are those of a run, and the JSON that they are from.

    Raises:
        UnreadableRun, Unreachable: as `read` does.
    """
    raw = _metrics(path)
    try:
        data = parsed(raw)
    except Refused as error:
        raise UnreadableRun(f"{printable(RunFolder(path).metrics)}: {error}; {_ELSE}") from None
    if not isinstance(data, dict) or data.get("status") not in STATUSES:
        raise UnreadableRun(f"{printable(RunFolder(path).metrics)}: not the metrics of a run; {_ELSE}")
    return data, raw


def record_of(
    path: Path,
    data: Any,
    raw: bytes,
    history: Sequence[Mapping[str, Any]] | None = None,
    metrics: Mapping[str, Any] | None = None,
) -> RunRecord:
    """The record of a run by the data of its metrics.json, and the JSON that they are from.

    `history` and `metrics` stand in place of what the data say, where those are not the whole.

    Raises:
        UnreadableRun: they are not the metrics of a run.
    """
    if not isinstance(data, dict) or data.get("status") not in STATUSES:
        raise UnreadableRun(f"{printable(RunFolder(path).metrics)}: not the metrics of a run; {_ELSE}")
    config = figures.mapping(data.get("config"))
    if not figures.is_config(config, raw):
        raise UnreadableRun(
            f"{printable(RunFolder(path).metrics)}: its config is larger or deeper than any of a run; {_ELSE}"
        )
    return RunRecord(
        path=path,
        name=printable(figures.text(data.get("name")) or path.name)[:_LONGEST_NAME],
        status=_status(data["status"], data.get("process"), path),
        seed=figures.whole(data.get("seed")),
        identity=figures.text(data.get("identity")),
        description=figures.text(data.get("description")),
        test=figures.numbers(data.get("test")),
        test_intervals=figures.intervals(data.get("test_intervals")),
        history=figures.history(data.get("history")) if history is None else history,
        best_epoch=figures.whole(data.get("best_epoch")),
        stopped=figures.stop(data.get("stopped")),
        parameters=figures.counts(data.get("parameters")),
        findings=figures.findings(data.get("findings")),
        timings={k: s for k, s in figures.numbers(data.get("timings")).items() if s is not None},
        started=figures.text(data.get("started")),
        finished=figures.text(data.get("finished")) or None,
        metrics=data if metrics is None else metrics,
        error=figures.text(data.get("error")),
        config=config,
        test_split=figures.text(data.get("test_split")),
        expected=data.get("expected") is True,
        threads=figures.threads(data.get("threads")),
        task=figures.task(data.get("task")),
        resumed=figures.rows(data.get("resumed")),
    )


def metrics_text(path: Path) -> str:
    """The metrics.json of a run as it is.

    Raises:
        UnreadableRun, Unreachable: as `read` does.
    """
    return escaped(_metrics(path).decode("utf-8-sig", errors="replace"))


def find(runs: Path) -> Iterator[Path]:
    """The run folders below a directory, in the order of their names; runs are not looked for inside runs.

    A directory that cannot be looked into is among them, so that `read` says why. Links are not followed.
    """
    return (path for path, _ in seen(runs))


def seen(runs: Path) -> Iterator[tuple[Path, os.stat_result | None]]:
    """What `find` finds, with the state of each metrics.json as it was seen then; None where it was not."""
    waiting = [str(runs)]
    while waiting:  # no recursion: a forged directory may go on
        place = waiting.pop()
        if place != str(runs) and (state := lstat(f"{place}/metrics.json")):
            yield Path(place), state
            continue
        try:
            with os.scandir(place) as scanned:
                entries = list(scanned)
            inside = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            yield Path(place), None
            continue
        if all(entry.name != TRACKER_STORE for entry in entries):
            waiting += sorted(inside, reverse=True)


def lstat(path: str) -> os.stat_result | None:
    """The state of a file, links not followed; None where there is none that can be seen."""
    try:
        return os.lstat(path)
    except (OSError, ValueError):
        return None


def kind_of(path: Path) -> Literal["directory", "file", "other", "nothing"]:
    """What is at a path, links followed; `Path.is_dir` and its like raise what no user should see.

    Raises:
        Unreachable: it cannot be told.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise Unreachable(f"{printable(path)}: cannot be reached: {why}; see that you may read it") from None
    return "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"


def no_run_at(path: Path) -> UnreadableRun:
    """What to raise where nothing is at a path that should be a run's."""
    near = beside(path)
    hint = f"did you mean {near}?" if near else "`nnexp ls` lists the runs"
    return UnreadableRun(f"{printable(path)}: no such run folder; {hint}")


def _metrics(path: Path) -> bytes:
    metrics = RunFolder(path).metrics
    try:
        return content_of(metrics, MOST_MEGABYTES)
    except (FileNotFoundError, NotADirectoryError):
        kind = kind_of(path)
        if kind == "nothing":
            raise no_run_at(path) from None
        what = "no run folder: it is no directory"
        if kind == "directory":
            if not os.access(path, os.R_OK):
                raise Unreachable(
                    f"{printable(path)}: cannot be looked into: permission denied; see that you may read it"
                ) from None
            if inside := sorted(found.parent for found in path.glob("*/metrics.json")):
                whole = "sweep" if (path / "sweep.json").exists() else "folder"
                best = best_of(path, inside)
                one = shlex.quote(printable(best or inside[0]))
                such = f"such as one of the best:  {one}" if best else f"such as  {one}"
                raise UnreadableRun(f"{printable(path)} is a {whole} of runs; take one of them, {such}") from None
            what = "no run folder: it has no metrics.json"
        raise UnreadableRun(f"{printable(path)}: {what}; `nnexp ls` lists the runs") from None
    except OSError as error:
        raise Unreachable(f"{printable(metrics)}: cannot be read: {error.strerror}; see that you may read it") from None
    except Refused as error:
        raise UnreadableRun(f"{printable(metrics)}: {error}; {_ELSE}") from None


def _status(said: str, process: Any, path: Path) -> str:
    """The status that metrics.json says; a run whose process is gone says `running` to its last day."""
    if said != "running":
        return said
    from nnexp.runs.process import alive

    try:
        touched = RunFolder(path).metrics.stat().st_mtime
    except OSError:
        touched = None
    return "running" if alive(process, touched) else "interrupted"
