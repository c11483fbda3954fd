"""The program of a run on own data: it reads the files, makes numbers of them and parts them as the run did."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nnexp.config.experiment import Experiment
from nnexp.data.content import idx_encode
from nnexp.data.datasets import describe, load
from nnexp.errors import InputError
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
        ours, theirs = np.asarray(getattr(own, f"x_{part}")), found[f"x_{part}"]
        if ours.ndim == 2:  # columns of numbers stand before those of text
            np.testing.assert_allclose(by_column(theirs), by_column(ours), rtol=1e-6)
        else:
            np.testing.assert_array_equal(theirs, ours)
        np.testing.assert_array_equal(found[f"y_{part}"], getattr(own, f"y_{part}"))
    if own.weights is not None:
        np.testing.assert_array_equal(found["weights"], own.weights)


def by_column(x: np.ndarray) -> np.ndarray:
    return x[:, np.lexsort(x)]


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
    with pytest.raises(InputError, match="streamed from disk, which no short program does"):
        made(experiment(f"dataset: {{npy: {{{said}, stream: always}}}}\nlayers: [dense: 3]"))


def test_files_in_the_format_of_mnist_are_taken_as_in_the_run(experiment: Make, tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(idx_encode(ARRAYS["bytes"]["images"]))
    (tmp_path / "labels.gz").write_bytes(gzip.compress(idx_encode(ARRAYS["bytes"]["labels"])))
    said = f"path: {tmp_path / 'images'}, y: {tmp_path / 'labels.gz'}"
    must_read_alike(experiment(f"dataset: {{idx: {{{said}}}}}\nlayers: [flatten, dense: 2]"))


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


@pytest.mark.parametrize(
    ("task", "labels"), [("multi_label", ["a; b", "a", "", "b"]), ("regression", [0.5, 1, 2, 3]), (None, list("abab"))]
)
def test_pictures_with_a_file_of_labels_are_read_as_in_the_run(
    experiment: Make, tmp_path: Path, task: str | None, labels: list[object]
) -> None:
    lines = ["file,label"]
    for place in range(12):
        Image.fromarray(RANDOM.integers(0, 256, (4, 4), dtype=np.uint8)).save(tmp_path / f"{place}.png")
        lines.append(f"{place}.png,{labels[place % 4]}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    said = f"path: {tmp_path}, labels: {tmp_path / 'labels.csv'}" + (f", task: {task}" if task else "")
    must_read_alike(experiment(f"dataset: {{images: {{{said}}}}}\nlayers: [flatten, dense: 2]"))


def test_pictures_of_16_bits_have_no_program(experiment: Make, tmp_path: Path) -> None:
    draw_pictures(tmp_path)
    Image.fromarray(np.zeros((10, 8), np.uint16)).save(tmp_path / "cat" / "deep.png")
    with pytest.raises(InputError, match=r"deep.png has 16 bits a pixel.* --format keras"):
        made(experiment(f"dataset: {{images: {{path: {tmp_path}, size: [8, 8]}}}}\nlayers: [flatten, dense: 2]"))


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


@pytest.mark.parametrize("old", ["kind", "oak"])
def test_cells_that_end_in_spaces_have_no_program(experiment: Make, tmp_path: Path, old: str) -> None:
    TABLE.to_csv(tmp_path / "table.csv", index=False)
    text = (tmp_path / "table.csv").read_text()
    (tmp_path / "table.csv").write_text(text.replace(old, f"{old} "))
    config = experiment(
        f"dataset: {{csv: {{path: {tmp_path / 'table.csv'}, {TABLES['classes']}}}}}\nlayers: [dense: 3]"
    )
    with pytest.raises(InputError, match=r"table.csv: cells of row \d+ end in spaces.* --format keras"):
        made(config)
