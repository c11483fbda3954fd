"""Own data whose names hold signs that no terminal shows, such as a space that breaks no line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from nnexp.config.experiment import load_experiment
from nnexp.resume import reasons_against
from nnexp.runs import record

TABLE = "data\N{NO-BREAK SPACE}of mine/own.csv"
COLUMN, TARGET = "size\N{NO-BREAK SPACE}(cm)", "kind\N{NO-BREAK SPACE}of"
COLOURS = ("dark\N{ZERO WIDTH NON-JOINER}red", "blue")
KINDS = ("می\N{ZERO WIDTH NON-JOINER}روم", "b")
CONFIG = """
dataset: {{csv: {{path: '{path}', target: '{target}'}}}}
layers: [dense: {{units: 2, activation: softmax}}]
epochs: 1
"""
Command = Callable[..., Result]


@pytest.fixture(scope="session")
def odd(once: Any, train: Any) -> Path:
    """A folder with a run, `run`, on such a table."""

    def fill(folder: Path) -> None:
        rows = [f"{number},{COLOURS[number % 3 == 0]},{KINDS[number % 2]}" for number in range(40)]
        path = folder / TABLE
        path.parent.mkdir()
        path.write_text("\n".join([f"{COLUMN},colour,{TARGET}", *rows]), encoding="utf-8")
        train(folder, {"run": ("odd", CONFIG.format(path=path, target=TARGET))})

    return once("odd", fill)


def as_json(nnexp_here: Command, *words: object) -> Any:
    return json.loads(nnexp_here(*words, "--json").stdout)


def test_a_table_is_read_by_the_columns_and_categories_that_were_trained_on(odd: Path, nnexp_here: Command) -> None:
    told = nnexp_here("predict", odd / "run", odd / TABLE, "--json")
    assert "training never met" not in told.stderr
    with np.load(odd / "run" / "predictions.npz") as then:
        stored = then["probabilities"].astype(float)
    shares = np.array([one["probabilities"] for one in json.loads(told.stdout)["predictions"]])
    assert all(np.isclose(shares, one, atol=1e-3).all(axis=1).any() for one in stored)


def test_a_run_that_was_cut_off_goes_on_with_the_config_that_it_began_with(odd: Path) -> None:
    reasons = reasons_against(record.read(odd / "run"), load_experiment(odd / "run" / "config.yaml"))
    assert not [reason for reason in reasons if "config.yaml" in reason]


def test_the_runs_own_data_are_found_and_its_classes_known(odd: Path, tmp_path: Path, nnexp_here: Command) -> None:
    run = odd / "run"
    [one] = as_json(nnexp_here, "predict", run, "--index", 0)["predictions"]
    with np.load(run / "predictions.npz") as then:
        np.testing.assert_allclose(one["probabilities"], then["probabilities"][0], atol=1e-3)
    accuracy = json.loads((run / "metrics.json").read_text())["test"]["accuracy"]
    assert as_json(nnexp_here, "evaluate", run)["accuracy"] == pytest.approx(accuracy)
    copy = tmp_path / "copy.csv"
    copy.write_text((odd / TABLE).read_text() + f"\n90,blue,{KINDS[0]}\n")
    assert as_json(nnexp_here, "evaluate", run, "--dataset", copy)["examples"] == 41
