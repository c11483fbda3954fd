"""Configs as a program gives them: whatever their form, the same experiment, and all that is wrong is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnexp
from nnexp.config.experiment import load_experiment
from nnexp.config.loading import parse_config
from nnexp.config.overrides import Override

TEXT = """
dataset: digits
layers: [flatten, dense: {units: 16, activation: relu}, dense: {units: 10, activation: softmax}]
epochs: 3
"""
DATA = parse_config(TEXT, "").plain()
FORMS: dict[str, Callable[[Path], Any]] = {
    "a path": lambda path: path,
    "the text of a path": str,
    "YAML text": lambda path: TEXT,
    "a dict": lambda path: DATA,
    "an experiment": nnexp.load,
    "numbers of NumPy, a tuple": lambda path: DATA | {"epochs": np.int64(3), "layers": tuple(DATA["layers"])},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The config in a file."""
    (tmp_path / "small.yaml").write_text(TEXT)
    return tmp_path / "small.yaml"


@pytest.mark.parametrize("form", FORMS)
def test_a_config_means_the_same_in_whatever_form_it_is_given(path: Path, form: str) -> None:
    assert nnexp.load(FORMS[form](path)).identity == load_experiment(path).identity


def test_a_config_is_named_after_its_file_or_as_it_says(path: Path) -> None:
    assert nnexp.load(path).name == "small"
    assert nnexp.load(TEXT).name == "experiment"
    assert nnexp.load(DATA, name="mine").name == "mine"


CHANGES: dict[str, dict[str, Any]] = {
    "epochs=5": {"epochs": 5},
    "--hidden=32x8": {"hidden": "32x8"},
    "--activation=tanh": {"activation": "tanh"},
    "optimizer.learning_rate=0.5": {"learning_rate": np.float32(0.5)},
    "layers.1.units=7": {"layers.1.units": 7},
    "callbacks=[early_stopping: {patience: 1, monitor: loss}]": {
        "callbacks": [{"early_stopping": {"patience": 1, "monitor": "loss"}}]
    },
    "checkpoint=false": {"checkpoint": False},
}


@pytest.mark.parametrize("option", CHANGES)
def test_changes_are_those_of_the_command_line(path: Path, option: str) -> None:
    wanted = load_experiment(path, [Override.parse(option)])
    assert nnexp.load(path, **CHANGES[option]) == wanted
    assert wanted != load_experiment(path)


def test_an_optimizer_is_replaced_before_its_parts_are_set_in_whatever_order(path: Path) -> None:
    one = nnexp.load(path, optimizer="sgd", learning_rate=0.5)
    assert one == nnexp.load(path, **{"optimizer.learning_rate": 0.5}, optimizer="sgd")
    assert (one.optimizer.name, one.optimizer.get("learning_rate")) == ("sgd", 0.5)


WRONG: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "several changes": (TEXT, {"epoch": 3, "optimizer": "adm"}, ["epoch=3: unknown key", "'epochs'?", "'adam'?"]),
    "a text": (TEXT + "epocs: 5\n", {}, ["config:5:1: unknown key 'epocs'", "did you mean 'epochs'?"]),
    "a dict": (DATA | {"batch_size": 0}, {}, ["config: batch_size must be a whole number"]),
    "an empty dict": ({}, {}, ["no 'dataset'", "no 'layers'"]),
    "a model that does not fit": (DATA | {"layers": [{"dense": 5}]}, {}, ["labels of digits need (None, 10)"]),
    "a value that is no data": (DATA, {"seed": object()}, ["seed=<object", "not object"]),
    "a list": ([DATA], {}, ["a config is a path", "not list"]),
    "a file that is not there": ("nothing.yaml", {}, ["nothing.yaml: no such file"]),
    "a sweep": ({"base": DATA, "grid": {"epochs": [1, 2]}}, {}, ["this is a sweep", "nnexp.sweep"]),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("do", [nnexp.load, nnexp.run], ids=["load", "run"])
def test_what_is_wrong_is_told_and_nothing_is_written(
    do: Callable[..., Any], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, changes, told = WRONG[what]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(nnexp.InputError) as caught:
        do(config, **changes)
    for words in told:
        assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


WRONG_SWEEPS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a seed that varies": ({"grid": {"seed": [1, 2]}}, ["seed: the seed cannot be varied here", "`repeats: 5`"]),
    "a name that is none": ({"grid": {"hiden": [1, 2]}}, ["'hiden' is no part of a config", "did you mean 'hidden'?"]),
    "no values": ({"grid": {"hidden": []}}, ["hidden: it has no values"]),
    "a point that cannot work": ({"grid": {"epochs": [1, 0]}}, ["epochs=0: epochs must be", "1 of 2 points"]),
    "a part that varies and does not": ({"grid": {"epochs": [1, 2]}, "epochs": 3}, ["'epochs' is given twice"]),
    "no workers": ({"workers": 0}, ["workers=0"]),
    "no repeats": ({"repeats": 0}, ["1 to 10000"]),
    "the same seed twice": ({"seed": [1, 1]}, ["a seed stands twice"]),
}


@pytest.mark.parametrize("what", WRONG_SWEEPS)
def test_what_is_wrong_with_a_sweep_is_told_and_nothing_is_written(what: str, tmp_path: Path) -> None:
    arguments, told = WRONG_SWEEPS[what]
    with pytest.raises(nnexp.InputError) as caught:
        nnexp.sweep(TEXT, runs=tmp_path / "runs", **arguments)
    for words in told:
        assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_runs_are_not_made_where_a_file_stands(path: Path) -> None:
    with pytest.raises(nnexp.InputError, match="is a file, not a directory"):
        nnexp.run(path, runs=path)


def test_importing_nnexp_imports_nothing_but_itself() -> None:
    code = "import sys; before = set(sys.modules); import nnexp; print(*set(sys.modules) - before)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [name for name in found.stdout.split() if name.split(".")[0] not in sys.stdlib_module_names] == ["nnexp"]


def test_the_package_of_runs_is_a_function_and_still_a_package(tmp_path: Path) -> None:
    code = "import sys, nnexp.runs.record; print(len(nnexp.runs(sys.argv[1])), nnexp.runs.record.__name__)"
    found = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert found.stdout == "0 nnexp.runs.record\n"
    assert len(nnexp.runs(tmp_path)) == 0


def test_every_name_of_the_api_is_there_and_no_other() -> None:
    for name in nnexp.__all__:
        assert getattr(nnexp, name) is not None
        assert name in dir(nnexp)
    with pytest.raises(AttributeError, match="no attribute 'sweeep'"):
        nnexp.sweeep  # noqa: B018
