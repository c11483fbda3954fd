"""Records as tables: rows of plain data, and DataFrames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nnexp.comparison.metrics import in_order, metrics_of
from nnexp.comparison.parameters import flatten
from nnexp.runs.record import RunRecord

if TYPE_CHECKING:
    import pandas as pd


def rows(runs: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """A row a run, all with the same keys: what it is, the parameters that differ, epochs trained, and the metrics.

    Metrics are as `comparison.metrics.metrics_of` gives them; a parameter of the same name is `… (config)`.
    """
    parameters = flatten([run.config for run in runs])
    measured = [metrics_of(run) for run in runs]
    metrics = in_order(name for found in measured for name in found)
    taken = {"run", "name", "status", "seed", "epochs", *metrics}
    columns = {name: f"{name} (config)" if name in taken else name for name in parameters.differing}
    return [
        {
            "run": str(run.path),
            "name": run.name,
            "status": run.status,
            "seed": run.seed,
            **{column: flat.get(name) for name, column in columns.items()},
            "epochs": len(run.history),
            **{name: found.get(name) for name in metrics},
        }
        for run, flat, found in zip(runs, parameters.flat, measured, strict=True)
    ]


def of_rows(found: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows as a DataFrame."""
    import pandas as pd

    return pd.DataFrame.from_records([dict(row) for row in found])


def of_history(history: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A history as a DataFrame, by epoch."""
    import pandas as pd

    columns = list(dict.fromkeys(["epoch", *(name for row in history for name in row)]))
    return pd.DataFrame([dict(row) for row in history], columns=columns).set_index("epoch")
