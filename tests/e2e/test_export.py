"""`nnexp export`: the model of a run in other formats, and the run as a program that stands alone."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
from PIL import Image

from nnexp.data.datasets import DATASETS, load
from nnexp.errors import InputError, RunError
from nnexp.examples import dataset_of
from nnexp.experiment import Options, run_experiment
from nnexp.export.exporting import export
from nnexp.export.formats import FARTHEST, FORMATS, PROGRAMS, Format, write_and_check
from nnexp.runs import record
from nnexp.runs.predictions import read_predictions
from nnexp.training import backend

backend.prepare(threads=2)

DIGITS = """
dataset: digits
description: Two layers on small digits.
layers: [flatten, dense: {units: 32, activation: relu}, dropout: 0.1, dense: {units: 10, activation: softmax}]
validation: 0.1
optimizer: {adam: {learning_rate: 0.01}}
batch_size: 64
epochs: 6
engine: graph
callbacks: [stop_when: val_loss <= 0.05, early_stopping: {monitor: val_loss, patience: 5}]
"""
TABLE = "path: FOLDER/table.csv, columns: [a, tint, b, c]"
OWN = {
    "classes": f"""
dataset: {{csv: {{{TABLE}, target: kind, weight_column: weight}}}}
class_weight: balanced
validation: 0.1
layers: [dense: {{units: 16, activation: relu}}, dense: {{units: 2, activation: softmax}}]
epochs: 15
""",
    "values": f"""
dataset: {{csv: {{{TABLE}, target: size}}}}
layers: [dense: {{units: 16, activation: relu}}, dense: 1, rescaling: {{scale: 2000, offset: 5000}}]
epochs: 20
""",
    "labels": f"""
dataset: {{csv: {{{TABLE}, target: [wet, tall]}}}}
layers: [dense: {{units: 16, activation: relu}}, dense: {{units: 2, activation: sigmoid}}]
epochs: 15
""",
    "pictures": """
dataset: {images: {path: FOLDER/digits}}
layers: [flatten, dense: {units: 32, activation: relu}, dense: {units: 10, activation: softmax}]
epochs: 15
""",
    "pictures on disk": """
dataset: {images: {path: FOLDER/digits, stream: always}}
normalization: standardize
validation: 0.1
layers: [flatten, dense: {units: 32, activation: relu}, dense: {units: 10, activation: softmax}]
epochs: 15
""",
}
FILES = {**{name: made.suffix for name, made in FORMATS.items()}, **PROGRAMS}


@pytest.fixture(scope="session")
def finished(once: Any, experiment: Any) -> Path:
    """A finished run; copies of it are changed."""
    return once("export", lambda folder: run_experiment(experiment(DIGITS), Options(folder=folder / "run"))) / "run"


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "copy")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to work in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def mlp() -> Any:
    found = {"mean": np.full((28, 28), 100.0), "variance": np.full((28, 28), 70.0**2)}
    stack = [keras.layers.Flatten(), keras.layers.Dense(32, "gelu"), keras.layers.Dense(10, "softmax")]
    return keras.Sequential([keras.Input((28, 28)), keras.layers.Normalization(axis=(1, 2), **found), *stack])


def cnn() -> Any:
    first = [keras.layers.Rescaling(1 / 255), keras.layers.Reshape((28, 28, 1)), keras.layers.RandomFlip()]
    blocks = [keras.layers.Conv2D(8, 3, activation="relu"), keras.layers.BatchNormalization()]
    blocks += [keras.layers.MaxPooling2D(), keras.layers.Conv2D(8, 3, padding="same"), keras.layers.Dropout(0.2)]
    end = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(10, "softmax")]
    return keras.Sequential([keras.Input((28, 28)), *first, *blocks, *end])


def lstm() -> Any:
    stack = [keras.layers.LSTM(16, return_sequences=True), keras.layers.GRU(8), keras.layers.Dense(10, "softmax")]
    return keras.Sequential([keras.Input((28, 28)), keras.layers.Rescaling(1 / 255), *stack])


def as_bytes(count: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)


@pytest.mark.parametrize("name", FORMATS)
def test_a_model_elsewhere_predicts_what_the_run_did(finished: Path, here: Path, name: str) -> None:
    done = export(finished, name)
    assert list(here.iterdir()) == [here / f"test{FILES[name]}"] == [done.path.absolute()]
    assert done.check is not None
    assert done.check.difference <= FARTHEST
    examples = load(DATASETS["digits"]).x_test
    predicted = FORMATS[name].read(done.path)(examples)
    stored = read_predictions(finished / "predictions.npz", probabilities=True).probabilities
    np.testing.assert_allclose(predicted, stored, atol=1e-3)  # which are stored as float16


@pytest.fixture(scope="session")
def own(once: Any, experiment: Any) -> Path:
    """Finished runs on own data: classes of a table with gaps and text, large values, labels, and pictures."""

    def train(folder: Path) -> None:
        random = np.random.default_rng(5)
        x = random.normal(size=(600, 3)).round(3)
        tint = random.choice(["red", "blue", "green"], 600)
        table = pd.DataFrame({"a": x[:, 0], "tint": tint, "b": x[:, 1], "c": x[:, 2]})
        table["kind"] = np.where(x[:, 0] + 2 * (tint == "red") + 0.5 * x[:, 2] > 0.5, "oak", "elm")
        table["size"] = (5000 + 2000 * x[:, 0] + 500 * random.normal(size=600)).round(1)
        table["wet"], table["tall"] = (
            (x[:, 0] > 0).astype(int),
            (x[:, 1] + 0.3 * random.normal(size=600) > 0).astype(int),
        )
        table["weight"] = random.uniform(0.5, 2, 600).round(2)
        table.loc[random.random(600) < 0.1, "b"] = None
        table.loc[random.random(600) < 0.1, "tint"] = None
        table.to_csv(folder / "table.csv", index=False)
        digits = sklearn.datasets.load_digits()
        for place, (picture, label) in enumerate(zip(digits.images[:500], digits.target, strict=False)):
            path = folder / "digits" / str(label) / f"{place}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((picture * 15).astype(np.uint8)).save(path)
        for name, text in OWN.items():
            run_experiment(experiment(text.replace("FOLDER", str(folder))), Options(folder=folder / name))

    return once("export-own", train)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("run", ["values", "labels"])
def test_models_of_each_task_and_of_own_data_predict_elsewhere_what_they_did(
    own: Path, here: Path, run: str, name: str
) -> None:
    done = export(own / run, name)
    assert done.check is not None
    assert done.check.difference <= FARTHEST * max(1, done.check.largest)
    dataset = dataset_of(record.read(own / run))
    predicted = FORMATS[name].read(done.path)(np.array(load(dataset).x_test))
    stored = read_predictions(own / run / "predictions.npz", probabilities=True)
    if run == "values":
        np.testing.assert_allclose(predicted, stored.predicted, rtol=FARTHEST)
    else:
        np.testing.assert_allclose(predicted, stored.probabilities, atol=1e-3)  # which are stored as float16


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_the_script_of_a_run_on_own_data_trains_to_the_figure_of_the_run(
    own: Path, nnexp: Any, here: Path, name: str
) -> None:
    done = nnexp("export", own / name, "--format", "script", "--output", "program.py")
    assert done.returncode == 0, done.stderr
    found = record.read(own / name)
    low, high = found.test_intervals[found.headline]
    assert low <= runpy.run_path("program.py")["test"][found.headline] <= high


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("make", [cnn, *(pytest.param(make, marks=pytest.mark.slow) for make in (mlp, lstm))])
def test_models_of_each_kind_take_raw_bytes_in_each_format(make: Callable[[], Any], name: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{FILES[name]}"
    check = write_and_check(make(), as_bytes(64), FORMATS[name], path)
    assert check.difference <= FARTHEST
    assert check.input == ("uint8 [1, 28, 28]" if name == "tflite" else "uint8 [n, 28, 28]")
    assert FORMATS[name].read(path)(as_bytes(3)).shape == (3, 10)  # another number of them


def test_a_model_that_came_out_otherwise_is_noticed(tmp_path: Path) -> None:
    def write(model: Any, spec: Any, path: Path) -> None:
        other = keras.models.clone_model(model)
        other.set_weights([array + 1e-3 for array in model.get_weights()])
        other.save(path)

    wrong = Format("wrong", ".keras", write, FORMATS["keras"].read, "Keras")
    assert write_and_check(mlp(), as_bytes(8), wrong, tmp_path / "model.keras").difference > FARTHEST


def test_where_predictions_differ_nothing_is_kept(finished: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnexp.export.formats.FARTHEST", -1.0)  # no format is that good
    with pytest.raises(RunError, match="predicts otherwise, by up to"):
        export(finished, "saved_model")
    assert not list(here.iterdir())


def test_a_model_that_a_format_cannot_hold_is_said_and_nothing_is_kept(copy: Path, here: Path) -> None:
    raw = keras.Input((8, 8))
    image = keras.layers.UpSampling2D(interpolation="lanczos3")(keras.layers.Reshape((8, 8, 1))(raw))
    keras.Model(raw, keras.layers.Dense(10, "softmax")(keras.layers.Flatten()(image))).save(copy / "model.keras")
    with pytest.raises(RunError, match="onnx cannot hold this model"):
        export(copy, "onnx")
    assert not list(here.iterdir())


@pytest.mark.parametrize("name", ["saved_model", "script"])
def test_what_is_there_is_replaced_only_with_force(finished: Path, here: Path, name: str) -> None:
    first = export(finished, name).path
    before = first.stat().st_ino
    with pytest.raises(InputError, match="exists; give another name with -o, or replace it with --force"):
        export(finished, name)
    assert first.stat().st_ino == before
    assert export(finished, name, force=True).path.stat().st_ino != before
    assert len(list(here.iterdir())) == 1


@pytest.mark.slow
def test_the_script_trains_to_the_accuracy_of_the_run(finished: Path, nnexp: Any, here: Path) -> None:
    done = nnexp("export", finished, "--format", "script", "--output", "program.py", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"run": str(finished), "format": "script", "path": "program.py"}
    low, high = record.read(finished).test_intervals["accuracy"]
    assert low <= runpy.run_path("program.py")["test"]["accuracy"] <= high


@pytest.mark.slow
def test_the_script_needs_no_nnexp(finished: Path, here: Path) -> None:
    export(finished, "script", Path("program.py"))
    assert "nnexp" not in (here / "program.py").read_text()
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    ran = subprocess.run([sys.executable, "program.py"], capture_output=True, text=True, timeout=300, env=environment)
    assert ran.returncode == 0, ran.stderr
    accuracy = re.search(r"^test accuracy: ([\d.]+)$", ran.stdout, re.MULTILINE)
    assert accuracy, ran.stdout
    low, high = record.read(finished).test_intervals["accuracy"]
    assert low <= float(accuracy[1]) <= high


@pytest.mark.slow
def test_the_command_says_where_the_model_went_and_how_good_it_is(finished: Path, nnexp: Any, here: Path) -> None:
    done = nnexp("export", finished, "-f", "keras")
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    written, shapes, check = done.stdout.splitlines()
    assert written == "written: test.keras"
    assert shapes == "  takes raw examples, float32 [n, 8, 8]; gives float32 [n, 10]"
    assert re.fullmatch(r" *loaded back with Keras: largest difference [\d.e-]+ over 256 examples", check)


@pytest.mark.parametrize("name", ["keras", "script"])
def test_a_target_that_cannot_be_used_is_refused(finished: Path, here: Path, name: str) -> None:
    suffix = FILES[name]
    (here / f"folder{suffix}").mkdir()
    for target, told in [
        ("model.txt", f"the name must end in {suffix}; give  -o model{suffix}"),
        (f"missing/model{suffix}", "missing does not exist; make it"),
        (finished / f"other{suffix}", "is inside the run, which stays as it was"),
        (f"folder{suffix}", "is a directory, and no exported model"),
    ]:
        with pytest.raises(InputError, match=re.escape(told)):
            export(finished, name, Path(target), force=True)
    assert [path.name for path in here.iterdir()] == [f"folder{suffix}"]


def status(copy: Path, said: str) -> None:
    path = copy / "metrics.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "status": said}))


def edit(copy: Path) -> None:
    path = copy / "config.yaml"
    path.write_text(path.read_text().replace("epochs: 6", "epochs: 7"))


def link(copy: Path) -> None:
    (copy / "model.keras").rename(copy.parent / "model.keras")
    (copy / "model.keras").symlink_to(copy.parent / "model.keras")


@pytest.mark.parametrize(
    ("forge", "name", "told"),
    [
        (lambda copy: None, "onix", "unknown format 'onix'; did you mean 'onnx'? allowed: keras, saved_model, onnx"),
        (lambda copy: status(copy, "failed"), "keras", "first:  nnexp resume"),
        (lambda copy: (copy / "model.keras").unlink(), "tflite", "model.keras is missing"),
        (lambda copy: os.truncate(copy / "model.keras", 3000), "keras", "model.keras"),
        (lambda copy: shutil.rmtree(copy), "script", "no such run folder"),
        (link, "keras", "model.keras is a link"),
        (edit, "notebook", "config.yaml is not the one that the run was trained with"),
    ],
)
def test_what_cannot_be_exported_is_said_and_nothing_is_written(
    copy: Path, here: Path, forge: Callable[[Path], object], name: str, told: str
) -> None:
    forge(copy)
    with pytest.raises(InputError, match=re.escape(told)):
        export(copy, name)
    assert not list(here.iterdir())


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    finished: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tf2onnx", None)  # what Python has for a package that is not there
    with pytest.raises(
        InputError, match=r"needs tf2onnx, not installed here; get it with  pip install 'nnexp\[onnx\]'"
    ):
        export(finished, "onnx")
    assert not list(here.iterdir())


@pytest.mark.parametrize("name", ["keras", "../../out", "random"])
def test_the_name_of_a_run_leads_nowhere_else(copy: Path, here: Path, name: str) -> None:
    path = copy / "metrics.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "name": name}))
    done = export(copy, "script")
    assert done.path.absolute().parent == here
    assert done.path.stem not in {"keras", "random"}  # a script of that name would be imported in its place
