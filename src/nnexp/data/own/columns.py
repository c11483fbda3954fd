"""The columns of a table as numbers: fitted on the training part, kept with the run, applied to any other rows.

Missing numbers become the median, text becomes a column of 0 and 1 for each category, by scikit-learn's SimpleImputer
and OneHotEncoder. What they found is plain data, since a pickled transformer from a stranger could run anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnexp.data.own.kinds import BadData

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MISSING = "(missing)"  # a category of its own
_MOST_CATEGORIES = 200
_MOSTLY = 0.9  # of a column's cells are numbers: the others are slips


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: a number, with what stands for a missing one, or a category of some."""

    name: str
    median: float = 0.0
    categories: tuple[str, ...] = ()

    @property
    def features(self) -> list[str]:
        """The names of the numbers that it becomes."""
        return [f"{self.name}={category}" for category in self.categories] or [self.name]


@dataclass(frozen=True, slots=True)
class Columns:
    """All columns that are learnt from, in order."""

    columns: tuple[Column, ...]

    @classmethod
    def fit(cls, train: pd.DataFrame, whole: pd.DataFrame, first_row: int) -> Columns:
        """From the training rows; `whole` and the number of its first row are for messages.

        Raises:
            BadData: a column that is neither numbers nor categories.
        """
        return cls(tuple(_fit(str(name), train[name], whole[name], first_row) for name in train.columns))

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the numbers of an example."""
        return tuple(feature for column in self.columns for feature in column.features)

    def encode(self, frame: pd.DataFrame, first_row: int = 2) -> np.ndarray:
        """Rows as numbers: [n, features], float32.

        Raises:
            BadData: a column is missing, or a cell is not what it was in training.
        """
        import numpy as np

        if lacking := [column.name for column in self.columns if column.name not in frame.columns]:
            raise BadData(f"there is no column {lacking[0]!r}", f"columns: {', '.join(map(str, frame.columns))}")
        parts = [_encode(column, frame[column.name], first_row) for column in self.columns]
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def plain(self) -> list[dict[str, Any]]:
        """As JSON holds it."""
        return [
            {"name": column.name, "categories": list(column.categories)}
            if column.categories
            else {"name": column.name, "median": column.median}
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
                Column(str(said["name"]), categories=tuple(map(str, said["categories"])))
                if "categories" in said
                else Column(str(said["name"]), median=float(said["median"]))
                for said in columns
            )
        )


def _fit(name: str, train: pd.Series, whole: pd.Series, first_row: int) -> Column:
    import numpy as np
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(whole):
        raise BadData(f"column {name!r} holds dates", "turn them into numbers, or leave the column out with `drop`")
    if pd.api.types.is_numeric_dtype(whole):
        values = train.to_numpy(dtype="float64", na_value=np.nan)
        _refuse_infinite(name, whole.to_numpy(dtype="float64", na_value=np.nan), first_row)
        if np.isnan(values).all():
            raise BadData(f"column {name!r} is empty in the training part", "leave it out with `drop`")
        from sklearn.impute import SimpleImputer

        [median] = SimpleImputer(strategy="median").fit(values[:, None]).statistics_
        return Column(name, median=float(median))
    _refuse_slips(name, whole, first_row)
    categories = sorted(set(_texts(train)))
    if len(categories) > _MOST_CATEGORIES:
        message = f"column {name!r} has {len(categories):,} different values, which are no categories"
        raise BadData(f"{message} (at most {_MOST_CATEGORIES})", f"leave it out with  drop: [{name}]")
    return Column(name, categories=tuple(categories))


def _encode(column: Column, cells: pd.Series, first_row: int) -> np.ndarray:
    import numpy as np
    import pandas as pd

    if not column.categories:
        numbers = pd.to_numeric(cells, errors="coerce")
        if (strange := numbers.isna() & cells.notna()).any():
            place = int(np.flatnonzero(strange.to_numpy())[0])
            raise BadData(f"row {place + first_row}, column {column.name!r}: {cells.iloc[place]!r} is no number")
        values: np.ndarray = numbers.to_numpy(dtype="float64", na_value=np.nan)
        _refuse_infinite(column.name, values, first_row)
        return np.where(np.isnan(values), column.median, values)[:, None]
    from sklearn.preprocessing import OneHotEncoder

    texts = np.array(_texts(cells), dtype=object)[:, None]
    encoder = OneHotEncoder(categories=[list(column.categories)], handle_unknown="ignore", sparse_output=False)
    encoder.fit(np.array(column.categories, dtype=object)[:, None])
    encoded: np.ndarray = encoder.transform(texts)  # a category that training never met is 0 everywhere
    return encoded


def _texts(cells: pd.Series) -> list[str]:
    return [MISSING if missing else str(cell) for cell, missing in zip(cells, cells.isna(), strict=True)]


def _refuse_infinite(name: str, values: np.ndarray, first_row: int) -> None:
    import numpy as np

    if (infinite := np.isinf(values)).any():
        place = int(np.flatnonzero(infinite)[0])
        raise BadData(f"row {place + first_row}, column {name!r}: {values[place]} is no finite number")


def _refuse_slips(name: str, cells: pd.Series, first_row: int) -> None:
    """A column of numbers with a slip in it must not become categories unseen."""
    import numpy as np
    import pandas as pd

    there = cells.notna().to_numpy()
    strange = there & pd.to_numeric(cells, errors="coerce").isna().to_numpy()
    if 0 < strange.sum() < (1 - _MOSTLY) * there.sum():
        place = int(np.flatnonzero(strange)[0])
        cell = str(cells.iloc[place])
        message = f"row {place + first_row}, column {name!r}: {cell!r} is no number, as the others are"
        raise BadData(message, "mend the cell, leave it empty (it then counts as missing), or `drop` the column")
