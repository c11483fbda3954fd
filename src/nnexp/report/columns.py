"""What became of the columns of an own table, from the columns.json of its runs, which a stranger may have written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnexp.data.own.columns import MISSING, Column, Columns
from nnexp.examples import dataset_entry
from nnexp.runs.figures import whole
from nnexp.runs.reading import Refused, json_of
from nnexp.runs.record import RunRecord

_MOST_MEGABYTES = 8  # of columns.json
_MOST_READ = 20  # a sweep may take another share of the table in each of many runs
_MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class _Table:
    columns: tuple[Column, ...]
    counted: bool  # whether it says how many cells were empty

    def empty(self, of_texts: bool) -> int:
        """How many cells of the training part were, in columns of text or of numbers."""
        return sum(column.missing for column in self.columns if bool(column.categories) == of_texts)


def columns_in_words(runs: Sequence[RunRecord]) -> str:
    """`9, as 11 inputs: source as 3 of 0 and 1; …` with what stands in for empty cells; "" where no run tells it."""
    tables = list(_tables(runs))
    names = {tuple(column.name for column in table.columns) for table in tables}
    if len(names) != 1 or not (columns := tables[0].columns):  # with columns dropped that others have
        return ""
    inputs = spanned(sum(len(column.features) for column in table.columns) for table in tables)
    texts = [
        f"{column.name} as {spanned(len(table.columns[place].features) for table in tables)}"
        for place, column in enumerate(columns)
        if column.categories
    ]
    if len(texts) > _MOST_NAMED:
        texts[_MOST_NAMED - 1 :] = [f"{len(texts) - _MOST_NAMED + 1:,} more likewise"]
    told = [f"{len(columns):,}, as {inputs} inputs" + (f": {', '.join(texts)} of 0 and 1" if texts else "")]
    return "; ".join([*told, *_empty_cells(tables)])


def spanned(counts: Iterator[int] | Sequence[int]) -> str:
    """`3,000 or 30,000`; of more than three the fewest and the most: `3,000 to 30,000`."""
    *others, most = [f"{count:,}" for count in sorted(set(counts))]
    if len(others) > 2:
        return f"{others[0]} to {most}"
    return f"{', '.join(others)} or {most}" if others else most


def _empty_cells(tables: Sequence[_Table]) -> Iterator[str]:
    """What stands in for them; how many there were, where all say it."""
    counted = all(table.counted for table in tables)
    kinds = {bool(column.categories) for column in tables[0].columns}
    for of_texts in sorted(kinds):
        empty = [table.empty(of_texts) for table in tables]
        met = any(MISSING in column.categories for table in tables for column in table.columns)
        if not any(empty) and (counted or (of_texts and not met)):
            continue
        where = "empty cells of text" if of_texts else "empty cells"
        stands = "taken for a value of their own" if of_texts else "filled with the median of their column"
        yield where + (f" ({spanned(empty)} of the training part)" if counted else "") + f" {stands}"


def _tables(runs: Sequence[RunRecord]) -> Iterator[_Table]:
    """Of each dataset entry the first table that can be read."""
    read: set[str] = set()
    for run in runs:
        entry = repr(dataset_entry(run))
        if entry not in read and len(read) < _MOST_READ and (table := _table(run.folder.columns)):
            read.add(entry)
            yield table


def _table(path: Path) -> _Table | None:
    try:
        said = json_of(path, _MOST_MEGABYTES)
        columns = Columns.of_plain(said).columns
        counts = [whole(one.get("missing")) for one in said]
    except (Refused, OSError, KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None  # not of an own table, or not as nnexp writes it: what is to use the model says that
    return _Table(columns, all(count is not None and count >= 0 for count in counts))
