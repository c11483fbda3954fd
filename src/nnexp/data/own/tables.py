"""Tables: CSV and Parquet files, read with pandas, to arrays."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.content import Arrays
from nnexp.data.own.columns import Column, Columns, missing_in, row_of
from nnexp.data.own.decoded import decoded
from nnexp.data.own.kinds import BadData
from nnexp.data.own.labels import is_test
from nnexp.data.own.tablefiles import TableFile, open_table
from nnexp.data.own.targets import Targets, targets_of, weights_of
from nnexp.data.rows import Examples, part, streamed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_READING = 1  # raise it when the same columns come to make other numbers of a file: it names encoded ones in the cache
_SAYING = ("split_column", "group_column", "weight_column")
_COLUMNS_BYTES = 256 * 2**20  # of columns that are looked at together
_NUMBER_BYTES = 8
_TEXT_BYTES = 64  # of a cell, where all are different


def arrays_of_table(kind: str, parameters: Mapping[str, Any]) -> tuple[Arrays, Targets, Columns]:
    """The arrays of a table, its targets, and how its columns became numbers.

    What a column is, a number or a category, the training rows alone decide. No more of the file is in memory than some
    of its rows or columns, besides the targets; the examples are where `stream` says.

    Raises:
        BadData: it cannot be used, with row and column where one is at fault.
    """
    import numpy as np

    separator = parameters.get("separator") or ","
    table = open_table(kind, Path(parameters["path"]), separator)
    names = _targets(parameters)
    for name in names:
        _need(table.names, name, "target")
    for name in _SAYING:
        if wanted := parameters.get(name):
            _need(table.names, wanted, name)
    chosen = _inputs(table.names, names, parameters)
    tables = [table]
    if test_path := parameters.get("test_path"):
        held_out = open_table(kind, Path(test_path), separator, f"{Path(test_path).name}, row")
        if lacking := [name for name in (*chosen, *names) if name not in held_out.names]:
            raise BadData(f"{Path(test_path).name} has no column {lacking[0]!r}", "", "test_path")
        tables.append(held_out)

    def where(place: int) -> str:
        inside = place < len(table)
        return row_of(table.index, place) if inside else row_of(held_out.index, place - len(table))

    said = [parameters[name] for name in _SAYING if parameters.get(name)]
    frames = [table.read([*names, *said], as_text=[*names, *said])]
    frames += [held_out.read(names, as_text=names) for held_out in tables[1:]]
    cells = {name: [cell for frame in frames for cell in _no_gaps(frame, name)] for name in names}
    targets = targets_of(cells, parameters, where)
    parted = len(tables) == 2
    test = np.arange(len(targets.values)) >= len(table) if parted else _test_rows(frames[0], targets.values, parameters)
    y_train, y_test = targets.parted(test)
    weights = None
    train = ~test[: len(table)]
    if weighted := parameters.get("weight_column"):
        rows = table.index[train]
        weights = weights_of(
            weighted, list(frames[0][weighted][train]), "weight_column", lambda place: row_of(rows, place)
        )
    columns = _fitted(table, chosen, train, parameters.get("categories") or ())
    x = _examples(tables, columns, kind, parameters)
    return Arrays(part(x, ~test), y_train, part(x, test), y_test, weights), targets, columns


def _fitted(table: TableFile, chosen: Sequence[str], train: np.ndarray, categories: Sequence[str]) -> Columns:
    """As many columns at a time as do not take too much memory."""
    sizes = [_TEXT_BYTES if name in table.texts or name in categories else _NUMBER_BYTES for name in chosen]
    columns: list[Column] = []
    start = 0
    while start < len(chosen):
        stop = start + 1
        while stop < len(chosen) and sum(sizes[start : stop + 1]) * len(table) < _COLUMNS_BYTES:
            stop += 1
        columns += Columns.fit(table.read(chosen[start:stop], categories, train), categories).columns
        start = stop
    return Columns(tuple(columns))


def _examples(tables: Sequence[TableFile], columns: Columns, kind: str, parameters: Mapping[str, Any]) -> Examples:
    """The rows of the tables as numbers [n, features], in memory or in nnexp's cache."""
    import numpy as np
    import pandas as pd

    names = [column.name for column in columns.columns]
    categories = [column.name for column in columns.columns if column.categories]

    def encoded() -> Iterator[np.ndarray]:
        return (columns.encode(frame) for table in tables for frame in table.frames(names, categories))

    shape, dtype = (sum(map(len, tables)), len(columns.features)), np.dtype("float32")
    if streamed(parameters["stream"], math.prod(shape) * dtype.itemsize):
        said = json.dumps([kind, parameters.get("separator"), columns.plain()])
        digest = hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()[:16]
        name = f"{parameters['sha256']}-{digest}-pandas{pd.__version__}-{_READING}"
        return decoded(name, shape, dtype, encoded, "leave columns out with `drop`")
    x = np.empty(shape, dtype)
    start = 0
    for examples in encoded():
        x[start : start + len(examples)] = examples
        start += len(examples)
    return x


def read_table(kind: str, path: Path, parameters: Mapping[str, Any]) -> pd.DataFrame:
    """The table in a file: cells of a CSV file as text, "" where they are empty; the index counts rows as editors do.

    Raises:
        BadData: pandas cannot read it, it has no rows, or rows and names that do not fit each other.
    """
    table = open_table(kind, path, parameters.get("separator") or ",")
    return table.read(table.names, as_text=table.names)


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


def _inputs(names: Sequence[str], targets: Sequence[str], parameters: Mapping[str, Any]) -> list[str]:
    said = [parameters.get(name) for name in _SAYING]
    for parameter in ("columns", "drop", "categories"):
        given = parameters.get(parameter) or ()
        for name in given:
            _need(names, name, parameter)
        if len(set(given)) < len(given):
            raise BadData(f"`{parameter}` names a column twice", "", parameter)
    dropped = {*targets, *said, *(parameters.get("drop") or ())}
    if known := [name for name in targets if name in (parameters.get("columns") or ())]:
        raise BadData(f"`columns` has the target {known[0]!r}: it would be known in advance", "", "columns")
    found = [name for name in parameters.get("columns") or names if name not in dropped]
    if not found:
        hint = "" if len(names) > 1 else "is there another `separator`, such as ';'?"
        raise BadData("no column is left to learn from", hint, "drop" if parameters.get("drop") else "path")
    return found


def _need(names: Sequence[str], name: str, parameter: str) -> None:
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        guess = f"did you mean {near[0]!r}? " if near else ""
        listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
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
