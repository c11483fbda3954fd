"""Tables: CSV and Parquet files, read with pandas, to arrays."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.content import Arrays
from nnexp.data.own.columns import Columns
from nnexp.data.own.kinds import BadData
from nnexp.data.own.labels import is_test, labels_of, need_all_classes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def arrays_of_table(kind: str, parameters: Mapping[str, Any]) -> tuple[Arrays, tuple[str, ...], Columns]:
    """The arrays of a table, the names of its classes, and how its columns became numbers.

    What a column is, a number or a category, the training rows alone decide.

    Raises:
        BadData: it cannot be used, with row and column where one is at fault.
    """
    frame = read_table(kind, Path(parameters["path"]), parameters)
    for name in ("target", "split_column", "group_column"):
        if wanted := parameters.get(name):
            _need(frame, wanted, name)
    chosen = _inputs(frame, parameters)
    target, what = parameters["target"], f"column {parameters['target']!r}"
    values = _no_gaps(frame, target)
    if test_path := parameters.get("test_path"):
        held_out = read_table(kind, Path(test_path), parameters)
        if lacking := [name for name in (*chosen, target) if name not in held_out.columns]:
            raise BadData(f"{Path(test_path).name} has no column {lacking[0]!r}", "", "test_path")
        labels, classes = labels_of([*values, *_no_gaps(held_out, target)], parameters.get("classes"), what)
        y_train, y_test = labels[: len(frame)], labels[len(frame) :]
        train, tested = frame[chosen], held_out[chosen]
    else:
        labels, classes = labels_of(values, parameters.get("classes"), what)
        test = _test_rows(frame, labels, parameters)
        y_train, y_test = labels[~test], labels[test]
        train, tested = frame.loc[~test, chosen], frame.loc[test, chosen]
    need_all_classes(y_train, y_test, classes)
    columns = Columns.fit(train, parameters.get("categories") or ())
    return Arrays(columns.encode(train), y_train, columns.encode(tested), y_test), classes, columns


def read_table(kind: str, path: Path, parameters: Mapping[str, Any]) -> pd.DataFrame:
    """The table in a file: cells of a CSV file as text, "" where they are empty; the index counts rows as editors do.

    Raises:
        BadData: pandas cannot read it, it has no rows, or rows and names that do not fit each other.
    """
    import pandas as pd

    try:
        if kind == "parquet":
            frame = pd.read_parquet(path)
            frame.columns = frame.columns.map(str)
            frame.index = pd.RangeIndex(1, len(frame) + 1)
        else:
            frame = _read_csv(path, parameters.get("separator") or ",")
    except ImportError:
        raise BadData("Parquet files need the package pyarrow", "pip install 'nnexp[parquet]'") from None
    except UnicodeDecodeError as error:
        raise BadData(f"{path.name} is not UTF-8 text (byte {error.start:,})", "save it as UTF-8") from None
    except BadData:
        raise
    except (ValueError, OSError) as error:  # pandas' own errors are ValueErrors
        raise BadData(f"{path.name} cannot be read as {kind}: {str(error).strip()}") from None
    if not len(frame):
        raise BadData(f"{path.name} has no rows")
    names = list(frame.columns)
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise BadData(f"{path.name} has two columns of the name {twice[0]!r}", "give one of them another name")
    return frame


def _read_csv(path: Path, separator: str) -> pd.DataFrame:
    """Without pandas' guesses: of types, of what is missing, and of what a row with too many cells means."""
    import pandas as pd

    whole = pd.read_csv(
        path,
        sep=separator,
        header=None,
        dtype=str,
        keep_default_na=False,
        skip_blank_lines=False,
        skipinitialspace=True,
        encoding="utf-8-sig",
    )
    whole.index = pd.RangeIndex(1, len(whole) + 1)
    whole = whole.apply(lambda column: column.str.strip())
    blank = (whole == "").all(axis=1)
    whole = whole[~blank]  # empty lines
    frame = whole.iloc[1:]
    frame.columns = pd.Index(whole.iloc[0] if len(whole) else [])
    return frame


def _no_gaps(frame: pd.DataFrame, target: str) -> list[Any]:
    """The cells of the target, all there."""
    cells = frame[target]
    missing = (cells.isna() | (cells == "")).to_numpy()
    if missing.any():
        row = frame.index[missing.argmax()]
        raise BadData(f"row {row}: the target {target!r} is missing", "give it, or remove the row")
    return list(cells)


def _test_rows(frame: pd.DataFrame, labels: np.ndarray, parameters: Mapping[str, Any]) -> np.ndarray:
    if split_column := parameters.get("split_column"):
        return _by_column(frame[split_column], split_column)
    groups: Sequence[Any] | None = None
    if group_column := parameters.get("group_column"):
        groups = list(frame[group_column].astype(str))
    return is_test(labels, groups, parameters)


def _inputs(frame: pd.DataFrame, parameters: Mapping[str, Any]) -> list[str]:
    said = [parameters.get(name) for name in ("target", "split_column", "group_column")]
    for parameter in ("columns", "drop", "categories"):
        names = parameters.get(parameter) or ()
        for name in names:
            _need(frame, name, parameter)
        if len(set(names)) < len(names):
            raise BadData(f"`{parameter}` names a column twice", "", parameter)
    dropped = {*said, *(parameters.get("drop") or ())}
    if parameters["target"] in (parameters.get("columns") or ()):
        raise BadData(f"`columns` has the target {parameters['target']!r}: it would be known in advance", "", "columns")
    found = [str(name) for name in parameters.get("columns") or frame.columns if name not in dropped]
    if not found:
        hint = "" if len(frame.columns) > 1 else "is there another `separator`, such as ';'?"
        raise BadData("no column is left to learn from", hint, "drop" if parameters.get("drop") else "path")
    return found


def _need(frame: pd.DataFrame, name: str, parameter: str) -> None:
    if name not in frame.columns:
        known = [str(column) for column in frame.columns]
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        guess = f"did you mean {near[0]!r}? " if near else ""
        listed = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
        raise BadData(f"there is no column {name!r}", f"{guess}columns: {listed}", parameter)


def _by_column(cells: pd.Series, name: str) -> np.ndarray:
    said = cells.astype(str).str.lower()
    strange = ~said.isin(("train", "test")).to_numpy()
    if strange.any():
        place = int(strange.argmax())
        message = f"row {cells.index[place]}, column {name!r}: {cells.iloc[place]!r}"
        raise BadData(message, "allowed: train, test", "split_column")
    test: np.ndarray = (said == "test").to_numpy()
    if test.all() or not test.any():
        message = f"column {name!r} says {said.iloc[0]} of every row"
        raise BadData(message, "both train and test are needed", "split_column")
    return test
