"""`nnexp predict`, `evaluate` and `mistakes`: what a trained model says of test examples and of files."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from PIL import Image, ImageOps
from typer.testing import CliRunner

from nnexp.cli import application
from nnexp.cli.console import stdout
from nnexp.data.datasets import DATASETS, load
from nnexp.runs import record

FEATURES = DATASETS["iris"].feature_names


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Make the terminal of commands that run here so many columns wide."""

    def set_width(columns: int) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        stdout.cache_clear()

    yield set_width
    stdout.cache_clear()


@pytest.fixture
def digits(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run of digits; what a command writes without being told where comes into `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    return trained / "digits"


@pytest.fixture
def iris(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run of iris, likewise."""
    monkeypatch.chdir(tmp_path)
    return trained / "iris"


def nnexp(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(application(), [*map(str, words)])
    assert result.exit_code == code, result.output
    return result


def predicted(*words: object) -> list[dict[str, Any]]:
    return json.loads(nnexp("predict", *words, "--json").stdout)["predictions"]


def probabilities(*words: object) -> np.ndarray:
    return np.array([one["probabilities"] for one in predicted(*words)])


def stored(run: Path) -> dict[str, np.ndarray]:
    with np.load(run / "predictions.npz") as file:
        return {name: file[name] for name in file.files}


def test_the_stored_model_says_of_test_examples_what_the_run_said(digits: Path) -> None:
    then, indices = stored(digits), [0, 7, 359, 20]
    now = predicted(digits, *(f"--index={index}" for index in indices))
    names = DATASETS["digits"].classes
    np.testing.assert_allclose([one["probabilities"] for one in now], then["probabilities"][indices], atol=1e-3)
    assert [one["answer"] for one in now] == [names[label] for label in then["predicted"][indices]]
    assert [one["truth"] for one in now] == [names[label] for label in then["labels"][indices]]
    assert [one["right"] for one in now] == (then["labels"] == then["predicted"])[indices].tolist()
    for one in now:
        assert sum(one["probabilities"]) == pytest.approx(1, abs=1e-5)
        assert one["probability"] == max(one["probabilities"])


def test_on_a_terminal_the_picture_is_drawn_above_a_bar_for_each_class(digits: Path) -> None:
    ours, theirs = os.openpty()
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "nnexp", "predict", str(digits), "--index", "0"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE, env=environment
    ) as child:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:  # Linux tells so that the other side is closed
            pass
        _, errors = child.communicate(timeout=300)
    os.close(ours)
    assert (child.returncode, errors) == (0, b"")
    lines = shown.decode().replace("\r", "").splitlines()
    assert sum(line.count("▀") for line in lines) == 8 * 8 / 2
    image = load(DATASETS["digits"], offline=True).x_test[0]
    brightest = np.rint(image.max() / 16 * 255).astype(int)
    assert f"{brightest};{brightest};{brightest}" in shown.decode()
    then = stored(digits)
    answer, truth = (str(then[name][0]) for name in ("predicted", "labels"))
    assert any("answer" in line and answer in line for line in lines)
    assert any(
        "truth" in line and truth in line and ("right" if answer == truth else "wrong") in line for line in lines
    )
    assert any("█" in line for line in lines)


@pytest.fixture
def picture(digits: Path, tmp_path: Path) -> Path:
    """A test example of digits as a PNG of bytes."""
    path = tmp_path / "one.png"
    pixels = load(DATASETS["digits"], offline=True).x_test[7] / 16 * 255
    Image.fromarray(pixels.round().astype(np.uint8)).save(path)
    return path


def test_a_picture_file_is_predicted_as_the_example_that_it_shows(digits: Path, picture: Path) -> None:
    np.testing.assert_allclose(probabilities(digits, picture), probabilities(digits, "--index=7"), atol=0.02)


def negative(picture: Image.Image) -> Image.Image:
    return ImageOps.invert(picture)


def cut_out(picture: Image.Image) -> Image.Image:
    """Ink on nothing: what is black becomes transparent, so that the paper is white."""
    ink = Image.new("RGBA", picture.size, "black")
    ink.putalpha(picture)
    return ink


@pytest.mark.parametrize(
    ("change", "options", "told"),
    [
        (lambda picture: picture.convert("RGB"), [], "8×8 RGB, made grey"),
        (lambda picture: picture.resize((80, 80), Image.Resampling.NEAREST), [], "80×80 L, scaled to 8×8"),
        (negative, ["--invert"], None),
        (cut_out, ["--invert"], "transparent parts made white, made grey"),
        (lambda picture: Image.fromarray(np.asarray(picture).astype(np.uint16) * 257), [], "made 8 bits a pixel"),
    ],
    ids=["colour", "large", "ink on paper", "transparent", "16 bits"],
)
def test_a_picture_is_made_as_the_model_takes_it_and_that_is_said(
    digits: Path,
    picture: Path,
    tmp_path: Path,
    change: Callable[[Image.Image], Image.Image],
    options: list[str],
    told: str | None,
) -> None:
    other = tmp_path / "other.png"
    change(Image.open(picture)).save(other)
    result = nnexp("predict", digits, other, *options, "--json")
    [one] = json.loads(result.stdout)["predictions"]
    np.testing.assert_allclose([one["probabilities"]], probabilities(digits, picture), atol=0.02)
    assert (told in result.stderr) if told else not result.stderr


def rows(run: Path) -> np.ndarray:
    return load(DATASETS[run.name], offline=True).x_test


def write_csv(
    path: Path, header: Sequence[str] | None, cells: Sequence[Sequence[object]], separator: str = ","
) -> Path:
    lines = [header, *cells] if header else cells
    path.write_text("".join(separator.join(map(str, line)) + "\n" for line in lines), encoding="utf-8-sig")
    return path


def test_rows_of_a_csv_file_are_taken_by_name_or_in_order(iris: Path, tmp_path: Path) -> None:
    x, expected = rows(iris), stored(iris)["probabilities"]
    order = [2, 0, 3, 1]
    named = write_csv(
        tmp_path / "named.csv",
        ["species", *(FEATURES[place] for place in order)],
        [["?", *row[order]] for row in x],
    )
    plain = write_csv(tmp_path / "plain.csv", None, x.tolist(), ";")
    result = nnexp("predict", iris, named, plain, "--json")
    found = json.loads(result.stdout)["predictions"]
    np.testing.assert_allclose([one["probabilities"] for one in found], [*expected, *expected], atol=1e-3)
    assert found[0]["input"] == f"{named}:2"
    assert found[len(x)]["input"] == f"{plain}:1"
    assert "truth" not in found[0]
    assert f"{named}: not looked at, since the model does not take it: species" in result.stderr


@pytest.mark.parametrize(
    ("header", "cells", "told"),
    [
        (FEATURES, [[5, 3, 1, 0.2], [5, "three", 1, 0.2]], ":3, column 2 (sepal width (cm)): 'three' is no number"),
        (FEATURES, [[5, "", 1, 0.2]], "new.csv:2, column 2 (sepal width (cm)): the cell is empty"),
        (None, [[5, 3, 1, 0.2], [5, 3, "nan", 0.2]], ":2, column 3 (petal length (cm)): 'nan' is no number that"),
        (None, [[5, 3, 1, 0.2], [5, 3, 1]], "new.csv:2: 3 cells, not 4"),
        (["id", *FEATURES], [[5, 3, 1, 0.2]], "new.csv:2: 4 cells, not 5"),
        (["a", "b", "c"], [[5, 3, 1, "x"]], "new.csv has 3 columns; the model takes 4"),
        (FEATURES, [["first", 5, 3, 1, 0.2]], "new.csv:2: 5 cells, not 4"),
        (None, [[5, 3, 1]], "new.csv has 3 columns; the model takes 4: sepal length (cm), sepal width"),
        ([*FEATURES[:3], "petal width"], [[5, 3, 1, 0.2], [5, 3, 1, "x"]], "new.csv:3, column 4 (petal width): 'x'"),
        ([*FEATURES[:3], "petal width", "kind"], [[5, 3, 1, 0.2, 0]], "'petal width (cm)'; is it 'petal width'?"),
        (FEATURES, [], "new.csv has a header, and no rows below it"),
    ],
)  # fmt: skip
def test_what_does_not_fit_in_a_csv_file_is_told_with_its_place(
    iris: Path, tmp_path: Path, header: Sequence[str] | None, cells: Sequence[Sequence[object]], told: str
) -> None:
    result = nnexp("predict", iris, write_csv(tmp_path / "new.csv", header, cells), code=2)
    assert told in result.stderr
    assert not result.stdout


def test_rows_of_an_own_table_are_encoded_as_in_training(trained: Path, tmp_path: Path) -> None:
    run, new = trained / "own", tmp_path / "new.csv"
    tested = [one["input"] for one in predicted(run, "--index=0", "--index=1")]
    assert tested == ["test example 0", "test example 1"]
    new.write_text("colour;size\nred;3\n;3\nblack;\n")
    result = nnexp("predict", run, new, "--json")
    known, *others = [one["probabilities"] for one in json.loads(result.stdout)["predictions"]]
    assert known != others[0]
    assert "column 'colour': training never met black; taken for none of its categories" in result.stderr
    assert "column 'colour': empty in row 3; taken for none of its categories" in result.stderr
    new.write_text("colour;size\nred;3\n\nblack;3\n")
    assert [one["input"] for one in predicted(run, new)] == [f"{new}:2", f"{new}:4"]  # as messages call them
    pd.read_csv(new, sep=";").to_parquet(new.with_suffix(".parquet"))
    assert [one["input"].rpartition(":")[2] for one in predicted(run, new.with_suffix(".parquet"))] == ["1", "2"]
    new.write_text("colour;size\nred;3\nred;many\n")
    assert f"{new}: row 3, column 'size': 'many' is no number" in nnexp("predict", run, new, code=2).stderr


def test_all_that_is_wrong_with_a_table_is_told_at_once(trained: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.csv"
    new.write_text("color;size;kind\nred;many;a\nred;3;b\n")
    assert nnexp("predict", trained / "own", new, code=2).stderr.splitlines() == [
        f"error: {new}: row 2, column 'size': 'many' is no number",
        f"{new} has no column 'colour'; is it 'color'? Then rename that",
        "it was a number in the training part: mend the cell, or leave it empty",
        "the model takes: size, colour",
    ]


def test_cells_that_are_empty_or_far_from_those_of_training_are_noted(trained: Path, tmp_path: Path) -> None:
    run, new = trained / "own", tmp_path / "new.csv"
    [size] = [column for column in json.loads((run / "columns.json").read_text()) if column["name"] == "size"]
    new.write_text(f"colour;size\nred;{size['most'] + 1}\nred;\nblue;-900\nred;900\nred;\n")
    result = nnexp("predict", run, new)
    assert [line.partition("column ")[2] for line in result.stderr.splitlines()] == [
        f"'size': empty in row 3 and 1 more; the training median {size['median']:g} stands in",
        f"'size': -900 in row 4 and 1 more is far outside the {size['least']:g} to {size['most']:g} of training",
    ]
    figures = record.read(run).test
    assert result.stdout.splitlines()[-1].startswith(f"on the run's test part: accuracy {figures['accuracy']:.4f}")


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ("none", ""),
        ("balanced", "class_weight balanced: its probabilities are of classes that count the same, not of how often"),
        ({"setosa": 2.0}, "class weights: its probabilities are of classes that count by these, not of how often"),
    ],
)
def test_probabilities_of_weighted_classes_are_noted(iris: Path, tmp_path: Path, weights: Any, told: str) -> None:
    run = Path(shutil.copytree(iris, tmp_path / "weighted"))
    recorded = json.loads((run / "metrics.json").read_text())
    assert recorded["config"]["class_weight"] == "none"
    recorded["config"]["class_weight"] = weights
    (run / "metrics.json").write_text(json.dumps(recorded))
    (tmp_path / "new.csv").write_text("5,3,1,1\n")
    for words in (["--index=0"], [tmp_path / "new.csv"]):
        notes = nnexp("predict", run, *words, "--json").stderr
        assert notes == (f"note: trained with {told} they are\n" if told else "")


@pytest.mark.parametrize(
    "write",
    [
        lambda path, x: np.save(path.with_suffix(".npy"), x),
        lambda path, x: np.save(path.with_suffix(".npy"), x.reshape(len(x), 64)),
        lambda path, x: np.save(path.with_suffix(".npy"), x[..., None]),
        lambda path, x: np.savez(path.with_suffix(".npz"), images=x, labels=np.zeros(len(x), int)),
    ],
    ids=["images", "flat", "with a channel", "beside labels"],
)
def test_arrays_of_examples_are_predicted_in_order(
    digits: Path, tmp_path: Path, write: Callable[[Path, np.ndarray], object]
) -> None:
    write(tmp_path / "new", rows(digits)[:5])
    [path] = tmp_path.glob("new.*")
    np.testing.assert_allclose(probabilities(digits, path), stored(digits)["probabilities"][:5], atol=1e-3)


def test_a_single_example_may_stand_in_an_array_alone(digits: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", rows(digits)[3])
    np.testing.assert_allclose(
        probabilities(digits, tmp_path / "one.npy"), stored(digits)["probabilities"][3:4], atol=1e-3
    )


def test_pictures_that_were_normalized_before_are_noticed(digits: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "scaled.npy", rows(digits)[:5] / 16)
    result = nnexp("predict", digits, tmp_path / "scaled.npy")
    assert "the model learnt from raw ones, 0 to 16" in result.stderr


def test_predictions_of_files_are_a_table_and_all_of_it_can_be_written(
    digits: Path, tmp_path: Path, wide: Callable[[int], None]
) -> None:
    wide(100)
    np.save(tmp_path / "new.npy", rows(digits)[:3])
    table = nnexp("predict", digits, "new.npy", "-o", "out.csv").stdout
    names = DATASETS["digits"].classes
    answers = [names[label] for label in stored(digits)["predicted"][:3]]
    for place, answer in enumerate(answers):
        [line] = [line for line in table.splitlines() if f"new.npy[{place}]" in line]
        assert line.split()[1] == answer
    printed = nnexp("predict", digits, "new.npy", "--csv").stdout
    assert printed == (tmp_path / "out.csv").read_text()
    found = list(csv.DictReader(io.StringIO(printed)))
    assert [row["answer"] for row in found] == answers
    assert [[float(row[f"p({name})"]) for name in names] for row in found] == [
        one["probabilities"] for one in predicted(digits, "new.npy", "-o", "out.json")
    ]
    assert len(json.loads((tmp_path / "out.json").read_text())["predictions"]) == 3


def test_what_the_model_sees_can_be_written_as_pictures(digits: Path, tmp_path: Path) -> None:
    nnexp("predict", digits, "--index=0", "--index=1", "--png", tmp_path / "seen.png")
    with Image.open(tmp_path / "seen.png") as grid:
        assert grid.width > grid.height


REFUSED: dict[str, tuple[list[str], str]] = {
    "nothing to predict": (["{digits}"], "give either files, or test examples by --index"),
    "files and an index": (["{digits}", "a.png", "--index=0"], "give either files, or test examples by --index"),
    "an index out of range": (["{digits}", "--index=360"], "the test part of digits has 360 examples; give 0 to 359"),
    "two formats": (["{digits}", "--index=0", "--csv", "--json"], "--csv and --json go to the same stdout"),
    "no such file": (["{digits}", "nothing.png"], "nothing.png: there is no such file"),
    "a directory": (["{digits}", "{folder}"], "is a directory; name the files in it"),
    "another kind of file": (["{digits}", "{folder}/words.txt"], ".txt is not known\nknown: pictures (PNG"),
    "a picture that is none": (["{digits}", "{folder}/words.png"], "words.png cannot be read as a picture"),
    "a picture for a table": (["{iris}", "{folder}/words.png"], "is a picture, but the model takes 4 numbers"),
    "an array that does not fit": (
        ["{digits}", "{folder}/small.npy"],
        "has no array of n examples of the shape [8, 8], which the model takes\nit holds: small float64[3, 7, 7]",
    ),
    "pickled objects": (["{digits}", "{folder}/objects.npy"], "objects.npy cannot be read as arrays of numbers"),
    "a damaged header": (["{digits}", "{folder}/header.npy"], "header.npy cannot be read as arrays of numbers"),
    "more than any memory": (["{digits}", "{folder}/large.npy"], "large.npy cannot be read as arrays of numbers"),
    "an archive of the future": (["{digits}", "{folder}/zip99.npz"], "zip99.npz cannot be read as arrays of numbers"),
    "a result of the run": (["{digits}", "--index=0", "-o", "{digits}/metrics.json"], "runs themselves write a metr"),
    "a table with another name": (["{digits}", "--index=0", "-o", "out.txt"], "it must end in .csv or .json"),
    "a picture of a table": (["{iris}", "--index=0", "--png", "a.png"], "--png: this model does not take pictures"),
    "arrays inverted": (["{digits}", "{folder}/small.npy", "--invert"], "--invert turns light and dark round"),
    "no run": (["{folder}", "--index=0"], "no run folder: it has no metrics.json"),
}  # fmt: skip


def damage(folder: Path) -> None:
    """Write arrays of which NumPy and zipfile raise other errors than ValueError."""
    np.save(folder / "header.npy", np.ones((3, 8, 8)))
    whole = (folder / "header.npy").read_bytes()
    (folder / "header.npy").write_bytes(whole.replace(b"(3, 8, 8)", b"(3, 8, 8,"))
    with (folder / "large.npy").open("wb") as file:
        about = {"descr": "<f8", "fortran_order": False, "shape": (3, 8, 10**15)}
        np.lib.format.write_array_header_1_0(file, about)
    np.savez(folder / "zip99.npz", x=np.ones((3, 8, 8)))
    whole = (folder / "zip99.npz").read_bytes()
    place = whole.rindex(b"PK\1\2") + 6  # the version that it takes to read a member
    (folder / "zip99.npz").write_bytes(whole[:place] + b"\x63" + whole[place + 1 :])


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_predicted_is_told_and_nothing_is_written(
    digits: Path, trained: Path, tmp_path: Path, what: str
) -> None:
    (tmp_path / "words.txt").write_text("words")
    damage(tmp_path)
    (tmp_path / "words.png").write_text("words")
    np.save(tmp_path / "small.npy", np.zeros((3, 7, 7)))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    before = {path: path.read_bytes() for folder in (digits, tmp_path) for path in folder.rglob("*") if path.is_file()}
    words, told = REFUSED[what]
    places = {"digits": digits, "iris": trained / "iris", "folder": tmp_path}
    result = nnexp("predict", *(word.format(**places) for word in words), code=2)
    assert told in result.stderr
    assert not result.stdout
    assert before == {
        path: path.read_bytes() for folder in (digits, tmp_path) for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("order", ["most confident", "worst"])
def test_mistakes_come_in_the_order_that_was_asked_for(digits: Path, tmp_path: Path, order: str) -> None:
    then = stored(digits)
    wrong = np.flatnonzero(then["labels"] != then["predicted"])
    shares = then["probabilities"].astype(float)
    key = -shares[wrong].max(axis=1) if order == "most confident" else shares[wrong, then["labels"][wrong]]
    expected = np.sort(key)[:5]
    result = nnexp("mistakes", digits, "--count", 5, "--json", *(["--worst"] if order == "worst" else []))
    told = json.loads(result.stdout)
    assert (told["wrong"], told["examples"], told["order"], told["picture"]) == (len(wrong), 360, order, None)
    named = "probability" if order == "most confident" else "probability_of_true"
    sign = -1 if order == "most confident" else 1
    assert [sign * one[named] for one in told["mistakes"]] == expected.tolist()
    for one in told["mistakes"]:
        assert one["true"] == DATASETS["digits"].classes[then["labels"][one["index"]]]
        assert one["predicted"] == DATASETS["digits"].classes[then["predicted"][one["index"]]]
    assert not list(tmp_path.iterdir())


def test_mistakes_on_pictures_are_a_grid_and_rows(digits: Path, tmp_path: Path) -> None:
    result = nnexp("mistakes", digits, "--count", 8)
    told = json.loads(nnexp("mistakes", digits, "--count", 8, "--json").stdout)
    assert f"{told['wrong']} of 360 test examples are wrong; the 8 most confident:" in result.stdout
    for one in told["mistakes"]:
        assert any(
            line.split()[:3] == [str(one["index"]), one["true"], one["predicted"]]
            for line in result.stdout.splitlines()
        )
    assert result.stderr == "pictures: mistakes.png\n"
    with Image.open(tmp_path / "mistakes.png") as grid:
        few = grid.size
    nnexp("mistakes", digits, "--count", 20, "-o", "more.png")
    with Image.open(tmp_path / "more.png") as grid:
        assert grid.height > few[1]
        assert grid.width == few[0]


def test_mistakes_on_a_table_show_its_columns(iris: Path, tmp_path: Path, wide: Callable[[int], None]) -> None:
    wide(160)
    told = json.loads(nnexp("mistakes", iris, "--json").stdout)
    shown = nnexp("mistakes", iris).stdout
    assert told["mistakes"], "this run is to have mistakes"
    for one in told["mistakes"]:
        assert list(one["features"].values()) == rows(iris)[one["index"]].tolist()
    assert all(name in shown for name in FEATURES)
    wide(80)
    assert "more columns; --json has all" in nnexp("mistakes", iris).stdout
    assert not list(tmp_path.iterdir())
    assert "there are no pictures" in nnexp("mistakes", iris, "-o", "a.png", code=2).stderr


def test_the_stored_model_has_the_accuracy_that_the_run_recorded(digits: Path) -> None:
    found = record.read(digits)
    told = json.loads(nnexp("evaluate", digits, "--json").stdout)
    assert told["accuracy"] == pytest.approx(found.test["accuracy"], abs=1e-6)
    assert told["accuracy_interval"] == pytest.approx(found.test_intervals["accuracy"])
    assert told["confusion_matrix"] == found.evaluation["confusion_matrix"]
    assert (told["dataset"], told["examples"]) == ("the test part of digits", 360)
    assert told["test_split"] == found.test_split
    shown = nnexp("evaluate", digits, "--dataset", "digits").stdout
    assert "the same as the run recorded" in shown
    assert f"accuracy  {found.test['accuracy']:.4f}" in shown


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("wine", "an example of wine has the shape (13,), but the model takes (4,)"),
        ("irs", "did you mean 'iris'?"),
        ("nothing.npz", "nothing.npz: there is no such file or folder"),
    ],
)
def test_a_dataset_that_does_not_fit_the_model_is_refused(iris: Path, other: str, told: str) -> None:
    result = nnexp("evaluate", iris, "--dataset", other, code=2)
    assert told in result.stderr
    assert not result.stdout


def test_a_model_is_evaluated_on_pictures_in_folders_named_by_class(digits: Path, tmp_path: Path) -> None:
    then = stored(digits)
    chosen = range(30)
    for index in chosen:
        folder = tmp_path / "mine" / str(then["labels"][index])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((rows(digits)[index] / 16 * 255).round().astype(np.uint8)).save(folder / f"{index}.png")
    told = json.loads(nnexp("evaluate", digits, "--dataset", "mine", "--json").stdout)
    assert told["examples"] == len(chosen)
    assert told["accuracy"] == pytest.approx(
        (then["labels"] == then["predicted"])[chosen].mean(), abs=1.5 / len(chosen)
    )
    (tmp_path / "mine" / "nine").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "mine" / "nine" / "a.png")
    assert (
        "has the class 'nine', which the model does not know"
        in nnexp("evaluate", digits, "--dataset", "mine", code=2).stderr
    )


@pytest.mark.parametrize("named", [False, True], ids=["numbers", "names"])
def test_a_model_is_evaluated_on_arrays_with_labels(iris: Path, named: bool) -> None:
    then, names = stored(iris), np.array(DATASETS["iris"].classes)
    right = then["labels"] == then["predicted"]
    np.savez("mine.npz", x=rows(iris)[:20], y=names[then["labels"][:20]] if named else then["labels"][:20])
    told = json.loads(nnexp("evaluate", iris, "--dataset", "mine.npz", "--json").stdout)
    assert (told["examples"], told["accuracy"]) == (20, pytest.approx(right[:20].mean()))
    np.savez("bare.npz", x=rows(iris)[:20])
    assert "needs one array of 20 labels" in nnexp("evaluate", iris, "--dataset", "bare.npz", code=2).stderr


def test_a_model_of_an_own_table_is_evaluated_on_another_one(trained: Path, tmp_path: Path) -> None:
    run, other = trained / "own", tmp_path / "other.csv"
    other.write_text("\n".join((trained / "own.csv").read_text().splitlines()[:13]))
    whole = json.loads(nnexp("evaluate", run, "--dataset", other, "--json").stdout)
    shares = probabilities(run, other)
    right = [("a", "b")[answer] == ("a", "b")[place % 2] for place, answer in enumerate(shares.argmax(axis=1))]
    assert (whole["examples"], whole["accuracy"]) == (12, pytest.approx(np.mean(right)))
    other.write_text("colour;size;kind\nred;3;a\nred;3;c\n")
    assert f"{other}: column 'kind' has the value 'c'" in nnexp("evaluate", run, "--dataset", other, code=2).stderr
    other.write_text("colour;size;kind\nred;3;a\nred;3;\n")
    assert f"{other}: column 'kind' has the value ''" in nnexp("evaluate", run, "--dataset", other, code=2).stderr
