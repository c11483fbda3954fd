"""Own data in a config: read when it is checked, found from the config's folder, told with file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml

from nnexp.config import schema
from nnexp.config.experiment import load_experiment
from nnexp.config.overrides import Override
from nnexp.config.sweep import load_sweep, parse_axis
from nnexp.errors import ConfigError
from nnexp.sweeps.expand import expand

LAYERS = "layers: [dense: {units: 2, activation: softmax}]\n"
TABLE = "x,y\n" + "".join(f"{n},{'ab'[n % 2]}\n" for n in range(20))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "table.csv").write_text(TABLE)
    return tmp_path


def config(folder: Path, dataset: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(f"dataset: {dataset}\n{LAYERS}")
    return path


def test_paths_are_from_the_configs_folder_and_the_config_is_complete(folder: Path) -> None:
    path = config(folder, "{csv: {path: data/table.csv, target: y}}")
    found = load_experiment(path)
    assert found.dataset.get("path") == str(folder / "data" / "table.csv")
    assert found.normalization.name == "standardize"
    elsewhere = folder / "complete.yaml"
    elsewhere.write_text(found.yaml())
    again = load_experiment(elsewhere)
    assert again.plain() | {"name": ""} == found.plain() | {"name": ""}


def test_identity_is_of_what_the_data_are_not_of_where_they_lie(folder: Path) -> None:
    found = load_experiment(config(folder, "{csv: {path: data/table.csv, target: y}}"))
    (folder / "other").mkdir()
    shutil.copy(folder / "data" / "table.csv", folder / "other" / "moved.csv")
    moved = load_experiment(config(folder, "{csv: {path: other/moved.csv, target: y}}"))
    assert moved.identity == found.identity
    (folder / "other" / "moved.csv").write_text(TABLE.replace("19,", "20,"))
    changed = load_experiment(config(folder, "{csv: {path: other/moved.csv, target: y}}"))
    assert changed.identity != found.identity


@pytest.mark.parametrize(
    ("column", "task", "loss"),
    [("y", "classification", "sparse_categorical_crossentropy"), ("z", "regression", "mean_squared_error")],
)
def test_the_task_that_the_data_tell_is_written_into_the_complete_config(
    folder: Path, column: str, task: str, loss: str
) -> None:
    (folder / "data" / "table.csv").write_text("x,y,z\n" + "".join(f"{n},{n % 2},{n / 4}\n" for n in range(20)))
    found = load_experiment(config(folder, f"{{csv: {{path: data/table.csv, target: {column}}}}}"))
    assert (found.dataset.get("task"), found.loss.name) == (task, loss)
    said = load_experiment(config(folder, f"{{csv: {{path: data/table.csv, target: {column}, task: {task}}}}}"))
    assert said.identity == found.identity


def test_parameters_can_be_set_on_the_command_line(folder: Path) -> None:
    path = config(folder, "{csv: {path: data/table.csv, target: y}}")
    found = load_experiment(path, [Override("dataset.test", "0.5", "--set")])
    assert found.dataset.get("test") == 0.5


def test_paths_of_a_sweep_are_from_its_file_and_go_with_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "data" / "more.csv").write_text(TABLE.replace("19,", "20,"))
    config(folder, "{csv: {path: data/table.csv, target: y}}")
    sweep = folder / "sweep.yaml"
    sweep.write_text(
        "base: config.yaml\n"
        "variants: [{name: one}, {name: two, set: {dataset: {csv: {path: data/more.csv, target: y}}}}]\n"
    )
    grid = folder / "grid.yaml"
    grid.write_text("base: config.yaml\ngrid: {dataset.path: [data/table.csv, data/more.csv]}\n")
    written = folder / "elsewhere" / "sweep.yaml"
    written.parent.mkdir()
    for path in (sweep, grid):
        plan = load_sweep(path, [])
        written.write_text(plan.yaml())
        for points in (expand(plan), expand(load_sweep(written, []))):
            paths = [point.experiment.dataset.get("path") for point in points if point.experiment]
            assert paths == [str(folder / "data" / name) for name in ("table.csv", "more.csv")]
    monkeypatch.chdir(folder)
    asked = load_sweep(folder / "config.yaml", [parse_axis("dataset.path", "data/table.csv,data/more.csv", "--set")])
    assert asked.grid[0].values == [str(Path.cwd() / "data" / name) for name in ("table.csv", "more.csv")]


BAD = {
    "csv": ("unknown dataset: 'csv'", 1, 10),
    "cvs": ("unknown dataset: 'cvs'", 1, 10),
    "{digits: {test: 0.4}}": ("digits has no settings", 1, 10),
    "[digits]": ("unknown dataset: a list", 1, 10),
    "5": ("unknown dataset: 5", 1, 10),
    "{}": ("unknown dataset: ", 1, 10),
    "{csv: {target: y}}": ("csv needs 'path'", 1, 11),
    "{csv: {path: data/table.csv}}": ("csv needs 'target'", 1, 11),
    "{csv: {path: data/table.csv, targt: y, target: y}}": ("csv has no parameter 'targt'", 1, 40),
    "{csv: {path: data/none.csv, target: y}}": ("there is no file", 1, 18),
    "{csv: {path: data/table.csv, target: z}}": ("there is no column 'z'", 1, 40),
    "{csv: {path: data/table.csv, target: y, test: 2}}": ("test must be a number between 0 and 1", 1, 49),
    "{csv: {path: ~nobody-here/a.csv, target: y}}": ("there is no file", 1, 18),
    "{csv: {path: data/table.csv, target: y, test: 0.5, split_column: y}}": ("both say what the test part is", 1, 60),
    "{csv: {path: data/table.csv, target: y, separator: ab}}": ("separator must be one character", 1, 60),
    "{csv: {path: [a], target: y}}": ("path must be a path", 1, 18),
    "{images: {path: data/table.csv}}": ("there is no folder", 1, 21),
    "{npz: data/table.csv}": ("table.csv is no NPZ file", 1, 11),
    "{csv: {path: data/table.csv, target: {y: 1}}}": ("target must be a name, or a list of names", 1, 40),
    "{csv: {path: data/table.csv, target: [y, z]}}": ("there is no column 'z'", 1, 40),
    "{csv: {path: data/table.csv, target: y, task: regresion}}": ("task must be classification, multi", 1, 54),
    "{csv: {path: data/table.csv, target: y, task: regression}}": ("row 2, 'y': 'a' is no finite number", 1, 40),
    "{csv: {path: data/table.csv, target: y, weight_column: z}}": ("there is no column 'z'", 1, 40),
    "{images: {path: data, size: 3}}": ("size must be [height, width]", 1, 33),
}  # fmt: skip


@pytest.mark.parametrize(
    ("dataset", "hint"),
    [
        (
            "{csv: {path: data/tabel.csv, target: y}}",
            "did you mean '{folder}/data/table.csv'? {folder}/data has: table.csv",
        ),
        ("{csv: {path: data/none.csv, target: y}}", "{folder}/data has: table.csv"),
        ("{images: {path: date}}", "did you mean '{folder}/data'? {folder} has: config.yaml, data, date.csv"),
    ],
)
def test_a_path_that_is_not_there_is_told_with_the_one_that_was_meant(folder: Path, dataset: str, hint: str) -> None:
    (folder / "date.csv").touch()
    with pytest.raises(ConfigError) as caught:
        load_experiment(config(folder, dataset))
    assert caught.value.problems[0].hint == hint.format(folder=folder)


@pytest.mark.parametrize("dataset", BAD)
def test_what_is_wrong_is_told_with_its_place(folder: Path, dataset: str) -> None:
    said, line, _ = BAD[dataset]
    with pytest.raises(ConfigError) as caught:
        load_experiment(config(folder, dataset))
    [problem] = caught.value.problems
    assert said in problem.message
    assert problem.hint
    assert (problem.place.source, problem.place.line) == (str(folder / "config.yaml"), line)


def test_the_schema_knows_own_data(folder: Path) -> None:
    np.savez(folder / "a.npz", x=np.arange(40.0).reshape(20, 2), y=np.arange(20) % 2)
    validator = jsonschema.Draft202012Validator(schema.build())
    several = "{csv: {path: data/table.csv, target: [y], task: classification}}"
    for dataset in ("{csv: {path: data/table.csv, target: y}}", "{npz: a.npz}", "digits", several):
        path = config(folder, dataset)
        assert not list(validator.iter_errors(yaml.safe_load(path.read_text())))
        complete = (
            load_experiment(path).plain() if dataset != "digits" else {"dataset": "digits", "layers": ["flatten"]}
        )
        assert not list(validator.iter_errors(complete))
    for dataset in ("{csv: {path: data/table.csv}}", "{csv: {path: a, target: y, tset: 1}}", "{zip: a}", "csv"):
        assert list(validator.iter_errors({"dataset": yaml.safe_load(dataset), "layers": ["flatten"]})), dataset
