"""`evaluate` on pictures with a file of labels, for runs that tell labels, values or classes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from sklearn.metrics import mean_absolute_error

Command = Callable[..., Result]
VALUE = """
dataset: {{images: {{path: {folder}/photos, labels: {folder}/value.csv}}}}
layers: [flatten, dense: 1]
epochs: 2
"""
PICTURES = np.random.default_rng(1).integers(0, 256, (50, 4, 4), dtype=np.uint8)


def fill(folder: Path, name: str, cells: list[str]) -> Path:
    """A folder of pictures with a file of labels beside it."""
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    for place, picture in enumerate(PICTURES[: len(cells)]):
        Image.fromarray(picture).save(folder / "photos" / f"{place}.png")
    rows = [f"{place}.png,{cell}" for place, cell in enumerate(cells)]
    (folder / name).write_text("\n".join(["file,label", *rows]) + "\n")
    return folder / name


def told(nnexp_here: Command, run: Path, data: Path) -> Any:
    return json.loads(nnexp_here("evaluate", run, "--dataset", data, "--json").stdout)


def test_labels_have_the_figures_of_the_same_examples_as_arrays(
    tasks: Path, tmp_path: Path, nnexp_here: Command
) -> None:
    """Some pictures have none of the labels."""
    labels = np.random.default_rng(2).integers(0, 2, (40, 3), dtype=np.uint8)
    names = np.array(["left", "top", "=right"])
    np.savez(tmp_path / "same.npz", x=PICTURES[:40], y=labels)
    file = fill(tmp_path / "other", "labels.csv", [";".join(names[has == 1]) for has in labels])
    expected = told(nnexp_here, tasks / "run-labels", tmp_path / "same.npz")
    found = told(nnexp_here, tasks / "run-labels", file.parent)
    assert {**found, "dataset": ""} == {**expected, "dataset": ""}
    file.write_text(file.read_text().replace("top", "tip"))
    wrong = nnexp_here("evaluate", tasks / "run-labels", "--dataset", file, code=2)
    assert "has the label 'tip', which the model does not know; did you mean 'top'? known: " in wrong.stderr


def test_classes_come_from_a_file_too(tasks: Path, tmp_path: Path, nnexp_here: Command) -> None:
    file = fill(tmp_path, "kinds.csv", ["left", "right"] * 10)
    assert told(nnexp_here, tasks / "run-images", file)["examples"] == 20
    file.write_text(file.read_text().replace("7.png,right", "7.png,"))
    wrong = nnexp_here("evaluate", tasks / "run-images", "--dataset", file, code=2)
    assert "row 9: the label is missing" in wrong.stderr


def test_values_are_those_of_the_file_and_of_the_own_data_the_test_part_alone(
    once: Any, train: Any, tmp_path: Path, nnexp_here: Command
) -> None:
    bright = [f"{picture.mean() / 100:.3f}" for picture in PICTURES]

    def make(folder: Path) -> None:
        fill(folder, "value.csv", bright)
        train(folder, {"run": ("test", VALUE.format(folder=folder))})

    own = once("pictures", make)
    moved = shutil.copytree(own / "photos", tmp_path / "moved" / "photos").parent
    shutil.copy(own / "value.csv", moved)
    for data in (own / "value.csv", moved):
        found = told(nnexp_here, own / "run", data)
        assert (found["examples"], found["dataset"]) == (10, "the test part of photos")
    file = fill(tmp_path / "other", "others.csv", [f"{float(value) + 1:.3f}" for value in bright[:30]])
    found = told(nnexp_here, own / "run", file)
    pictures = [file.parent / "photos" / f"{place}.png" for place in range(30)]
    values = json.loads(nnexp_here("predict", own / "run", *pictures, "--json").stdout)["predictions"]
    truth = [float(value) + 1 for value in bright[:30]]
    assert found["mean_absolute_error"] == pytest.approx(
        mean_absolute_error(truth, [one["values"][0] for one in values]), rel=1e-5
    )
    (file.parent / "more.csv").write_text(file.read_text())
    wrong = nnexp_here("evaluate", own / "run", "--dataset", file.parent, code=2)
    assert "several files of labels: more.csv, others.csv" in wrong.stderr
