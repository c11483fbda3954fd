"""What is learnt of own data: classes, labels or numbers, told from the cells or by `task`; and weights of examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_diabetes

from nnexp.data.datasets import Dataset, describe, load
from nnexp.data.own.kinds import KINDS, BadData


def own(kind: str, path: Path, **more: Any) -> Dataset:
    """Own data as a config gives them: with defaults, paths absolute."""
    defaults = {name: p.default for name, p in KINDS[kind].items() if p.default is not None}
    return describe(kind, {**defaults, "path": str(path), **more})


def table(folder: Path, *rows: str, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_numbers_are_learnt_as_they_stand_in_the_table(tmp_path: Path, kind: str) -> None:
    frame = load_diabetes(as_frame=True, scaled=False).frame
    path = tmp_path / f"diabetes.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    dataset = own(kind, path, target="target", task="regression")
    arrays = load(dataset)
    assert (dataset.task, dataset.classes) == ("regression", ("target",))
    assert (len(arrays.x_train), len(arrays.x_test)) == (354, 88)
    learnt = np.concatenate([arrays.y_train, arrays.y_test])
    assert (learnt.dtype, learnt.shape) == (np.float32, (442, 1))
    rows = np.concatenate([np.concatenate([arrays.x_train, arrays.x_test]), learnt], axis=1)
    expected = frame.to_numpy(dtype="float32")
    assert np.array_equal(rows[np.lexsort(rows.T)], expected[np.lexsort(expected.T)])
    again = load(own(kind, path, target="target", task="regression", split_seed=1))
    assert not np.array_equal(again.y_test, arrays.y_test)


@pytest.mark.parametrize(
    ("columns", "target", "task", "classes"),
    [
        ({"y": ["a", "b"]}, "y", "classification", ("a", "b")),
        ({"y": ["1", "0"]}, "y", "classification", ("0", "1")),
        ({"y": ["1.0", "0.0"]}, ["y"], "classification", ("0", "1")),
        ({"y": ["1.5", "2"]}, "y", "regression", ("y",)),
        ({"y": ["-3e-1", "2e2"]}, "y", "regression", ("y",)),
        ({"a": ["1", "0"], "b": ["0", "1"]}, ["b", "a"], "multi_label", ("b", "a")),
        ({"a": ["yes", "no"], "b": ["False", "True"]}, ["a", "b"], "multi_label", ("a", "b")),
        ({"a": ["1", "0"], "b": ["0", "2"]}, ["a", "b"], "regression", ("a", "b")),
    ],
)
def test_what_is_learnt_is_told_from_the_cells(
    tmp_path: Path, columns: dict[str, list[str]], target: str | list[str], task: str, classes: tuple[str, ...]
) -> None:
    frame = pd.DataFrame({"x": range(20), **{name: cells * 10 for name, cells in columns.items()}})
    frame.to_csv(tmp_path / "a.csv", index=False)
    dataset = own("csv", tmp_path / "a.csv", target=target)
    assert (dataset.task, dataset.classes) == (task, classes)
    assert dataset.feature_names == ("x",)
    arrays = load(dataset)
    wanted = {"classification": (np.int32, 1), "multi_label": (np.uint8, 2), "regression": (np.float32, 2)}[task]
    assert (arrays.y_train.dtype, arrays.y_train.ndim) == wanted
    even = arrays.x_train[:, 0] % 2 == 0
    rows = [arrays.y_train[even], arrays.y_train[~even]]  # each of the two rows of cells, ten times or fewer
    assert all((part == part[0]).all() for part in rows)


def test_a_task_that_is_given_is_taken(tmp_path: Path) -> None:
    path = table(tmp_path, "x,y", *(f"{n},{n % 3}" for n in range(30)))
    assert own("csv", path, target="y").classes == ("0", "1", "2")
    assert load(own("csv", path, target="y", task="regression")).y_train.dtype == np.float32
    path = table(tmp_path, "x,y", *(f"{n},{n % 3 / 2}" for n in range(30)))
    assert own("csv", path, target="y", task="classification").classes == ("0", "0.5", "1")


@pytest.mark.parametrize(
    ("rows", "more", "said"),
    [
        (["1,0,1", "2,maybe,0"], {"task": "multi_label"}, "row 3, 'a': 'maybe' says neither yes nor no"),
        (["1,0,1", "2,1,2"], {"task": "multi_label"}, "row 3, 'b': '2' says neither yes nor no"),
        (["1,0,1", "2,,0"], {}, "row 3: the target 'a' is missing"),
        (["1,0.5,1", "2,1O,2"], {}, "row 3, 'a': '1O' is no finite number"),
        (["1,0.5,1", "2,1,inf"], {}, "row 3, 'b': 'inf' is no finite number"),
        (["1,0.5,1", "2,1,1e39"], {}, "row 3, 'b': '1e39' is no finite number"),
        (["1,0,1", "2,1,1"] * 5, {"task": "multi_label"}, "'b' is 1 in every example"),
        (["1,0.5,1", "2,0.5,2"] * 5, {}, "'a' is 0.5 in every example"),
        (["1,a,b"] * 5, {"task": "classification"}, "one target, not 2"),
        (["1,0,1", "2,1,0"] * 5, {"classes": ["one"]}, "must have a name of its own for each target"),
        (["1,0,1", "2,1,0"] * 5, {"target": ["a", "a"]}, "names a column twice"),
        (["1,0,1", "2,1,0"] * 5, {"target": ["a", "c"]}, "there is no column 'c'"),
        (["1,0,1", "2,1,0"] * 5, {"columns": ["x", "b"]}, "has the target 'b'"),
        (["1,0,1", "2,1,0"] * 5, {"target": "a", "task": "multi_label"}, "needs two labels or more"),
        (["1,0,1", "2,1,-1"] * 5, {"target": "a", "weight_column": "b"}, "'b': '-1' is no weight"),
        (["1,0,1", "2,1,"] * 5, {"target": "a", "weight_column": "b"}, "'b': '' is no weight"),
        (["1,0,0", "2,1,0"] * 5, {"target": "a", "weight_column": "b"}, "'b' is 0 for every training example"),
        ([f"1,{n // 5},0" for n in range(101)], {"target": "a"}, "task: regression"),
        (["1,0,0", "2,1,0"] * 5, {"target": "a", "weight_column": "w"}, "there is no column 'w'"),
    ],
)
def test_what_cannot_be_learnt_is_told_with_its_place(
    tmp_path: Path, rows: list[str], more: dict[str, Any], said: str
) -> None:
    path = table(tmp_path, "x,a,b", *rows)
    with pytest.raises(BadData) as caught:
        own("csv", path, **{"target": ["a", "b"], **more})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("3,maybe,0", "row 2, 'a': 'maybe'"),
        ("3,,0", "row 2: the target 'a' is missing"),
        ("3x,1,0", "row 2, column 'x'"),
    ],
)
def test_rows_of_a_test_file_are_told_with_its_name(tmp_path: Path, row: str, said: str) -> None:
    path = table(tmp_path, "x,a,b", "1,0,1", "2,1,0")
    test = table(tmp_path, "x,a,b", row, name="held out.csv")
    with pytest.raises(BadData) as caught:
        own("csv", path, target=["a", "b"], task="multi_label", test_path=str(test))
    assert f"held out.csv, {said}" in str(caught.value)


def test_weights_go_with_their_rows_and_are_not_learnt_from(tmp_path: Path) -> None:
    path = table(tmp_path, "x,y,w", *(f"{n},{'ab'[n % 2]},{n / 4}" for n in range(40)))
    dataset = own("csv", path, target="y", weight_column="w")
    arrays = load(dataset)
    assert dataset.feature_names == ("x",)
    assert arrays.weights is not None
    assert arrays.weights.dtype == np.float32
    assert np.array_equal(arrays.weights, arrays.x_train[:, 0] / 4)
    test = table(tmp_path, "x,y", "99,a", name="test.csv")
    arrays = load(own("csv", path, target="y", weight_column="w", test_path=str(test)))
    assert arrays.weights is not None
    assert arrays.weights.tolist() == [n / 4 for n in range(40)]


def test_a_cell_of_several_values_is_refused_where_it_would_be_used(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": range(10), "words": [["a", "b"]] * 10, "y": ["a", "b"] * 5})
    frame.to_parquet(tmp_path / "a.parquet")
    for target in ("y", "words"):
        with pytest.raises(BadData, match="column 'words' holds several values"):
            own("parquet", tmp_path / "a.parquet", target=target)
    assert own("parquet", tmp_path / "a.parquet", target="y", drop=["words"]).feature_names == ("x",)


@pytest.mark.parametrize("parted", [False, True])
def test_weights_of_arrays(tmp_path: Path, parted: bool) -> None:
    x, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    held = {"x_train": x, "y_train": y, "x_test": x[:4], "y_test": y[:4]} if parted else {"x": x, "y": y}
    np.savez(tmp_path / "a.npz", **held, sure=x[:, 0] + 1)
    arrays = load(own("npz", tmp_path / "a.npz", weights="sure"))
    assert arrays.weights is not None
    assert np.array_equal(arrays.weights, arrays.x_train[:, 0] + 1)
    np.savez(tmp_path / "a.npz", **held, sure=np.ones(3))
    with pytest.raises(BadData, match=r"the shape \(3,\), not \(20,\)"):
        own("npz", tmp_path / "a.npz", weights="sure")


@pytest.mark.parametrize(
    ("y", "more", "task", "classes"),
    [
        (np.eye(3)[np.arange(30) % 3], {}, "multi_label", ("y_0", "y_1", "y_2")),
        (np.eye(3, dtype=bool)[np.arange(30) % 3], {"classes": ["a", "b", "c"]}, "multi_label", ("a", "b", "c")),
        (np.arange(60).reshape(30, 2), {}, "regression", ("y_0", "y_1")),
        (np.arange(30) / 7, {}, "regression", ("y",)),
        (np.arange(30)[:, None] / 7, {"classes": ["price"]}, "regression", ("price",)),
        (np.arange(30), {"task": "regression"}, "regression", ("y",)),
    ],
)
def test_targets_of_arrays(tmp_path: Path, y: Any, more: dict[str, Any], task: str, classes: tuple[str, ...]) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(30.0)[:, None], y=y)
    dataset = own("npz", tmp_path / "a.npz", **more)
    arrays = load(dataset)
    assert (dataset.task, dataset.classes) == (task, classes)
    rows = arrays.x_test[:, 0].astype(int)
    assert np.array_equal(arrays.y_test, y[rows].reshape(len(rows), -1).astype(arrays.y_test.dtype))


@pytest.mark.parametrize("y", [np.zeros((30, 0)), np.arange(30) * 1j, np.zeros(30, dtype=[("a", int)])])
def test_arrays_that_hold_nothing_to_learn(tmp_path: Path, y: Any) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(30.0)[:, None], y=y)
    with pytest.raises(BadData, match="wanted: numbers or texts"):
        own("npz", tmp_path / "a.npz")


def test_a_gap_among_labels_in_an_array_is_told(tmp_path: Path) -> None:
    y = np.eye(3)[np.arange(30) % 3]
    y[7, 1] = np.nan
    np.savez(tmp_path / "a.npz", x=np.arange(30.0)[:, None], y=y)
    with pytest.raises(BadData, match=r"'y_1'.*says neither yes nor no"):
        own("npz", tmp_path / "a.npz")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for number in range(20):
        Image.new("L", (4, 4), number).save(tmp_path / "photos" / f"{number}.png")
    return tmp_path / "photos"


def test_several_labels_of_a_picture(pictures: Path, tmp_path: Path) -> None:
    said = ["cat; dog", "dog", "cat", "cat;bird"]
    labels = table(tmp_path, "file,label", *(f"{number}.png,{said[number % 4]}" for number in range(20)))
    dataset = own("images", pictures, labels=str(labels))
    assert (dataset.task, dataset.classes) == ("multi_label", ("bird", "cat", "dog"))
    arrays = load(dataset)
    for picture, row in zip(arrays.x_test, arrays.y_test, strict=True):
        names = {name for name, has in zip(dataset.classes, row, strict=True) if has}
        assert names == set(said[picture[0, 0] % 4].replace(" ", "").split(";"))


def test_a_picture_may_have_none_of_the_labels_where_another_has_several_or_that_is_said(
    pictures: Path, tmp_path: Path
) -> None:
    def labels(*cells: str) -> str:
        rows = [f"{number}.png,{cells[number % 3]}" for number in range(20)]
        return str(table(tmp_path, "file,label", *rows))

    arrays = load(own("images", pictures, labels=labels("cat;dog", "dog", "")))
    assert {tuple(row) for row in arrays.y_train.tolist()} == {(1, 1), (0, 1), (0, 0)}
    single = labels("cat", "dog", "")
    with pytest.raises(BadData, match=r"row 4: the label is missing") as caught:
        own("images", pictures, labels=single)
    assert "task: multi_label" in caught.value.hint
    arrays = load(own("images", pictures, labels=single, task="multi_label"))
    assert {tuple(row) for row in arrays.y_train.tolist()} == {(1, 0), (0, 1), (0, 0)}


def test_a_number_for_each_picture(pictures: Path, tmp_path: Path) -> None:
    labels = table(tmp_path, "file,label", *(f"{number}.png,{number / 2}" for number in range(20)))
    dataset = own("images", pictures, labels=str(labels))
    arrays = load(dataset)
    assert (dataset.task, dataset.classes) == ("regression", ("label",))
    assert np.array_equal(arrays.y_train[:, 0], arrays.x_train[:, 0, 0] / 2)
    labels.write_text(labels.read_text().replace("7.5", "much"))
    with pytest.raises(BadData, match=r"15\.png, 'label': 'much' is no finite number"):
        own("images", pictures, labels=str(labels))
    with pytest.raises(BadData, match="needs a file of labels"):
        own("images", tmp_path, task="regression")
