"""How a run did on each test example, from its predictions.npz: read only where it is needed, and once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.runs.index import Answers, Index
from nnexp.runs.reading import Refused
from nnexp.runs.record import RunRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray


class UnusablePredictions(Exception):
    """The predictions of a run are missing, damaged or another run's; the message says which, and why."""


class Predictions:
    """Reads predictions, and keeps what it read."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._read: dict[Path, Answers | UnusablePredictions] = {}

    def of_runs(self, runs: tuple[RunRecord, ...]) -> NDArray[Any]:
        """The headline of each run by example, [runs, examples], on the test split that they share.

        Right or wrong (bool), or the absolute error (float32) where runs predict values; the runs are of one task.

        Raises:
            UnusablePredictions: of any of the runs.
        """
        import numpy as np

        found = [self._of_run(run) for run in runs]
        rows = [one.scores for one in found]
        for run, one in zip(runs, found, strict=True):
            if one.split != found[0].split:
                raise UnusablePredictions(f"{run.path} was tested on another test split than {runs[0].path}")
            if len(one.scores) != len(rows[0]):
                many = f"{len(one.scores):,} examples, not {len(rows[0]):,}"
                raise UnusablePredictions(f"{run.path}: predictions for {many}")
        return np.stack(rows)

    def split_of(self, run: RunRecord) -> str:
        """The fingerprint of a run's test split, from its predictions where metrics.json lacks it; "" if unknown."""
        if run.test_split:
            return run.test_split
        try:
            return self._of_run(run).split
        except UnusablePredictions:
            return ""

    def _of_run(self, run: RunRecord) -> Answers:
        if run.path not in self._read:
            try:
                self._read[run.path] = _checked(run, self._index)
            except UnusablePredictions as error:
                self._read[run.path] = error
        found = self._read[run.path]
        if isinstance(found, UnusablePredictions):
            raise found
        return found


def _checked(run: RunRecord, index: Index) -> Answers:
    path = run.folder.predictions
    try:
        found = index.answers(run.path)
    except FileNotFoundError:
        raise UnusablePredictions(f"{path} is missing") from None
    except OSError as error:
        raise UnusablePredictions(f"{path} cannot be read: {error.strerror}") from None
    except Refused as error:
        raise UnusablePredictions(f"{path} cannot be used: {error}") from None
    if run.test_split and found.split != run.test_split:
        raise UnusablePredictions(f"{path} is of another test split than the run")
    value, of_values = run.test.get(run.headline), run.task == "regression"
    if (found.scores.dtype != bool) != of_values:
        raise UnusablePredictions(f"{path} is of another task than the run")
    mean = float(found.scores.mean(dtype="f8"))
    if not math.isfinite(mean):
        raise UnusablePredictions(f"{path}: its predictions hold what are no finite numbers")
    if value is not None and not _is_near(mean, value, of_values):
        raise UnusablePredictions(f"{path} does not give the run's {run.headline}: it is another run's")
    return found


def _is_near(mean: float, value: float, of_values: bool) -> bool:
    """Whether a mean over the examples is the figure that was recorded: errors are kept in 32 bits."""
    return math.isclose(mean, value, rel_tol=1e-5 if of_values else 0.0, abs_tol=1e-6)
