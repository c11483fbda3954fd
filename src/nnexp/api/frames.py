"""Records as tables: rows of plain data, and DataFrames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nnexp.comparison.metrics import in_order, metrics_of
from nnexp.comparison.parameters import flatten
from nnexp.runs.predictions import Tested
from nnexp.runs.reading import Refused
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


def of_predictions(run: RunRecord, tested: Tested) -> pd.DataFrame:
    """What a run predicted on the test split as a DataFrame, a row an example.

    Classes are told by name: `true`, `predicted`, and `p(…)`, the probability of each. Of each label or target there
    are `true(…)` and `predicted(…)`; of labels `p(…)` too, of targets `error(…)`, predicted minus true.

    Raises:
        Refused: metrics.json does not name the classes, labels or targets of the predictions.
    """
    import numpy as np
    import pandas as pd

    row, name = ("per_target", "target") if run.task == "regression" else ("per_class", "class")
    names = np.array([one[name] for one in run.evaluation.get(row, ())], dtype=object)
    probabilities = tested.probabilities.astype(np.float32)  # pandas shows no 16 bits
    shares = {f"p({name})": probabilities[:, k] for k, name in enumerate(names) if probabilities.size}
    width = tested.probabilities.shape[1] if run.task == "classification" else tested.labels.shape[-1]
    if tested.labels.ndim != (1 if run.task == "classification" else 2) or width != len(names):
        raise Refused("its predictions are not of the classes, labels or targets that metrics.json names")
    if run.task == "classification":
        if tested.labels.dtype.kind not in "iu" or not 0 <= tested.labels.min() <= tested.labels.max() < width:
            raise Refused("its labels are no classes that metrics.json names")
        return pd.DataFrame({"true": names[tested.labels], "predicted": names[tested.predicted], **shares})
    both = {"true": tested.labels, "predicted": tested.predicted}
    if run.task == "regression":
        both["error"] = tested.predicted - tested.labels
    return pd.DataFrame({f"{what}({name})": both[what][:, k] for k, name in enumerate(names) for what in both} | shares)
