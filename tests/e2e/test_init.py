"""`nnexp init`: a config from a look at the data, which passes the check and trains."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_diabetes, load_digits, load_iris, make_multilabel_classification
from typer.testing import CliRunner

from nnexp.cli import application
from nnexp.config.experiment import load_experiment
from nnexp.data.content import idx_encode
from nnexp.data.datasets import DATASETS
from nnexp.starter import config_text


def a_table(folder: Path) -> None:
    frame = load_iris(as_frame=True).frame.rename(columns={"target": "Species"})
    frame[["Species", *frame.columns[:-1]]].to_csv(folder / "flowers.csv", index=False)


def arrays(folder: Path) -> None:
    x, y = load_digits(return_X_y=True)
    np.savez(folder / "digits.npz", x=x[:300].reshape(-1, 8, 8), y=y[:300])


def files_of_arrays(folder: Path) -> None:
    x, y = load_digits(return_X_y=True)
    np.save(folder / "X_train.npy", x[:300])
    np.save(folder / "y_train.npy", y[:300])
    np.save(folder / "X_val.npy", x[300:])  # of which no config knows


def files_as_mnist(folder: Path) -> None:
    x, y = load_digits(return_X_y=True)
    for name, part in (("train", slice(300)), ("t10k", slice(300, 400))):
        pictures = gzip.compress(idx_encode(x[part].reshape(-1, 8, 8).astype("uint8")))
        (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(pictures)
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx_encode(y[part].astype("uint8")))


def a_parquet_file(folder: Path) -> None:
    load_iris(as_frame=True).frame.to_parquet(folder / "iris.parquet")


def values(folder: Path) -> None:
    x, y = load_diabetes(return_X_y=True)
    np.save(folder / "features.npy", x)
    np.save(folder / "targets.npy", y)


def pictures(folder: Path) -> None:
    for kind, value in (("dark", 10), ("light", 200)):
        (folder / kind).mkdir()
        for number in range(10):
            Image.new("L", (6 + number % 2, 6), value + number).save(folder / kind / f"{number}.png")


def numbers(folder: Path) -> None:
    """Whole numbers, nearly all different: no classes."""
    load_diabetes(as_frame=True, scaled=False).frame.astype(int, errors="ignore").to_csv(folder / "a.csv", index=False)


def labels(folder: Path) -> None:
    x, y = make_multilabel_classification(100, 5, n_classes=3, random_state=0)
    frame = pd.DataFrame(np.hstack([x, y]).astype(int), columns=[*"abcde", "label_f", "label_g", "label_h"])
    frame.to_csv(folder / "a.csv", index=False)


def labelled_pictures(folder: Path) -> None:
    (folder / "photos").mkdir()
    rows = [f"{number}.png,{['cat;dog', 'dog', 'cat'][number % 3]}" for number in range(24)]
    (folder / "labels.csv").write_text("file,label\n" + "\n".join(rows) + "\n")
    for number in range(24):
        Image.new("L", (6, 6), number).save(folder / "photos" / f"{number}.png")


DIGITS = "dense: {units: 10, activation: softmax}"


@pytest.mark.parametrize(
    ("make", "task", "last", "loss"),
    [
        (numbers, "regression", "dense: 1", "mean_squared_error"),
        (labels, "multi_label", "dense: {units: 3, activation: sigmoid}", "binary_crossentropy"),
        (values, "regression", "dense: 1", "mean_squared_error"),
        (a_parquet_file, "classification", "dense: {units: 3, activation: softmax}", "sparse_categorical_crossentropy"),
        (files_of_arrays, "classification", DIGITS, "sparse_categorical_crossentropy"),
        (files_as_mnist, "classification", DIGITS, "sparse_categorical_crossentropy"),
        (labelled_pictures, "multi_label", "dense: {units: 2, activation: sigmoid}", "binary_crossentropy"),
    ],
)
def test_the_last_layer_is_that_of_the_task(tmp_path: Path, make: Any, task: str, last: str, loss: str) -> None:
    make(tmp_path)
    done = CliRunner().invoke(application(), ["init", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert f"# The task is {task}" in done.stdout
    assert f"  - {last}\n" in done.stdout
    [config] = tmp_path.glob("*.yaml")
    assert load_experiment(config).loss.name == loss
    assert load_experiment(config).description == ""  # that is for the user to say
    checked = CliRunner().invoke(application(), ["check", str(config)])
    assert checked.exit_code == 0, checked.output
    assert "warning" not in checked.output


def test_a_start_for_numbers_has_what_data_show_says_of_them_and_an_sgd_that_holds(tmp_path: Path) -> None:
    numbers(tmp_path)
    assert CliRunner().invoke(application(), ["init", str(tmp_path)]).exit_code == 0
    text = (tmp_path / "a.yaml").read_text()
    told = CliRunner().invoke(application(), ["data", "show", str(tmp_path / "a.yaml"), "--json"])
    train = json.loads(told.stdout)["targets"][0]
    assert f"- rescaling: {{scale: {train['deviation']:.4g}, offset: {train['mean']:.4g}}}\n" in text
    assert "# 354 examples to train on, a tenth of these for validation,\n" in text
    [entry] = re.findall(r"may diverge here;  (.+)  does not", text)
    (tmp_path / "a.yaml").write_text(text.replace("optimizer: adam", f"optimizer: {{{entry}}}"))
    checked = CliRunner().invoke(application(), ["check", str(tmp_path / "a.yaml")])
    assert checked.exit_code == 0, checked.output
    assert "warning" not in checked.output


@pytest.mark.parametrize(
    ("make", "kind"), [pytest.param(a_table, "csv", marks=pytest.mark.slow), (arrays, "npz"), (pictures, "images")]
)
def test_what_is_there_becomes_a_config_that_is_good(tmp_path: Path, nnexp: Any, make: Any, kind: str) -> None:
    make(tmp_path)
    done = nnexp("init", tmp_path)
    assert done.returncode == 0, done.stderr
    [config] = tmp_path.glob("*.yaml")
    assert done.stdout.strip() == config.read_text().strip()
    assert f"{kind}:" in config.read_text()
    lines = (done.stdout + done.stderr).splitlines()
    sweeps = [re.sub(r"\S*/", "", line).strip(" #") for line in lines if "nnexp sweep" in line]
    assert sweeps == [f"nnexp sweep {config.name} --hidden 16,64 --repeats 5"] * 2
    checked = nnexp("check", config)
    assert checked.returncode == 0, checked.stderr
    if kind == "csv":  # the others have trained in test_own_data.py
        run = nnexp("run", config, "--runs-dir", tmp_path / "runs", "--json")
        assert run.returncode == 0, run.stderr
        assert json.loads(run.stdout)["test"]["accuracy"] > 0.9  # so few examples, and it learns them as it is
    again = nnexp("init", tmp_path)
    assert again.returncode == 2
    assert "is there already" in again.stderr


def test_no_line_breaks_an_example_in_the_comments(tmp_path: Path) -> None:
    pictures(tmp_path)
    text, _ = config_text(tmp_path, "")
    assert "# classes: [b, a]  beside the path gives another.\n" in text
    assert "write  task: regression  beside" in text


def test_the_layers_that_a_start_for_grey_pictures_offers_fit_them(tmp_path: Path) -> None:
    arrays(tmp_path)
    text, name = config_text(tmp_path, "")
    assert "each 8 x 8" in text
    (tmp_path / name).write_text(text.replace("  # - ", "  - "))
    layers = load_experiment(tmp_path / name).layers
    assert [layer.name for layer in layers][:3] == ["reshape", "conv2d", "flatten"]
    checked = CliRunner().invoke(application(), ["check", str(tmp_path / name)])
    assert checked.exit_code == 0, checked.output


@pytest.mark.parametrize(("name", "epochs"), [("fashion_mnist", 10), ("digits", 30), ("iris", 140)])
def test_a_known_dataset_needs_no_data(tmp_path: Path, nnexp: Any, name: str, epochs: int) -> None:
    done = nnexp("init", tmp_path, "--from", name)
    assert done.returncode == 0, done.stderr
    assert load_experiment(tmp_path / f"{name}.yaml").epochs == epochs
    checked = nnexp("check", tmp_path / f"{name}.yaml")
    assert checked.returncode == 0, checked.stderr
    assert "warning" not in checked.stdout


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("size,price", "the column price, the last one"),
        ("Target,size", "the column Target, as its name says"),
        ("label_a,label_b,size", "the columns label_a, label_b, as their names say"),
    ],
)
def test_a_target_that_was_guessed_is_told_with_how_to_name_another(tmp_path: Path, names: str, said: str) -> None:
    rows = [",".join([str(n % 2)] * len(names.split(","))) for n in range(40)]
    (tmp_path / "a.csv").write_text("\n".join([names, *rows]) + "\n")
    done = CliRunner().invoke(application(), ["init", str(tmp_path)])
    assert done.exit_code == 0, done.output
    told = " ".join(line.lstrip("# ") for line in done.stdout.splitlines())
    assert f"To be learnt: {said}. For another remove this file, then:" in told
    assert f"# nnexp init {tmp_path} --target COLUMN\n" in done.stdout


@pytest.mark.parametrize(("rare", "offered"), [(10, True), (25, False)])  # of 100; 75 are three times as many
def test_where_one_class_has_far_more_examples_class_weights_are_offered(
    tmp_path: Path, rare: int, offered: bool
) -> None:
    rows = [f"{n},{'yes' if n < rare else 'no'}" for n in range(100)]
    (tmp_path / "a.csv").write_text("\n".join(["size,returned", *rows]) + "\n")
    text, name = config_text(tmp_path, "", ["returned"])
    said = "# no has 90 % of the examples:\n# class_weight: balanced  # rare classes count as much\noptimizer: adam"
    assert (said in text, "class_weight" in text) == (offered, offered)
    if offered:
        (tmp_path / name).write_text(text.replace("# class_weight", "class_weight"))
        assert load_experiment(tmp_path / name).class_weight == "balanced"


def test_rows_that_are_the_same_are_told(tmp_path: Path) -> None:
    frame = load_diabetes(as_frame=True).frame
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert "the same" not in config_text(tmp_path, "")[0]
    pd.concat([frame, frame[17:18]]).to_csv(tmp_path / "a.csv", index=False)
    told = " ".join(config_text(tmp_path, "")[0].split("\n# "))
    assert "Rows 19 and 444 are the same: one may be in the training part, its like in the test part" in told


def test_columns_that_nothing_can_be_learnt_from_are_left_out(tmp_path: Path) -> None:
    rows = [f"{n % 2},Passenger {n},2020-01-{n % 28 + 1:02},,{n % 7},{'SCQ'[n % 3]}" for n in range(300)]
    (tmp_path / "ship.csv").write_text("Survived,Name,Day,Cabin,Age,Port\n" + "\n".join(rows) + "\n")
    done = CliRunner().invoke(application(), ["init", str(tmp_path), "--target", "Survived"])
    assert done.exit_code == 0, done.output
    entry = load_experiment(tmp_path / "ship.yaml").dataset
    assert (entry.get("target"), entry.get("drop")) == ("Survived", ["Name", "Cabin"])
    assert "# Left out" in done.stdout
    assert "To be learnt" not in done.stdout  # it was asked for
    assert CliRunner().invoke(application(), ["check", str(tmp_path / "ship.yaml")]).exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--target", "Survive"], "did you mean 'Survived'?"),
        (["--from", "iris", "--target", "Survived"], "which iris is not"),
        (["--from", "parquet", "--target", "Survived"], "there are no parquet data"),
    ],
)
def test_a_target_is_a_column_of_the_table(tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "ship.csv").write_text("Survived,Age\n" + "0,1\n1,2\n" * 5)
    done = CliRunner().invoke(application(), ["init", str(tmp_path), *words])
    assert done.exit_code == 2
    assert said in done.stderr
    assert not list(tmp_path.glob("*.yaml"))


def test_nothing_to_start_from_is_told_with_what_would_be(tmp_path: Path, nnexp: Any) -> None:
    done = nnexp("init", tmp_path)
    assert done.returncode == 2
    assert all(name in done.stderr for name in DATASETS)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("x,y\n1,a\n2,b\n")
    done = nnexp("init", tmp_path, "--from", "csv")
    assert done.returncode == 2
    assert "a.csv, b.csv" in done.stderr
    assert not list(tmp_path.glob("*.yaml"))
    done = nnexp("init", tmp_path, "--target", "y")
    assert f"name one:  nnexp init {tmp_path}/a.csv --target y\n" in done.stderr
    assert nnexp("init", tmp_path, "--from", "excel").returncode == 2


def test_without_data_and_without_a_folder_the_example_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for run in ("runs/one", "runs/two"):  # whose plots are no data
        (tmp_path / run).mkdir(parents=True)
        (tmp_path / run / "config.yaml").touch()
        (tmp_path / run / "history.png").touch()
    missing = CliRunner().invoke(application(), ["run", "first.yaml"])
    assert "`nnexp init` writes one" in missing.stderr
    done = CliRunner().invoke(application(), ["init"])
    assert done.exit_code == 0, done.output
    assert "nnexp run fashion_mnist.yaml" in done.stderr
    assert CliRunner().invoke(application(), ["check", "fashion_mnist.yaml"]).exit_code == 0
    (tmp_path / "fashion_mnist.yaml").write_text("mine")
    assert CliRunner().invoke(application(), ["init"]).exit_code == 2
    assert (tmp_path / "fashion_mnist.yaml").read_text() == "mine"
    assert CliRunner().invoke(application(), ["init", "."]).exit_code == 2  # a folder that was named is to have data


def test_a_test_part_in_files_of_its_own_is_taken(tmp_path: Path) -> None:
    files_as_mnist(tmp_path)
    assert CliRunner().invoke(application(), ["init", str(tmp_path)]).exit_code == 0
    [config] = tmp_path.glob("*.yaml")
    assert config.stem == tmp_path.name
    entry = load_experiment(config).dataset
    test = [Path(str(entry.get(name))).name for name in ("test_path", "test_y")]
    assert test == ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["x.npy"], "as the labels; there are: x.npy"),
        (["a.npy", "b.npy"], "as the examples; there are: a.npy, b.npy"),
        (["x.npy", "y.npy", "x_test.npy"], "as the labels of the test part"),
        (["x.npy", "X_train.npy", "y.npy"], "more than one thing to start from: X_train.npy and x.npy"),
        (["train-images-idx3-ubyte"], "train-labels-idx1-ubyte"),
    ],
)
def test_what_files_of_arrays_lack_is_told(tmp_path: Path, names: list[str], said: str) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"not looked at")
    done = CliRunner().invoke(application(), ["init", str(tmp_path)])
    assert done.exit_code == 2
    assert said in done.stderr
    a_table(tmp_path)  # beside which they may be anything
    found = CliRunner().invoke(application(), ["init", str(tmp_path)])
    assert found.exit_code == 0, found.output


def test_a_folder_that_is_not_there_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "picture.txt").touch()  # nearer, but no folder
    for missing, hint in (("picture", f"did you mean '{tmp_path / 'pictures'}'?"), ("none", "make it, or name")):
        done = CliRunner().invoke(application(), ["init", str(tmp_path / missing)])
        assert done.exit_code == 2
        assert f"there is no folder {tmp_path / missing}; {hint}" in " ".join(done.stderr.split())
    missing_file = CliRunner().invoke(application(), ["init", str(tmp_path / "pictur.txt")])
    assert f"there is no file {tmp_path}/pictur.txt; did you mean" in " ".join(missing_file.stderr.split())
    of_no_data = CliRunner().invoke(application(), ["init", str(tmp_path / "picture.txt")])
    assert of_no_data.exit_code == 2
    assert "there are no data" in of_no_data.stderr


def test_a_file_of_data_is_taken_whatever_lies_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_table(tmp_path)
    labels(tmp_path)
    files_of_arrays(tmp_path)
    done = CliRunner().invoke(application(), ["init", str(tmp_path / "flowers.csv"), "--target", "Species"])
    assert done.exit_code == 0, done.output
    assert load_experiment(tmp_path / "flowers.yaml").dataset.get("target") == "Species"
    assert f"nnexp run {tmp_path}/flowers.yaml" in done.stderr
    monkeypatch.chdir(tmp_path)
    for file, kind in (("a.csv", "csv"), ("./y_train.npy", "npy")):  # an array of labels leads to that of examples
        done = CliRunner().invoke(application(), ["init", file, "--json"])
        assert done.exit_code == 0, done.output
        assert load_experiment(Path(json.loads(done.stdout)["config"])).dataset.name == kind
    done = CliRunner().invoke(application(), ["init", "a.csv", "--from", "iris"])
    assert done.exit_code == 2
    assert "--from iris takes no data" in done.stderr
