"""Tables: CSV and Parquet files, read with pandas, to arrays."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.content import Arrays
from nnexp.data.own.columns import Columns
from nnexp.data.own.kinds import BadData
from nnexp.data.own.labels import is_test, labels_of

if TYPE_CHECKING:
    import pandas as pd

FIRST_ROW = 2  # as editors count them: the first line of a CSV file names the columns


def arrays_of_table(kind: str, parameters: Mapping[str, Any]) -> tuple[Arrays, tuple[str, ...], Columns]:
    """The arrays of a table, the names of its classes, and how its columns became numbers.

    Raises:
        BadData: it cannot be used, with row and column where one is at fault.
    """
    import pandas as pd

    frame = read_table(kind, Path(parameters["path"]), parameters)
    held_out = None
    if test_path := parameters.get("test_path"):
        held_out = read_table(kind, Path(test_path), parameters)
        if list(held_out.columns) != list(frame.columns):
            raise BadData(f"{test_path} has other columns than {parameters['path']}", "", "test_path")
        in_training = len(frame)
        frame = pd.concat([frame, held_out], ignore_index=True)
    for name in ("target", "split_column", "group_column"):
        if wanted := parameters.get(name):
            _need(frame, wanted, name)
    inputs = frame[_inputs(frame, parameters)]
    target = frame[parameters["target"]]
    if target.isna().any():
        row = int(target.isna().to_numpy().argmax()) + FIRST_ROW
        raise BadData(f"row {row}: the target {parameters['target']!r} is missing", "give it, or remove the row")
    labels, classes = labels_of(list(target), parameters.get("classes"), f"column {parameters['target']!r}")
    if held_out is not None:
        import numpy as np

        test = np.arange(len(frame)) >= in_training
    elif split_column := parameters.get("split_column"):
        test = _by_column(frame[split_column], split_column)
    else:
        group_column = parameters.get("group_column")
        test = is_test(labels, list(frame[group_column]) if group_column else None, parameters)
    columns = Columns.fit(inputs[~test], inputs, FIRST_ROW)
    x = columns.encode(inputs, FIRST_ROW)
    return Arrays(x[~test], labels[~test], x[test], labels[test]), classes, columns


def read_table(kind: str, path: Path, parameters: Mapping[str, Any]) -> pd.DataFrame:
    """The table in a file.

    Raises:
        BadData: pandas cannot read it, or it has no rows.
    """
    import pandas as pd

    try:
        if kind == "parquet":
            frame = pd.read_parquet(path)
        else:
            frame = pd.read_csv(path, sep=parameters.get("separator", ","), skipinitialspace=True)
    except ImportError:
        raise BadData("Parquet files need the package pyarrow", "pip install 'nnexp[parquet]'") from None
    except UnicodeDecodeError as error:
        raise BadData(f"{path.name} is not UTF-8 text (byte {error.start:,})", "save it as UTF-8") from None
    except (ValueError, OSError) as error:  # pandas' own errors are ValueErrors
        raise BadData(f"{path.name} cannot be read as {kind}: {str(error).strip()}") from None
    if not len(frame):
        raise BadData(f"{path.name} has no rows")
    return frame


def _inputs(frame: pd.DataFrame, parameters: Mapping[str, Any]) -> list[str]:
    said = [parameters.get(name) for name in ("target", "split_column", "group_column")]
    for parameter in ("columns", "drop"):
        for name in parameters.get(parameter) or ():
            _need(frame, name, parameter)
    dropped = {*said, *(parameters.get("drop") or ())}
    if parameters["target"] in (parameters.get("columns") or ()):
        raise BadData(f"`columns` has the target {parameters['target']!r}: it would be known in advance", "", "columns")
    found = [str(name) for name in parameters.get("columns") or frame.columns if name not in dropped]
    if not found:
        raise BadData("no column is left to learn from", "", "drop" if parameters.get("drop") else "path")
    return found


def _need(frame: pd.DataFrame, name: str, parameter: str) -> None:
    if name not in frame.columns:
        known = [str(column) for column in frame.columns]
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        guess = f"did you mean {near[0]!r}? " if near else ""
        listed = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
        raise BadData(f"there is no column {name!r}", f"{guess}columns: {listed}", parameter)


def _by_column(cells: pd.Series, name: str) -> Any:
    said = cells.astype(str).str.strip().str.lower()
    strange = ~said.isin(("train", "test"))
    if strange.any():
        place = int(strange.to_numpy().argmax())
        message = f"row {place + FIRST_ROW}, column {name!r}: {cells.iloc[place]!r}"
        raise BadData(message, "allowed: train, test", "split_column")
    test = (said == "test").to_numpy()
    if test.all() or not test.any():
        message = f"column {name!r} says {said.iloc[0]} of every row"
        raise BadData(message, "both train and test are needed", "split_column")
    return test
