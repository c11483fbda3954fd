"""The user's own data: tables, arrays and pictures become arrays; what does not fit is told with row and column."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_wine
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

from nnexp.data.datasets import describe, load
from nnexp.data.own.columns import Columns
from nnexp.data.own.kinds import KINDS, BadData

PETS = """age,colour,weight,kind,id
1,black,4.5,cat,a1
2,white,5.5,cat,a2
3,,6.0,cat,a3
4,black,,cat,a4
5,brown,20.5,dog,a5
6,black,25.0,dog,a6
7,white,30.0,dog,a7
8,brown,22.0,dog,a8
9,black,4.0,cat,a9
10,white,31.5,dog,b1
"""


def given(kind: str, path: Path, **more: Any) -> dict[str, Any]:
    """Parameters as a config gives them once it is read: with defaults, paths absolute."""
    defaults = {name: p.default for name, p in KINDS[kind].items() if p.default is not None}
    return {**defaults, "path": str(path), **more}


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    path = tmp_path / "pets.csv"
    path.write_text(PETS)
    return path


def test_a_table_becomes_numbers_as_scikit_learn_makes_them(pets: Path) -> None:
    dataset = describe("csv", given("csv", pets, target="kind", drop=["id"]))
    arrays = load(dataset)
    assert dataset.classes == ("cat", "dog")
    frame = pd.read_csv(pets)
    order = [list(frame.age).index(age) for age in (*arrays.x_train[:, 0], *arrays.x_test[:, 0])]
    train, rows = frame.iloc[order[: len(arrays.x_train)]], frame.iloc[order]
    weight = SimpleImputer(strategy="median").fit(train[["weight"]].to_numpy()).transform(rows[["weight"]].to_numpy())
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    encoder.fit(train[["colour"]].fillna("(missing)").to_numpy())
    colour = encoder.transform(rows[["colour"]].fillna("(missing)").to_numpy())
    expected = np.concatenate([rows[["age"]], colour, weight], axis=1).astype("float32")
    assert np.concatenate([arrays.x_train, arrays.x_test]).tolist() == expected.tolist()
    assert np.concatenate([arrays.y_train, arrays.y_test]).tolist() == (rows.kind == "dog").astype(int).tolist()


def test_columns_are_kept_as_plain_data_and_read_back(pets: Path) -> None:
    columns = describe("csv", given("csv", pets, target="kind", drop=["id"])).columns
    assert columns is not None
    again = Columns.of_plain(columns.plain())
    assert again == columns
    rows = pd.DataFrame({"age": [3, None], "colour": ["green", "black"], "weight": [None, 2.0]})
    encoded = again.encode(rows)
    assert encoded.shape == (2, len(columns.features))
    assert np.isfinite(encoded).all()
    green = {name: value for name, value in zip(columns.features, encoded[0], strict=True) if name.startswith("colour")}
    assert set(green.values()) == {0.0}  # a colour that training never met


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_the_test_part_has_its_share_of_each_class_and_is_the_same_each_time(tmp_path: Path, share: float) -> None:
    frame = load_wine(as_frame=True).frame
    path = tmp_path / "wine.csv"
    frame.to_csv(path, index=False)
    arrays = load(describe("csv", given("csv", path, target="target", test=share)))
    assert len(arrays.y_test) == round(share * len(frame))
    for label in range(3):
        here = (arrays.y_test == label).sum()
        assert abs(here - share * (frame.target == label).sum()) <= 1
    path.touch()
    os.utime(path, (1, 1))  # another time of its last change: it is read anew
    again = load(describe("csv", given("csv", path, target="target", test=share)))
    assert again.x_test.tobytes() == arrays.x_test.tobytes()
    other = load(describe("csv", given("csv", path, target="target", test=share, split_seed=1)))
    assert other.x_test.tobytes() != arrays.x_test.tobytes()


def test_a_column_may_say_which_rows_are_for_testing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y,part\n1,a,train\n2,b,Test\n3,a,test\n4,b,train\n5,b,train\n")
    arrays = load(describe("csv", given("csv", path, target="y", split_column="part")))
    assert (arrays.x_train.ravel().tolist(), arrays.x_test.ravel().tolist()) == ([1, 4, 5], [2, 3])


def test_groups_are_never_parted(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"x": range(100), "y": [place % 2 for place in range(100)], "who": [n // 5 for n in range(100)]}
    )
    path = tmp_path / "a.csv"
    frame.to_csv(path, index=False)
    arrays = load(describe("csv", given("csv", path, target="y", group_column="who")))
    groups = [{int(x) // 5 for x in part.ravel()} for part in (arrays.x_train, arrays.x_test)]
    assert not groups[0] & groups[1]
    assert len(groups[1]) == 4


def test_the_test_part_may_be_a_file_of_its_own(pets: Path, tmp_path: Path) -> None:
    test = tmp_path / "test.csv"
    test.write_text("age,colour,weight,kind,id\n11,green,9,dog,x\n")
    arrays = load(describe("csv", given("csv", pets, target="kind", drop=["id"], test_path=str(test))))
    assert (len(arrays.y_train), arrays.y_test.tolist(), arrays.x_test[0, 0]) == (10, [1], 11)


def test_numbers_are_classes_in_the_order_of_their_values(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n" + "".join(f"{n},{label}\n" for n, label in enumerate([10, 9, 2, 10, 9, 2, 10, 9, 2, 2])))
    dataset = describe("csv", given("csv", path, target="y"))
    assert dataset.classes == ("2", "9", "10")
    named = describe("csv", given("csv", path, target="y", classes=["10", "2", "9"]))
    assert named.classes == ("10", "2", "9")


def csv(folder: Path, *lines: str) -> Path:
    path = folder / "a.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_cells_are_what_is_written(tmp_path: Path) -> None:
    rows = [f"{code},{n},{'ab'[n % 2]}" for n, code in enumerate(["01", "1", "None", "NA", ""] * 4)]
    path = csv(tmp_path, "code,x,y", *rows)
    columns = describe("csv", given("csv", path, target="y", categories=["code"])).columns
    assert columns is not None
    assert columns.columns[0].categories == ("(missing)", "01", "1", "NA", "None")


def test_the_training_rows_alone_say_what_a_column_is(tmp_path: Path) -> None:
    path = csv(tmp_path, "x,y", "1,a", "2,b", "3,a", "4,b")
    test = tmp_path / "test.csv"
    test.write_text("x,y\n5,a\nu,b\n")
    with pytest.raises(BadData, match=r"test\.csv, row 3, column 'x': 'u' is no number"):
        describe("csv", given("csv", path, target="y", test_path=str(test)))
    path.write_text("x,y\nk,a\n01,b\nk,a\n01,b\n2,a\n2,b\n")
    test.write_text("x,y\n01,a\n2,b\n")
    arrays = load(describe("csv", given("csv", path, target="y", test_path=str(test), categories=["x"])))
    assert arrays.x_test.sum(axis=1).tolist() == [1, 1]  # each is one of the categories of training


def test_empty_lines_count_as_rows_of_the_file(tmp_path: Path) -> None:
    path = csv(tmp_path, "x,y", "1,a", "", ",", "2,b", "3,a", "4,b", "5,a", "6x,b", "7,a", "8,b")
    with pytest.raises(BadData, match="row 9, column 'x': '6x'"):
        describe("csv", given("csv", path, target="y"))


BAD = {
    "two names": ("x,y,y\n1,a,a\n2,b,b\n", {}, "two columns of the name 'y'"),
    "a long row": ("x,y\n1,a,\n2,b,\n", {}, "bad.csv, row 2 has 3 cells, the first row 2"),
    "a short row": ("x,z,y\n1,2,a\n1,b\n", {}, "bad.csv, row 3 has 2 cells, the first row 3"),
    "question marks": ("x,y\n" + "".join(f"{n if n % 8 else '?'},{'ab'[n % 2]}\n" for n in range(80)), {}, "'?' is no"),
    "a class of the test part": ("x,y,p\n1,a,train\n2,b,train\n3,c,test\n", {"split_column": "p"}, "class 'c'"),
    "too large": ("x,y\n" + "1e39,a\n2,b\n" * 10, {}, "is no number of 32 bits"),
    "a class twice": ("x,y\n1,a\n2,b\n", {"classes": ["a", "b", "b"]}, "names one twice"),
    "a column twice": ("x,y\n1,a\n2,b\n", {"columns": ["x", "x"]}, "names a column twice"),
    "a slip": ("x,y\n" + "".join(f"{n},a\n{n},b\n" for n in range(20)) + "1O,a\n", {}, "row 42, column 'x': '1O' is"),
    "no target": ("x,y\n1,a\n2,\n3,b\n", {}, "row 3: the target 'y' is missing"),
    "infinite": ("x,y\n1,a\ninf,b\n3,b\n4,a\n5,a\n", {}, "row 3, column 'x': inf is no number of 32 bits"),
    "one class": ("x,y\n1,a\n2,a\n", {}, "one value only, 'a'"),
    "a measure": ("x,y\n" + "".join(f"{n},{n * 7}\n" for n in range(50)), {}, "task: regression"),
    "another column": ("x,why\n1,a\n2,b\n", {}, "there is no column 'y'"),
    "uneven rows": ("x,y\n1,a\n2,b,c\n", {}, "bad.csv, row 3 has 3 cells, the first row 2"),
    "no rows": ("x,y\n", {}, "has no rows"),
    "nothing": ("", {}, "cannot be read as csv"),
    "an unknown class": ("x,y\n1,a\n2,b\n", {"classes": ["a", "c"]}, "'b', which is not among `classes`"),
    "the target known": ("x,y\n1,a\n2,b\n", {"columns": ["x", "y"]}, "has the target 'y'"),
    "nothing to learn from": ("x,y\n1,a\n2,b\n", {"drop": ["x"]}, "no column is left"),
    "an id": ("i,y\n" + "".join(f"k{n},{'ab'[n % 2]}\n" for n in range(400)), {}, "which are no categories"),
    "a strange part": ("x,y,p\n1,a,train\n2,b,val\n", {"split_column": "p"}, "row 3, column 'p': 'val'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_told_with_its_place(tmp_path: Path, name: str) -> None:
    text, more, said = BAD[name]
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(BadData) as caught:
        describe("csv", given("csv", path, target="y", **more))
    assert said in str(caught.value)


def test_arrays_of_an_npz_file(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x, y = random.integers(0, 256, (50, 4, 4), dtype=np.uint8), random.integers(0, 3, 50)
    np.savez(tmp_path / "a.npz", x=x, y=y)
    dataset = describe("npz", given("npz", tmp_path / "a.npz"))
    arrays = load(dataset)
    assert (dataset.shape, dataset.dtype, dataset.value_range, dataset.classes) == (
        (4, 4),
        "uint8",
        (0, 255),
        ("0", "1", "2"),
    )
    assert (len(arrays.x_train), len(arrays.x_test)) == (40, 10)
    np.savez(tmp_path / "b.npz", x_train=x[:30], y_train=y[:30], x_test=x[30:], y_test=y[30:])
    arrays = load(describe("npz", given("npz", tmp_path / "b.npz")))
    assert (arrays.x_test == x[30:]).all()
    assert (arrays.y_test == y[30:]).all()


def test_whole_numbers_are_the_places_of_named_classes(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(40.0).reshape(20, 2), y=np.arange(20) % 2)
    dataset = describe("npz", given("npz", tmp_path / "a.npz", classes=["cat", "dog"]))
    arrays = load(dataset)
    assert dataset.classes == ("cat", "dog")
    assert set(arrays.y_train) == {0, 1}
    assert (arrays.y_train == arrays.x_train[:, 0] / 2 % 2).all()


@pytest.mark.parametrize(
    ("arrays", "more", "said"),
    [
        ({"x": np.zeros((0, 2)), "y": np.zeros(0, int)}, {}, "is empty"),
        ({"x": np.zeros((4, 2)), "y": np.arange(4)}, {"classes": ["a", "b"]}, "labels go from 0 to 3"),
        ({"a": np.zeros((4, 2))}, {}, "no array of the name x or X"),
        ({"x": np.zeros((4, 2)), "y": np.zeros(4)}, {"y": "z"}, "no array 'z'"),
        ({"x": np.zeros((4, 2)), "y": np.arange(3)}, {}, "shape (4, 2), the labels (3,)"),
        (
            {f"{a}_{b}": np.zeros((4, 2)[: 2 - (a == "y")]) for a in "xy" for b in ("train", "test")},
            {"test": 0.5},
            "`test`",
        ),
        ({"x": np.full((4, 2), np.nan), "y": np.arange(4) % 2}, {}, "no finite number, at [0, 0]"),
        ({"x": np.array([["a"]] * 4), "y": np.arange(4) % 2}, {}, "not numbers"),
        ({"x": np.zeros((4, 2)), "y": np.array(["a", "b", " ", "a"])}, {"classes": ["a", "b"]}, "has the value ''"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, arrays: Any, more: Any, said: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(BadData) as caught:
        load(describe("npz", given("npz", tmp_path / "a.npz", **more)))
    assert said in str(caught.value)


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[..., Path]:
    """Pictures of two classes, dark and light, in a folder each."""

    def make(folder: str = "photos", mode: str = "L", count: int = 10, size: tuple[int, int] = (6, 4)) -> Path:
        for kind, value in (("dark", 10), ("light", 240)):
            place = tmp_path / folder / kind
            place.mkdir(parents=True)
            for number in range(count):
                Image.new(mode, size, (value + number) if mode == "L" else (value, number, 0)).save(
                    place / f"{number}.png"
                )
        return tmp_path / folder.split("/")[0]

    return make


@pytest.mark.parametrize(("mode", "shape"), [("L", (4, 6)), ("RGB", (4, 6, 3))])
def test_a_folder_of_pictures(pictures: Callable[..., Path], mode: str, shape: tuple[int, ...]) -> None:
    dataset = describe("images", given("images", pictures(mode=mode)))
    arrays = load(dataset)
    assert (dataset.shape, dataset.classes, dataset.dtype) == (shape, ("dark", "light"), "uint8")
    assert (len(arrays.x_train), len(arrays.x_test)) == (16, 4)
    first = arrays.x_train.reshape(16, -1)[:, 0]
    assert ((first > 128) == (arrays.y_train == 1)).all()
    small = describe("images", given("images", Path(dataset.source.partition(": ")[2]), size=[2, 3], colour="rgb"))
    assert small.shape == (2, 3, 3)


def test_a_folder_of_another_name_is_other_data(pictures: Callable[..., Path]) -> None:
    parameters = given("images", pictures())
    before = describe("images", parameters)
    (Path(parameters["path"]) / "light").rename(Path(parameters["path"]) / "lit")
    after = describe("images", parameters)
    assert (before.classes, after.classes) == (("dark", "light"), ("dark", "lit"))
    assert after.sha256 != before.sha256


@pytest.mark.parametrize("made", ["config.yaml", "sweep.yaml"])
def test_runs_beside_the_classes_are_no_class(pictures: Callable[..., Path], made: str) -> None:
    parameters = given("images", pictures())
    before = describe("images", parameters)
    run = Path(parameters["path"]) / "runs" / "20261122-101500_photos"
    run.mkdir(parents=True)
    (run / made).touch()
    Image.new("RGB", (768, 528)).save(run / "history.png")
    after = describe("images", parameters)
    assert (after.classes, after.sha256) == (before.classes, before.sha256)


def test_folders_named_train_and_test_are_the_parts(pictures: Callable[..., Path]) -> None:
    pictures("photos/train", count=7)
    arrays = load(describe("images", given("images", pictures("photos/test", count=2))))
    assert (len(arrays.x_train), len(arrays.x_test)) == (14, 4)


def test_a_file_of_labels(pictures: Callable[..., Path], tmp_path: Path) -> None:
    folder = pictures()
    rows = [
        f"{kind}/{number}.png,{'odd' if number % 2 else 'even'}" for kind in ("dark", "light") for number in range(10)
    ]
    (tmp_path / "labels.csv").write_text("file,label\n" + "\n".join(rows))
    parameters = given("images", folder, labels=str(tmp_path / "labels.csv"))
    assert describe("images", parameters).classes == ("even", "odd")
    (tmp_path / "labels.csv").write_text("file,label\ndark/0.png,a\nnone.png,b\n")
    with pytest.raises(BadData, match=r"labels\.csv, row 3: there is no picture"):
        describe("images", parameters)


def test_other_parts_are_no_classes(pictures: Callable[..., Path]) -> None:
    pictures("photos/train")
    with pytest.raises(BadData, match="train, which is no class"):
        describe("images", given("images", pictures("photos/val")))


def test_pictures_are_read_as_a_model_is_given_them_later(tmp_path: Path) -> None:
    """Upright, 16 bits as 8, transparent parts white."""
    for kind in ("a", "b"):
        (tmp_path / kind).mkdir()
        for number in range(5):
            Image.new("LA", (2, 2), (0, 0)).save(tmp_path / kind / f"{number}.png")
    Image.fromarray(np.full((2, 2), 300, np.uint16)).save(tmp_path / "a" / "0.png")
    arrays = load(describe("images", given("images", tmp_path, colour="grey")))
    values = {int(value) for part in (arrays.x_train, arrays.x_test) for value in part[:, 0, 0]}
    assert values == {1, 255}


def test_pictures_that_do_not_fit(pictures: Callable[..., Path]) -> None:
    folder = pictures()
    Image.new("L", (9, 9)).save(folder / "light" / "99.png")
    with pytest.raises(BadData, match=r"99\.png is 9 by 9 pixels") as caught:
        describe("images", given("images", folder))
    assert "size:" in caught.value.hint
    (folder / "light" / "99.png").write_bytes(b"no picture")
    with pytest.raises(BadData, match=r"99\.png cannot be read as a picture"):
        describe("images", given("images", folder))


def test_data_that_have_changed_are_refused_where_their_sha256_is_given(pets: Path) -> None:
    parameters = given("csv", pets, target="kind", drop=["id"])
    pinned = {**parameters, "sha256": describe("csv", parameters).sha256}
    assert describe("csv", pinned).train_size == 8
    pets.write_text(PETS.replace("4.5", "4.6"))
    with pytest.raises(BadData, match="is not what it was"):
        describe("csv", pinned)
