"""One experiment from config to run folder: the stages, in order."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from nnexp import events
from nnexp.config.experiment import Experiment
from nnexp.data.datasets import DATASETS, Dataset, load
from nnexp.data.progress import FetchProgress
from nnexp.errors import ConfigError, NnexpError, RunError
from nnexp.preflight import preflight
from nnexp.recorder import Clock, Recorder, first_line
from nnexp.runs.folder import RunFolder

if TYPE_CHECKING:
    from nnexp.data.splits import Splits
    from nnexp.training.loop import Progress
    from nnexp.training.session import Session


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is done, apart from what the experiment says."""

    runs: Path = Path("runs")
    offline: bool = False
    command: Sequence[str] = ()
    folder: Path | None = None  # exactly this one, not yet there; None: a new one in `runs`, named by time


def run_experiment(
    experiment: Experiment,
    options: Options,
    report: events.Report = events.silent,
    fetch_progress: FetchProgress | None = None,
) -> Path:
    """Run one experiment and return the path of its folder.

    Raises:
        ConfigError: the experiment cannot work; nothing was written.
        InputError: the runs directory cannot be used; nothing was written.
        DataUnavailable: the dataset is not to be had; nothing was written.
        RunError: the run failed; its folder holds what was done.
        KeyboardInterrupt: as it came, after the folder was marked interrupted.
    """
    clock = Clock()
    dataset = DATASETS[experiment.dataset.name]
    checked = preflight(experiment, dataset)
    if checked.problems:
        raise ConfigError(checked.problems)
    RunFolder.check(options.folder.parent if options.folder else options.runs)
    with clock.stage("data"):
        report(reading := events.Stage(f"reading {dataset.name}"))
        splits = _splits(experiment, dataset, options, fetch_progress)
    with clock.stage("setup"):
        report(starting := events.Stage("starting TensorFlow"))
        session = _session(experiment, splits, dataset)

    if options.folder:
        folder = RunFolder.make(options.folder)
    else:
        folder = RunFolder.create(options.runs, experiment.name, datetime.now().astimezone())
    recorder = Recorder(folder, experiment, session, report, clock)
    with recorder.recording():
        recorder.begin(options.command, (reading, starting), checked.warnings)
        warm_up = _WarmUp(recorder.progress)
        with clock.stage("training"):
            for result in session.train(folder.path, warm_up.progress):
                recorder.epoch(result)
        with clock.stage("evaluation"):
            recorder.tell(events.Stage("evaluating on the test split"))
            evaluated, test = session.evaluate()
        with clock.stage("artifacts"):
            recorder.tell(events.Stage("writing model, predictions and plots"))
            recorder.artifacts(evaluated, splits, dataset)
        recorder.finish(evaluated, test)
    return folder.path


def _splits(experiment: Experiment, dataset: Dataset, options: Options, progress: FetchProgress | None) -> Splits:
    from nnexp.data.splits import split

    arrays = load(dataset, offline=options.offline, progress=progress)
    return split(arrays, experiment.validation, experiment.seed)


def _session(experiment: Experiment, splits: Splits, dataset: Dataset) -> Session:
    from nnexp.training.session import Session

    try:
        return Session(experiment, splits, dataset)
    except NnexpError:
        raise
    except Exception as error:  # too little memory for the model, for one
        what = f"{type(error).__name__}: {first_line(error)}"
        raise RunError(f"the model could not be set up: {what}\nnothing was written") from error


class _WarmUp:
    """Imports what the end of the run needs while TensorFlow trains, which leaves Python free.

    It begins with the first steps done: before them Python is busy with tracing the model.
    """

    def __init__(self, report: Progress) -> None:
        self.report = report
        self.thread = threading.Thread(target=self._work, daemon=True, name="warm-up")

    def progress(self, epoch: int, step: int, steps: int, logs: Mapping[str, float]) -> None:
        """Pass progress on, and begin at the first."""
        if step and self.thread.ident is None:
            self.thread.start()
        self.report(epoch, step, steps, logs)

    def _work(self) -> None:
        from nnexp import evaluation, plots

        evaluation.warm_up()
        plots.warm_up()
