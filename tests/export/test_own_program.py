"""The program of a run on own data: it reads the files, makes numbers of them and parts them as the run did."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nnexp.config.experiment import Experiment
from nnexp.data.datasets import describe, load
from nnexp.data.rows import Rows
from nnexp.data.splits import split
from nnexp.export.batches import batches_of
from nnexp.export.program import Program, program
from nnexp.runs.record import RunRecord

Make = Callable[[str], Experiment]
RANDOM = np.random.default_rng(7)
ROWS = 60
TABLE = pd.DataFrame(
    {
        "tint": RANDOM.choice(["red", "blue", "", "NA"], ROWS),
        "width": [None if place % 9 == 4 else value for place, value in enumerate(RANDOM.normal(size=ROWS).round(3))],
        "code": RANDOM.integers(0, 3, ROWS),
        "height": RANDOM.normal(size=ROWS).round(3),
        "who": RANDOM.integers(0, 12, ROWS),
        "part": ["test" if place % 4 == 1 else "train" for place in range(ROWS)],
        "weight": RANDOM.uniform(0, 3, ROWS).round(2),
        "kind": RANDOM.choice(["oak", "elm", "fir"], ROWS),
        "level": RANDOM.integers(0, 3, ROWS).astype(float),
        "size": RANDOM.normal(size=ROWS).round(3),
        "wet": RANDOM.choice([0, 1], ROWS),
        "tall": RANDOM.choice(["yes", "no", "Yes"], ROWS),
    }
)
INPUTS = "columns: [tint, width, code, height]"
TABLES = {
    "classes": f"target: kind, {INPUTS}",
    "classes in another order": f"target: kind, classes: [oak, fir, elm], {INPUTS}, test: 0.35, split_seed: 3",
    "classes that are numbers": f"target: level, {INPUTS}",
    "numbers for names": f"target: kind, {INPUTS}, categories: [code]",
    "values": f"target: size, {INPUTS}",
    "several values": "target: [size, height], task: regression, columns: [width, tint]",
    "labels": f"target: [wet, tall], {INPUTS}",
    "a column that parts": f"target: kind, {INPUTS}, split_column: part",
    "groups": f"target: kind, {INPUTS}, group_column: who, test: 0.3",
    "weights": f"target: size, {INPUTS}, weight_column: weight",
    "numbers without gaps": "target: size, columns: [height, code]",
    "all other columns": "target: kind, drop: [who, part, weight, level, size, wet, tall]",
}  # fmt: skip


def made(experiment: Experiment) -> Program:
    run = RunRecord(
        path=Path("run"), name=experiment.name, status="completed", seed=experiment.seed, identity="", description="",
        test={}, test_intervals={}, history=(), best_epoch=None, stopped=None, parameters={}, findings=(), timings={},
        started="", finished=None,
    )  # fmt: skip
    return program(run, experiment, describe(experiment.dataset.name, experiment.dataset.parameters))


def read_by_program(experiment: Experiment) -> dict[str, Any]:
    """The variables of the program when it has read the data."""
    variables: dict[str, Any] = {}
    for section in made(experiment).sections[:2]:
        exec(section.code, variables)
    return variables


def must_read_alike(experiment: Experiment) -> None:
    found = read_by_program(experiment)
    own = load(describe(experiment.dataset.name, experiment.dataset.parameters))
    for part in ("train", "test"):
        np.testing.assert_array_equal(found[f"x_{part}"], getattr(own, f"x_{part}"))
        np.testing.assert_array_equal(found[f"y_{part}"], getattr(own, f"y_{part}"))
    if own.weights is not None:
        np.testing.assert_array_equal(found["weights"], own.weights)


def must_train_on_the_same(experiment: Experiment) -> None:
    """That the parts of the program are those of the run, in memory or as its batches."""
    found = read_by_program(experiment)
    dataset = describe(experiment.dataset.name, experiment.dataset.parameters)
    own = split(load(dataset), experiment.validation, experiment.seed, experiment.train_size)
    for part, x, y in (("train", own.x_train, own.y_train), ("val", own.x_val, own.y_val)):
        assert x is not None
        if isinstance(x, Rows):
            batches = eval(batches_of(dataset, part), found)
            theirs = np.concatenate([batches[place][0] for place in range(len(batches))])
        else:
            theirs = found[f"x_{part}"]
        np.testing.assert_array_equal(theirs, x[:])
        np.testing.assert_array_equal(found[f"y_{part}"], y)
    if own.weights is not None:
        np.testing.assert_array_equal(found["weights"], own.weights)


FEWER = "train_size: 0.4\nvalidation: 0.3"


@pytest.mark.parametrize("what", ["classes", "labels", "weights", "a column that parts"])
def test_fewer_rows_of_a_table_are_those_of_the_run(experiment: Make, tmp_path: Path, what: str) -> None:
    TABLE.to_csv(tmp_path / "table.csv", index=False)
    table = f"{{csv: {{path: {tmp_path / 'table.csv'}, {TABLES[what]}}}}}"
    must_train_on_the_same(experiment(f"dataset: {table}\nlayers: [dense: 3]\n{FEWER}"))


@pytest.mark.parametrize("stream", ["always", "never"])
def test_fewer_pictures_and_arrays_are_those_of_the_run(experiment: Make, tmp_path: Path, stream: str) -> None:
    draw_pictures(tmp_path / "pictures", 30)
    pictures = f"{{images: {{path: {tmp_path / 'pictures'}, size: [9, 7], stream: {stream}}}}}"
    must_train_on_the_same(experiment(f"dataset: {pictures}\nlayers: [flatten, dense: 2]\n{FEWER}"))
    for name, array in ARRAYS["values"].items():
        np.save(tmp_path / f"{name}.npy", array)
    arrays = f"{{npy: {{path: {tmp_path / 'x.npy'}, y: {tmp_path / 'y.npy'}, stream: {stream}}}}}"
    must_train_on_the_same(experiment(f"dataset: {arrays}\nlayers: [dense: 2]\n{FEWER}"))


def must_stay_on_disk(experiment: Experiment) -> None:
    """That the batches of the program, put together, are what the run had."""
    found = read_by_program(experiment)
    own = load(describe(experiment.dataset.name, experiment.dataset.parameters))
    assert isinstance(own.x_train, Rows), "this data is to be streamed"
    for part in ("train", "test"):
        batches = eval(batches_of(describe(experiment.dataset.name, experiment.dataset.parameters), part), found)
        x, y = (
            np.concatenate(arrays) for arrays in zip(*(batches[place] for place in range(len(batches))), strict=True)
        )
        np.testing.assert_array_equal(x, getattr(own, f"x_{part}")[:])
        np.testing.assert_array_equal(y, getattr(own, f"y_{part}"))
        assert x.dtype == own.x_train.dtype


@pytest.mark.parametrize("normalization", ["standardize", pytest.param("min_max", marks=pytest.mark.slow)])
def test_a_program_that_reads_from_disk_does_what_one_in_memory_does(
    experiment: Make, tmp_path: Path, normalization: str
) -> None:
    x = np.where(np.arange(4) == 2, 0.1, X)  # a column that is always the same
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", x[:, :2] + RANDOM.normal(size=(50, 2)))
    text = (
        f"dataset: {{npy: {{path: {tmp_path / 'x.npy'}, y: {tmp_path / 'y.npy'}, stream: STREAM}}}}\nlayers: [dense: 2]"
    )
    text += f"\nnormalization: {normalization}\nvalidation: 0.2\nepochs: 1"
    variables: dict[str, dict[str, Any]] = {"always": {}, "never": {}}
    for stream, found in variables.items():
        exec(made(experiment(text.replace("STREAM", stream))).script(), found)
    on_disk, in_memory = variables["always"], variables["never"]
    assert len(on_disk["model"].history.history["val_loss"]) == 1
    layers = [found["model"].layers[0] for found in (on_disk, in_memory)]
    np.testing.assert_allclose(*(layer(x.astype("float32")) for layer in layers), atol=1e-6)
    in_memory["model"].set_weights(on_disk["model"].get_weights())
    again = in_memory["model"].evaluate(in_memory["x_test"], in_memory["y_test"], verbose=0, return_dict=True)
    assert on_disk["test"] == pytest.approx(again, rel=1e-5)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("what", TABLES)
def test_a_table_becomes_the_numbers_and_parts_of_the_run(
    experiment: Make, tmp_path: Path, what: str, kind: str
) -> None:
    path = tmp_path / f"table.{kind}"
    if kind == "csv":
        TABLE.to_csv(path, index=False)
        path.write_text(
            path.read_text() + "," * (len(TABLE.columns) - 1) + "\n"
        )  # an empty line, as spreadsheets write
    else:
        TABLE.to_parquet(path)
    must_read_alike(experiment(f"dataset: {{{kind}: {{path: {path}, {TABLES[what]}}}}}\nlayers: [dense: 3]"))


def test_a_table_of_its_own_for_the_test_part_is_read_too(experiment: Make, tmp_path: Path) -> None:
    TABLE[:40].to_csv(tmp_path / "train.csv", index=False, sep=";")
    TABLE[40:].to_csv(tmp_path / "test.csv", index=False, sep=";")
    said = f"path: {tmp_path / 'train.csv'}, test_path: {tmp_path / 'test.csv'}, separator: ';', {TABLES['classes']}"
    must_read_alike(experiment(f"dataset: {{csv: {{{said}}}}}\nlayers: [dense: 3]"))


X = RANDOM.normal(size=(50, 4))
ARRAYS: dict[str, dict[str, np.ndarray]] = {
    "places": {"x": X, "y": RANDOM.integers(0, 3, 50)},
    "other numbers": {"x": X, "y": RANDOM.choice([3, 7], 50)},
    "names": {"x": X, "y": RANDOM.choice(["a", "b"], 50)},
    "values": {"x": X, "y": RANDOM.normal(size=(50, 2))},
    "labels": {"X": X.astype("float32"), "Y": RANDOM.integers(0, 2, (50, 3))},
    "parted": {"x_train": X[:40], "y_train": X[:40, 0], "x_test": X[40:], "y_test": X[40:, 0]},
    "bytes": {"images": RANDOM.integers(0, 256, (50, 3, 3), dtype=np.uint8), "labels": RANDOM.integers(0, 2, 50)},
}


@pytest.mark.parametrize("what", ARRAYS)
def test_arrays_are_taken_as_in_the_run(experiment: Make, tmp_path: Path, what: str) -> None:
    np.savez(tmp_path / "own.npz", **ARRAYS[what])
    must_read_alike(experiment(f"dataset: {{npz: {tmp_path / 'own.npz'}}}\nlayers: [flatten, dense: 3]"))


@pytest.mark.parametrize("what", ["places", "names", "values"])
def test_arrays_in_files_of_their_own_are_taken_as_in_the_run(experiment: Make, tmp_path: Path, what: str) -> None:
    for name, array in ARRAYS[what].items():
        np.save(tmp_path / f"{name}.npy", array)
    said = f"path: {tmp_path / 'x.npy'}, y: {tmp_path / 'y.npy'}"
    must_read_alike(experiment(f"dataset: {{npy: {{{said}}}}}\nlayers: [dense: 3]"))
    must_stay_on_disk(experiment(f"dataset: {{npy: {{{said}, stream: always}}}}\nlayers: [dense: 3]"))


@pytest.mark.parametrize("kind", ["u1", ">i2", ">f4"])
def test_files_in_the_format_of_mnist_are_taken_as_in_the_run(experiment: Make, tmp_path: Path, kind: str) -> None:
    x, y = (ARRAYS["bytes"][name] for name in ("images", "labels"))
    (tmp_path / "images").write_bytes(as_idx(x.astype(kind)))
    (tmp_path / "labels.gz").write_bytes(gzip.compress(as_idx(y.astype("u1"))))
    said = f"path: {tmp_path / 'images'}, y: {tmp_path / 'labels.gz'}"
    must_read_alike(experiment(f"dataset: {{idx: {{{said}}}}}\nlayers: [flatten, dense: 2]"))
    must_stay_on_disk(experiment(f"dataset: {{idx: {{{said}, stream: always}}}}\nlayers: [flatten, dense: 2]"))


def as_idx(array: np.ndarray) -> bytes:
    code = {"u1": 8, "i2": 11, "f4": 13}[array.dtype.str[1:]]
    return struct.pack(f">2x2B{array.ndim}I", code, array.ndim, *array.shape) + array.tobytes()


def test_a_test_file_of_its_own_stays_on_disk_too(experiment: Make, tmp_path: Path) -> None:
    names = {"path": X[:30], "y": X[:30, :2], "test_path": X[30:], "test_y": X[30:, :2]}
    for name, array in names.items():
        np.save(tmp_path / f"{name}.npy", array)
    said = ", ".join(f"{name}: {tmp_path / name}.npy" for name in names)
    must_stay_on_disk(experiment(f"dataset: {{npy: {{{said}, stream: always}}}}\nlayers: [dense: 2]"))


def draw_pictures(folder: Path, count: int = 12) -> None:
    """Pictures of two classes: of two modes, one of them transparent, one turned, one in a folder within."""
    for place in range(count):
        pixels = RANDOM.integers(0, 256, (10 + place % 2, 8, (3, 4)[place % 2]), dtype=np.uint8)
        path = folder / ("cat", "dog")[place % 3 == 1] / ("" if place % 4 else "more") / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[274] = 6 if place == 5 else 1  # lies on its side
        Image.fromarray(pixels).save(path, exif=exif)


@pytest.mark.parametrize("colour", ["grey", "rgb"])
@pytest.mark.parametrize("parted", [False, True], ids=["share", "train and test"])
def test_pictures_are_read_as_in_the_run(experiment: Make, tmp_path: Path, colour: str, parted: bool) -> None:
    for folder in (tmp_path / "train", tmp_path / "test") if parted else (tmp_path,):
        draw_pictures(folder)
    said = f"path: {tmp_path}, size: [9, 7], colour: {colour}"
    must_read_alike(experiment(f"dataset: {{images: {{{said}}}}}\nlayers: [flatten, dense: 2]"))
    must_stay_on_disk(experiment(f"dataset: {{images: {{{said}, stream: always}}}}\nlayers: [flatten, dense: 2]"))


@pytest.mark.parametrize(
    ("task", "labels"), [("multi_label", ["a; b", "a", "", "b"]), ("regression", [0.5, 1, 2, 3]), (None, list("abab"))]
)
def test_pictures_with_a_file_of_labels_are_read_as_in_the_run(
    experiment: Make, tmp_path: Path, task: str | None, labels: list[object]
) -> None:
    lines = ["file,label"]
    for place in range(12):
        Image.fromarray(RANDOM.integers(0, 256, (4, 4), dtype=np.uint8)).save(tmp_path / f"{place}.png")
        lines.append(f"{place}.png,{labels[place % 4]}{' ' * (place % 2)}")
    (tmp_path / "labels.csv").write_text("\n".join([*lines, ","]))
    said = f"path: {tmp_path}, labels: {tmp_path / 'labels.csv'}" + (f", task: {task}" if task else "")
    must_read_alike(experiment(f"dataset: {{images: {{{said}}}}}\nlayers: [flatten, dense: 2]"))


def test_pictures_of_16_bits_are_read_as_in_the_run(experiment: Make, tmp_path: Path) -> None:
    draw_pictures(tmp_path)
    deep = RANDOM.integers(0, 2**16, (10, 8), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "cat" / "deep.png")
    must_read_alike(experiment(f"dataset: {{images: {{path: {tmp_path}, size: [8, 8]}}}}\nlayers: [flatten, dense: 2]"))


def test_weights_of_examples_and_of_classes_count_together(experiment: Make, tmp_path: Path) -> None:
    TABLE.to_csv(tmp_path / "table.csv", index=False)
    text = f"dataset: {{csv: {{path: {tmp_path / 'table.csv'}, {TABLES['classes']}, weight_column: weight}}}}"
    text += "\nlayers: [dense: {units: 3, activation: softmax}]"
    plain = read_by_program(experiment(text))
    config = experiment(f"{text}\nclass_weight: {{oak: 4.0}}")
    both = read_by_program(config)
    oak = both["y_train"] == config.dataset.parameters.get("classes", ["elm", "fir", "oak"]).index("oak")
    np.testing.assert_allclose(both["weights"], plain["weights"] * np.where(oak, 4, 1))
    training = made(config).sections[3].code
    assert "sample_weight=weights" in training
    assert "class_weight" not in training


def test_what_names_of_files_and_columns_hold_stays_text(experiment: Make, tmp_path: Path) -> None:
    column = '"]); import os; os.remove("x")  #'
    path = tmp_path / 'it\'s "here".csv'
    TABLE.assign(**{column: TABLE["height"]}).to_csv(path, index=False)
    said = json.dumps({"csv": {"path": str(path), "target": "kind", "columns": [column, "code"]}})
    must_read_alike(experiment(f"dataset: {said}\nlayers: [dense: 3]"))


@pytest.mark.parametrize("what", ["classes", "labels", "a column that parts", "groups", "classes that are numbers"])
def test_spaces_around_cells_are_taken_away_as_in_the_run(experiment: Make, tmp_path: Path, what: str) -> None:
    TABLE.to_csv(tmp_path / "table.csv", index=False)
    lines = (tmp_path / "table.csv").read_text().splitlines()
    spaced = [line.replace(",", " , ") + " " if place % 3 else line for place, line in enumerate(lines, 2)]
    (tmp_path / "table.csv").write_text("\n".join(spaced))
    path = tmp_path / "table.csv"
    must_read_alike(experiment(f"dataset: {{csv: {{path: {path}, {TABLES[what]}}}}}\nlayers: [dense: 3]"))


def test_a_program_does_no_more_than_its_table_needs(experiment: Make, tmp_path: Path) -> None:
    TABLE.to_csv(tmp_path / "table.csv", index=False)
    said = f"path: {tmp_path / 'table.csv'}, {TABLES['numbers without gaps']}"
    code = made(experiment(f"dataset: {{csv: {{{said}}}}}\nlayers: [dense: 1]")).script()
    assert not [word for word in ("strip", "Imputer", "OneHot", "Batches", "read_idx") if word in code]
