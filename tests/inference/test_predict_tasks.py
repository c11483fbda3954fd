"""`predict`, `evaluate` and `mistakes` of runs that tell labels or values, and of those whose own data have moved."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from PIL import Image
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score

from nnexp.report.mistakes import largest_errors
from nnexp.report.mistakes import test_images as images_of
from nnexp.runs import record

Command = Callable[..., Result]


@pytest.fixture
def moved(tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place with copies of the runs' data in it, and of the runs, whose configs name data that are gone."""
    monkeypatch.chdir(tmp_path)
    for name in ("values.csv", "labels.npz", "run-values", "run-labels", "run-images", "pictures"):
        source = tasks / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    for metrics in tmp_path.glob("run-*/metrics.json"):
        metrics.write_text(metrics.read_text().replace(str(tasks), "/gone"))
    return tmp_path


def stored(run: Path) -> dict[str, np.ndarray]:
    with np.load(run / "predictions.npz") as file:
        return {name: file[name] for name in file.files}


def as_json(nnexp_here: Command, *words: object) -> Any:
    return json.loads(nnexp_here(*words, "--json").stdout)


def test_values_of_test_examples_are_those_of_the_run_with_truth_and_error(tasks: Path, nnexp_here: Command) -> None:
    run, then = tasks / "run-values", stored(tasks / "run-values")
    told = as_json(nnexp_here, "predict", run, "--index=2", "--index=7")
    assert (told["task"], told["targets"]) == ("regression", ["near", "far"])
    for index, one in zip((2, 7), told["predictions"], strict=True):
        assert one["values"] == pytest.approx(then["predicted"][index].tolist(), rel=1e-5)
        assert one["truth"] == then["labels"][index].tolist()
        assert one["errors"] == pytest.approx((then["predicted"] - then["labels"])[index].tolist(), rel=1e-4)
    shown = nnexp_here("predict", run, "--index", 2).stdout
    near = next(cells for line in shown.splitlines() if (cells := line.split())[:1] == ["near"])
    assert [float(cell) for cell in near[1:3]] == pytest.approx(
        [then["predicted"][2][0], then["labels"][2][0]], rel=1e-3
    )


def test_values_of_rows_of_a_file_are_a_table_and_csv(tasks: Path, nnexp_here: Command) -> None:
    run, rows = tasks / "run-values", tasks / "values.csv"
    found = list(csv.DictReader(io.StringIO(nnexp_here("predict", run, rows, "--csv").stdout)))
    assert list(found[0]) == ["input", "near", "far"]
    first = as_json(nnexp_here, "predict", run, rows)["predictions"][0]
    assert [float(found[0][name]) for name in ("near", "far")] == first["values"]
    shown = nnexp_here("predict", run, rows).stdout
    assert f"{float(found[99]['far']):.5g}" in shown


def test_each_label_is_told_with_its_probability_the_answer_and_the_truth(tasks: Path, nnexp_here: Command) -> None:
    run, then = tasks / "run-labels", stored(tasks / "run-labels")
    [one] = as_json(nnexp_here, "predict", run, "--index=4")["predictions"]
    names = np.array(["left", "top", "=right"])
    assert one["probabilities"] == pytest.approx(then["probabilities"][4].tolist(), abs=1e-3)
    assert one["answer"] == names[then["predicted"][4] == 1].tolist()
    assert one["truth"] == names[then["labels"][4] == 1].tolist()
    assert one["right"] == bool((then["labels"] == then["predicted"])[4].all())
    lines = [line.split()[:4] for line in nnexp_here("predict", run, "--index=4").stdout.splitlines()]
    for place, name in enumerate(names):
        said, true = (("no", "yes")[then[key][4][place]] for key in ("predicted", "labels"))
        assert [name, f"{one['probabilities'][place]:.4f}", said, true] in lines


@pytest.mark.parametrize("name", ["values", "labels", "images"])
def test_the_stored_model_has_the_figures_that_the_run_recorded(tasks: Path, nnexp_here: Command, name: str) -> None:
    run = tasks / f"run-{name}"
    found, told = record.read(run), as_json(nnexp_here, "evaluate", run)
    assert told["test_split"] == found.test_split
    assert told[found.headline] == pytest.approx(found.test[found.headline], rel=1e-5)
    assert told[f"{found.headline}_interval"] == pytest.approx(found.test_intervals[found.headline], rel=1e-4)
    assert "the same as the run recorded" in nnexp_here("evaluate", run).stdout


def test_values_are_evaluated_on_another_table(tasks: Path, tmp_path: Path, nnexp_here: Command) -> None:
    run, other = tasks / "run-values", tmp_path / "other.csv"
    table = pd.read_csv(tasks / "values.csv")[:30]
    table.to_csv(other, index=False)
    told = as_json(nnexp_here, "evaluate", run, "--dataset", other)
    values = [one["values"] for one in as_json(nnexp_here, "predict", run, other)["predictions"]]
    true = table[["near", "far"]]
    assert told["examples"] == 30
    assert told["mean_absolute_error"] == pytest.approx(mean_absolute_error(true, values), rel=1e-5)
    assert [row["r2_score"] for row in told["per_target"]] == pytest.approx(
        r2_score(true, values, multioutput="raw_values"), rel=1e-4
    )
    table.assign(far=["none", *table["far"][1:]]).to_csv(other, index=False)
    assert (
        f"{other}: row 2, 'far': 'none' is no finite number"
        in nnexp_here("evaluate", run, "--dataset", other, code=2).stderr
    )


def test_labels_are_evaluated_on_other_arrays(tasks: Path, tmp_path: Path, nnexp_here: Command) -> None:
    run, other = tasks / "run-labels", tmp_path / "other.npz"
    with np.load(tasks / "labels.npz") as held:
        x, y = held["x"][:40], held["y"][:40]
    np.savez(other, x=x, y=y)
    told = as_json(nnexp_here, "evaluate", run, "--dataset", other)
    shares = [one["probabilities"] for one in as_json(nnexp_here, "predict", run, other)["predictions"]]
    assert told["exact_match"] == pytest.approx(accuracy_score(y, np.array(shares) > 0.5))
    np.savez(other, x_train=x, y_train=y, x_test=x[:9], y_test=y[:9])
    assert as_json(nnexp_here, "evaluate", run, "--dataset", other)["examples"] == 9
    np.savez(other, x=x, y=y[:, :2])
    wrong = nnexp_here("evaluate", run, "--dataset", other, code=2)
    assert "needs one array of 40 by 3 labels beside its examples" in wrong.stderr


def test_the_largest_errors_come_first_with_the_columns_of_the_table(tasks: Path, nnexp_here: Command) -> None:
    run, then = tasks / "run-values", stored(tasks / "run-values")
    told = as_json(nnexp_here, "mistakes", run, "--count", 5)
    far = (np.abs(then["predicted"] - then["labels"]) / then["labels"].std(axis=0)).sum(axis=1)
    assert [one["index"] for one in told["mistakes"]] == np.argsort(-far)[:5].tolist()
    assert told["order"] == "largest error"
    table = pd.read_csv(tasks / "values.csv").set_index("far")
    for one in told["mistakes"]:
        row = table.loc[min(table.index, key=lambda far, true=one["true"][1]: abs(far - true))]
        assert one["features"] == {"width": pytest.approx(row["width"]), "tint": row["tint"]}
    assert "the 5 largest errors on 20 test examples" in nnexp_here("mistakes", run, "--count", 5).stdout


def test_rows_of_an_own_table_are_named_as_editors_count_them(tasks: Path, nnexp_here: Command) -> None:
    run, lines = tasks / "run-values", (tasks / "values.csv").read_text().splitlines()
    shown = largest_errors(record.read(run), images_of()).shown
    true = stored(run)["labels"][[one["index"] for one in as_json(nnexp_here, "mistakes", run)["mistakes"]]]
    rows = [int(one.cells[0].removeprefix("values.csv:")) for one in shown]
    for row, (near, far) in zip(rows, true, strict=False):
        assert [float(cell) for cell in lines[row - 1].split(",")[3:]] == pytest.approx([near, far], rel=1e-6)
    assert all(f" values.csv:{row} " in nnexp_here("mistakes", run).stdout for row in rows)


def test_of_many_targets_it_is_said_how_many_a_table_leaves_out(
    tasks: Path, tmp_path: Path, nnexp_here: Command
) -> None:
    run = shutil.copytree(tasks / "run-values", tmp_path / "many")
    metrics, arrays = json.loads((run / "metrics.json").read_text()), stored(run)
    rows = metrics["evaluation"]["per_target"]
    metrics["evaluation"]["per_target"] = [{**row, "target": f"{row['target']} {k}"} for k in range(3) for row in rows]
    (run / "metrics.json").write_text(json.dumps(metrics))
    np.savez(run / "predictions.npz", **{k: np.tile(a, (1, 3)) if a.ndim else a for k, a in arrays.items()})
    shown, told = nnexp_here("mistakes", run).stdout, as_json(nnexp_here, "mistakes", run)
    assert "and 3 more targets; --json has all" in shown.splitlines()
    assert {len(one["errors"]) for one in told["mistakes"]} == {6}
    assert largest_errors(record.read(run), lambda _: "").said.endswith("; the first 4 of 6 targets are shown:")
    assert "more target" not in nnexp_here("mistakes", tasks / "run-values").stdout


@pytest.mark.parametrize("order", ["--worst", "--most-confident"])
def test_wrong_labels_come_in_the_order_that_was_asked_for(
    tasks: Path, tmp_path: Path, nnexp_here: Command, order: str
) -> None:
    run, then, picture = tasks / "run-labels", stored(tasks / "run-labels"), tmp_path / "wrong.png"
    told = as_json(nnexp_here, "mistakes", run, order, "-o", picture)
    missed = then["labels"] != then["predicted"]
    surest = np.where(missed, np.abs(then["probabilities"].astype(float) - 0.5), 0).max(axis=1)
    count = missed.sum(axis=1)
    expected = sorted(
        np.flatnonzero(count), key=lambda place: (-count[place] if order == "--worst" else 0, -surest[place])
    )
    assert [one["index"] for one in told["mistakes"]] == expected
    assert told["wrong"] == len(expected)
    assert all(len(one["probabilities_of_wrong"]) == count[one["index"]] for one in told["mistakes"])
    with Image.open(picture) as grid:
        assert grid.width > grid.height / 10


def test_own_pictures_that_were_taken_for_others_are_a_grid(
    tasks: Path, tmp_path: Path, nnexp_here: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = as_json(nnexp_here, "mistakes", tasks / "run-images")
    assert told["mistakes"], "this run is to have mistakes"
    assert nnexp_here("mistakes", tasks / "run-images").stderr == "pictures: mistakes.png\n"


def test_a_mistake_on_an_own_table_names_its_row(tasks: Path, nnexp_here: Command) -> None:
    lines = (tasks / "values.csv").read_text().splitlines()
    targets = [lines[0].split(",").index(name) for name in ("near", "far")]
    for one in as_json(nnexp_here, "mistakes", tasks / "run-values", "--count=3")["mistakes"]:
        file, _, row = one["row"].partition(":")
        assert file == "values.csv"
        cells = lines[int(row) - 1].split(",")
        assert [float(cells[place]) for place in targets] == pytest.approx(one["true"])


MOVED = {"values": "values.csv", "labels": "labels.npz", "images": "pictures"}


@pytest.mark.parametrize("name", MOVED)
def test_own_data_that_have_moved_are_found_where_one_says(moved: Path, nnexp_here: Command, name: str) -> None:
    run, data = moved / f"run-{name}", moved / MOVED[name]
    for words in (["predict", run, "--index=0"], ["evaluate", run], ["export", run, "-f", "keras"]):
        told = nnexp_here(*words, code=2).stderr
        assert f"are no longer at /gone/{MOVED[name]}\nput them back, or say where they are now:  --dataset" in told
    [one] = as_json(nnexp_here, "predict", run, "--index=0", "--dataset", data)["predictions"]
    assert one["truth"] is not None
    assert as_json(nnexp_here, "evaluate", run, "--dataset", data)["test_split"] == record.read(run).test_split
    nnexp_here("mistakes", run, "--dataset", data, "--json")
    nnexp_here("export", run, "-f", "keras", "--dataset", data)


def test_pictures_are_scaled_to_own_arrays_that_have_moved(moved: Path, nnexp_here: Command) -> None:
    run, picture = moved / "run-labels", next((moved / "pictures").rglob("*.png"))
    assert "say where they are now:  --dataset PATH" in nnexp_here("predict", run, picture, code=2).stderr
    assert as_json(nnexp_here, "predict", run, picture, "--dataset", moved / "labels.npz")["predictions"]
    told = nnexp_here("predict", run, "labels.npz", "--dataset", moved / "labels.npz", code=2).stderr
    assert "--dataset says where the run's own data are" in told


def test_other_data_are_not_taken_for_those_of_the_run(moved: Path, nnexp_here: Command) -> None:
    pd.read_csv("values.csv")[::-1].to_csv("other.csv", index=False)
    for words in (["predict", "--index=0"], ["export", "-f", "script"]):
        told = nnexp_here(words[0], "run-values", *words[1:], "--dataset", "other.csv", code=2).stderr
        assert "other.csv does not hold the data that run-values was trained on" in told
    assert not list(moved.glob("*.py"))
    assert as_json(nnexp_here, "evaluate", "run-values", "--dataset", "other.csv")["examples"] == 100


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("values", {"residuals.png"}),
        ("labels", {"curves.png"}),
        ("images", {"curves.png", "confusion_matrix.png"}),
    ],
)
def test_an_evaluation_can_be_drawn(
    tasks: Path, tmp_path: Path, nnexp_here: Command, name: str, drawn: set[str]
) -> None:
    run = tasks / f"run-{name}"
    nnexp_here("evaluate", run, "--plots", tmp_path / "drawn")
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == drawn
    before = {path: path.read_bytes() for path in run.iterdir()}
    assert "that is a run, which stays as it was" in nnexp_here("evaluate", run, "--plots", run, code=2).stderr
    assert before == {path: path.read_bytes() for path in run.iterdir()}
