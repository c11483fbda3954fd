"""MLflow: a run a run, the runs of a sweep under one parent; in a store beside the runs, or where the config says.

Nothing here uses MLflow's global state (the active run, autologging) or its names by chance, which would draw from
Python's random generator between a seed and its use.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp import __version__
from nnexp.errors import InputError, Reason
from nnexp.failures import first_line
from nnexp.runs.record import TRACKER_STORE, RunRecord
from nnexp.tracking.content import Epoch, Sweep, figures, files, parameters, seconds, sweep, sweep_files, tags

if TYPE_CHECKING:
    from mlflow import MlflowClient

_STATUSES = {
    "running": "RUNNING",
    "completed": "FINISHED",
    "diverged": "FINISHED",  # it has a result
    "failed": "FAILED",
    "interrupted": "KILLED",
}
_PARAMETERS_AT_ONCE, _FIGURES_AT_ONCE = 100, 1000  # as many as MLflow takes in one call
_LONGEST = 5000  # characters of a value
_SQLITE = "sqlite:///"
_PATIENCE = 60.0  # seconds for another process to make the tables of a store
_FORBIDDEN = re.compile(r"[^\w\-. :/]", re.ASCII)  # in names of parameters and figures
# Nothing goes to others, a server that is gone costs seconds, and waiting for it draws no random number.
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}


class MLflow:
    """An experiment in an MLflow store."""

    name = "mlflow"

    def __init__(self, runs: Path, parameters: Mapping[str, Any]) -> None:
        """Connect to the store; without a `uri` it is SQLite in the directory `runs`.

        Raises:
            InputError: it cannot be reached, or cannot be written to.
        """
        self.artifacts = bool(parameters.get("artifacts", True))
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        os.environ["MLFLOW_HTTP_REQUEST_BACKOFF_JITTER"] = "0"
        own = (runs / "mlflow").absolute()
        given = parameters.get("uri") or os.environ.get("MLFLOW_TRACKING_URI")
        uri = str(given or f"sqlite:///{own / TRACKER_STORE}")
        try:
            if not given:
                own.mkdir(parents=True, exist_ok=True)
            with _alone(uri):
                self.client = _client(uri)
                self.experiment = self._experiment(str(parameters["experiment"]), None if given else own / "artifacts")
        except Exception as error:
            sqlite = uri.startswith(_SQLITE)
            hint = "see that it can be written to, and is of this MLflow" if sqlite else "see that the server runs"
            shown = re.sub("//[^/@]+@", "//…@", uri)  # a password in the environment's stays there
            where = "" if parameters.get("uri") or not given else " of MLFLOW_TRACKING_URI"
            leave = "or leave it out: --track none, or `track: none` in the config"
            what = f"mlflow: the store {shown}{where} cannot be used: {first_line(error)}"
            raise InputError(f"{what}\n{hint}; {leave}") from error

    def _experiment(self, name: str, artifacts: Path | None) -> str:
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(name)
        if found is None:
            try:
                number = self.client.create_experiment(name, artifacts.as_uri() if artifacts else None)
            except MlflowException:  # another process was faster
                found = self.client.get_experiment_by_name(name)
                if found is None:
                    raise
        number = found.experiment_id if found else number
        if found and found.lifecycle_stage == "deleted":
            why: Reason = f"the experiment '{name}' was deleted; restore it, or give another `experiment`"
            raise ValueError(why)
        self.client.set_experiment_tag(number, "nnexp.version", __version__)  # to see that it can be written to
        return str(number)

    def run(self, found: RunRecord, known: str, sweep: str) -> MLflowRun:
        """As Tracker."""
        said = self._find(known)
        if said is None:
            return MLflowRun(self, self._new(found, sweep), known=False, epochs=set())
        if found.status == "running" and said.info.status != "RUNNING":
            self.client.update_run(known, status="RUNNING")
        told = {figure.step for figure in self.client.get_metric_history(known, "loss")}
        return MLflowRun(self, known, known=True, epochs=told)

    def sweep(self, folder: Path, known: str, *, running: bool) -> str:
        """As Tracker."""
        if before := self._find(known):
            if running and before.info.status != "RUNNING":
                self.client.update_run(known, status="RUNNING")
            return known
        found = sweep(folder)
        told = {"nnexp.kind": "sweep", "nnexp.folder": str(folder)}
        return self._create(folder.name, found.started, told, found.description)

    def finish_sweep(self, known: str, sweep: Sweep) -> None:
        """As Tracker."""
        for path in sweep_files(sweep.path) if self.artifacts else ():
            self.client.log_artifact(known, str(path))
        self.client.set_terminated(known, _STATUSES[sweep.status])

    def _find(self, known: str) -> Any:
        from mlflow.exceptions import MlflowException

        try:
            found = self.client.get_run(known) if known else None
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None  # of another store
        return found if found and found.info.lifecycle_stage == "active" else None

    def _new(self, found: RunRecord, sweep: str) -> str:
        from mlflow.entities import Param

        told = {f"nnexp.{name}": value for name, value in tags(found).items()}
        told |= {"mlflow.source.git.commit": commit} if (commit := told.get("nnexp.git_commit")) else {}
        told |= {"mlflow.parentRunId": sweep} if sweep else {}
        if sweep:
            self._forget(found.path.name, sweep)
        number = self._create(found.path.name, seconds(found.started), told, found.description)
        said = [Param(_FORBIDDEN.sub("_", name), value[:_LONGEST]) for name, value in parameters(found).items()]
        for some in _parts(said, _PARAMETERS_AT_ONCE):
            self.client.log_batch(number, params=some)
        return number

    def _forget(self, name: str, sweep: str) -> None:
        """Delete the run of that name in a sweep: it could not go on, and its folder was made anew."""
        query = f"tags.`mlflow.parentRunId` = '{sweep}'"
        quote = "'" if '"' in name else '"'
        if quote not in name:  # MLflow has no way to write both
            query += f" and attributes.run_name = {quote}{name}{quote}"
        for before in self.client.search_runs([self.experiment], query):
            if before.info.run_name == name:
                self.client.delete_run(before.info.run_id)

    def _create(self, name: str, started: float, told: Mapping[str, str], description: str) -> str:
        told = {**told, "mlflow.source.name": "nnexp"} | ({"mlflow.note.content": description} if description else {})
        made = self.client.create_run(self.experiment, int(1000 * started), _cut(told), run_name=name)
        return str(made.info.run_id)


class MLflowRun:
    """A run in MLflow."""

    def __init__(self, tracker: MLflow, number: str, *, known: bool, epochs: set[int]) -> None:
        self.tracker, self.client, self.id, self.known, self.epochs = tracker, tracker.client, number, known, epochs

    def log(self, epochs: Sequence[Epoch]) -> None:
        """As TrackedRun."""
        from mlflow.entities import Metric

        most = max((len(epoch.figures) for epoch in epochs), default=0) or 1
        for some in _parts(epochs, _FIGURES_AT_ONCE // most):  # no epoch in halves
            said = [
                Metric(_FORBIDDEN.sub("_", name), value, int(1000 * epoch.at), epoch.number)
                for epoch in some
                for name, value in epoch.figures.items()
            ]
            self.client.log_batch(self.id, metrics=said)
        self.epochs |= {epoch.number for epoch in epochs}

    def finish(self, found: RunRecord) -> None:
        """As TrackedRun."""
        from mlflow.entities import Metric, RunTag

        ended, step = seconds(found.finished), len(found.history)
        said = [
            Metric(_FORBIDDEN.sub("_", name), value, int(1000 * ended), step) for name, value in figures(found).items()
        ]
        told = _cut({f"nnexp.{name}": value for name, value in tags(found).items()})
        self.client.log_batch(self.id, metrics=said, tags=[RunTag(name, value) for name, value in told.items()])
        for path in files(found) if self.tracker.artifacts else ():
            self.client.log_artifact(self.id, str(path))
        self.client.set_terminated(self.id, _STATUSES[found.status], int(1000 * ended))

    def close(self) -> None:
        """As TrackedRun."""


@contextlib.contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Keep others out of a store in a file: of two processes that make its tables at once one fails."""
    from filelock import FileLock

    if not uri.startswith(_SQLITE):
        yield
        return
    with FileLock(f"{uri.removeprefix(_SQLITE)}.lock", timeout=_PATIENCE):
        yield


def _client(uri: str) -> MlflowClient:
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):  # what goes wrong is raised as well, and told in a line
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return MlflowClient(tracking_uri=uri)


def _cut(said: Mapping[str, str]) -> dict[str, str]:
    return {name: value[:_LONGEST] for name, value in said.items()}


def _parts(said: Sequence[Any], most: int) -> list[list[Any]]:
    return [list(said[start : start + most]) for start in range(0, len(said), most)]
