"""How the program of a run reads a table, and makes numbers of its columns as the run did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.data.dataset import Dataset
from nnexp.data.own.columns import MISSING
from nnexp.data.own.labels import TEST_SHARE
from nnexp.data.own.tables import read_table
from nnexp.errors import InputError
from nnexp.export.expressions import call, names_of, quoted
from nnexp.export.parting import draw

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_YES = ("1", "1.0", "true", "yes")


def of_table(kind: str, dataset: Dataset, parameters: Mapping[str, Any], y_test: NDArray[Any]) -> Iterator[str]:
    """Lines that read a CSV or Parquet file, or two.

    Raises:
        InputError: cells of a CSV file end in spaces, which no short program reads as the run did.
    """
    assert dataset.columns is not None
    targets = [parameters["target"]] if isinstance(parameters["target"], str) else list(parameters["target"])
    texts = [column.name for column in dataset.columns.columns if column.categories]
    numbers = [column.name for column in dataset.columns.columns if not column.categories]
    paths = {"table": parameters["path"], "held_out": parameters.get("test_path")}
    frames = {name: read_table(kind, Path(path), parameters) for name, path in paths.items() if path}
    frame, is_text = frames["table"], _is_text(frames["table"], targets, dataset)
    group = parameters.get("group_column")
    as_text = [*texts, *([group] if group else []), *(targets if is_text else [])]
    if dataset.task == "classification":
        yield f"classes = {names_of(dataset.classes)}"
    for name in frames:
        yield f"{name} = {_read(kind, paths[name], parameters, as_text)}"
    yield from [f"numbers = {_chosen(frame, numbers)}"] if numbers else []
    yield from [f"texts = {names_of(texts)}"] if texts else []
    for name, held in frames.items():
        if texts and (kind == "parquet" or _has_gaps(held[texts])):
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
    gaps = any(_has_gaps(held[numbers]) for held in frames.values())
    yield from _encoding(train, test, texts, bool(numbers), gaps=gaps)


def _encoding(train: str, test: str, texts: Sequence[str], has_numbers: bool, *, gaps: bool) -> Iterator[str]:
    """From the columns of two tables of these names to numbers, as the training part says."""
    if not texts and not gaps:
        yield f'x_train, x_test = {train}[numbers].to_numpy("float32"), {test}[numbers].to_numpy("float32")'
        return
    parts = ['(SimpleImputer(strategy="median"), numbers)'] if has_numbers else []
    parts += ['(OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts)'] if texts else []
    yield f"columns = {call('make_column_transformer', parts)}"
    yield f'x_train = columns.fit_transform({train}).astype("float32")'
    yield f'x_test = columns.transform({test}).astype("float32")'


def _need_tidy(path: Path, separator: str) -> None:
    import pandas as pd

    cells = pd.read_csv(path, sep=separator, header=None, dtype=str, keep_default_na=False, skipinitialspace=True)
    strange = cells.apply(lambda column: column.str.rstrip() != column).any(axis=1)
    if strange.any():
        what = f"{path.name}: cells of row {strange.argmax() + 1} end in spaces, which no short program takes away"
        raise InputError(f"{what}; mend the file, or export the model itself:  --format keras")


def _chosen(frame: pd.DataFrame, columns: Sequence[str]) -> str:
    """Source of a list of columns: by the others, where these are fewer."""
    others = [name for name in frame.columns if name not in columns]
    in_order = [name for name in frame.columns if name in columns] == columns
    return f"table.columns.drop({names_of(others)})" if in_order and len(others) < len(columns) else names_of(columns)


def _read(kind: str, path: str, parameters: Mapping[str, Any], as_text: Sequence[str]) -> str:
    if kind == "parquet":
        return call("pd.read_parquet", [quoted(str(path))])
    separator = parameters.get("separator") or ","
    _need_tidy(Path(path), separator)
    arguments = [quoted(str(path)), *([f"sep={quoted(separator)}"] if separator != "," else [])]
    if as_text:
        types = ", ".join(f"{quoted(name)}: str" for name in dict.fromkeys(as_text))
        arguments += [f"dtype={{{types}}}", "keep_default_na=False", 'na_values=[""]']
    return f'{call("pd.read_csv", [*arguments, "skipinitialspace=True"])}.dropna(how="all")'


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
