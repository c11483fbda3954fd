"""Rows of an own table that are the same in all columns: one may be trained on, and its like be in the test part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.own.columns import row_of
from nnexp.errors import Amiss

if TYPE_CHECKING:
    import pandas as pd

_LARGEST = 10**8  # bytes of files: fewer are looked through in seconds


@dataclass(frozen=True, slots=True)
class Repeats:
    """The first two rows that are the same, as messages call them, and how many rows repeat an earlier one."""

    first: str
    second: str
    count: int


def told_of(found: Repeats) -> Amiss:
    """What to say of them."""
    one, other = (
        f"{number} of {file}" if file else number
        for file, _, number in (row.removeprefix("row ").rpartition(", row ") for row in (found.first, found.second))
    )
    more = f", and {found.count - 1:,} more repeat{'s' if found.count == 2 else ''} an earlier one"
    same = f"are the same{more if found.count > 1 else ''}"
    may = "one may be in the training part, its like in the test part"
    return f"Rows {one} and {other} {same}: {may}; remove what was entered twice."


def repeats_of(kind: str, parameters: Mapping[str, Any]) -> Repeats | None:
    """The rows of the files of a table that are the same; None where none are, or where to look would take long.

    Raises:
        BadData: a file cannot be read.
    """
    from nnexp.data.own.tablefiles import open_table

    paths = [Path(parameters[name]) for name in ("path", "test_path") if parameters.get(name)]
    if sum(path.stat().st_size for path in paths) > _LARGEST:
        return None
    named = ["", *(f"{path.name}, row" for path in paths[1:])]
    separator = parameters.get("separator") or ","
    tables = [open_table(kind, path, separator, name) for path, name in zip(paths, named, strict=True)]
    names = [name for name in tables[0].names if all(name in table.names for table in tables)]
    texts = {name for table in tables for name in table.texts}
    return repeats_in(names, texts, (frame for table in tables for frame in table.frames(names, texts)))


def repeats_in(names: Sequence[str], texts: Iterable[str], frames: Iterable[pd.DataFrame]) -> Repeats | None:
    """The rows of some frames, one after the other, that are the same in these columns; `texts` hold text."""
    import numpy as np
    import pandas as pd

    as_text = dict.fromkeys((name for name in names if name in set(texts)), "str")
    hashes, indices = [], []
    for frame in frames:  # 64 bits a row: of a million rows two are taken for the same once in 37 million tables
        hashes.append(pd.util.hash_pandas_object(frame[list(names)].astype(as_text), index=False).to_numpy())
        indices.append(frame.index)
    hashed = np.concatenate(hashes)
    order = np.argsort(hashed, kind="stable")
    again = np.flatnonzero(hashed[order[1:]] == hashed[order[:-1]])
    if not len(again):
        return None
    place = again[order[again].argmin()]
    first, second = int(order[place]), int(order[place + 1])
    return Repeats(_row_at(indices, first), _row_at(indices, second), len(again))


def _row_at(indices: Iterable[pd.Index], place: int) -> str:
    """How the row at a place of all rows is called, by the frames' indices."""
    for index in indices:
        if place < len(index):
            return row_of(index, place)
        place -= len(index)
    raise IndexError(place)
