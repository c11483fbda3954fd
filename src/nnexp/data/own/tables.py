"""Tables: CSV and Parquet files, read with pandas, to arrays."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.content import Arrays
from nnexp.data.own.columns import Columns, missing_in, row_of
from nnexp.data.own.kinds import BadData
from nnexp.data.own.labels import is_test
from nnexp.data.own.targets import Targets, targets_of, weights_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def arrays_of_table(kind: str, parameters: Mapping[str, Any]) -> tuple[Arrays, Targets, Columns]:
    """The arrays of a table, its targets, and how its columns became numbers.

    What a column is, a number or a category, the training rows alone decide.

    Raises:
        BadData: it cannot be used, with row and column where one is at fault.
    """
    import numpy as np

    frame = read_table(kind, Path(parameters["path"]), parameters)
    names = _targets(parameters)
    for name in names:
        _need(frame, name, "target")
    for name in ("split_column", "group_column", "weight_column"):
        if wanted := parameters.get(name):
            _need(frame, wanted, name)
    chosen = _inputs(frame, names, parameters)
    frames = [frame]
    if test_path := parameters.get("test_path"):
        held_out = read_table(kind, Path(test_path), parameters)
        held_out.index.name = f"{Path(test_path).name}, row"
        if lacking := [name for name in (*chosen, *names) if name not in held_out.columns]:
            raise BadData(f"{Path(test_path).name} has no column {lacking[0]!r}", "", "test_path")
        frames.append(held_out)

    def where(place: int) -> str:
        inside = place < len(frame)
        return row_of(frame.index, place) if inside else row_of(held_out.index, place - len(frame))

    cells = {name: [cell for part in frames for cell in _no_gaps(part, name)] for name in names}
    targets = targets_of(cells, parameters, where)
    if len(frames) == 2:
        test = np.arange(len(targets.values)) >= len(frame)
        train, tested = frame, held_out
    else:
        test = _test_rows(frame, targets.values, parameters)
        train, tested = frame[~test], frame[test]
    y_train, y_test = targets.parted(test)
    weights = None
    if weighted := parameters.get("weight_column"):
        weights = weights_of(weighted, list(train[weighted]), "weight_column", lambda place: row_of(train.index, place))
    columns = Columns.fit(train[chosen], parameters.get("categories") or ())
    x_train, x_test = columns.encode(train[chosen]), columns.encode(tested[chosen])
    return Arrays(x_train, y_train, x_test, y_test, weights), targets, columns


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
    except (ValueError, OSError, csv.Error) as error:  # pandas' own errors are ValueErrors
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
    _refuse_short_rows(path, separator, whole)
    frame = whole.iloc[1:]
    frame.columns = pd.Index(whole.iloc[0] if len(whole) else [])
    return frame


def _refuse_short_rows(path: Path, separator: str, whole: pd.DataFrame) -> None:
    """pandas takes the cells that a row lacks for empty ones; where it may have done so, the file is read for this."""
    if not (whole.iloc[:, -1] == "").any():
        return
    filled = set(whole.index)
    with path.open(newline="", encoding="utf-8-sig") as file:
        for row, cells in enumerate(csv.reader(file, delimiter=separator, skipinitialspace=True), start=1):
            if len(cells) < whole.shape[1] and row in filled:
                message = f"{path.name}, row {row} has {len(cells)} cells, the first row {whole.shape[1]}"
                raise BadData(message, "an empty cell needs its separator too")


def _no_gaps(frame: pd.DataFrame, target: str) -> list[Any]:
    """The cells of the target, all there."""
    cells = frame[target]
    missing = missing_in(cells)
    if missing.any():
        row = row_of(frame.index, int(missing.argmax()))
        raise BadData(f"{row}: the target {target!r} is missing", "give it, or remove the row")
    return list(cells)


def _test_rows(frame: pd.DataFrame, labels: np.ndarray, parameters: Mapping[str, Any]) -> np.ndarray:
    if split_column := parameters.get("split_column"):
        return _by_column(frame[split_column], split_column)
    groups: Sequence[Any] | None = None
    if group_column := parameters.get("group_column"):
        groups = list(frame[group_column].astype(str))
    return is_test(labels, groups, parameters)


def _targets(parameters: Mapping[str, Any]) -> list[str]:
    said = parameters["target"]
    names = [said] if isinstance(said, str) else list(said)
    if len(set(names)) < len(names):
        raise BadData("`target` names a column twice", "", "target")
    return names


def _inputs(frame: pd.DataFrame, targets: Sequence[str], parameters: Mapping[str, Any]) -> list[str]:
    said = [parameters.get(name) for name in ("split_column", "group_column", "weight_column")]
    for parameter in ("columns", "drop", "categories"):
        names = parameters.get(parameter) or ()
        for name in names:
            _need(frame, name, parameter)
        if len(set(names)) < len(names):
            raise BadData(f"`{parameter}` names a column twice", "", parameter)
    dropped = {*targets, *said, *(parameters.get("drop") or ())}
    if known := [name for name in targets if name in (parameters.get("columns") or ())]:
        raise BadData(f"`columns` has the target {known[0]!r}: it would be known in advance", "", "columns")
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
        message = f"{row_of(cells.index, place)}, column {name!r}: {cells.iloc[place]!r}"
        raise BadData(message, "allowed: train, test", "split_column")
    test: np.ndarray = (said == "test").to_numpy()
    if test.all() or not test.any():
        message = f"column {name!r} says {said.iloc[0]} of every row"
        raise BadData(message, "both train and test are needed", "split_column")
    return test
