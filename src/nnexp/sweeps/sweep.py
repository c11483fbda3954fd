"""A sweep from its points to its folder: the stages, in order."""

from __future__ import annotations

import contextlib
import importlib
import shlex
import shutil
import threading
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from nnexp.comparison.result import Comparison
from nnexp.config.experiment import Experiment
from nnexp.config.loading import dump
from nnexp.config.sweep import SweepFile
from nnexp.data.datasets import describe, load
from nnexp.data.progress import FetchProgress
from nnexp.errors import InputError, NnexpError, RunError
from nnexp.failures import what_failed
from nnexp.files import write_text
from nnexp.runs import record
from nnexp.runs.folder import RunFolder
from nnexp.runs.reading import Refused, json_of
from nnexp.sweeps import worker
from nnexp.sweeps.child import Ending, Task
from nnexp.sweeps.estimate import rough_seconds
from nnexp.sweeps.execute import SweepReport, execute
from nnexp.sweeps.expand import Point, identity
from nnexp.sweeps.folder import SweepFolder
from nnexp.sweeps.shares import share


@dataclass(frozen=True, slots=True)
class Options:
    """How a sweep is done, apart from what its file says."""

    runs: Path = Path("runs")
    offline: bool = False
    command: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done in a sweep folder: which points are missing, on how many workers and threads."""

    folder: SweepFolder
    points: tuple[Point, ...]
    missing: tuple[Point, ...]
    workers: int
    threads: int  # of each run; fixed when the sweep begins, since XLA's last bits depend on it


def begin(plan: SweepFile, points: Sequence[Point], options: Options) -> Job:
    """A new sweep folder with the sweep file in it, and all of the points to do.

    Raises:
        InputError: the runs directory cannot be used.
    """
    RunFolder.check(options.runs)
    workers, threads = share(points, plan.workers)
    now = datetime.now().astimezone()
    folder = SweepFolder.create(options.runs, plan.name, now)
    state = {
        "identity": identity(points),
        "started": now.isoformat(timespec="seconds"),
        "command": list(options.command),
        "workers": workers,
        "threads": threads,
        "points": [
            {"label": point.label, "stem": point.stem, "seed": point.seed, "parameters": dict(point.parameters)}
            for point in points
        ],
        **_asked(plan),
    }
    try:
        folder.begin(plan.yaml(), state)
    except OSError as error:
        what = what_failed(error, folder.path)
        shutil.rmtree(folder.path, ignore_errors=True)
        raise RunError(f"the sweep could not begin: {what}\nnothing was kept; start it again after that") from error
    return Job(folder, tuple(points), tuple(points), workers, threads)


def _asked(plan: SweepFile) -> dict[str, Any]:
    """What the comparison is to answer."""
    return {"name": plan.name, "description": plan.description, "baseline": plan.baseline or None}


def go_on(folder: SweepFolder, plan: SweepFile, points: Sequence[Point]) -> Job:
    """What is left to do in a sweep folder: the points that have no finished run of theirs.

    Raises:
        InputError: the folder holds other points than these, or a run in it is under way.
    """
    state = folder.state()
    if state.get("identity") != identity(points):
        why = "was made for other points than its sweep.yaml gives" if state else "has no readable sweep.json"
        raise InputError(f"{folder.path} {why}; to begin anew: nnexp sweep {shlex.quote(str(folder.sweep))}")
    for point in points:
        try:
            run = record.read(folder.run(point.label).path)
        except record.Unreachable as error:
            raise InputError(f"{error}; nothing was started") from None
        except record.UnreadableRun:
            continue
        if run.status == "running":  # on another host, where the lock may not reach
            raise InputError(f"{run.path} is still being run by another process; wait for it, or stop it first")
    RunFolder(folder.path).refuse_links()
    if state != (asked := {**state, **_asked(plan)}):
        with _disk_told(folder):
            folder.begin(plan.yaml(), asked)  # the same points, with another question
    missing = tuple(point for point in points if not has_result(folder, point))
    workers, threads = share(points, plan.workers)
    threads = state["threads"] if isinstance(state.get("threads"), int) else threads
    return Job(folder, tuple(points), missing, workers, threads)


def carry_out(
    job: Job, options: Options, report: SweepReport, fetch_progress: FetchProgress | None = None
) -> Comparison:
    """Do what is missing, sum up all that is there, and return what it says.

    Raises:
        InputError: another process is at this sweep.
        DataUnavailable: a dataset is not to be had; no run was started.
        KeyboardInterrupt: as it came, after the runs under way were stopped; what is done is kept and summed up.
    """
    with _disk_told(job.folder), job.folder.locked():
        # Looked at again: another process may have been at it until now.
        missing = [point for point in job.missing if not has_result(job.folder, point)]
        for point in missing:
            run = job.folder.run(point.label)
            if _is_damaged(run):
                job.folder.set_aside(point.label)
            if point.experiment is None:
                _record_refusal(job.folder, point)
        by_label = {point.label: point for point in missing if point.experiment}
        try:
            if by_label:
                _execute(job, by_label, options, report, fetch_progress)
        except KeyboardInterrupt:
            with contextlib.suppress(NnexpError):  # what ended it is told, and how to go on
                _summed_up(job.folder)
            raise
        return _summed_up(job.folder)


@contextlib.contextmanager
def _disk_told(folder: SweepFolder) -> Iterator[None]:
    """Say what a disk that fails does to the sweep, and how to go on."""
    try:
        yield
    except OSError as error:
        what = what_failed(error, folder.path)
        raise RunError(f"the sweep failed: {what}\nwhat is done is kept; {_how_to_go_on(folder)}") from error


def _summed_up(folder: SweepFolder) -> Comparison:
    try:
        return sum_up(folder)
    except NnexpError:
        raise
    except Exception as error:
        with contextlib.suppress(OSError):
            write_text(folder.path / "error.txt", traceback.format_exc())
        what = what_failed(error, folder.path)
        raise RunError(f"the runs are kept, but could not be summed up: {what}\n{_how_to_go_on(folder)}") from error


def _how_to_go_on(folder: SweepFolder) -> str:
    return f"to go on after that:  nnexp resume {shlex.quote(str(folder.path))}"


def _execute(
    job: Job,
    points: dict[str, Point],
    options: Options,
    report: SweepReport,
    fetch_progress: FetchProgress | None,
) -> None:
    worker.start_server()
    entries = [point.experiment.dataset for point in points.values() if point.experiment]
    for entry in {str(entry.plain()): entry for entry in entries}.values():
        # Once for all workers.
        load(describe(entry.name, entry.parameters), offline=options.offline, progress=fetch_progress)
    # While the server imports TensorFlow on one CPU, another has time for what the summary needs.
    threading.Thread(target=_warm_up, daemon=True, name="warm-up").start()
    with job.folder.scratch() as scratch:
        todo = [(point, point.experiment) for point in points.values() if point.experiment]
        todo.sort(key=lambda pair: rough_seconds(pair[1]), reverse=True)  # a long run that begins last would end alone
        tasks = [_task(job, point, experiment, options, scratch) for point, experiment in todo]
        lost: list[str] = []

        def settle(task: Task, ending: Ending) -> None:
            try:
                _settle(job.folder, points[task.label], ending)
            except OSError:  # a full disk: the run reads as interrupted, or is not there; the others go on
                lost.append(ending.message)

        execute(tasks, job.workers, report, settle)
        if lost and not any(job.folder.run(point.label).metrics.exists() for point in job.points):
            why = lost[0].split("\n")[0]
            raise RunError(f"no run of the sweep could be kept: {why}\n{_how_to_go_on(job.folder)}")


def _warm_up() -> None:
    from nnexp import plots

    plots.warm_up()
    for name in ("scipy.special", "jinja2", "plotly.offline", "nnexp.comparison.comparison", "nnexp.report.page"):
        importlib.import_module(name)


def failures(job: Job) -> list[str]:
    """The labels of the points that have no result, but for those whose failure was expected."""
    return [point.label for point in job.points if not has_result(job.folder, point)]


def sum_up(folder: SweepFolder) -> Comparison:
    """Write the table, the plots and the report of the runs that the folder holds; return what they say."""
    from nnexp.comparison import plots, table
    from nnexp.comparison.asked import asked_of, compare_as_asked
    from nnexp.comparison.collect import collect
    from nnexp.report.page import write_report

    found = collect([folder.path])
    asked = asked_of(folder.path)
    comparison = compare_as_asked(found, asked)
    write_text(folder.table_csv, table.csv_text(comparison))
    write_text(folder.table_json, table.json_text(comparison))
    plots.plot_all(folder.path, comparison)
    write_report(
        folder.report,
        comparison,
        [folder.path],
        title=asked.name,
        question=asked.description,
        reproduce=asked.commands,
    )
    return comparison


def has_result(folder: SweepFolder, point: Point) -> bool:
    """Whether the sweep folder holds the finished run of a point, or the refusal that was expected of it."""
    try:
        run = record.read(folder.run(point.label).path)
    except record.UnreadableRun:
        return False
    if point.experiment is None:
        return run.expected
    return run.has_result and run.identity == point.experiment.identity


def _task(job: Job, point: Point, experiment: Experiment, options: Options, scratch: Path) -> Task:
    experiment = replace(experiment, threads=experiment.threads or job.threads)
    folder = job.folder.run(point.label).path
    kind = replace(experiment, seed=0).yaml()
    return Task(point.label, folder, experiment.yaml(), kind, scratch, options.offline, options.command)


def _settle(folder: SweepFolder, point: Point, ending: Ending) -> None:
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
        _record_failure(run, point, metrics, status, ending.message)


def _record_failure(run: RunFolder, point: Point, metrics: dict[str, Any], status: str, message: str) -> None:
    run.path.mkdir(exist_ok=True)
    if not run.config.exists():
        write_text(run.config, dump(dict(point.config)))
    named = {"name": str(point.config.get("name", point.label)), "seed": point.seed, "config": point.config}
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    run.write_metrics({**named, **metrics, "status": status, "process": None, "finished": now, "error": message})
    run.append_log(f"{status}: {message}")


def _record_refusal(folder: SweepFolder, point: Point) -> None:
    """A point that was to be refused, and was: its folder says why."""
    run = folder.run(point.label)
    run.discard()
    run = RunFolder.make(run.path)
    _record_failure(run, point, {"expected": True}, "failed", point.refusal)


def _is_damaged(run: RunFolder) -> bool:
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
