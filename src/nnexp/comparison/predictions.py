"""How a run did on each test example, from its predictions.npz: read only where it is needed, and once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.comparison.linear import LINEAR, by_example
from nnexp.comparison.metrics import figure
from nnexp.runs.index import Answers, Index
from nnexp.runs.reading import Refused
from nnexp.runs.record import RunRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray


class UnusablePredictions(Exception):
    """The predictions of a run are missing, damaged or another run's; the message says which, and why."""


class Contradicted(UnusablePredictions):
    """The predictions of a run give another figure than it says."""


class Predictions:
    """Reads predictions, and keeps what it read."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._read: dict[tuple[Path, str], Answers | UnusablePredictions] = {}

    @property
    def contradicted(self) -> dict[Path, str]:
        """Runs whose figure is not what their predictions give, of those that were read, and how it differs."""
        return {path: str(found) for (path, _), found in self._read.items() if isinstance(found, Contradicted)}

    def of_runs(self, runs: tuple[RunRecord, ...], metric: str) -> NDArray[Any]:
        """A metric that every run `has_examples` of, by example [runs, examples], on the test split that they share.

        Right or wrong (bool) where runs predict classes or labels, else what an example adds to the metric (floats).

        Raises:
            UnusablePredictions: of any of the runs.
        """
        import numpy as np

        for run in runs:
            self._read_of(run, metric)  # all of them, so that `contradicted` knows of each
        found = [self._of_run(run, metric) for run in runs]
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
            return self._of_run(run, run.headline).split
        except UnusablePredictions:
            return ""

    def _of_run(self, run: RunRecord, metric: str) -> Answers:
        found = self._read_of(run, metric)
        if isinstance(found, UnusablePredictions):
            raise found
        return found

    def _read_of(self, run: RunRecord, metric: str) -> Answers | UnusablePredictions:
        key = run.path, metric
        if key not in self._read:
            try:
                self._read[key] = _checked(run, metric, self._index)
            except UnusablePredictions as error:
                self._read[key] = error
        return self._read[key]


def has_examples(metric: str, runs: Sequence[RunRecord]) -> bool:
    """Whether the metric is a mean over the test examples, or near enough to one, for all of the runs."""
    return all(metric == run.headline or (run.task == "regression" and metric in LINEAR) for run in runs)


def _checked(run: RunRecord, metric: str, index: Index) -> Answers:
    path = run.folder.predictions
    try:
        found = index.answers(run.path) if metric == run.headline else _linear(path, metric)
    except FileNotFoundError:
        raise UnusablePredictions(f"{path} is missing") from None
    except OSError as error:
        raise UnusablePredictions(f"{path} cannot be read: {error.strerror}") from None
    except Refused as error:
        raise UnusablePredictions(f"{path} cannot be used: {error}") from None
    if run.test_split and found.split != run.test_split:
        raise UnusablePredictions(f"{path} is of another test split than the run")
    value, of_values = run.test.get(metric), run.task == "regression"
    if (found.scores.dtype != bool) != of_values:
        raise UnusablePredictions(f"{path} is of another task than the run")
    mean = float(found.scores.mean(dtype="f8"))
    if not math.isfinite(mean):
        raise UnusablePredictions(f"{path}: its predictions hold what are no finite numbers")
    if value is not None and not _is_near(mean, value, of_values):
        raise Contradicted(
            f"its {metric} is {figure(value, metric)} by metrics.json, {figure(mean, metric)} by predictions.npz: one "
            f"of them was changed, or is another run's; to make sure:  nnexp verify {run.path}"
        )
    return found


def _linear(path: Path, metric: str) -> Answers:
    from nnexp.runs.predictions import read_predictions

    read = read_predictions(path, probabilities=False)
    if read.labels.ndim != 2:
        raise Refused("its predictions are no values")
    return Answers(by_example(metric, read.labels, read.predicted), read.split)


def _is_near(mean: float, value: float, of_values: bool) -> bool:
    """Whether a mean over the examples is the figure that was recorded: errors are kept in 32 bits."""
    return math.isclose(mean, value, rel_tol=1e-5 if of_values else 0.0, abs_tol=1e-6)
