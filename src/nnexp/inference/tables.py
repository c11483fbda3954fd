"""A table file as the examples of a model."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.own.kinds import BadData
from nnexp.errors import Amiss, InputError, Reason
from nnexp.inference.signature import Signature
from nnexp.runs.reading import printable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from nnexp.data.own.columns import Column

_MOST_TOLD = 5  # cells that do not fit
_BEYOND = 0.1  # of the range in training: what lies no further outside of it is no surprise
_LARGEST = 3e38  # of 32 bits


def read_encoded(path: Path, signature: Signature) -> tuple[NDArray[np.float32], list[int], tuple[Amiss, ...]]:
    """The rows of a table by the names of their columns, encoded as those that the model was trained on.

    With the number of each row as messages have it, and notes.

    Raises:
        InputError: it cannot be read, a column is missing, or a cell does not fit.
    """
    frame = _frame(path, signature)
    x, notes = _encoded(path, frame, signature)
    return x, list(frame.index), notes


def read_labelled(
    path: Path, signature: Signature
) -> tuple[NDArray[np.float32], dict[str, list[Any]], Callable[[int], str]]:
    """The same, the cells of each column that the model learnt to tell, and how a row is called in messages.

    Raises:
        InputError: as above, or the model was not trained on an own table.
    """
    from nnexp.data.own.columns import row_of

    name = printable(path)
    if not signature.columns:
        raise InputError(f"{name}: this model was not trained on an own table; give its examples as an .npz file")
    frame = _frame(path, signature)
    for target in signature.targets:
        if target not in frame.columns:
            raise InputError(f"{name} has no column {printable(target)!r}, the right answers; add it")
    x, _ = _encoded(path, frame, signature)
    return x, {target: list(frame[target]) for target in signature.targets}, lambda place: row_of(frame.index, place)


def _frame(path: Path, signature: Signature) -> pd.DataFrame:
    from nnexp.data.own.tables import read_table

    return read_table(path.suffix.lower()[1:], path, {"separator": signature.separator})


def _encoded(path: Path, frame: pd.DataFrame, signature: Signature) -> tuple[NDArray[np.float32], tuple[Amiss, ...]]:
    import numpy as np

    from nnexp.data.own.columns import Columns

    assert signature.columns is not None
    name, takes = printable(path), [column.name for column in signature.columns.columns]
    others = [str(title) for title in frame.columns if title not in (*takes, *signature.targets)]
    parts, hints = [], []
    notes: list[Amiss] = []
    wrong: list[Reason] = []
    for column in signature.columns.columns:
        if column.name not in frame.columns:
            wrong.append(f"{name} has no column {column.name!r}{_guess(column.name, others)}")
            hints.append(f"the model takes: {', '.join(takes)}")
            continue
        try:
            parts.append(Columns((column,)).encode(frame))
        except BadData as error:
            wrong.append(f"{name}: {error.message}")
            hints.append(error.hint)
        else:
            notes += _notes(printable(f"{name}, column {column.name!r}"), column, frame[column.name])
    if wrong:
        listed, what_to_do = _first(wrong), "\n".join(map(printable, dict.fromkeys(hints)))
        raise InputError(f"{listed}\n{what_to_do}")
    return np.concatenate(parts, axis=1), tuple(notes)


def _first(wrong: Sequence[Reason]) -> str:
    """The first of many problems, and how many more there are."""
    more = [f"and {len(wrong) - _MOST_TOLD:,} more"] if len(wrong) > _MOST_TOLD else []
    return "\n".join([*map(printable, wrong[:_MOST_TOLD]), *more])


def _guess(lacking: str, titles: Sequence[str]) -> str:
    """Which other column of the file may be meant."""
    near = difflib.get_close_matches(lacking, titles, n=1, cutoff=0.5)
    return f"; is it {printable(near[0])!r}? Then rename that" if near else ""


def _notes(where: str, column: Column, cells: pd.Series) -> Iterator[Amiss]:
    """What to say of cells that the model can take, but that are not such as it learnt from."""
    from nnexp.data.own.columns import MISSING, categories_in, missing_in, numbers_in

    empty = missing_in(cells)
    if column.categories:
        unmet = sorted({*categories_in(cells[~empty], column)} - {*column.categories})
        if unmet:
            values = printable(", ".join(unmet[:_MOST_TOLD]))
            yield f"{where}: training never met {values}; taken for none of its categories"
        if empty.any() and MISSING not in column.categories:
            yield f"{where}: empty in {_rows_of(cells, empty)}; taken for none of its categories"
        return
    if empty.any():
        yield f"{where}: empty in {_rows_of(cells, empty)}; the training median {column.median:.6g} stands in"
    numbers, beyond = numbers_in(cells), _BEYOND * (column.most - column.least)
    far = (numbers < column.least - beyond) | (numbers > column.most + beyond)
    if far.any():
        one = f"{numbers[far.argmax()]:.6g} in {_rows_of(cells, far)}"
        yield f"{where}: {one} is far outside the {column.least:.6g} to {column.most:.6g} of training"


def _rows_of(cells: pd.Series, chosen: NDArray[np.bool_]) -> str:
    """The first row of those chosen, and how many more there are."""
    from nnexp.data.own.columns import row_of

    more = int(chosen.sum()) - 1
    return row_of(cells.index, int(chosen.argmax())) + (f" and {more:,} more" if more else "")


def read_numbers(path: Path, signature: Signature) -> tuple[NDArray[np.float32], list[int], tuple[Amiss, ...]]:
    """The rows of a CSV file [n, ...], with or without a header; the line of each; and notes for people.

    Columns go by their names where the header has those of the dataset, so that others may stand among them; else by
    their order, as many as the model takes.

    Raises:
        InputError: it cannot be read, has other columns, or cells that are no finite numbers.
    """
    import numpy as np

    name = printable(path)
    rows = _rows(path)
    header = rows.pop(0)[1] if _is_header(rows[0][1]) else None
    if not rows:
        raise InputError(f"{name} has a header, and no rows below it; give one or more")
    width = len(header or rows[0][1])  # rows with a cell more than names would be read under the wrong ones
    chosen, notes = _columns(name, header, width, signature)
    wrong: list[Reason] = []
    numbers = []
    for line, row in rows:
        if len(row) != width:
            wrong.append(f"{name}:{line}: {len(row)} cells, not {width}")
            continue
        cells = [row[column] for column in chosen]
        wrong += [
            f"{name}:{line}, column {_title(header, signature, column)}: {problem}"
            for column, cell in zip(chosen, cells, strict=True)
            if (problem := _problem(cell))
        ]
        if not wrong:
            numbers.append([float(cell) for cell in cells])
    if wrong:
        listed = _first(wrong)
        raise InputError(f"{listed}\nmend these; wanted: a number in each cell")
    x = np.array(numbers, np.float32).reshape(-1, *signature.shape)
    return x, [line for line, _ in rows], notes


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Every row that is not empty, with the line that it ends in."""
    name = printable(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{name} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}; see that you may read it") from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise InputError(f"{name}:{reader.line_num}: cannot be read as CSV: {error}; is every quote closed?") from None
    if not rows:
        raise InputError(f"{name} has no rows; give one or more")
    return rows


def _is_header(row: Sequence[str]) -> bool:
    """Whether a row names columns: not one of its cells is a number. One with some numbers has slips in it."""
    return not any(_is_number(cell) for cell in row)


def _columns(
    name: str, header: Sequence[str] | None, width: int, signature: Signature
) -> tuple[list[int], tuple[Amiss, ...]]:
    """Which columns of the file the model takes, in its order."""
    wanted = signature.features
    titles = [title.strip() for title in header or ()]
    lacking = [feature for feature in wanted if feature not in titles]
    if wanted and not lacking:
        others = [printable(title) for title in titles if title not in wanted]
        return [titles.index(feature) for feature in wanted], (
            (f"{name}: not looked at, since the model does not take it: {', '.join(others)}",) if others else ()
        )
    if width == signature.size:
        unnamed = f"{name}: its columns have other names than the model's; taken in the order of {', '.join(wanted)}"
        return list(range(width)), (unnamed,) if wanted and header else ()
    if wanted and len(lacking) < len(wanted):
        unknown = [title for title in titles if title not in wanted]
        guess = _guess(lacking[0], unknown)
        raise InputError(f"{name} has no column {lacking[0]!r}{guess}\nthe model takes: {', '.join(wanted)}")
    which = f": {', '.join(wanted)}" if wanted else ""
    raise InputError(f"{name} has {width} columns; the model takes {signature.size}{which}")


def _title(header: Sequence[str] | None, signature: Signature, column: int) -> str:
    if header:
        return f"{column + 1} ({printable(header[column].strip())})"
    return f"{column + 1} ({signature.features[column]})" if signature.features else str(column + 1)


def _problem(cell: str) -> Reason:
    """Why a cell cannot be taken; "" where it can."""
    shown = repr(printable(cell.strip())[:50])
    if not cell.strip():
        return "the cell is empty; the model needs a number"
    if not _is_number(cell):
        with_point = _is_number(cell.replace(",", "."))
        return f"{shown} is no number" + ("; write it with a point" if with_point else "")
    return "" if abs(float(cell)) < _LARGEST else f"{shown} is no number that the model can take"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python would take 1_000
