"""Tables: CSV and Parquet files, read with pandas, to arrays."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any

from nnexp import machine
from nnexp.data import cache
from nnexp.data.content import Arrays
from nnexp.data.own.columns import Columns, missing_in, row_of
from nnexp.data.own.decoded import decoded
from nnexp.data.own.found import Found, recall, remember
from nnexp.data.own.kinds import BadData
from nnexp.data.own.labels import is_test
from nnexp.data.own.tablefiles import TableFile, open_table
from nnexp.data.own.targets import Targets, targets_of, weights_of
from nnexp.data.progress import Silent, decoding
from nnexp.data.rows import Examples, part, streamed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_READING = 2  # raise it when the same columns come to make other numbers of a file: it names encoded ones in the cache
_SAYING = ("split_column", "group_column", "weight_column")
_LARGE = 10**8  # bytes of files: fewer are looked through in seconds
_COLUMNS_BYTES = 128 * 2**20  # of columns that are looked at together
_TEXT_BYTES = 64  # of a cell, where all are different


def arrays_of_table(kind: str, parameters: Mapping[str, Any]) -> tuple[Arrays, Targets, Columns, np.ndarray | None]:
    """The arrays of a table, its targets, how its columns became numbers, and the rows of the test part.

    What a column is, a number or a category, the training rows alone decide. No more of the file is in memory than some
    of its rows or columns, besides the targets; the examples are where `stream` says. The rows [n] are
    those of the file, as editors count them; None where the table was looked through before.

    Raises:
        BadData: it cannot be used, with row and column where one is at fault.
    """
    import numpy as np

    found, tables = recall(kind, parameters), []
    if found is None:
        with _told(parameters):
            tables = _opened(kind, parameters)
            found = _look_through(tables, parameters)
    shape, dtype = (len(found.test), len(found.columns.features)), np.dtype("float32")
    stay = streamed(parameters["stream"], math.prod(shape) * dtype.itemsize)
    if stay and tables:
        remember(kind, parameters, found)

    def encoded() -> Iterator[np.ndarray]:
        return _encoded(tables or _opened(kind, parameters), found.columns)

    x: Examples
    if stay:
        x = decoded(_name(kind, parameters, found.columns), shape, dtype, encoded, "leave columns out with `drop`")
    else:
        x = np.empty(shape, dtype)
        start = 0
        for examples in encoded():
            x[start : start + len(examples)] = examples
            start += len(examples)
    y_train, y_test = found.targets.parted(found.test)
    arrays = Arrays(part(x, ~found.test), y_train, part(x, found.test), y_test, found.weights)
    rows = np.concatenate([table.index for table in tables])[found.test] if tables else None
    return arrays, found.targets, found.columns, rows


@contextmanager
def _told(parameters: Mapping[str, Any]) -> Iterator[None]:
    """Say that a table is looked through, where that takes more than a moment."""
    paths = [Path(parameters[name]) for name in ("path", "test_path") if parameters.get(name)]
    size = sum(path.stat().st_size for path in paths)
    progress = decoding.get()() if size >= _LARGE else Silent()
    progress.start(f"looking through {' and '.join(path.name for path in paths)}, {machine.written(size)}", None)
    try:
        yield
    finally:
        progress.done()


def _encoded(tables: Sequence[TableFile], columns: Columns) -> Iterator[np.ndarray]:
    """The rows of all tables as numbers [some rows, features], some at a time."""
    names = [column.name for column in columns.columns]
    categories = [column.name for column in columns.columns if column.categories]
    return (columns.encode(frame) for table in tables for frame in table.frames(names, categories))


def _name(kind: str, parameters: Mapping[str, Any], columns: Columns) -> str:
    """Of the encoded rows in nnexp's cache: what they depend on, which is not which of them are the test part."""
    import pandas as pd

    said = json.dumps([kind, parameters.get("separator"), columns.plain()])
    digest = hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"{parameters['sha256']}-{digest}-pandas{pd.__version__}-{_READING}"


def _opened(kind: str, parameters: Mapping[str, Any]) -> list[TableFile]:
    """The file of all rows, or those of the training and of the test part."""
    separator = parameters.get("separator") or ","
    tables = [open_table(kind, Path(parameters["path"]), separator)]
    if test_path := parameters.get("test_path"):
        tables.append(open_table(kind, Path(test_path), separator, f"{Path(test_path).name}, row"))
    return tables


def _look_through(tables: Sequence[TableFile], parameters: Mapping[str, Any]) -> Found:
    import numpy as np

    table = tables[0]
    names = _targets(parameters)
    for name in names:
        _need(table.names, name, "target")
    for name in _SAYING:
        if wanted := parameters.get(name):
            _need(table.names, wanted, name)
    chosen = _inputs(table.names, names, parameters)
    for held_out in tables[1:]:
        if lacking := [name for name in (*chosen, *names) if name not in held_out.names]:
            message = f"{Path(parameters['test_path']).name} has no column {lacking[0]!r}"
            raise BadData(message, "wanted: the columns of `path`", "test_path")

    def where(place: int) -> str:
        inside = place < len(table)
        return row_of(table.index, place) if inside else row_of(tables[1].index, place - len(table))

    said = [parameters[name] for name in _SAYING if parameters.get(name)]
    frames = [table.read([*names, *said], as_text=[*names, *said])]
    frames += [held_out.read(names, as_text=names) for held_out in tables[1:]]
    cells = {name: [cell for frame in frames for cell in _no_gaps(frame, name)] for name in names}
    targets = targets_of(cells, parameters, where)
    parted = len(tables) == 2
    test = np.arange(len(targets.values)) >= len(table) if parted else _test_rows(frames[0], targets.values, parameters)
    targets.parted(test)  # that it can be done is told before the columns are looked at
    train = ~test[: len(table)]
    weights = None
    if weighted := parameters.get("weight_column"):
        rows, counts = table.index[train], list(frames[0][weighted][train])
        weights = weights_of(weighted, counts, "weight_column", lambda place: row_of(rows, place))
    return Found(targets, test, weights, _fitted(table, chosen, train, parameters.get("categories") or ()))


def _fitted(table: TableFile, chosen: Sequence[str], train: np.ndarray, categories: Sequence[str]) -> Columns:
    """What each column is, by the rows where `train` [n] is true; as many columns of text at a time as memory has."""
    texts = [name for name in chosen if name in table.texts or name in categories]
    numbers = [name for name in chosen if name not in texts]
    step = max(1, _COLUMNS_BYTES // (_TEXT_BYTES * len(table)))
    some = (table.read(texts[start : start + step], categories, train) for start in range(0, len(texts), step))
    with closing(_each(table, numbers, train)) as each:
        fitted = (Columns.fit(cells, categories).columns for cells in chain(some, each))
        of = {column.name: column for columns in fitted for column in columns}
    return Columns(tuple(of[name] for name in chosen))


def _each(table: TableFile, numbers: Sequence[str], train: np.ndarray) -> Generator[pd.DataFrame, None, None]:
    """Each of these columns of numbers, the training rows, by way of a file that is in memory while it is small.

    It has no name, so that nothing is left of it, not even where the process is killed.
    """
    import numpy as np
    import pandas as pd

    index = table.index[train]
    size = 8 * len(index)
    folder = cache.home()
    if size * len(numbers) > _COLUMNS_BYTES:
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with SpooledTemporaryFile(_COLUMNS_BYTES, dir=str(folder)) as aside:
            done = start = 0
            for frame in table.frames(numbers) if numbers else ():
                cells = frame[train[start : start + len(frame)]].to_numpy("float64", na_value=np.nan)
                for place in range(len(numbers)):
                    aside.seek(place * size + done)
                    aside.write(np.ascontiguousarray(cells[:, place]).data)
                start, done = start + len(frame), done + 8 * len(cells)
            for place, name in enumerate(numbers):
                aside.seek(place * size)
                yield pd.DataFrame({name: np.frombuffer(aside.read(size))}, index=index)
    except OSError as error:
        message = f"its columns, {machine.written(size * len(numbers))}, cannot be put aside in {folder}"
        hint = "make room there, or set NNEXP_CACHE_DIR to another folder; or leave columns out with `drop`"
        raise BadData(f"{message}: {error.strerror or error}", hint) from None


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
        raise BadData("`target` names a column twice", "name it once", "target")
    return names


def _inputs(names: Sequence[str], targets: Sequence[str], parameters: Mapping[str, Any]) -> list[str]:
    said = [parameters.get(name) for name in _SAYING]
    for parameter in ("columns", "drop", "categories"):
        given = parameters.get(parameter) or ()
        for name in given:
            _need(names, name, parameter)
        if len(set(given)) < len(given):
            raise BadData(f"`{parameter}` names a column twice", "name it once", parameter)
    dropped = {*targets, *said, *(parameters.get("drop") or ())}
    if known := [name for name in targets if name in (parameters.get("columns") or ())]:
        raise BadData(
            f"`columns` has the target {known[0]!r}: it would be known in advance", "leave it out there", "columns"
        )
    found = [name for name in parameters.get("columns") or names if name not in dropped]
    if not found:
        hint = "leave fewer out" if len(names) > 1 else "is there another `separator`, such as ';'?"
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
        message = f"{row_of(cells.index, place)}, column {name!r}: {cells.iloc[place]!r} names no part"
        raise BadData(message, "allowed: train, test", "split_column")
    test: np.ndarray = (said == "test").to_numpy()
    if test.all() or not test.any():
        message = f"column {name!r} says {said.iloc[0]} of every row"
        raise BadData(message, "both train and test are needed", "split_column")
    return test
