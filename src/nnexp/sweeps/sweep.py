"""A sweep from its points to its folder: the stages, in order."""

from __future__ import annotations

import contextlib
import importlib
import shlex
import shutil
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from nnexp.comparison.result import Comparison
from nnexp.config.experiment import Experiment
from nnexp.config.sweep import SweepFile
from nnexp.data.datasets import describe, load
from nnexp.data.progress import FetchProgress
from nnexp.errors import InputError, NnexpError, RunError
from nnexp.failures import what_failed
from nnexp.files import write_text
from nnexp.runs import record
from nnexp.runs.folder import RunFolder
from nnexp.sweeps import earlier, endings
from nnexp.sweeps.baseline import baseline_of
from nnexp.sweeps.child import Ending, Free, Task
from nnexp.sweeps.estimate import rough_seconds
from nnexp.sweeps.execute import (
    Again,
    Ended,
    Listed,
    Started,
    Stopping,
    SweepEvent,
    SweepReport,
    Tasks,
    Warned,
)
from nnexp.sweeps.executors import Executor, Processes
from nnexp.sweeps.expand import Point, identity
from nnexp.sweeps.folder import SweepFolder
from nnexp.sweeps.sampling import check_extra
from nnexp.sweeps.search import MakeTask, Trials, labels
from nnexp.tracking.follow import Follower
from nnexp.tracking.tracker import Tracker
from nnexp.tracking.trackers import open_trackers


@dataclass(frozen=True, slots=True)
class Options:
    """How a sweep is done, apart from what its file says."""

    runs: Path = Path("runs")
    offline: bool = False
    command: Sequence[str] = ()
    executor: Executor = field(default_factory=Processes)


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done in a sweep folder: which points are missing, on how many workers and threads."""

    folder: SweepFolder
    plan: SweepFile
    points: tuple[Point, ...]  # of a search those that show whether it can work
    missing: tuple[str, ...]  # labels of runs; of a search also of those that are not known yet
    workers: int
    threads: int  # of each run; fixed when the sweep begins, since XLA's last bits depend on it
    trackers: tuple[Tracker, ...] = ()  # told of all runs by the driver


def begin(plan: SweepFile, points: Sequence[Point], options: Options) -> Job:
    """A new sweep folder with the sweep file in it, and all of the points to do.

    Raises:
        InputError: the runs directory, or a tracker, cannot be used, or a package is missing.
    """
    RunFolder.check(options.runs)
    if plan.search:
        check_extra(plan.search)
    trackers = _trackers(points, options.runs)
    workers, threads = options.executor.share(points, plan.workers)
    now = datetime.now().astimezone()
    folder = SweepFolder.create(options.runs, plan.name, now)
    state = {
        "name": plan.title,
        "identity": identity(points, plan),
        "started": now.isoformat(timespec="seconds"),
        "command": list(options.command),
        "workers": workers,
        "threads": threads,
        "points": [] if plan.search else [point.said() for point in points],
        "runs": plan.runs,
        **_asked(plan, points),
    }
    try:
        folder.begin(plan.yaml(), state)
    except OSError as error:
        what = what_failed(error, folder.path)
        shutil.rmtree(folder.path, ignore_errors=True)
        raise RunError(f"the sweep could not begin: {what}\nnothing was kept; start it again after that") from error
    return Job(folder, plan, tuple(points), _labels(plan, points), workers, threads, trackers)


def _asked(plan: SweepFile, points: Sequence[Point]) -> dict[str, Any]:
    """What the comparison is to answer."""
    baseline = baseline_of(points, plan.baseline) or None
    asked = {"description": plan.description, "baseline": baseline, "metric": plan.metric or None}
    return {**asked, "search": plan.search.plain()} if plan.search else asked


def _labels(plan: SweepFile, points: Sequence[Point]) -> tuple[str, ...]:
    """What all runs are called."""
    return tuple(labels(plan, plan.search) if plan.search else [point.label for point in points])


def go_on(folder: SweepFolder, plan: SweepFile, points: Sequence[Point], options: Options) -> Job:
    """What is left to do in a sweep folder: the points that have no finished run of theirs, further repeats among them.

    Raises:
        InputError: the folder holds other points than these, a run in it is under way, or a tracker cannot be used.
    """
    if plan.search:
        check_extra(plan.search)
    state = folder.state()
    wanted = identity(points, plan)
    if state.get("identity") != wanted and not earlier.has_fewer_repeats(state, points):
        why = "was made for other points than these" if state else "has no readable sweep.json"
        raise InputError(f"{folder.path} {why}; to begin anew: nnexp sweep {shlex.quote(str(folder.sweep))}")
    for label in _labels(plan, earlier.as_in(folder, points)):
        try:
            run = record.read(folder.run(label).path)
        except record.Unreachable as error:
            raise InputError(f"{error}; nothing was started") from None
        except record.UnreadableRun:
            continue
        if run.status == "running":  # on another host, where the lock may not reach
            raise InputError(f"{run.path} is still being run by another process; wait for it, or stop it first")
    RunFolder(folder.path).refuse_links()
    trackers = _trackers(points, folder.path.parent)
    asked = {**state, **_asked(plan, points)}
    if state.get("identity") != wanted:
        asked |= {"identity": wanted, "points": [point.said() for point in points], "runs": plan.runs}
        asked["looked_at"] = earlier.looks(folder, state)
    if state != asked:  # the same points, with another question, or further repeats
        with _disk_told(folder), folder.locked():
            earlier.rename(folder, points)
            folder.begin(plan.yaml(), asked)
    missing = missing_of(folder, plan, points)
    workers, threads = options.executor.share(points, plan.workers)
    threads = state["threads"] if isinstance(state.get("threads"), int) else threads
    return Job(folder, plan, tuple(points), missing, workers, threads, trackers)


def missing_of(folder: SweepFolder, plan: SweepFile, points: Sequence[Point]) -> tuple[str, ...]:
    """The labels of the runs that have no result in a sweep folder."""
    if plan.search:
        planned = () if folder.is_done() else labels(plan, plan.search)  # done with fewer, if few trials had a figure
        return tuple(label for label in planned if not folder.is_over(label))
    return tuple(point.label for point in points if not has_result(folder, point))


def _trackers(points: Sequence[Point], runs: Path) -> tuple[Tracker, ...]:
    """Those that any point asks for."""
    asked = {str(entry.plain()): entry for point in points if point.experiment for entry in point.experiment.track}
    names = [entry.name for entry in asked.values()]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"the points of the sweep use {name} in different ways; give one `track` to the whole sweep"
            )
    return open_trackers([(entry.name, entry.parameters) for entry in asked.values()], runs)


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
        # Looked at anew: another process may have been at it until now.
        work = Trials(job.plan, job.folder, job.points) if job.plan.search else _Grid(job)
        with _followed(job, report) as follower:
            try:
                _execute(job, work, options, report, fetch_progress, follower)
            except (KeyboardInterrupt, RunError):
                with contextlib.suppress(NnexpError):  # what ended it is told, and how to go on
                    _summed_up(job.folder)
                raise
            return _summed_up(job.folder)


@contextlib.contextmanager
def _followed(job: Job, report: SweepReport) -> Iterator[Follower]:
    """Let the trackers follow the sweep; first to what is done already, which a killed driver may not have told."""
    with Follower(job.trackers, lambda run, text: report("", Warned(f"{run.name}: {text}"))) as follower:
        if job.trackers:
            missing = missing_of(job.folder, job.plan, job.points)
            for label in job.folder.labels():
                if label not in missing:
                    follower.over(job.folder.run(label).path)
        try:
            yield follower
        finally:
            follower.sweep_over(job.folder.path)


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


def _how_to_go_on(folder: SweepFolder, options: Options | None = None) -> str:
    path = shlex.quote(str(folder.path))
    here = f"nnexp resume {path}"
    if options and options.executor.elsewhere:
        there = f"nnexp sweep --resume {path} --scheduler ADDRESS"
        return f"to go on after that:  {there}\nor on this computer alone:  {here}"
    return f"to go on after that:  {here}"


class _Work(Protocol):
    """What a sweep does: its tasks, one batch after another, and what it hears of them."""

    @property
    def points(self) -> Mapping[str, Point]:
        """Those of all tasks so far, by their label."""

    def experiments(self) -> Sequence[Experiment]:
        """Which show what data there must be; none where nothing is left to do."""

    def batches(self, make: MakeTask) -> Iterator[Tasks]:
        """The tasks; each batch is over before the next is asked for."""

    def hear(self, label: str, event: SweepEvent) -> None:
        """Something happened to a run."""

    def settled(self, label: str) -> None:
        """A run is over, and its folder says how."""


class _Grid:
    """The points that are missing, all known beforehand."""

    def __init__(self, job: Job) -> None:
        missing = [point for point in job.points if not has_result(job.folder, point)]
        for point in missing:
            if endings.is_damaged(job.folder.run(point.label)):
                job.folder.set_aside(point.label)
            if point.experiment is None:
                endings.record_refusal(job.folder, point, expected=True)
        self.points = {point.label: point for point in missing if point.experiment}

    def experiments(self) -> Sequence[Experiment]:
        return [point.experiment for point in self.points.values() if point.experiment]

    def batches(self, make: MakeTask) -> Iterator[Tasks]:
        todo = [(point, point.experiment) for point in self.points.values() if point.experiment]
        todo.sort(key=lambda pair: rough_seconds(pair[1]), reverse=True)  # a long run that begins last would end alone
        yield Listed([make(point) for point, _ in todo])

    def hear(self, label: str, event: SweepEvent) -> None:
        """Nothing follows from it."""

    def settled(self, label: str) -> None:
        """Nothing follows from it."""


def _execute(
    job: Job,
    work: _Work,
    options: Options,
    report: SweepReport,
    fetch_progress: FetchProgress | None,
    follower: Follower,
) -> None:
    if not (experiments := work.experiments()):
        return
    options.executor.prepare()
    for entry in {str(experiment.dataset.plain()): experiment.dataset for experiment in experiments}.values():
        if not options.executor.elsewhere:  # else each computer sees to its own
            # Once for all workers.
            load(describe(entry.name, entry.parameters), offline=options.offline, progress=fetch_progress)
    # While the server imports TensorFlow on one CPU, another has time for what the summary needs.
    threading.Thread(target=_warm_up, daemon=True, name="warm-up").start()
    with job.folder.scratch() as scratch:
        lost: list[str] = []

        def tell(label: str, event: SweepEvent) -> None:
            work.hear(label, event)
            report(label, event)
            if not isinstance(event, (Started, Again, Free, Ended, Stopping, Warned)):
                follower.event(job.folder.run(label).path, event)

        def settle(task: Task, ending: Ending) -> None:
            try:
                endings.settle(job.folder, work.points[task.label], ending)
            except OSError:  # a full disk: the run reads as interrupted, or is not there; the others go on
                lost.append(ending.message)
            work.settled(task.label)
            follower.over(job.folder.run(task.label).path)

        for tasks in work.batches(partial(_task, job, options, scratch)):
            try:
                options.executor.execute(tasks, job.workers, tell, settle)
            except RunError as error:
                raise RunError(f"{error}\nwhat is done is kept; {_how_to_go_on(job.folder, options)}") from error
        if lost and not any(job.folder.run(label).metrics.exists() for label in work.points):
            why = lost[0].split("\n")[0]
            raise RunError(f"no run of the sweep could be kept: {why}\n{_how_to_go_on(job.folder)}")


def _warm_up() -> None:
    from nnexp import plots

    plots.warm_up()
    for name in ("scipy.special", "jinja2", "plotly.offline", "nnexp.comparison.comparison", "nnexp.report.page"):
        importlib.import_module(name)


def failures(job: Job) -> list[str]:
    """The labels of the runs that have no result, but for those whose failure was expected."""
    if job.plan.search:
        return [label for label in job.folder.labels() if not job.folder.is_over(label)]
    return [point.label for point in job.points if not has_result(job.folder, point)]


def sum_up(folder: SweepFolder) -> Comparison:
    """Write the table, the plots and the report of the runs that the folder holds; return what they say."""
    from nnexp.comparison import notes, plots, table
    from nnexp.comparison.asked import asked_of, compare_as_asked
    from nnexp.comparison.collect import collect
    from nnexp.report.page import write_report

    found = collect([folder.path])
    asked = asked_of(folder.path)
    comparison = compare_as_asked(found, asked)
    rare = notes.on_rare_classes(comparison.groups, comparison.metric)
    comparison = replace(comparison, notes=(*comparison.notes, *rare))
    write_text(folder.table_csv, table.csv_text(comparison))
    write_text(folder.table_json, table.json_text(comparison))
    plots.plot_all(folder.path, comparison)
    write_report(
        folder.report, comparison, [folder.path], title=asked.name, question=asked.description, reproduce=asked.commands
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


def _task(job: Job, options: Options, scratch: Path, point: Point) -> Task:
    assert point.experiment is not None
    experiment = replace(point.experiment, threads=point.experiment.threads or job.threads)
    return Task(
        label=point.label,
        folder=job.folder.run(point.label).path,
        config=experiment.yaml(),
        kind=replace(experiment, seed=0).yaml(),
        scratch=scratch,
        offline=options.offline,
        command=options.command,
        asks=job.plan.search is not None and job.plan.search.pruner != "none",
        track=False,
    )
