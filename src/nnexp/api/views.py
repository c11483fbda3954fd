"""Runs, sweeps and comparisons as a notebook has them: frozen views of what the folders say."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from nnexp.api import frames, html
from nnexp.api.text import shown, test_text
from nnexp.comparison import table
from nnexp.comparison.result import Comparison as Result
from nnexp.comparison.result import runs_of
from nnexp.errors import InputError
from nnexp.runs.predictions import Tested, read_predictions
from nnexp.runs.reading import ANEW, Refused, printable
from nnexp.runs.record import RunRecord

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, repr=False)
class Run:
    """A run as its folder said when it was read."""

    record: RunRecord
    """All of it."""

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.record.path

    @property
    def name(self) -> str:
        """As the config has it."""
        return self.record.name

    @property
    def status(self) -> str:
        """One of running, completed, diverged, failed, interrupted."""
        return self.record.status

    @property
    def seed(self) -> int | None:
        """That all its random numbers came from."""
        return self.record.seed

    @property
    def config(self) -> Mapping[str, Any]:
        """The complete config; `nnexp.run` on it repeats the run."""
        return self.record.config

    @property
    def test(self) -> Mapping[str, float | None]:
        """The metrics on the test split; None where one is no finite number."""
        return self.record.test

    @property
    def test_intervals(self) -> Mapping[str, Sequence[float]]:
        """The two ends of the 95 % interval, of the metrics that have one."""
        return self.record.test_intervals

    @property
    def history(self) -> Sequence[Mapping[str, Any]]:
        """A row an epoch: `epoch`, counted from 1, loss and metrics, `seconds`."""
        return self.record.history

    @property
    def findings(self) -> Sequence[Mapping[str, Any]]:
        """What was noticed: `code`, `severity`, `message`, `suggestion` of each, and of its `evidence` the numbers."""
        return self.record.findings

    def model(self) -> Any:
        """The trained Keras model, which takes raw input. It is loaded in Keras' safe mode; TensorFlow starts here.

        Raises:
            InputError: the run did not come to its end, or its model file cannot be used.
        """
        from nnexp.inference.model import load_model
        from nnexp.inference.signature import signature_of

        return load_model(self.record, signature_of(self.record)).keras

    def predictions(self) -> Tested:
        """What the run predicted on the test split: `labels`, `predicted`, `probabilities` [n, classes].

        Labels and predictions are [n] of classes; [n, labels] of 0 and 1; or [n, targets] of values, which have no
        probabilities.

        Raises:
            InputError: predictions.npz is missing or damaged.
        """
        with self._reading_predictions() as path:
            return read_predictions(path, probabilities=True)

    def predictions_to_dataframe(self) -> pd.DataFrame:
        """What the run predicted on the test split, a row an example: `true`, `predicted`, and `p(…)` of each class.

        Of each label `true(…)`, `predicted(…)` and `p(…)`; of each target `true(…)`, `predicted(…)` and `error(…)`.

        Raises:
            InputError: predictions.npz is missing or damaged.
        """
        with self._reading_predictions() as path:
            return frames.of_predictions(self.record, read_predictions(path, probabilities=True))

    @contextlib.contextmanager
    def _reading_predictions(self) -> Iterator[Path]:
        path = self.record.folder.predictions
        try:
            yield path
        except Refused as error:
            raise InputError(f"{printable(path)}: {error}; {ANEW}") from None
        except OSError as error:
            raise InputError(f"{printable(path)} cannot be read: {error.strerror}; see that you may read it") from None

    def to_dataframe(self) -> pd.DataFrame:
        """The history: a row an epoch, by `epoch`."""
        return frames.of_history(self.history)

    def __repr__(self) -> str:
        return f"Run({self.name}: {self.status}{test_text(self.record)}, in {shown(self.path)})"

    def _repr_html_(self) -> str:
        return html.of_run(self.record)


@dataclass(frozen=True, slots=True, repr=False)
class Runs(Sequence[Run]):
    """Runs, the newest last."""

    _runs: tuple[Run, ...]
    unreadable: tuple[str, ...] = ()
    """Folders that could not be read, each with its reason."""

    def __len__(self) -> int:
        return len(self._runs)

    @overload
    def __getitem__(self, place: int) -> Run: ...
    @overload
    def __getitem__(self, place: slice) -> Runs: ...
    def __getitem__(self, place: int | slice) -> Run | Runs:
        return Runs(self._runs[place]) if isinstance(place, slice) else self._runs[place]

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def to_dataframe(self) -> pd.DataFrame:
        """A row a run: path, name, status, seed, the parameters that differ, epochs trained, metrics."""
        return frames.of_rows(frames.rows([run.record for run in self]))

    def __repr__(self) -> str:
        return "\n".join([f"{len(self)} runs", *map(repr, self[-html.MOST_ROWS :])])

    def _repr_html_(self) -> str:
        return html.of_runs([run.record for run in self], self.unreadable)


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """What differs between runs, and which differences are more than chance."""

    result: Result
    """All of it: groups with their estimates and runs, verdicts with their figures."""

    @property
    def metric(self) -> str:
        """That was compared by."""
        return self.result.metric

    @property
    def best(self) -> str | None:
        """The label of the best group."""
        return self.result.best

    @property
    def verdicts(self) -> tuple[str, ...]:
        """In words: each group against the best, or against the baseline."""
        return tuple(verdict.text for verdict in self.result.verdicts)

    @property
    def effects(self) -> tuple[str, ...]:
        """In words: what each of several parameters does by itself, and whether that depends on another."""
        return self.result.effects.told if self.result.effects else ()

    @property
    def runs(self) -> Runs:
        """All runs, group by group."""
        return Runs(tuple(map(Run, runs_of(self.result.groups))), self.result.unreadable)

    def to_dataframe(self) -> pd.DataFrame:
        """The table: a row a group, with the mean and the 95 % interval of each metric."""
        return frames.of_rows(table.rows(self.result))

    def __str__(self) -> str:
        return table.markdown(self.result)

    def __repr__(self) -> str:
        groups = ", ".join(printable(group.label) for group in self.result.groups[: html.MOST_ROWS])
        return f"Comparison(by {self.metric}: {groups})"

    def _repr_html_(self) -> str:
        return html.of_comparison(self.result)


@dataclass(frozen=True, slots=True, repr=False)
class Sweep:
    """A sweep that was done: its folder, and what its runs say together."""

    path: Path
    """The sweep folder, with a run folder for each of its runs."""
    comparison: Comparison
    failed: tuple[str, ...]
    """The labels of runs without a result, but for those whose failure was expected."""

    @property
    def runs(self) -> Runs:
        """All its runs, group by group."""
        return self.comparison.runs

    @property
    def report(self) -> Path:
        """The report, one HTML page."""
        return self.path / "report.html"

    def __repr__(self) -> str:
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"Sweep({len(self.runs)} runs{failed}, in {shown(self.path)}; {self.comparison!r})"

    def _repr_html_(self) -> str:
        return html.of_comparison(self.comparison.result, f"report: {shown(self.report)}")
