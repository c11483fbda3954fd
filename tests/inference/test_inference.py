"""Inference: models from strangers, what a run folder says of its model, and predictions that are no numbers."""

from __future__ import annotations

import io
import json
import math
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from nnexp.cli.picture import drawn
from nnexp.data.datasets import describe
from nnexp.errors import InputError
from nnexp.inference.arrays import examples_among
from nnexp.inference.model import load_model
from nnexp.inference.predictions import csv_text, plain, predictions_of
from nnexp.inference.signature import scaled, signature_of
from nnexp.mistakes import find_mistakes, find_wrong_labels
from nnexp.runs import record
from nnexp.runs.reading import Refused


@pytest.fixture
def finished(trained: Path) -> Path:
    """A finished run; copies of it are forged."""
    return trained / "iris"


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "copy")


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def load(run: Path) -> Any:
    found = record.read(run)
    return load_model(found, signature_of(found))


def with_config(copy: Path, change_it: Callable[[dict[str, Any]], object]) -> None:
    """Write the description of the layers in model.keras anew, changed."""
    with zipfile.ZipFile(copy / "model.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change_it(config)
    with zipfile.ZipFile(copy / "model.keras", "w") as archive:
        for name, content in {**members, "config.json": json.dumps(config)}.items():
            archive.writestr(name, content)


def link(copy: Path) -> None:
    (copy / "model.keras").rename(copy.parent / "elsewhere.keras")
    (copy / "model.keras").symlink_to(copy.parent / "elsewhere.keras")


def missing(copy: Path) -> None:
    (copy / "model.keras").unlink()


def torn(copy: Path) -> None:
    content = (copy / "model.keras").read_bytes()
    (copy / "model.keras").write_bytes(content[: len(content) // 2])


def code(copy: Path) -> None:
    """A layer that brings Python code along."""
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x[:, :3])])
    model.save(copy / "model.keras")


def another_module(copy: Path) -> None:
    def rename(config: dict[str, Any]) -> None:
        config["config"]["layers"][-1] |= {"module": "subprocess", "class_name": "Popen", "registered_name": "Popen"}

    with_config(copy, rename)


def another_input(copy: Path) -> None:
    import keras

    keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)]).save(copy / "model.keras")


def another_output(copy: Path) -> None:
    import keras

    keras.Sequential([keras.Input((4,)), keras.layers.Dense(7)]).save(copy / "model.keras")


@pytest.mark.parametrize(
    ("forge", "told"),
    [
        (link, "model.keras is not loaded: a link"),
        (missing, "model.keras is missing; train anew:  nnexp run "),
        (torn, "model.keras is not loaded: "),
        (code, "model.keras cannot be loaded by Keras: "),
        (another_module, "model.keras cannot be loaded by Keras: "),
        (another_input, "model.keras takes another input than the run's metrics.json says"),
        (another_output, "model.keras does not answer with a number for each of 3 classes"),
    ],
)
def test_a_model_that_is_not_the_runs_own_or_may_run_code_is_refused(
    copy: Path, forge: Callable[[Path], None], told: str
) -> None:
    forge(copy)
    with pytest.raises(InputError, match=told):
        load(copy)


def test_the_stored_model_takes_raw_examples_in_batches_as_one_by_one(finished: Path) -> None:
    x = np.random.default_rng(1).uniform(0, 8, (2345, 4)).astype(np.float32)
    model = load(finished)
    whole = model.answers(x)
    np.testing.assert_allclose(whole[2300:2303], model.answers(x[2300:2303]), atol=1e-6)
    np.testing.assert_allclose(whole, model.keras.predict(x, verbose=0), atol=1e-6)
    assert (whole.dtype, whole.shape) == (np.float32, (2345, 3))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"status": "failed"}, "is failed, so it has no trained model; first:  nnexp resume"),
        ({"model": []}, "does not say what its model takes"),
        ({"model": [{"output": "(4, many)", "parameters": 1}]}, "does not say what its model takes"),
        ({"evaluation": {"per_class": 3}}, "does not say what its model takes"),
    ],
)  # fmt: skip
def test_a_run_that_does_not_tell_of_its_model_is_refused(copy: Path, changed: dict[str, Any], told: str) -> None:
    change(copy / "metrics.json", **changed)
    with pytest.raises(InputError, match=told):
        signature_of(record.read(copy))


def test_the_signature_of_a_run_needs_no_data(copy: Path) -> None:
    signature = signature_of(record.read(copy))
    assert (signature.shape, signature.size, signature.is_picture) == ((4,), 4, False)
    assert signature.classes == ("setosa", "versicolor", "virginica")
    metrics = json.loads((copy / "metrics.json").read_text())
    change(copy / "metrics.json", config={**metrics["config"], "dataset": {"csv": {"path": "/gone.csv"}}})
    forgotten = signature_of(record.read(copy))
    assert (forgotten.shape, forgotten.classes) == (signature.shape, signature.classes)


@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_pictures_for_a_model_of_own_arrays_are_scaled_to_the_range_of_these(
    copy: Path, tmp_path: Path, kind: str
) -> None:
    x, y = np.linspace(-1, 1, 40, dtype=np.float32).reshape(10, 2, 2), np.arange(10) % 2
    own = {"path": str(tmp_path / f"own.{kind}"), "split_seed": 0}
    if kind == "npz":
        np.savez(own["path"], x=x, y=y)
    else:
        own["y"] = str(tmp_path / "y.npy")
        np.save(own["path"], x)
        np.save(own["y"], y)
    metrics = json.loads((copy / "metrics.json").read_text())
    held = {kind: {**own, "sha256": describe(kind, own).sha256}}
    change(copy / "metrics.json", config={**metrics["config"], "dataset": held})
    run = record.read(copy)
    low, high = scaled(replace(signature_of(run), shape=(2, 2)), run).value_range
    assert -1 <= low < high <= 1
    bare = {**metrics["config"], "dataset": {kind: own}}
    change(copy / "metrics.json", config=bare)  # a stranger's, which could name any file
    with pytest.raises(InputError, match="does not say what its data are"):
        scaled(replace(signature_of(run), shape=(2, 2)), record.read(copy))
    (tmp_path / f"own.{kind}").unlink()
    with pytest.raises(InputError, match=r"are no longer at .*own.np.\nput them back, or say where they are now"):
        scaled(replace(signature_of(run), shape=(2, 2)), run)


def test_of_arrays_that_all_fit_a_model_of_one_number_the_examples_go_by_their_name(copy: Path) -> None:
    one = replace(signature_of(record.read(copy)), shape=(1,))
    arrays = {"y": np.arange(5), "x": np.linspace(0, 1, 5)[:, None]}
    name, x = examples_among(Path("some.npz"), arrays, one)
    assert (name, x.shape) == ("x", (5, 1))
    with pytest.raises(InputError, match="several arrays"):
        examples_among(Path("some.npz"), {"a": arrays["x"], "b": arrays["x"]}, one)


def test_probabilities_that_are_no_numbers_give_no_answer() -> None:
    shares = np.array([[0.2, 0.8], [math.nan, math.nan]], np.float32)
    said = predictions_of("classification", ["no", "yes"], shares, ["a", "=1+1"], np.array([1, 0]))
    good, bad = plain(said)
    assert (good["answer"], good["right"], good["probability"]) == ("yes", True, pytest.approx(0.8))
    assert (bad["answer"], bad["right"], bad["probability"], bad["truth"]) == (None, False, None, "no")
    assert csv_text(said).splitlines()[2].startswith("'=1+1,,,no,False,")


def test_of_several_labels_each_is_an_answer_of_its_own() -> None:
    shares = np.array([[0.9, 0.2, 0.6], [0.1, 0.5, 0.3]], np.float32)
    said = predictions_of("multi_label", ["sun", "rain", "wind"], shares, "ab", np.array([[1, 0, 1], [1, 0, 0]]))
    first, second = plain(said)
    assert (first["answer"], first["truth"], first["right"]) == (["sun", "wind"], ["sun", "wind"], True)
    assert (second["answer"], second["truth"], second["right"]) == ([], ["sun"], False)
    header, row, _ = csv_text(said).splitlines()
    assert header == "input,answer,truth,right,p(sun),p(rain),p(wind)"
    assert row.startswith("a,sun; wind,sun; wind,True,0.8999")


def test_values_stand_beside_the_true_ones_and_their_errors() -> None:
    values, truth = np.array([[1.5, -2.0]], np.float32), np.array([[1.0, 2.0]], np.float32)
    said = predictions_of("regression", ["input", "=b"], values, ["a"], truth)
    assert plain(said) == [{"input": "a", "values": [1.5, -2.0], "truth": [1.0, 2.0], "errors": [0.5, -4.0]}]
    assert csv_text(said).splitlines() == [
        "input,input,'=b,true input,true =b,error of input,error of =b",
        "a,1.5,-2.0,1.0,2.0,0.5,-4.0",
    ]


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"labels": np.array([0, 5])}, "its labels are no classes"),
        (
            {"probabilities": np.array([[1, 0, 0], [math.nan] * 3], np.float16)},
            "its probabilities are no finite numbers",
        ),
    ],
)
def test_predictions_that_are_forged_or_of_a_diverged_run_have_no_mistakes_to_show(
    copy: Path, arrays: dict[str, np.ndarray], told: str
) -> None:
    good = {
        "labels": np.array([0, 1]),
        "predicted": np.array([0, 0]),
        "probabilities": np.eye(3, dtype=np.float16)[:2],
        "split_fingerprint": np.array("0"),
    }
    np.savez(copy / "predictions.npz", **good | arrays)
    with pytest.raises(Refused, match=told):
        find_mistakes(record.read(copy), 5)


def test_a_wrong_label_whose_probability_is_rounded_to_one_half_is_a_mistake_all_the_same(copy: Path) -> None:
    labels, shares = np.array([[0, 1], [1, 0], [0, 1]], np.uint8), np.array([[0.1, 0.9], [0.5, 0.2], [0.4, 0.7]])
    predicted = np.array([[0, 1], [0, 0], [0, 1]], np.uint8)  # 0.49999 became 0.5 of 16 bits
    tested = {"labels": labels, "predicted": predicted, "probabilities": shares.astype(np.float16)}
    np.savez(copy / "predictions.npz", **tested, split_fingerprint=np.array("some"))
    assert find_wrong_labels(record.read(copy), 5).indices == (1,)


def console(width: int = 80, **kind: Any) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, **kind)


def test_a_picture_is_drawn_in_colours_where_there_are_some_and_in_shades_where_not() -> None:
    picture = np.array([[0, 255, 0], [255, 255, 0], [0, 0, 255]], np.uint8)
    coloured = drawn(picture, (0, 255), console(color_system="truecolor"))
    assert coloured is not None
    assert coloured.plain.split("\n") == ["▀▀▀", "▀▀▀"]
    assert str(coloured.spans[1].style) == "rgb(255,255,255) on rgb(255,255,255)"
    shaded = drawn(picture, (0, 255), console(no_color=True))
    assert shaded is not None
    assert shaded.plain.split("\n") == ["▒█ ", "  ▒"]


@pytest.mark.parametrize("shape", [(5, 4, 1), (5, 4, 3)])
def test_pictures_with_channels_are_drawn_too(shape: tuple[int, ...]) -> None:
    text = drawn(np.full(shape, 16.0), (0, 16), console(color_system="truecolor"))
    assert text is not None
    assert text.plain.split("\n") == ["▀▀▀▀"] * 3
    assert str(text.spans[0].style) == "rgb(255,255,255) on rgb(255,255,255)"


def test_a_picture_without_room_is_not_drawn() -> None:
    assert drawn(np.zeros((65, 10)), (0, 1), console()) is None
    assert drawn(np.zeros((10, 41)), (0, 1), console(width=40)) is None
