"""The columns of a table as numbers: fitted on the training part, kept with the run, applied to any other rows.

Missing numbers become the median, text becomes a column of 0 and 1 for each category, by scikit-learn's SimpleImputer
and OneHotEncoder. What they found is plain data, since a pickled transformer from a stranger could run anything.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnexp.data.own.kinds import BadData

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MISSING = "(missing)"  # a category of its own
_MOST_CATEGORIES = 200
_LARGEST = 3e38  # of 32 bits
_WHOLE = re.compile(r"-?[0-9]+(\.0)?")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: a number, with what stands for a missing one and its range, or a category of some."""

    name: str
    median: float = 0.0
    least: float = -math.inf  # as of a run from before it was kept
    most: float = math.inf
    categories: tuple[str, ...] = ()
    missing: int = 0  # cells of the training part

    @property
    def features(self) -> list[str]:
        """The names of the numbers that it becomes."""
        return [f"{self.name}={category}" for category in self.categories] or [self.name]


@dataclass(frozen=True, slots=True)
class Columns:
    """All columns that are learnt from, in order."""

    columns: tuple[Column, ...]

    @classmethod
    def fit(cls, train: pd.DataFrame, categories: Sequence[str] = ()) -> Columns:
        """From the training rows; `categories` names columns that are such, whatever they look like.

        Raises:
            BadData: a column that is neither numbers nor categories.
        """
        return cls(tuple(_fit(str(name), train[name], str(name) in categories) for name in train.columns))

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the numbers of an example."""
        return tuple(feature for column in self.columns for feature in column.features)

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """Rows as numbers: [n, features], float32. The index of the frame calls the rows in messages.

        Raises:
            BadData: a column is missing, or a cell is not what it was in training.
        """
        import numpy as np

        if lacking := [column.name for column in self.columns if column.name not in frame.columns]:
            raise BadData(f"there is no column {lacking[0]!r}", f"columns: {', '.join(map(str, frame.columns))}")
        parts = [_encode(column, frame[column.name]) for column in self.columns]
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def plain(self) -> list[dict[str, Any]]:
        """As JSON holds it."""
        return [
            {"name": column.name, "missing": column.missing}
            | (
                {"categories": list(column.categories)}
                if column.categories
                else {"median": column.median, "least": column.least, "most": column.most}
            )
            for column in self.columns
        ]

    @classmethod
    def of_plain(cls, columns: Sequence[Mapping[str, Any]]) -> Columns:
        """What `plain` gave.

        Raises:
            KeyError, TypeError, ValueError: it is not that.
        """
        return cls(
            tuple(
                Column(
                    str(said["name"]),
                    categories=tuple(map(str, said["categories"])),
                    missing=int(said.get("missing", 0)),
                )
                if "categories" in said
                else Column(
                    str(said["name"]),
                    float(said["median"]),
                    float(said.get("least", -math.inf)),
                    float(said.get("most", math.inf)),
                    missing=int(said.get("missing", 0)),
                )
                for said in columns
            )
        )


def row_of(index: pd.Index, place: int) -> str:
    """How a row is called in messages: an index that has a name says which file it is of."""
    return f"{index.name or 'row'} {index[place]}"


def _fit(name: str, cells: pd.Series, is_category: bool) -> Column:
    import numpy as np
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(cells):
        hint = f"turn them into numbers, or leave the column out with  drop: [{name}]"
        raise BadData(f"column {name!r} holds dates", hint, "drop")
    missing = missing_in(cells)
    if missing.all():
        raise BadData(f"column {name!r} is empty in the training part", f"leave it out with  drop: [{name}]", "drop")
    numbers = numbers_in(cells)
    strange = np.isnan(numbers) & ~missing
    if not is_category and not strange.any():
        _refuse_large(name, cells, numbers)
        from sklearn.impute import SimpleImputer

        [median] = SimpleImputer(strategy="median").fit(numbers[:, None]).statistics_
        least, most = float(np.nanmin(numbers)), float(np.nanmax(numbers))
        return Column(name, float(median), least, most, missing=int(missing.sum()))
    if not is_category and strange.sum() <= (~missing).sum() / 2:  # most are numbers: the others may be slips
        place = int(strange.argmax())
        message = f"{row_of(cells.index, place)}, column {name!r}: {str(cells.iloc[place])!r} is no number, as most are"
        hint = f"mend such cells, or leave them empty where they are missing; or  categories: [{name}]"
        raise BadData(message, hint)
    categories = sorted(set(_texts(cells)))
    if len(categories) > _MOST_CATEGORIES:
        message = f"column {name!r} has {len(categories):,} different values, which are no categories"
        raise BadData(f"{message} (at most {_MOST_CATEGORIES})", f"leave it out with  drop: [{name}]", "drop")
    return Column(name, categories=tuple(categories), missing=int(missing.sum()))


def _encode(column: Column, cells: pd.Series) -> np.ndarray:
    import numpy as np

    if not column.categories:
        numbers = numbers_in(cells)
        strange = np.isnan(numbers) & ~missing_in(cells)
        if strange.any():
            place = int(strange.argmax())
            row = row_of(cells.index, place)
            message = f"{row}, column {column.name!r}: {str(cells.iloc[place])!r} is no number"
            raise BadData(message, "it was a number in the training part: mend the cell, or leave it empty")
        _refuse_large(column.name, cells, numbers)
        return np.where(np.isnan(numbers), column.median, numbers)[:, None]
    from sklearn.preprocessing import OneHotEncoder

    texts = np.array(categories_in(cells, column), dtype=object)[:, None]
    encoder = OneHotEncoder(categories=[list(column.categories)], handle_unknown="ignore", sparse_output=False)
    encoder.fit(np.array(column.categories, dtype=object)[:, None])
    encoded: np.ndarray = encoder.transform(texts)  # a category that training never met is 0 everywhere
    return encoded


def missing_in(cells: pd.Series) -> np.ndarray:
    """Which cells of a column are missing, or empty text: a mask [n].

    Raises:
        BadData: a cell holds several values, as Parquet's can.
    """
    import pandas as pd

    if pd.api.types.infer_dtype(cells, skipna=True) == "mixed" and not cells.map(pd.api.types.is_scalar).all():
        hint = f"leave it out with  drop: [{cells.name}]"
        raise BadData(f"column {cells.name!r} holds several values in a cell", hint, "drop")
    found: np.ndarray = (cells.isna() | (cells == "")).to_numpy(dtype=bool)
    return found


def numbers_in(cells: pd.Series) -> np.ndarray:
    """The cells of a column as float64 [n]; NaN for what is no number."""
    import numpy as np
    import pandas as pd

    found: np.ndarray = pd.to_numeric(cells, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    return found


def categories_in(cells: pd.Series, column: Column) -> list[str]:
    """The category of each cell: where training met it, by the name that it had there.

    Whole numbers of a Parquet file are 1.0 where the column has a gap, and 1 where it has none.
    """
    wholes = {name.removesuffix(".0"): name for name in column.categories if _WHOLE.fullmatch(name)}
    known = {**{f"{whole}.0": name for whole, name in wholes.items()}, **wholes}
    known |= {name: name for name in column.categories}
    return [known.get(text, text) for text in _texts(cells)]


def _texts(cells: pd.Series) -> list[str]:
    return [MISSING if missing else str(cell) for cell, missing in zip(cells, missing_in(cells), strict=True)]


def _refuse_large(name: str, cells: pd.Series, numbers: np.ndarray) -> None:
    import numpy as np

    large = np.abs(numbers) > _LARGEST  # the infinite too
    if large.any():
        place = int(large.argmax())
        row = row_of(cells.index, place)
        raise BadData(
            f"{row}, column {name!r}: {numbers[place]} is no number of 32 bits", "mend the cell, or leave it empty"
        )
