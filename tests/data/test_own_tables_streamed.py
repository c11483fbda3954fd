"""Tables that stay on disk: the same examples, columns, parts and messages as in memory, read some rows at a time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from nnexp import machine
from nnexp.cli import application
from nnexp.data.dataset import Dataset
from nnexp.data.datasets import describe, load
from nnexp.data.own import tablefiles, tables
from nnexp.data.own.kinds import KINDS, BadData
from nnexp.data.own.reading import _KEPT
from nnexp.data.rows import Rows
from nnexp.data.splits import fingerprint

RANDOM = np.random.default_rng(0)
COUNT = 200


def own(kind: str, path: Path, **more: Any) -> Dataset:
    """A table as a config gives it: with defaults, paths absolute."""
    defaults = {name: p.default for name, p in KINDS[kind].items() if p.default is not None}
    return describe(kind, {**defaults, "path": str(path), **more})


def sample(count: int = COUNT) -> pd.DataFrame:
    """Numbers and whole numbers with gaps, text, codes, and all that may say something of a row."""
    number = np.arange(count)
    return pd.DataFrame(
        {
            "size": RANDOM.normal(size=count).round(5),
            "grams": pd.Series(RANDOM.integers(0, 10**6, count)).where(RANDOM.random(count) > 0.1),
            "tint": pd.Series(RANDOM.choice(["deep", "light, or so", "01"], count)).where(RANDOM.random(count) > 0.1),
            "code": RANDOM.integers(0, 4, count),
            "full": RANDOM.integers(-5, 5, count),
            "kind": np.array(["cat", "dog", "eel"])[number % 3],
            "price": RANDOM.normal(size=count) * 100,
            "old": number % 2,
            "part": np.where(RANDOM.random(count) < 0.3, "test", "train"),
            "who": number // 7,
            "sure": RANDOM.random(count),
        }
    )


def write(frame: pd.DataFrame, path: Path) -> Path:
    """A CSV file has blank lines and rows of empty cells, too."""
    if path.suffix == ".parquet":
        frame.to_parquet(path, row_group_size=64)
        return path
    first, *lines = frame.to_csv(index=False).splitlines()
    blank = {5: "", 130: "," * (frame.shape[1] - 1), 131: "  ", 132: "", len(lines) - 1: ""}
    rows = [row for place, line in enumerate(lines) for row in ([blank[place]] if place in blank else []) + [line]]
    path.write_text("\n".join([first, *rows]) + "\n\n")
    return path


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch, cache_root: Path) -> Path:
    """Some rows, and some columns, at a time; and a cache for each test: where things of tables are kept."""
    monkeypatch.setattr(tablefiles, "_CELLS", 500)
    monkeypatch.setattr(tables, "_COLUMNS_BYTES", 10 * COUNT)
    _KEPT.clear()
    return cache_root.parent


LEARNT: dict[str, dict[str, Any]] = {
    "classes": {"target": "kind"},
    "numbers": {"target": "price", "drop": ["who"]},
    "labels": {"target": ["old", "yes"]},
    "several numbers": {"target": ["price", "size"]},
    "codes as names": {"target": "kind", "categories": ["code", "grams"], "columns": ["code", "grams", "size"]},
    "a column of parts": {"target": "kind", "split_column": "part"},
    "groups": {"target": "kind", "group_column": "who", "test": 0.4},
    "weights": {"target": "kind", "weight_column": "sure"},
}


@pytest.mark.parametrize("learnt", LEARNT)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_that_stays_on_disk_is_the_one_in_memory(tmp_path: Path, kind: str, learnt: str) -> None:
    frame = sample()
    frame["yes"] = 1 - frame.old
    path, said = write(frame, tmp_path / f"a.{kind}"), LEARNT[learnt]
    if learnt == "codes as names":
        frame.grams = frame.grams // 100_000
        write(frame, path)
    memory, disk, again = (own(kind, path, **said, stream=how) for how in ("never", "always", "always"))
    assert [memory.streamed, disk.streamed] == [False, True]
    same(memory, disk)
    _KEPT.clear()  # as another process
    again = own(kind, path, **said, task=disk.task, stream="always")
    same(memory, again)


def same(one: Dataset, other: Dataset) -> None:
    """To the last bit."""
    for name in ("shape", "dtype", "value_range", "classes", "task", "columns", "feature_names", "sha256"):
        assert getattr(one, name) == getattr(other, name), name
    here, there = load(one), load(other)
    assert isinstance(there.x_train, Rows)
    for name in ("x_train", "y_train", "x_test", "y_test"):
        assert np.array_equal(getattr(here, name)[:], getattr(there, name)[:]), name
    assert here.y_train.dtype == there.y_train.dtype
    assert (here.weights is None) == (there.weights is None)
    assert here.weights is None or np.array_equal(here.weights, there.weights)
    assert fingerprint(here.x_test, here.y_test) == fingerprint(there.x_test, there.y_test)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_test_part_may_be_a_file_of_its_own_that_stays_on_disk_too(tmp_path: Path, kind: str) -> None:
    frame = sample(80)
    frame.loc[3, "tint"] = "never met"
    frame.code = "x"
    train, test = write(sample(), tmp_path / f"a.{kind}"), write(frame, tmp_path / f"b.{kind}")
    said = {"target": "kind", "test_path": str(test), "categories": ["code"]}
    memory, disk = (own(kind, train, **said, stream=how) for how in ("never", "always"))
    same(memory, disk)
    assert len(load(disk).x_test) == 80


@pytest.mark.parametrize("pieces", [40, 10**6])
def test_how_much_is_read_at_a_time_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pieces: int
) -> None:
    path = write(sample(60), tmp_path / "a.csv")
    before = own("csv", path, target="kind", stream="never")
    _KEPT.clear()
    monkeypatch.setattr(tablefiles, "_CELLS", pieces)
    monkeypatch.setattr(tables, "_COLUMNS_BYTES", 100 * pieces)
    same(before, own("csv", path, target="kind", stream="always"))


ROWS = [f"{n},{n / 3:.3f},{'ab'[n % 2]},{n % 5}" for n in range(200)]
BAD = {
    "a slip": ({150: "1O,1,a,1"}, {}, "row 152, column 'x': '1O' is no number, as most are"),
    "too large": ({150: "1,1e39,a,1"}, {}, "row 152, column 'z': 1e+39 is no number of 32 bits"),
    "no target": ({150: "1,1,,1"}, {}, "row 152: the target 'y' is missing"),
    "a short row": ({20: "", 150: "1,1,a"}, {}, "row 152 has 3 cells, the first row 4"),
    "a long row": ({150: "1,1,a,1,2"}, {}, "row 152 has 5 cells, the first row 4"),
    "an open quote": ({150: '1,1,"a,1'}, {}, "row 152 has 3 cells, the first row 4"),
    "a strange part": ({150: "1,1,a,val"}, {"split_column": "w"}, "row 2, column 'w': '0'"),
    "a weight": ({150: "1,1,a,-2"}, {"weight_column": "w"}, "row 152, 'w': '-2' is no weight"),
    "an id": ({n: f"k{n},1,{'ab'[n % 2]},1" for n in range(300)}, {}, "which are no categories"),
    "no text": ({150: "1,1,\xff,1"}, {}, "is not UTF-8 text"),
    "another column": ({}, {"target": "why"}, "there is no column 'why'"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_told_as_it_is_in_memory(tmp_path: Path, small_pieces: Path, name: str) -> None:
    rows, more, said = BAD[name]
    lines = ["x,z,y,w", *(rows.get(n, ROWS[n % 200]) for n in range(300))]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n", encoding="latin-1")
    found = []
    for how in ("never", "always"):
        with pytest.raises(BadData) as caught:
            own("csv", tmp_path / "a.csv", **{"target": "y", "test": 0.01, **more}, stream=how)
        found.append(str(caught.value))
    assert found[0] == found[1]
    assert said in found[0]
    assert not list(small_pieces.glob("decoded/*"))


def test_what_is_strange_in_the_test_part_leaves_nothing_behind(tmp_path: Path, small_pieces: Path) -> None:
    (tmp_path / "a.csv").write_text("\n".join(["x,z,y,w", *ROWS]) + "\n")
    (tmp_path / "b.csv").write_text("\n".join(["x,z,y,w", *ROWS[:90], "1O,1,a,1"]) + "\n")
    with pytest.raises(BadData, match=r"b\.csv, row 92, column 'x': '1O' is no number"):
        own("csv", tmp_path / "a.csv", target="y", test_path=str(tmp_path / "b.csv"), stream="always")
    assert [path.suffix for path in (small_pieces / "decoded").iterdir()] == [".lock"]


def test_a_table_is_streamed_where_its_numbers_would_fill_a_quarter_of_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text("\n".join(["x,z,y,w", *ROWS]) + "\n")
    found = []
    for memory in (4 * 200 * 3 * 4, 4 * 200 * 3 * 4 - 1):
        monkeypatch.setattr(machine, "memory", lambda memory=memory: memory)
        found.append(own("csv", tmp_path / "a.csv", target="y", split_seed=memory).streamed)
    assert found == [False, True]


def say_encrypted(path: Path) -> None:
    """In the archive's list of what it holds."""
    content = bytearray(path.read_bytes())
    place = content.find(b"PK\1\2")
    while place >= 0:
        content[place + 8] |= 1
        place = content.find(b"PK\1\2", place + 1)
    path.write_bytes(content)


DAMAGE = {
    "encrypted": say_encrypted,
    "shorter": lambda path: path.write_bytes(path.read_bytes()[:-30]),
    "a bit": lambda path: path.write_bytes(path.read_bytes().replace(b"NUMPY", b"NUMPZ")),
    "empty": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_was_kept_of_a_table_is_found_again_where_it_is_damaged(
    tmp_path: Path, small_pieces: Path, name: str
) -> None:
    path = write(sample(), tmp_path / "a.csv")
    memory = own("csv", path, target="kind", stream="never")
    own("csv", path, target="kind", stream="always")
    kept = list((small_pieces / "tables").iterdir())
    assert len(kept) == 2  # with the task, and without
    for stored in kept:
        DAMAGE[name](stored)
    _KEPT.clear()
    same(memory, own("csv", path, target="kind", stream="always"))


def test_what_was_kept_of_a_table_goes_when_nobody_has_used_it_for_long(tmp_path: Path, small_pieces: Path) -> None:
    path = write(sample(), tmp_path / "a.csv")
    own("csv", path, target="kind", stream="always")
    for stored in (small_pieces / "tables").iterdir():
        os.utime(stored, (0, 0))
    _KEPT.clear()
    own("csv", path, target="kind", stream="always")  # the one without a task is in use again
    own("csv", path, target="kind", stream="always", split_seed=1)
    assert len(list((small_pieces / "tables").iterdir())) == 3


def test_whole_numbers_with_gaps_are_the_same_categories_wherever_the_gaps_are(tmp_path: Path) -> None:

    code = pa.array([None if n == 190 else n % 4 for n in range(COUNT)], pa.int32())
    table = pa.table({"code": code, "size": RANDOM.normal(size=COUNT), "kind": ["cat", "dog"] * (COUNT // 2)})
    parquet.write_table(table, tmp_path / "a.parquet")
    columns = own("parquet", tmp_path / "a.parquet", target="kind", categories=["code"]).columns
    assert columns is not None
    whole = pd.read_parquet(tmp_path / "a.parquet").code.dropna()
    assert set(columns.columns[0].categories) - {"(missing)"} == set(whole.map(str))


def test_whole_numbers_are_the_categories_that_they_were_where_only_one_file_has_gaps(tmp_path: Path) -> None:
    for name, gaps in (("gaps", True), ("none", False)):
        code = pa.array([None if gaps and n == 190 else n % 4 for n in range(COUNT)], pa.int32())
        kind = ["cat" if n % 4 else "dog" for n in range(COUNT)]
        parquet.write_table(pa.table({"code": code, "kind": kind}), tmp_path / f"{name}.parquet")
    for one, other in (("gaps", "none"), ("none", "gaps")):
        path, test = (tmp_path / f"{name}.parquet" for name in (one, other))
        dataset = own("parquet", path, target="kind", categories=["code"], test_path=str(test))
        met = load(dataset).x_test.any(axis=1)
        assert met.sum() == COUNT - (one == "none")  # of a gap, training met none


LINES = [f"{n},{'red' if n % 3 else 'blue'},{'yes' if n % 2 else 'no'}" for n in range(20)]
PASSED_OVER = ['""', '"  "', "   ", "\t", '""\r', ",", "\f", '"\n"']


@pytest.mark.parametrize("line", PASSED_OVER)
@pytest.mark.parametrize("pieces", [13, 10**6])
def test_a_row_without_a_filled_cell_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, pieces: int
) -> None:
    """Within the table, and as the last row of it, which may be all that a piece of it has."""
    monkeypatch.setattr("nnexp.data.own.tablefiles._CELLS", pieces)
    plain, spaced = tmp_path / "plain.csv", tmp_path / "spaced.csv"
    plain.write_text("\n".join(["a,b,y", *LINES]) + "\n", encoding="utf-8")
    spaced.write_text("\n".join(["a,b,y", *LINES[:4], line, *LINES[4:], line]) + "\n", encoding="utf-8", newline="")
    found = [load(own("csv", path, target="y")) for path in (plain, spaced)]
    for part in ("x_train", "y_train", "x_test", "y_test"):
        assert np.array_equal(*(getattr(arrays, part) for arrays in found))


def test_a_cell_may_be_as_long_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("a,b,y\n" + "\n".join(["1,2,no", f"1,{'long ' * 30_000},yes", *LINES]), encoding="utf-8")
    assert len(load(own("csv", path, target="y", drop=["b"])).x_train) == 18


def test_columns_of_parquet_that_only_look_like_numbers_to_arrow_are_categories(tmp_path: Path) -> None:
    path = tmp_path / "months.parquet"
    months = pd.period_range("2020", periods=3, freq="M")
    pd.DataFrame({"month": months.repeat(10), "size": range(30), "y": ["no", "yes"] * 15}).to_parquet(path)
    columns = own("parquet", path, target="y").columns
    assert columns is not None
    assert columns.features == ("month=2020-01", "month=2020-02", "month=2020-03", "size")


def test_two_columns_of_whole_numbers_with_one_name_are_told(tmp_path: Path) -> None:
    path = tmp_path / "twice.parquet"
    parquet.write_table(pa.Table.from_arrays([pa.array([1, 2])] * 2 + [pa.array(["a", "b"])], ["n", "n", "y"]), path)
    with pytest.raises(BadData, match="two columns of the name 'n'"):
        own("parquet", path, target="y")


def test_the_config_of_a_run_that_does_not_say_stream_is_read(tmp_path: Path) -> None:
    path = write(sample(), tmp_path / "a.csv")
    before = describe("csv", {"path": str(path), "target": "kind", "split_seed": 0})
    assert np.array_equal(load(before).x_train, load(own("csv", path, target="kind")).x_train)


def test_a_large_table_that_is_looked_through_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(sample(), tmp_path / "a.csv")
    config = "layers: [dense: {units: 8, activation: relu}, dense: {units: 3, activation: softmax}]"
    (tmp_path / "a.yaml").write_text(f"dataset: {{csv: {{path: {path}, target: kind}}}}\n{config}\n")
    monkeypatch.setattr(tables, "_LARGE", 1)
    done = CliRunner().invoke(application(["check"]), ["check", str(tmp_path / "a.yaml")])
    assert done.exit_code == 0, done.output
    assert "looking through a.csv, " in done.stderr
