"""Keeps a run folder true while its run goes on: what is written when, and what an early end leaves."""

from __future__ import annotations

import contextlib
import json
import math
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp import events
from nnexp.config.experiment import Experiment
from nnexp.data.datasets import Dataset
from nnexp.errors import NnexpError, RunError
from nnexp.files import replacing, write_json, write_text
from nnexp.findings import Facts, Finding, of_a_run
from nnexp.runs.environment import describe
from nnexp.runs.folder import WITH_RESULT, RunFolder, this_process

if TYPE_CHECKING:
    from nnexp.data.splits import Splits
    from nnexp.evaluation import Evaluation
    from nnexp.training.loop import EpochResult
    from nnexp.training.session import Session

# metrics.json is replaced at most this often while training; history.csv gets every epoch at once.
_METRICS_EVERY_SECONDS = 1.0


class Clock:
    """Seconds by stage, and in all."""

    def __init__(self) -> None:
        self.started = _now()
        self.seconds: dict[str, float] = {}
        self._begun = time.perf_counter()

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage under its name."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = time.perf_counter() - begun

    def plain(self) -> dict[str, float]:
        """Seconds by stage, and the total so far."""
        return {**self.seconds, "total": time.perf_counter() - self._begun}


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
    diverged_at: tuple[int, int] | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    engine_told: str = ""
    _metrics_written: float = 0.0

    def tell(self, event: events.Event) -> None:
        """Report an event, and keep it in the log."""
        self.report(event)
        if (text := events.plain_text(event)) is not None:
            self.folder.append_log(text)

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Whatever ends the run early is recorded in its folder before it goes on; a result that is there stays."""
        try:
            yield
        except KeyboardInterrupt:
            if not self._is_over():
                self._write("interrupted", finished=_now())
                done = f"{len(self.history)} of {self.experiment.epochs} epochs"
                self.tell(events.Note(f"interrupted after {done}; what was done is in {self.folder.path}"))
            raise
        except BaseException as error:
            what = str(error) if isinstance(error, NnexpError) else f"{type(error).__name__}: {first_line(error)}"
            with contextlib.suppress(OSError):  # a full disk must not hide the error
                self.folder.append_log(traceback.format_exc())
                if not self._is_over():
                    self._write("failed", finished=_now(), error=what)
            if not isinstance(error, Exception):
                raise
            raise RunError(f"the run failed: {what}\nwhat was done so far is in {self.folder.path}") from error

    def _is_over(self) -> bool:
        """Whether the result is written: asked of the file, since a signal may come right after."""
        return json.loads(self.folder.metrics.read_bytes())["status"] in WITH_RESULT

    def begin(self, command: Sequence[str], told: Sequence[events.Event], warnings: Sequence[Finding]) -> None:
        """The files that exist from the start, what was `told` before there was a folder, and the warnings."""
        write_text(self.folder.config, self.experiment.yaml())
        self.environment = describe(command, self.session.threads)
        self._write("running")
        for event in told:
            self.folder.append_log(events.plain_text(event) or "")
        self.tell(events.ModelBuilt(self.session.summary, self.session.parameters))
        self._tell_engine()
        for finding in warnings:
            self.findings.append(finding)
            self.tell(events.Noticed(finding))

    def progress(self, epoch: int, step: int, steps: int, logs: Mapping[str, float]) -> None:
        """Report how far the epoch is."""
        self.report(events.Progress(epoch, self.experiment.epochs, step, steps, logs))

    def epoch(self, result: EpochResult) -> None:
        """Keep and report what an epoch gave."""
        row = {"epoch": result.epoch, **result.logs, "seconds": result.seconds}
        self.history.append(row)
        self.folder.append_history(list(row), row)
        if result.diverged_at is not None and self.diverged_at is None:
            self.diverged_at = (result.epoch, result.diverged_at)
        if result.stop and result.epoch < self.experiment.epochs:
            broke = self.diverged_at is not None and self.experiment.on_divergence == "stop"
            reason = "the loss is no finite number" if broke else self.session.stop_reason(result.epoch)
            self.stopped = {"epoch": result.epoch, "reason": reason}
        if self.session.engine.name != self.engine_told:
            self._tell_engine()  # it fell back in its first chunk
        self.tell(events.EpochEnded(result.epoch, self.experiment.epochs, result.logs, result.seconds))
        if time.perf_counter() - self._metrics_written > _METRICS_EVERY_SECONDS:
            self._write("running")

    def artifacts(self, evaluation: Evaluation, splits: Splits, dataset: Dataset) -> None:
        """The model, the predictions and the pictures."""
        from nnexp.plots import plot_confusion, plot_history

        with replacing(self.folder.model) as path:
            self.session.model.save(path)
        with replacing(self.folder.predictions) as path:
            _save_predictions(path, evaluation, splits)
        name = self.experiment.name
        plot_history(self.folder.history_plot, name, self.history, self._validation_name())
        plot_confusion(
            self.folder.confusion_plot, f"{name}: test split", evaluation.confusion.tolist(), dataset.classes
        )

    def finish(self, evaluation: Evaluation, test: Mapping[str, float]) -> None:
        """The findings, and the status that says that all is there."""
        found = of_a_run(
            Facts(
                history=self.history,
                epochs=self.experiment.epochs,
                normalization=self.experiment.normalization.name,
                learning_rate=_fixed_learning_rate(self.experiment),
                stopped=self.stopped,
                diverged_at=self.diverged_at,
                on_divergence=self.experiment.on_divergence,
                accuracy=evaluation.accuracy,
                accuracy_interval=evaluation.accuracy_interval,
                per_class=evaluation.per_class,
                dead_units=self.session.dead_units(),
            )
        )
        self.findings += found
        status = "diverged" if self.diverged_at else "completed"
        low, high = evaluation.accuracy_interval
        for finding in found:
            self.tell(events.Noticed(finding))
        figures = f"accuracy {evaluation.accuracy:.4f} (95 % interval {low:.4f} to {high:.4f})"
        self.folder.append_log(f"test  {figures}  {events.log_text({**test, 'accuracy': evaluation.accuracy})}")
        self.folder.append_log(f"{status} after {self.clock.plain()['total']:.1f} s; run folder {self.folder.path}")
        self._write(  # last: what is there then is all that there is to be
            status,
            test={**test, "accuracy": evaluation.accuracy},
            test_intervals={"accuracy": evaluation.accuracy_interval},
            evaluation=evaluation.plain(),
            finished=_now(),
        )

    def _write(self, status: str, **more: Any) -> None:
        self.folder.write_metrics(
            {
                "name": self.experiment.name,
                "description": self.experiment.description,
                "status": status,
                "seed": self.experiment.seed,
                "identity": self.experiment.identity,
                "config": self.experiment.plain(),
                "test_split": self.session.splits.fingerprint,
                "process": this_process() if status == "running" else None,
                "history": self.history,
                "best_epoch": _best_epoch(self.history),
                "stopped": self.stopped,
                "engine": {"name": self.session.engine.name, "reason": self.session.engine.reason},
                "threads": self.session.threads,
                "parameters": self.session.parameters,
                "model": self.session.summary,
                "findings": [finding.plain() for finding in self.findings],
                "timings": self.clock.plain(),
                "started": self.clock.started,
                "finished": None,
                **more,
            }
        )
        self._metrics_written = time.perf_counter()

    def _tell_engine(self) -> None:
        engine = self.session.engine
        self.engine_told = engine.name
        write_json(
            self.folder.environment, {**self.environment, "engine": {"name": engine.name, "reason": engine.reason}}
        )
        self.tell(events.Note(f"engine: {engine.name} ({engine.reason})"))

    def _validation_name(self) -> str:
        return "test, used as validation" if self.experiment.validation == "test" else "validation"


def _save_predictions(path: Path, evaluation: Evaluation, splits: Splits) -> None:
    import numpy as np

    np.savez_compressed(
        path,
        labels=evaluation.labels,
        predicted=evaluation.predicted,
        probabilities=evaluation.probabilities.astype(np.float16),
        split_fingerprint=np.array(splits.fingerprint),
    )


def _best_epoch(history: Sequence[Mapping[str, Any]]) -> int | None:
    """The epoch of the lowest validation loss, or of the lowest training loss where nothing is held out."""
    measure = "val_loss" if history and "val_loss" in history[0] else "loss"
    finite = [row for row in history if math.isfinite(row[measure])]
    return min(finite, key=lambda row: row[measure])["epoch"] if finite else None


def _fixed_learning_rate(experiment: Experiment) -> float | None:
    rate = experiment.optimizer.get("learning_rate")
    return float(rate) if isinstance(rate, (int, float)) else None


def first_line(error: BaseException) -> str:
    """What is wrong, in one line, of an error that may go on for pages."""
    # TensorFlow puts where in the graph before what is wrong.
    lines = [line for line in str(error).split("\n") if line.strip() and not line.startswith((" ", "\t"))]
    kept = [line for line in lines if not line.startswith(("Graph execution error", "Detected at"))]
    return (kept or lines or [""])[0][:300]


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
