"""How the program of a run reads a table, and makes numbers of its columns as the run did."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.dataset import Dataset
from nnexp.data.own.columns import MISSING, Columns
from nnexp.data.own.labels import TEST_SHARE
from nnexp.data.own.tables import read_table
from nnexp.export.expressions import call, names_of, quoted
from nnexp.export.parting import draw

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_YES = ("1", "1.0", "true", "yes")


def of_table(kind: str, dataset: Dataset, parameters: Mapping[str, Any], y_test: NDArray[Any]) -> Iterator[str]:
    """Lines that read a CSV or Parquet file, or two."""
    assert dataset.columns is not None
    targets = [parameters["target"]] if isinstance(parameters["target"], str) else list(parameters["target"])
    texts = [column.name for column in dataset.columns.columns if column.categories]
    numbers = [column.name for column in dataset.columns.columns if not column.categories]
    paths = {"table": parameters["path"], "held_out": parameters.get("test_path")}
    frames = {name: read_table(kind, Path(path), parameters) for name, path in paths.items() if path}
    frame, is_text = frames["table"], _is_text(frames["table"], targets, dataset)
    group = parameters.get("group_column")
    parted = parameters.get("split_column")
    as_text = list(dict.fromkeys([*texts, *filter(None, [group, parted]), *(targets if is_text else [])]))
    if dataset.task == "classification":
        yield f"classes = {names_of(dataset.classes)}"
    for name in frames:
        yield from _reading(name, kind, paths[name], parameters, as_text)
    runs = _runs(dataset.columns)
    by_turns = len(runs) > 2
    filled = [name for name, held in frames.items() if texts and (kind == "parquet" or _has_gaps(held[texts]))]
    yield from [f"numbers = {_chosen(frame, numbers)}"] if numbers and not by_turns else []
    yield from [f"texts = {names_of(texts)}"] if texts and (filled or not by_turns) else []
    for name in filled:
        made = f"fillna({quoted(MISSING)}){'.astype(str)' if kind == 'parquet' else ''}"
        yield f"{name}[texts] = {name}[texts].{made}"
    wanted = {name: _target(kind, name, frame, targets, dataset) for name in frames}
    weighted = parameters.get("weight_column")
    yield from [f'weights = table[{quoted(weighted)}].to_numpy("float32")'] if weighted else []
    if len(frames) == 2:
        yield f"y_train, y_test = {wanted['table']}, {wanted['held_out']}"
        train, test = "table", "held_out"
    else:
        yield f"y = {wanted['table']}"
        yield from _test_rows(kind, parameters, dataset, y_test)
        yield "y_train, y_test = y[~test], y[test]"
        yield from ["weights = weights[~test]"] if weighted else []
        train, test = "table[~test]", "table[test]"
    if not texts and not any(_has_gaps(held[numbers]) for held in frames.values()):
        yield f'x_train, x_test = {train}[numbers].to_numpy("float32"), {test}[numbers].to_numpy("float32")'
        return
    yield from _encoding(runs, by_turns=by_turns)
    yield f'x_train = columns.fit_transform({train}).astype("float32")'
    yield f'x_test = columns.transform({test}).astype("float32")'


def _runs(columns: Columns) -> list[tuple[bool, list[str]]]:
    """The columns in order, those of one kind that stand together in one: whether they are text, and their names."""
    parted = itertools.groupby(columns.columns, lambda column: bool(column.categories))
    return [(is_text, [column.name for column in run]) for is_text, run in parted]


def _encoding(runs: Sequence[tuple[bool, Sequence[str]]], *, by_turns: bool) -> Iterator[str]:
    """What makes numbers of the columns, in the order of the run, as the training part says."""
    median, one_hot = 'SimpleImputer(strategy="median")', 'OneHotEncoder(handle_unknown="ignore", sparse_output=False)'
    if by_turns:
        yield f"median, one_hot = {median}, {one_hot}"
        parts = [f"({'one_hot' if is_text else 'median'}, {names_of(names)})" for is_text, names in runs]
    else:
        parts = [f"({one_hot}, texts)" if is_text else f"({median}, numbers)" for is_text, _ in runs]
    yield f"columns = {call('make_column_transformer', parts)}"


def cells_of(path: Path, separator: str = ",") -> pd.DataFrame:
    """Every cell of a CSV file as text, that of the names too, as pandas reads it."""
    import pandas as pd

    return pd.read_csv(path, sep=separator, header=None, dtype=str, keep_default_na=False, skipinitialspace=True)


def end_in_spaces(cells: pd.DataFrame) -> bool:
    """Whether nnexp, which takes spaces around a cell away, reads other texts than pandas."""
    return bool(cells.apply(lambda column: column != column.str.strip()).to_numpy().any())


def _chosen(frame: pd.DataFrame, columns: Sequence[str]) -> str:
    """Source of a list of columns: by the others, where these are fewer."""
    others = [name for name in frame.columns if name not in columns]
    in_order = [name for name in frame.columns if name in columns] == columns
    return f"table.columns.drop({names_of(others)})" if in_order and len(others) < len(columns) else names_of(columns)


def _reading(name: str, kind: str, path: str, parameters: Mapping[str, Any], as_text: Sequence[str]) -> Iterator[str]:
    """Lines that read a table into a variable of that name; columns that are `as_text` are not taken for numbers."""
    if kind == "parquet":
        yield f"{name} = {call('pd.read_parquet', [quoted(str(path))])}"
        return
    separator = parameters.get("separator") or ","
    cells = cells_of(Path(path), separator)
    spaces = end_in_spaces(cells)
    as_in_file = {column.strip(): column for column in cells.iloc[0]}
    arguments = [quoted(str(path)), *([f"sep={quoted(separator)}"] if separator != "," else [])]
    if as_text:
        types = ", ".join(f"{quoted(as_in_file[column])}: str" for column in as_text)
        arguments += [f"dtype={{{types}}}", "keep_default_na=False", 'na_values=[""]']
    made = f'{call("pd.read_csv", [*arguments, "skipinitialspace=True"])}.dropna(how="all")'
    yield f"{name} = {made}" + (".rename(columns=str.strip)" if spaces else "")
    if spaces and as_text:
        some = names_of(as_text)
        yield f"{name}[{some}] = {name}[{some}].apply(lambda column: column.str.strip())  # cells end in spaces"


def _is_text(frame: pd.DataFrame, targets: Sequence[str], dataset: Dataset) -> bool:
    """Whether the targets are to be read as the text that they are: names of classes, or yes and no in words."""
    cells = {str(cell) for target in targets for cell in frame[target]}
    if dataset.task == "classification":
        return cells <= set(dataset.classes)  # else they are numbers, such as 1.0 for 1
    return dataset.task == "multi_label" and not cells <= {"0", "1"}


def _target(kind: str, name: str, frame: pd.DataFrame, targets: Sequence[str], dataset: Dataset) -> str:
    """Source of the labels of a table of that name in the program."""
    is_text = _is_text(frame, targets, dataset)
    made = f"{name}[{quoted(targets[0])}]" if dataset.task == "classification" else f"{name}[{names_of(targets)}]"
    if is_text and kind == "parquet":
        made += ".astype(str)"
    if dataset.task == "classification":
        return f"{made if is_text else f'{made}.astype(int).astype(str)'}.map(classes.index).to_numpy()"
    if is_text:
        cells = {str(cell) for target in targets for cell in frame[target]}
        made += f".isin({names_of(sorted(cell for cell in cells if cell.lower() in _YES))})"
    return f'{made}.to_numpy("float32")'


def _has_gaps(frame: pd.DataFrame) -> bool:
    return bool((frame.isna() | (frame == "")).to_numpy().any())


def _test_rows(kind: str, parameters: Mapping[str, Any], dataset: Dataset, y_test: NDArray[Any]) -> Iterator[str]:
    """The mask of the test part, as the config says it."""
    share, seed = float(parameters.get("test") or TEST_SHARE), parameters["split_seed"]
    if column := parameters.get("split_column"):
        yield f'test = (table[{quoted(column)}].str.lower() == "test").to_numpy()'
    elif column := parameters.get("group_column"):
        yield f"groups = GroupShuffleSplit(1, test_size={share!r}, random_state={seed})"
        as_text = "astype(str)" if kind == "parquet" else 'fillna("")'
        yield f"[[_, held_out]] = groups.split(table, groups=table[{quoted(column)}].{as_text})"
        yield "test = np.isin(np.arange(len(table)), held_out)"
    else:
        yield from draw(dataset, seed, y_test)
