"""Table files, CSV and Parquet, that are read some columns and some rows at a time, so that any size of them can be."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.own.kinds import BadData
from nnexp.errors import Reason

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_CELLS = 2**19  # that are read in one go: some 50 bytes each as text


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table in a file, which was looked through: its rows fit its names."""

    names: tuple[str, ...]
    """Of its columns, each once."""
    index: pd.Index
    """What its rows are called in messages [n]: as editors count them. Its name says the file, where that must be."""
    texts: frozenset[str]
    """The columns with cells that are no numbers, nor empty."""
    _pieces: Callable[[Sequence[str], Collection[str], int], Iterator[pd.DataFrame]]

    def __len__(self) -> int:
        return len(self.index)

    def frames(self, columns: Sequence[str], as_text: Collection[str] = ()) -> Iterator[pd.DataFrame]:
        """These columns of all rows, some rows at a time.

        Cells of a CSV file are float64 with NaN where they are empty, or text with "" where they are: in columns that
        hold text, and in those of `as_text`. Those of a Parquet file are of the type that the whole column has.

        Raises:
            BadData: the file cannot be read, or is not what it was when it was looked through.
        """
        start = 0
        for frame in self._pieces(columns, as_text, max(1, _CELLS // len(columns))):
            frame.index = self.index[start : start + len(frame)]
            start += len(frame)
            yield frame
        if start != len(self):
            raise BadData(f"{start:,} rows were read where {len(self):,} were counted", "is every quote closed?")

    def read(
        self, columns: Sequence[str], as_text: Collection[str] = (), where: np.ndarray | None = None
    ) -> pd.DataFrame:
        """These columns of all rows, or of those where the mask [n] is true.

        Raises:
            BadData: as above.
        """
        import pandas as pd

        found: list[pd.DataFrame] = []
        start = 0
        for frame in self.frames(columns, as_text):
            found.append(frame if where is None else frame[where[start : start + len(frame)]])
            start += len(frame)
        return pd.concat(found)


def open_table(kind: str, path: Path, separator: str = ",", called: str = "") -> TableFile:
    """Look through a file: a CSV file as text in UTF-8 whose first row that is not empty names the columns.

    `called` is what its rows are called in messages, where "row" does not do.

    Raises:
        BadData: it cannot be read, it has no rows, or rows and names that do not fit each other.
    """
    with _told(kind, path):
        found = _open_parquet(path) if kind == "parquet" else _open_csv(path, separator)
    if not len(found):
        raise BadData(f"{path.name} has no rows", "wanted: a line of names, and rows below it")
    _refuse_twice(path, found.names)
    found.index.name = called or None
    return found


def _refuse_twice(path: Path, names: Sequence[str]) -> None:
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise BadData(f"{path.name} has two columns of the name {twice[0]!r}", "give one of them another name")


@contextmanager
def _told(kind: str, path: Path) -> Iterator[None]:
    """What those who read say of a file that they cannot, as BadData."""
    try:
        yield
    except ImportError:
        raise BadData("Parquet files need the package pyarrow", "get it with  pip install 'nnexp[parquet]'") from None
    except UnicodeDecodeError as error:
        raise BadData(f"{path.name} is not UTF-8 text (byte {error.start:,})", "save it as UTF-8") from None
    except BadData:
        raise
    except (ValueError, OSError, csv.Error) as error:  # pandas' and pyarrow's own errors are ValueErrors
        raise BadData(f"{path.name} cannot be read as {kind}: {str(error).strip()}", "write it anew") from None


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the rows of a CSV file lie, as Python's csv module reads it; all numbers count rows, from 1."""

    names: tuple[str, ...]
    header: int
    last: int
    bare: tuple[int, ...]
    """Empty lines, which pandas passes over."""
    blank: tuple[int, ...]
    """Rows of empty cells, which it does not."""


def _open_csv(path: Path, separator: str) -> TableFile:
    import numpy as np
    import pandas as pd

    layout = _layout(path, separator)
    rows = np.setdiff1d(np.arange(layout.header + 1, layout.last + 1), layout.bare, assume_unique=True)
    filled = ~np.isin(rows, layout.blank)
    many = int(np.flatnonzero(filled)[-1]) + 1 if filled.any() else 0  # pandas refuses a chunk of short rows alone

    def raw(positions: Sequence[int], step: int, dtype: Any) -> Iterator[pd.DataFrame]:
        """Chunks of columns without pandas' guesses of what is missing, rows that are blank left out."""
        start = 0
        with pd.read_csv(
            path,
            sep=separator,
            header=None,
            names=range(len(layout.names)),
            skiprows=layout.header,
            nrows=many,
            usecols=list(positions),
            dtype=dtype,
            chunksize=step,
            keep_default_na=False,
            na_values=[""],
            skipinitialspace=True,
            low_memory=False,
            float_precision="high",  # as pandas.to_numeric reads text
            encoding="utf-8-sig",
        ) as chunks:
            for chunk in chunks:
                yield chunk[filled[start : start + len(chunk)]]
                start += len(chunk)

    def pieces(columns: Sequence[str], as_text: Collection[str], step: int) -> Iterator[pd.DataFrame]:
        positions = [layout.names.index(name) for name in columns]
        are_text = {layout.names.index(name) for name in columns if name in texts or name in as_text}
        dtype = {position: "str" if position in are_text else "float64" for position in positions}
        with _told("csv", path):
            for chunk in raw(positions, step, dtype):
                cells = {
                    name: chunk[position].fillna("").str.strip() if position in are_text else chunk[position]
                    for name, position in zip(columns, positions, strict=True)
                }
                yield pd.DataFrame(cells)

    texts: set[str] = set()
    if filled.any():
        for chunk in raw(range(len(layout.names)), max(1, _CELLS // len(layout.names)), None):
            texts |= {layout.names[position] for position in chunk if chunk[position].dtype.kind not in "iuf"}
    return TableFile(layout.names, pd.Index(rows[filled]), frozenset(texts), pieces)


def _layout(path: Path, separator: str) -> _Layout:
    """pandas would take cells that a row lacks for empty ones, and pass over some that are too many."""
    names: tuple[str, ...] = ()
    header = row = 0
    bare: list[int] = []
    blank: list[int] = []
    with _any_length(), path.open(newline="", encoding="utf-8-sig") as file:
        line = ""

        def lines() -> Iterator[str]:
            nonlocal line
            for text in file:
                line = text
                yield text

        for row, cells in enumerate(csv.reader(lines(), delimiter=separator, skipinitialspace=True), start=1):
            if not any(map(str.strip, cells)):
                (blank if len(cells) > 1 or line.strip(" \t\r\n") else bare).append(row)  # "" in quotes is a cell
            elif not names:
                names, header = tuple(map(str.strip, cells)), row
            elif len(cells) != len(names):
                message = f"{path.name}, row {row} has {len(cells)} cells, the first row {len(names)}"
                few = "an empty cell needs its separator too"
                many = f"a cell that has {separator!r} in it needs double quotes around it"
                raise BadData(message, few if len(cells) < len(names) else many)
    if not names:
        why: Reason = "it is empty"
        raise ValueError(why)
    return _Layout(names, header, row, tuple(n for n in bare if n > header), tuple(n for n in blank if n > header))


@contextmanager
def _any_length() -> Iterator[None]:
    """Cells may be as long as they are: Python's csv module refuses those of over 131,072 characters."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _open_parquet(path: Path) -> TableFile:
    import pandas as pd
    import pyarrow as pa
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        empty = file.schema_arrow.empty_table().to_pandas()
        names = tuple(map(str, empty.columns))
        _refuse_twice(path, names)
        plain = {name for name, dtype in zip(names, empty.dtypes, strict=True) if dtype.kind in "iuf"}
        fields = [field for field in file.schema_arrow if field.name in plain]
        whole = [field.name for field in fields if pa.types.is_integer(field.type)]
        numbers = {field.name for field in fields if pa.types.is_floating(field.type)} | set(whole)
        gaps: set[str] = set()  # of whole numbers: pandas makes float64 of these, and of those without gaps int64
        for batch in file.iter_batches(columns=whole):
            gaps |= {name for name in whole if batch.column(name).null_count}
        count, texts = file.metadata.num_rows, frozenset(names) - numbers

    def pieces(columns: Sequence[str], _: Collection[str], step: int) -> Iterator[pd.DataFrame]:
        with _told("parquet", path), parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(step, columns=list(columns)):
                frame = batch.to_pandas()
                frame.columns = frame.columns.map(str)
                yield pd.DataFrame({name: _plain(frame[name], name in gaps) for name in columns})

    return TableFile(names, pd.RangeIndex(1, count + 1), texts, pieces)


def _plain(cells: pd.Series, has_gaps: bool) -> pd.Series:
    """A part of a column, of the type that does for all of it."""
    import pandas as pd

    if isinstance(cells.dtype, pd.CategoricalDtype):
        return cells.astype(object)
    return cells.astype("float64") if has_gaps and cells.dtype.name.startswith(("int", "uint")) else cells
