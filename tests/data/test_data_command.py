"""`nnexp data`: what people and programs read, and what it does with a name it does not know."""

from __future__ import annotations

import io
import json

import matplotlib.image
import pytest
from rich.console import Console
from sklearn.datasets import load_diabetes
from typer.testing import CliRunner

from nnexp.cli import application, fetch_progress
from nnexp.cli.fetch_progress import RichFetchProgress
from nnexp.data.datasets import DATASETS

runner = CliRunner()


def nnexp(*words: str):
    return runner.invoke(application(), ["data", *words], env={"COLUMNS": "140"})


def test_ls_names_every_dataset_and_where_it_is(cache_root):
    shown = nnexp("ls").stdout
    assert all(name in shown for name in DATASETS)
    assert "CC BY-SA 3.0" in shown
    told = {row["name"]: row for row in json.loads(nnexp("ls", "--json").stdout)}
    assert told["iris"]["where"] == "bundled"
    assert told["mnist"]["where"] == "not yet"
    assert told["cifar10"]["shape"] == [32, 32, 3]


def test_show_of_images_saves_a_picture_of_the_first_ones(cache_root, tmp_path):
    done = nnexp("show", "digits", "--count", "12")
    assert done.exit_code == 0
    assert "digits.png" in done.stdout
    assert "8×8, float32" in done.stdout
    assert "0 to 16" in done.stdout
    height, width, _ = matplotlib.image.imread(tmp_path / "digits.png").shape
    assert width > 3 * height  # ten in a row, so two rows
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["digits.png"]


def test_show_of_a_table_prints_the_first_rows(cache_root, tmp_path):
    done = nnexp("show", "iris", "--count", "3")
    assert "sepal length (cm)" in done.stdout
    assert "3: setosa" in done.stdout
    assert "4: " not in done.stdout
    assert list(tmp_path.glob("*.png")) == []


def test_show_of_numbers_to_learn_says_where_they_lie(cache_root):
    original = load_diabetes()
    told = json.loads(nnexp("show", "diabetes", "--json").stdout)
    assert told["task"] == "regression"
    train, test = told["targets"]
    assert min(train["least"], test["least"]) == original.target.min()
    assert max(train["most"], test["most"]) == original.target.max()
    mean = (train["mean"] * told["train_size"] + test["mean"] * told["test_size"]) / len(original.target)
    assert mean == pytest.approx(original.target.mean())
    assert "1 number (regression)" in nnexp("show", "diabetes").stdout


def test_show_of_a_config_shows_its_own_data_as_they_are_read(cache_root, tmp_path):
    (tmp_path / "a.csv").write_text("x,a,b\n" + "1,yes,0\n2,no,1\n3,yes,1\n" * 10)
    config = tmp_path / "a.yaml"
    config.write_text(
        "dataset: {csv: {path: a.csv, target: [a, b]}}\nlayers: [dense: {units: 2, activation: sigmoid}]\n"
    )
    told = json.loads(nnexp("show", str(config), "--json").stdout)
    assert [(row["class"], row["train"] + row["test"]) for row in told["class_balance"]] == [("a", 20), ("b", 20)]
    shown = nnexp("show", str(config)).stdout
    assert "1 number, float32" in shown
    assert "2 labels (multi_label)" in shown
    assert "0.2 of the examples are held out, drawn with split_seed 0." in shown
    assert list(tmp_path.glob("*.png")) == []


def test_show_of_an_own_table_says_what_became_of_texts_and_empty_cells(cache_root, tmp_path):
    rows = [
        f"{'' if n % 10 == 0 else n},{('', 'red', 'blue')[n % 3]},{n % 2},{'train' if n else 'test'}" for n in range(40)
    ]
    (tmp_path / "a.csv").write_text("\n".join(["size,tint,y,part", *rows]) + "\n")
    config = tmp_path / "a.yaml"
    dataset = "{csv: {path: a.csv, target: y, split_column: part}}"
    config.write_text(f"dataset: {dataset}\nlayers: [dense: {{units: 2, activation: softmax}}]\n")
    shown = nnexp("show", str(config)).stdout
    assert "4 numbers, float32" in shown
    assert "tint (3 values): a column of 0 and 1 for each value" in shown
    told = "size 3, tint 13, of the training part; the median stands in, for texts a value of its own"
    assert told in " ".join(shown.split())
    assert "The column 'part' says it of each row." in shown
    assert "mean of the training part" not in shown  # over columns in units of their own it says nothing
    columns = {column["name"]: column for column in json.loads(nnexp("show", str(config), "--json").stdout)["columns"]}
    assert columns["size"] == {"name": "size", "missing": 3, "median": 20.0, "least": 1.0, "most": 39.0}


def test_rows_of_an_own_table_that_are_the_same_are_told_as_an_editor_counts_them(cache_root, tmp_path):
    rows = [f"{n},{'red' if n % 2 else 'blue'},{n}.5,{n}" for n in range(40)]
    (tmp_path / "a.csv").write_text("\n".join(["size,tint,y,id", *rows]) + "\n")
    config = tmp_path / "a.yaml"

    def shown(files):
        layers = "layers: [dense: 1]"
        config.write_text(f"dataset: {{csv: {{{files}, target: y, drop: [id]}}}}\n{layers}\n")
        return " ".join(nnexp("show", str(config)).stdout.split())

    assert "are the same" not in shown("path: a.csv")
    with (tmp_path / "a.csv").open("a") as file:
        file.write(f"{rows[7]}\n\n{rows[30]}\n{rows[7]}\n")  # an empty line counts too
        file.write("3,red,3.5,300\n")  # not the same in the column that is not learnt from
    same = "Rows 9 and 42 are the same, and 2 more repeat an earlier one: one may be in the training part, its like in"
    assert same in shown("path: a.csv")
    told = json.loads(nnexp("show", str(config), "--json").stdout)
    assert told["repeated_rows"] == {"first": "row 9", "second": "row 42", "count": 3}
    (tmp_path / "a.csv").write_text("\n".join(["size,tint,y,id", *rows[:30]]) + "\n")
    (tmp_path / "b.csv").write_text("\n".join(["y,size,tint,id", "40.5,40,red,40", "4.5,4.0,blue,4", ""]))
    assert "Rows 6 and 3 of b.csv are the same: one may" in shown("path: a.csv, test_path: b.csv")


@pytest.mark.parametrize(("rare", "told"), [(5, True), (10, False)])  # of 40; a fifth of each class is for the test
def test_show_says_where_one_class_has_far_more_examples(cache_root, tmp_path, rare, told):
    rows = [f"{n},{'yes' if n < rare else 'no'},{'test' if n % 5 == 0 else 'train'}" for n in range(40)]
    (tmp_path / "a.csv").write_text("\n".join(["size,y,part", *rows]) + "\n")
    config = tmp_path / "a.yaml"
    dataset = "{csv: {path: a.csv, target: y, split_column: part}}"
    config.write_text(f"dataset: {dataset}\nlayers: [dense: {{units: 2, activation: softmax}}]\n")
    line = "no has 88 % of the training examples: in a config  class_weight: balanced  makes rare classes count as much"
    assert (line in nnexp("show", str(config)).stdout) == told
    assert "class_weight" not in nnexp("show", "iris").stdout


def test_show_for_programs_is_json_without_a_picture(cache_root, tmp_path):
    told = json.loads(nnexp("show", "digits", "--json").stdout)
    assert told["training_range"] == [0, 16]
    assert sum(row["train"] for row in told["class_balance"]) == told["train_size"]
    assert told["picture"] is None
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("show", "iriss"), "did you mean 'iris'?"),
        (("fetch", "wine", "minst"), "did you mean 'mnist'?"),
        (("show", "iris", "-o", "iris.png"), "iris is a table"),
        (("show", "digits", "-o", "digits.gif"), "ends in .png"),
        (("show", "digits", "-o", "nowhere/digits.png"), "the folder nowhere does not exist"),
    ],
)
def test_wrong_input_is_told_and_exits_2(cache_root, words, told):
    done = nnexp(*words)
    assert done.exit_code == 2
    assert told in done.stderr
    assert "Traceback" not in done.output


def test_fetch_says_where_each_came_from_and_lists_what_it_could_not_get(cache_root):
    done = nnexp("fetch", "--offline", "iris", "cifar10")
    assert done.exit_code == 1
    assert "iris: 120 training and 30 test examples, verified; from scikit-learn." in done.stdout
    assert "cifar10 could not be fetched" in done.stderr
    assert "https://www.cs.toronto.edu/~kriz/: not asked (offline)" in done.stderr


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_a_bar_on_a_terminal_and_a_line_elsewhere(terminal):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100)
    progress = RichFetchProgress(console)
    for total in (2_000_000, None):
        progress.start("https://example.org/train-images.gz", total)
        progress.advance(1_000_000)
        progress.done()
        progress.advance(1)  # a download that was given up may still count
    progress.say("a word [to the user]")
    shown = console.file.getvalue()
    assert "https://example.org/train-images.gz" in shown
    assert "a word [to the user]" in shown
    assert ("1.0/2.0 MB" in shown) == terminal


def test_a_long_step_that_nobody_watches_says_how_far_it_is(monkeypatch):
    monkeypatch.setattr(fetch_progress, "_EVERY", -1.0)
    console = Console(file=io.StringIO())
    progress = RichFetchProgress(console, "decoding")
    progress.start("500 examples into the cache", 4_000_000)
    progress.advance(1_000_000)
    progress.advance(-1_000_000)  # as a download does that counts whole chunks, right before its end
    progress.done()
    progress.advance(1_000_000)
    assert console.file.getvalue().splitlines() == [
        "decoding: 500 examples into the cache",
        "decoding: 1 MB of 4 MB, about 0 s left",
    ]


def test_the_list_says_how_much_the_cache_holds_and_where(cache_root):
    (cache_root.parent / "decoded").mkdir(parents=True)
    (cache_root.parent / "decoded" / "a.npy").write_bytes(bytes(3_000_000))
    assert f"the cache: 3 MB in {cache_root.parent}\n" in nnexp("ls").stdout
