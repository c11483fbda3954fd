"""Keeps a run folder true while its run goes on: what is written when, and what an early end leaves."""

from __future__ import annotations

import contextlib
import json
import math
import shlex
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nnexp import events, machine
from nnexp.config.experiment import Experiment
from nnexp.data.datasets import Dataset
from nnexp.errors import Reason, RunError
from nnexp.failures import how_to_report, what_failed
from nnexp.files import remove_temporaries, replacing, write_json, write_text
from nnexp.findings import Facts, Finding, of_a_run
from nnexp.preflight.tokens import missing_normalization
from nnexp.preflight.training import against_overfitting, only_in_training
from nnexp.profile import REST, Profile, unmarked
from nnexp.runs.checkpoint import Checkpoint, drop_after
from nnexp.runs.checkpoint import write as write_checkpoint
from nnexp.runs.environment import describe
from nnexp.runs.folder import WITH_RESULT, RunFolder
from nnexp.runs.process import Heartbeat, this_process

if TYPE_CHECKING:
    from nnexp.data.splits import Splits
    from nnexp.evaluation import Evaluation
    from nnexp.training.loop import EpochResult
    from nnexp.training.session import Session

# metrics.json is replaced at most this often while training; history.csv gets every epoch at once.
_METRICS_EVERY_SECONDS = 1.0
# A checkpoint, and a metrics.json while training, waits until the one before it took less than this share of the time.
_SHARE = 0.02


class Clock:
    """Seconds by stage, and in all; of a run that goes on, with those from before."""

    def __init__(
        self, before: Mapping[str, float] = MappingProxyType({}), started: str = "", profile: Profile | None = None
    ) -> None:
        self.started = started or _now()
        self.profile = profile
        self.mark = profile.mark if profile else unmarked
        self.seconds = dict(before)
        self._begun = time.perf_counter() - self.seconds.pop("total", 0.0)
        self._running: tuple[str, float] | None = None

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage under its name."""
        self.mark(name)
        self._running = name, time.perf_counter()
        try:
            yield
        finally:
            self.seconds = self._so_far()
            self._running = None
            self.mark(REST)

    def add(self, name: str, seconds: float) -> None:
        """Count something within a stage under its own name."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def plain(self) -> dict[str, float]:
        """Seconds by stage, and the total so far."""
        return {**self._so_far(), "total": time.perf_counter() - self._begun}

    def _so_far(self) -> dict[str, float]:
        if self._running is None:
            return dict(self.seconds)
        name, begun = self._running
        return {**self.seconds, name: self.seconds.get(name, 0.0) + time.perf_counter() - begun}


@dataclass
class Recorder:
    """The one writer of a run folder."""

    folder: RunFolder
    experiment: Experiment
    session: Session
    report: events.Report
    clock: Clock
    history: list[dict[str, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    stopped: dict[str, Any] | None = None
    diverged_at: int | None = None  # epoch
    environment: dict[str, Any] = field(default_factory=dict)
    resumed: list[dict[str, Any]] = field(default_factory=list)
    engine_told: str = ""
    _begun: bool = False  # there is a metrics.json
    _metrics_at: float = 0.0
    _metrics_seconds: float = 0.0
    _saved_epoch: int = 0
    _saved_at: float = 0.0
    _save_seconds: float = 0.0

    def tell(self, event: events.Event) -> None:
        """Report an event, and keep it in the log."""
        self.report(event)
        if (text := events.plain_text(event)) is not None:
            self.folder.append_log(text)

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Whatever ends the run early is recorded in its folder before it goes on; a result that is there stays."""
        try:
            with Heartbeat(self.folder.metrics):
                yield
        except KeyboardInterrupt:
            with contextlib.suppress(OSError):
                if not self._begun and not self.folder.metrics.exists():
                    self.folder.discard()  # nothing was trained yet
                elif not self._is_over():
                    self._write("interrupted", finished=_now())
                    done = f"{len(self.history)} of {self.experiment.epochs} epochs"
                    self.tell(events.Note(f"interrupted after {done}; what was done is kept\n{self._how_to_go_on()}"))
            raise
        except BaseException as error:
            what = what_failed(error, self.folder.path)
            if not self._begun and not self.folder.metrics.exists():
                self.folder.discard()
                raise RunError(f"the run could not begin: {what}\nnothing was kept; run it again after that") from error
            if not self.folder.metrics.exists():  # deleted, or moved
                raise RunError(f"the run failed: {what}") from error
            with contextlib.suppress(OSError):  # a full disk must not hide the error
                self.folder.append_log(traceback.format_exc())
                if not self._is_over():
                    self._write("failed", finished=_now(), error=what)
            if not isinstance(error, Exception):
                raise
            kept = f"what was done is kept; {self._how_to_go_on()}{how_to_report(error, self.folder.log)}"
            raise RunError(f"the run failed: {what}\n{kept}") from error

    def _how_to_go_on(self) -> str:
        where = f"from epoch {self._saved_epoch}" if self._saved_epoch else "from its start"
        hosts = f" --hosts {','.join(self.session.hosts)}" if self.session.hosts else ""
        return f"to go on {where}:  nnexp resume {shlex.quote(str(self.folder.path))}{hosts}"

    def _is_over(self) -> bool:
        """Whether the result is written: asked of the file, since a signal may come right after."""
        return json.loads(self.folder.metrics.read_bytes())["status"] in WITH_RESULT

    def begin(self, command: Sequence[str], told: Sequence[events.Event], warnings: Sequence[Finding]) -> None:
        """The files that exist from the start, what was `told` before there was a folder, and the warnings."""
        write_text(self.folder.config, self.experiment.yaml())
        self._start(command, warnings)
        for event in told:
            self.folder.append_log(events.plain_text(event) or "")
        self._introduce()

    def go_on(
        self,
        command: Sequence[str],
        warnings: Sequence[Finding],
        saved: Checkpoint | None,
        resumed: Sequence[Any],
        despite: Sequence[str],
    ) -> None:
        """Take up a run where `saved` has it (None: at its start).

        `resumed` lists the times that it was before, `despite` what has changed since and may change the result.
        """
        if saved:
            self.history = [dict(row) for row in saved.history]
            self.stopped = dict(saved.stopped) if saved.stopped else None
            self.diverged_at = saved.diverged_at
            self._saved_epoch = saved.epoch
        self._begun = True
        self.resumed = [*resumed, {"after_epoch": self._saved_epoch, "at": _now(), "despite": despite}]
        remove_temporaries(self.folder.path)
        drop_after(self.folder.checkpoints, self._saved_epoch)
        self.folder.write_history(self.history)
        self._start(command, warnings)
        self.tell(events.Note(f"going on after epoch {self._saved_epoch} of {self.experiment.epochs}"))
        self._introduce()

    def _start(self, command: Sequence[str], warnings: Sequence[Finding]) -> None:
        self.clock.mark("record")
        self.environment = describe(command, self.session.threads, self.session.devices)
        self.findings = list(warnings)
        self._write_environment()
        self._write("running")  # last: with it there is a run, which can be gone on with

    def _introduce(self) -> None:
        self.tell(events.ModelBuilt(self.session.summary, self.session.parameters, self.session.splits.counts))
        self._tell_engine()
        if streaming := self.session.streaming:
            self.tell(events.Note(streaming))
        for finding in self.findings:
            self.tell(events.Noticed(finding))

    def progress(self, epoch: int, step: int, steps: int, logs: Mapping[str, float]) -> None:
        """Report how far the epoch is."""
        self.report(events.Progress(epoch, self.experiment.epochs, step, steps, logs))

    def epoch(self, result: EpochResult) -> None:
        """Keep and report what an epoch gave."""
        self.clock.mark("training/record")
        self.folder.metrics.stat()  # Keras makes a folder anew where one was deleted, and would go on
        row = {"epoch": result.epoch, **result.logs, "seconds": result.seconds}
        self.history.append(row)
        self.folder.append_history(row)
        if result.diverged and self.diverged_at is None:
            self.diverged_at = result.epoch
        if result.stop and result.epoch < self.experiment.epochs:
            broke = self.diverged_at is not None and self.experiment.on_divergence == "stop"
            reason: Reason = "the loss is no finite number" if broke else self.session.stop_reason(result.epoch)
            self.stopped = {"epoch": result.epoch, "reason": reason}
        if self.session.engine.name != self.engine_told:
            self._write_environment()  # it fell back in its first chunk
            self._tell_engine()
        self.tell(events.EpochEnded(result.epoch, self.experiment.epochs, result.logs, result.seconds))
        if self._is_due(result.epoch):
            self._save(result)
        if time.perf_counter() - self._metrics_at > max(_METRICS_EVERY_SECONDS, self._metrics_seconds / _SHARE):
            self._write("running")

    def _is_due(self, epoch: int) -> bool:
        every = self.experiment.checkpoint
        if isinstance(every, bool):
            return every and time.perf_counter() - self._saved_at >= self._save_seconds / _SHARE
        return epoch % every == 0

    def _save(self, result: EpochResult) -> None:
        self.clock.mark("training/checkpoints")
        begun = time.perf_counter()
        state = self.session.state()
        write_checkpoint(
            self.folder.checkpoints,
            Checkpoint(
                epoch=result.epoch,
                stop=result.stop,
                logs=result.logs,
                history=self.history,
                stopped=self.stopped,
                diverged_at=self.diverged_at,
                timings=self.clock.plain(),
                training=state.plain,
                arrays=state.arrays,
            ),
        )
        self._saved_epoch, self._saved_at = result.epoch, time.perf_counter()
        self._save_seconds = self._saved_at - begun
        self.clock.add("checkpoints", self._save_seconds)
        self.clock.mark("training/record")

    def model(self) -> None:
        """The model as it is now."""
        self.clock.mark("artifacts/model")
        with replacing(self.folder.model) as path:
            self.session.model.save(path)

    def artifacts(self, evaluation: Evaluation, splits: Splits, dataset: Dataset) -> None:
        """The predictions and the pictures."""
        from nnexp.plots import plot_confusion, plot_curves, plot_history, plot_residuals

        self.clock.mark("artifacts/predictions")
        with replacing(self.folder.predictions) as path:
            _save_predictions(path, evaluation, splits)
        if dataset.columns:
            write_json(self.folder.columns, dataset.columns.plain())
        self.clock.mark("artifacts/plots")
        name = self.experiment.name
        plot_history(self.folder.history_plot, name, self.history, self._validation_name())
        title, classes = f"{name}: test split", dataset.classes
        truth, predicted, probabilities = evaluation.labels, evaluation.predicted, evaluation.probabilities
        if confusion := evaluation.details.get("confusion_matrix"):
            plot_confusion(self.folder.confusion_plot, title, confusion, classes)
        if probabilities is None:
            plot_residuals(self.folder.residuals_plot, title, truth, predicted, classes)
        elif truth.ndim == 2:
            plot_curves(self.folder.curves_plot, title, truth, probabilities, classes)
        elif len(classes) == 2:  # the second against the first
            plot_curves(self.folder.curves_plot, title, truth[:, None], probabilities[:, 1:], classes[1:])

    def finish(
        self, evaluation: Evaluation, test: Mapping[str, float], dead_units: Mapping[str, tuple[int, int]]
    ) -> None:
        """The findings, and the status that says that all is there."""
        self.clock.mark("record")
        found = of_a_run(
            Facts(
                history=self.history,
                epochs=self.experiment.epochs,
                missing_normalization=missing_normalization(self.experiment, self.session.dataset),
                learning_rate=_fixed_learning_rate(self.experiment),
                stopped=self.stopped,
                diverged_at=self.diverged_at,
                on_divergence=self.experiment.on_divergence,
                figures=evaluation.figures,
                intervals=evaluation.intervals,
                per_class=evaluation.details.get("per_class", ()),
                dead_units=dead_units,
                only_in_training=only_in_training(self.experiment),
                against_overfitting=against_overfitting(self.experiment),
            )
        )
        self.findings += found
        status = "diverged" if self.diverged_at else "completed"
        for finding in found:
            self.tell(events.Noticed(finding))
        test = {**test, **evaluation.figures}
        self.folder.append_log(events.result_text(test, evaluation.intervals))
        self.folder.append_log(f"{status} after {self.clock.plain()['total']:.1f} s; run folder {self.folder.path}")
        self._write(  # last: what is there then is all that there is to be
            status,
            test=test,
            test_intervals=evaluation.intervals,
            evaluation=evaluation.plain(),
            finished=_now(),
            **({"profile": self.clock.profile.plain(self.experiment.batch_size)} if self.clock.profile else {}),
        )
        self.folder.drop_checkpoints()

    def _write(self, status: str, **more: Any) -> None:
        begun = time.perf_counter()
        self.folder.write_metrics(
            {
                "name": self.experiment.name,
                "description": self.experiment.description,
                "status": status,
                "seed": self.experiment.seed,
                "identity": self.experiment.identity,
                "config": self.experiment.plain(),
                "task": self.session.dataset.task,
                "test_split": self.session.splits.fingerprint,
                "examples": self.session.splits.counts,
                "process": this_process() if status == "running" else None,
                "history": self.history,
                "best_epoch": _best_epoch(self.history),
                "stopped": self.stopped,
                "engine": {"name": self.session.engine.name, "reason": self.session.engine.reason},
                "replicas": self.session.replicas,
                "threads": self.session.threads,
                "parameters": self.session.parameters,
                "model": self.session.summary,
                "findings": [finding.plain() for finding in self.findings],
                "timings": self.clock.plain(),
                "memory": {"peak_mb": machine.peak() // 10**6, "streamed_mb": self.session.streamed // 10**6},
                "started": self.clock.started,
                "finished": None,
                "resumed": self.resumed,
                **more,
            }
        )
        self._begun = True
        self._metrics_at = time.perf_counter()
        self._metrics_seconds = self._metrics_at - begun

    def _write_environment(self) -> None:
        engine = self.session.engine
        write_json(
            self.folder.environment, {**self.environment, "engine": {"name": engine.name, "reason": engine.reason}}
        )

    def _tell_engine(self) -> None:
        engine = self.session.engine
        self.engine_told = engine.name
        self.tell(events.Note(f"engine: {engine.name} ({engine.reason})"))

    def _validation_name(self) -> str:
        return "test, used as validation" if self.experiment.validation == "test" else "validation"


def _save_predictions(path: Path, evaluation: Evaluation, splits: Splits) -> None:
    import numpy as np

    arrays: dict[str, Any] = {"labels": evaluation.labels, "predicted": evaluation.predicted}
    if evaluation.probabilities is not None:
        arrays["probabilities"] = evaluation.probabilities.astype(np.float16)
    np.savez_compressed(path, **arrays, split_fingerprint=np.array(splits.fingerprint))


def _best_epoch(history: Sequence[Mapping[str, Any]]) -> int | None:
    """The epoch of the lowest validation loss, or of the lowest training loss where nothing is held out."""
    measure = "val_loss" if history and "val_loss" in history[0] else "loss"
    finite = [row for row in history if math.isfinite(row[measure])]
    return min(finite, key=lambda row: row[measure])["epoch"] if finite else None


def _fixed_learning_rate(experiment: Experiment) -> float | None:
    rate = experiment.optimizer.get("learning_rate")
    return float(rate) if isinstance(rate, (int, float)) else None


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
