"""One experiment from config to run folder: the stages, in order."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from nnexp import events
from nnexp.config.experiment import Experiment
from nnexp.data.content import Arrays
from nnexp.data.datasets import Dataset, describe, load
from nnexp.data.progress import FetchProgress
from nnexp.errors import ConfigError, InputError, NnexpError, Reason, RunError
from nnexp.failures import what_failed
from nnexp.findings import Finding
from nnexp.preflight import preflight
from nnexp.profile import Mark, Profile, Progress
from nnexp.recorder import Clock, Recorder
from nnexp.runs import checkpoint
from nnexp.runs.checkpoint import Checkpoint
from nnexp.runs.folder import RunFolder
from nnexp.runs.record import PRUNED, RunRecord
from nnexp.tracking.content import runs_directory
from nnexp.tracking.follow import following
from nnexp.tracking.tracker import Tracker
from nnexp.tracking.trackers import open_trackers

if TYPE_CHECKING:
    from nnexp.data.splits import Splits
    from nnexp.training.session import Done, Session

MakeSession: TypeAlias = "Callable[[Experiment, Splits, Dataset, int | None], Session]"
Load = Callable[[Dataset, bool, FetchProgress | None], Arrays]  # the flag: offline
Rest = Callable[[], None]  # what is left to do of a run


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is done, apart from what the experiment says."""

    runs: Path = Path("runs")
    offline: bool = False
    command: Sequence[str] = ()
    folder: Path | None = None  # exactly this one, not yet there; None: a new one in `runs`, named by time
    data: Load | None = None  # where the dataset's arrays come from; None: they are loaded
    session: MakeSession | None = None  # where the session comes from; None: it is made
    later: Callable[[Rest], None] | None = None  # is given what needs the session no more; None: it is done at once
    is_hopeless: Callable[[], bool] | None = None  # asked after each epoch that was told; None: the run goes to its end
    profile: Profile | None = None  # where the time goes, for metrics.json; None: it is not measured
    hosts: Sequence[str] = ()  # that the run is spread over, each as `name:port`, this one first; none: this one alone
    wait: float = 300.0  # seconds for the others to come
    track: bool = True  # whether its trackers are told here; a sweep's driver does it for its runs


def run_experiment(
    experiment: Experiment,
    options: Options,
    report: events.Report = events.silent,
    fetch_progress: FetchProgress | None = None,
) -> Path:
    """Run one experiment and return the path of its folder.

    Raises:
        ConfigError: the experiment cannot work; nothing was written.
        InputError: the runs directory, or a tracker, cannot be used; no run was made.
        DataUnavailable: the dataset is not to be had; nothing was written.
        RunError: the run failed; its folder holds what was done.
        KeyboardInterrupt: as it came, after the folder was marked interrupted.
    """
    place = options.folder or options.runs / experiment.name
    RunFolder.check(place.parent)
    trackers = _trackers(experiment, options, place)
    ready = _get_ready(experiment, options, report, fetch_progress, Clock(profile=options.profile))
    if options.folder:
        folder = RunFolder.make(options.folder)
    else:
        folder = RunFolder.create(options.runs, experiment.name, datetime.now().astimezone())
    with following(trackers, folder, report) as tell:
        recorder = ready.recorder(folder, tell)
        with recorder.recording():
            recorder.begin(options.command, ready.told, ready.warnings)
            rest = _carry_out(recorder, ready, options.is_hopeless)
            if options.later is None:
                rest()
    if options.later is not None:
        options.later(following(trackers, folder, report)(recorder.recording()(rest)))
    return folder.path


def continue_experiment(
    experiment: Experiment,
    found: RunRecord,
    options: Options,
    report: events.Report = events.silent,
    fetch_progress: FetchProgress | None = None,
    despite: Sequence[str] = (),
) -> Path:
    """Go on with an unfinished run where its last whole checkpoint has it, or from its start, and return its folder.

    `despite` lists what has changed since it began and may change its result, for the record.

    Raises:
        InputError: its checkpoint is of another model, or a tracker cannot be used; nothing was written.
        As `run_experiment`.
    """
    trackers = _trackers(experiment, options, found.path)
    saved = checkpoint.latest(found.folder.checkpoints)
    clock = Clock(saved.timings if saved else {}, found.started, options.profile)
    ready = _get_ready(experiment, options, report, fetch_progress, clock, found.threads)
    done = _done(saved)
    if done and not ready.session.fits(done):
        anew = f"run it anew:  nnexp run {shlex.quote(str(found.folder.config))}"
        raise InputError(f"{found.path} cannot go on: its checkpoint is of another model than its config.yaml; {anew}")
    with following(trackers, found.folder, report) as tell:
        recorder = ready.recorder(found.folder, tell)
        with recorder.recording():
            recorder.go_on(options.command, ready.warnings, saved, found.resumed, despite)
            _carry_out(recorder, ready, options.is_hopeless, done)()
    return found.path


def _trackers(experiment: Experiment, options: Options, run: Path) -> tuple[Tracker, ...]:
    asked = experiment.track if options.track else ()
    return open_trackers([(entry.name, entry.parameters) for entry in asked], runs_directory(run))


@dataclass(frozen=True, slots=True)
class _Ready:
    """All that a run needs before it has a folder."""

    experiment: Experiment
    dataset: Dataset
    splits: Splits
    session: Session
    warnings: Sequence[Finding]
    told: Sequence[events.Event]
    clock: Clock

    def recorder(self, folder: RunFolder, report: events.Report) -> Recorder:
        return Recorder(folder, self.experiment, self.session, report, self.clock)


def _get_ready(
    experiment: Experiment,
    options: Options,
    report: events.Report,
    fetch_progress: FetchProgress | None,
    clock: Clock,
    threads: int | None = None,
) -> _Ready:
    dataset = describe(experiment.dataset.name, experiment.dataset.parameters)
    checked = preflight(experiment, dataset)
    if checked.problems:
        raise ConfigError(checked.problems)
    with clock.stage("data"):
        report(reading := events.Stage(f"reading {dataset.name}"))
        splits = _splits(experiment, dataset, options, fetch_progress)
    with clock.stage("setup"):
        report(starting := events.Stage("starting TensorFlow"))
        # Only Keras knows the shapes: it may want more memory than there is. But hosts meet before TensorFlow begins.
        if checked.layers is None and not options.hosts:
            _rehearse(experiment, dataset, threads)
        session = _session(options, experiment, splits, dataset, threads, clock.mark, report)
    return _Ready(experiment, dataset, splits, session, checked.warnings, (reading, starting), clock)


def _carry_out(
    recorder: Recorder, ready: _Ready, is_hopeless: Callable[[], bool] | None, done: Done | None = None
) -> Rest:
    """All that needs the session; returns the rest."""
    session, clock = ready.session, ready.clock
    warm_up = _WarmUp(recorder.progress, first=done.epoch + 1 if done else 1)
    progress = clock.profile.stepping(warm_up.progress) if clock.profile else warm_up.progress
    with clock.stage("training"), session.watched():
        for result in session.train(recorder.folder.path, progress, done, clock.mark):
            recorder.epoch(result)
            if is_hopeless and not result.stop and result.epoch < ready.experiment.epochs and is_hopeless():
                session.stop()
                why: Reason = f"{PRUNED}its search gave it up for better ones"
                recorder.stopped = {"epoch": result.epoch, "reason": why}
    with clock.stage("evaluation"):
        recorder.tell(events.Stage("evaluating on the test split"))
        evaluated, test = session.evaluate()
        dead_units = session.dead_units()
    with clock.stage("artifacts"):
        recorder.tell(events.Stage("writing model, predictions and plots"))
        recorder.model()

    def rest() -> None:
        with clock.stage("artifacts"):
            recorder.artifacts(evaluated, ready.splits, ready.dataset)
        recorder.finish(evaluated, test, dead_units)

    return rest


def _done(saved: Checkpoint | None) -> Done | None:
    if saved is None:
        return None
    from nnexp.training.session import Done
    from nnexp.training.state import State

    return Done(saved.epoch, dict(saved.logs), saved.stop, State(saved.training, saved.arrays))


def _splits(experiment: Experiment, dataset: Dataset, options: Options, progress: FetchProgress | None) -> Splits:
    from nnexp.data.splits import split

    arrays = (options.data or load)(dataset, options.offline, progress)
    return split(arrays, experiment.validation, experiment.seed, experiment.train_size)


def _rehearse(experiment: Experiment, dataset: Dataset, threads: int | None) -> None:
    from nnexp.training.rehearsal import rehearse

    rehearse(experiment, dataset, threads or experiment.threads)


def _session(
    options: Options,
    experiment: Experiment,
    splits: Splits,
    dataset: Dataset,
    threads: int | None,
    mark: Mark,
    report: events.Report,
) -> Session:
    from nnexp.training import backend
    from nnexp.training.session import Session

    try:
        mark("setup/tensorflow")
        backend.load()
        make = options.session or Session
        if options.hosts:
            from nnexp.training.meeting import gather

            mark("setup/hosts")
            make = partial(Session, team=gather(options.hosts, options.wait, experiment, splits, report))
        mark("setup/model")
        return make(experiment, splits, dataset, threads)
    except NnexpError:
        raise
    except Exception as error:  # too little memory for the model, for one
        what = what_failed(error, Path())
        raise RunError(f"the model could not be set up: {what}\nnothing was written") from error


class _WarmUp:
    """Imports what the end of the run needs while TensorFlow trains, which leaves Python free.

    It begins with the second epoch: in the first Python is busy with tracing the model.
    """

    def __init__(self, report: Progress, first: int) -> None:
        self.report, self.first = report, first
        self.thread = threading.Thread(target=self._work, daemon=True, name="warm-up")

    def progress(self, epoch: int, step: int, steps: int, logs: Mapping[str, float]) -> None:
        """Pass progress on, and begin when the first epoch is done."""
        if epoch > self.first and self.thread.ident is None:
            self.thread.start()
        self.report(epoch, step, steps, logs)

    def _work(self) -> None:
        from nnexp import plots

        plots.warm_up()
