"""The section Question: what the configurations differ in, in words that say something, and what is the same in all."""

from __future__ import annotations

import html
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from reports import Edit, Report

from nnexp.config.experiment import parse_experiment
from nnexp.config.loading import parse_config
from nnexp.data.own.columns import Columns


def facts(page: Path) -> dict[str, str]:
    """The names and values of the section."""
    part, _, _ = page.read_text().partition('<section id="answer"')
    found = re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", part, re.DOTALL)
    return {name: html.unescape(re.sub(r"</?strong>", "", text)) for name, text in found}


@pytest.fixture
def crossed(digits: list[Path], edited: Edit, tmp_path: Path) -> list[Path]:
    """Two variants with two optimizers each."""
    made = []
    stacks = {
        "plain": lambda layers: layers,
        "normalized": lambda layers: [*layers[:2], "batch_normalization", *layers[2:]],
    }
    optimizers = ({"adam": {"learning_rate": 0.001}}, {"sgd": {"learning_rate": 0.002, "momentum": 0.0}})
    for (name, stack), optimizer in itertools.product(stacks.items(), optimizers):

        def change(config: dict[str, Any], stack: Any = stack, optimizer: Any = optimizer) -> dict[str, Any]:
            return {**config, "layers": stack(config["layers"]), "optimizer": optimizer}

        made.append(edited(digits[0], tmp_path / f"{name}_{next(iter(optimizer))}", name=name, config=change))
    return made


def test_a_variant_is_told_by_its_layers_and_an_optimizer_with_its_learning_rate(
    crossed: list[Path], report: Report
) -> None:
    told = facts(report(*crossed))
    assert set(told["variant"].split("<br>")) == {
        "plain: flatten, dense 16 relu, dense 10 softmax",
        "normalized: flatten, dense 16 relu, batch_normalization, dense 10 softmax",
    }
    assert told["optimizer"] == "adam (learning_rate 0.001) · sgd (learning_rate 0.002)"
    assert told["the same in all"].startswith("normalization standardize · batch_size 32 · epochs 3 · validation")


def with_callbacks(text: str) -> Any:
    """A change of a config: it has these callbacks, with all their defaults."""

    def change(config: dict[str, Any]) -> dict[str, Any]:
        written = yaml.safe_dump(config, sort_keys=False)
        return parse_experiment(parse_config(written.replace("callbacks: []", text), "a.yaml"), "a").plain()

    return change


def test_callbacks_are_told_with_what_was_set_of_them(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    stop = "early_stopping: {monitor: val_loss, patience: 20, restore_best_weights: true}"
    by_name = {
        "best": f"callbacks: [{stop}, stop_when: val_loss < 0.1, stop_when: loss < 0.2, csv_logger: a.csv]",
        "less": f"callbacks: [{stop}]".replace("20", "5"),
        "more": f"callbacks: [{stop}]",
    }
    best, less, more = (
        edited(digits[0], tmp_path / name, config=with_callbacks(text)) for name, text in by_name.items()
    )
    kept = "early_stopping (monitor val_loss, patience 20, restore_best_weights true)"
    all_of_best = f"{kept}, stop_when (val_loss < 0.1), stop_when (loss < 0.2), csv_logger"
    assert f" · callbacks {all_of_best} · validation " in facts(report(best))["config"]
    shared = " · callbacks early_stopping (monitor val_loss, restore_best_weights true) · "
    assert shared in facts(report(less, more))["the same in all"]
    assert set(facts(report(best, more))["callbacks"].split("<br>")) == {all_of_best, kept}


def test_what_is_the_same_in_all_runs_is_told_and_what_differs_left_open(digits: list[Path], report: Report) -> None:
    told = facts(report(*digits))
    assert told["hidden"] == "4 · 16"
    layers, rest = told["the same in all"].split("<br>")
    assert layers == "flatten, dense … relu, dense 10 softmax (… stands for what varies)"
    assert " · optimizer adam (learning_rate 0.001) · batch_size 32 · epochs 3 · " in rest


def test_stacks_of_other_lengths_share_what_they_begin_and_end_with(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    def deeper(config: dict[str, Any]) -> dict[str, Any]:
        first, hidden, last = config["layers"]
        return {**config, "layers": [first, hidden, {"dense": {**hidden["dense"], "units": 8}}, last]}

    told = facts(report(digits[0], edited(digits[0], tmp_path / "deep", config=deeper)))
    assert told["hidden"] == "16 · 16x8"
    assert told["the same in all"].startswith(
        "flatten, dense 16 relu, …, dense 10 softmax (… stands for what varies)<br>"
    )


def test_what_layers_of_other_numbers_have_in_common_is_told(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    def of(*widths: int) -> Any:
        def change(config: dict[str, Any]) -> dict[str, Any]:
            first, hidden, last = config["layers"]
            return {
                **config,
                "layers": [first, *({"dense": {**hidden["dense"], "units": width}} for width in widths), last],
            }

        return change

    runs = [edited(digits[0], tmp_path / f"{widths}", config=of(*widths)) for widths in ((24,), (64,), (24, 24))]
    told = facts(report(*runs))
    assert told["hidden"] == "24 · 24x24 · 64"
    assert told["the same in all"].startswith("flatten, dense … relu, dense 10 softmax (… stands for what varies)<br>")


def test_the_share_of_the_test_part_is_told_and_each_number_of_examples_or_of_many_from_to(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    counts = ({"train": 1350, "validation": 0, "test": 450}, {"train": 1215, "validation": 135, "test": 450})
    runs = [edited(path, tmp_path / path.name, examples=one) for path, one in zip(digits, (*counts, {}), strict=False)]
    told = facts(report(*runs))["examples"]
    assert told == "1,215 or 1,350 to train on, 0 or 135 for validation, 450 to test on (25 % of all)"
    more = []
    words = {10: "10", 30: "10 or 30", 20: "10, 20 or 30", 3000: "10 to 3,000"}
    for run, (train, said) in zip(digits, words.items(), strict=True):
        more.append(edited(run, tmp_path / f"{train}", examples={"train": train, "validation": 0, "test": 5}))
        assert facts(report(*more))["examples"].startswith(f"{said} to train on, 5 to test on")
    odd = edited(digits[3], tmp_path / "odd", examples={"train": -5, "test": 5})
    assert "examples" not in facts(report(odd))


def test_classes_of_unequal_size_are_told_with_their_shares(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    assert "classes" not in facts(report(*digits))
    rare = edited(digits[0], tmp_path / "rare")
    metrics = json.loads((rare / "metrics.json").read_text())
    for row in metrics["evaluation"]["per_class"]:
        row["support"] = 91 if row["class"] == "3" else 1
    (rare / "metrics.json").write_text(json.dumps(metrics))
    assert facts(report(rare))["classes"] == "3 91 %, 9 1 %, 8 1 %, 7 1 %, 6 1 %, 5 1 %, … of the test examples"


def test_every_parameter_that_differs_is_asked_about(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    def change(config: dict[str, Any]) -> dict[str, Any]:
        return {**config, "epochs": 30, "batch_size": 8, "normalization": "none"}

    wide = edited(digits[0], tmp_path / "wide", name="wide", config=change, description="Wide.")
    page = report(edited(digits[2], tmp_path / "other", name="narrow", description="Narrow."), wide)
    assert "What difference do normalization, hidden, batch_size and epochs make?" in page.read_text()
    assert set(facts(page)["description"].split("<br>")) == {"narrow: Narrow.", "wide: Wide."}


def test_a_description_that_all_runs_share_stands_once(digits: list[Path], report: Report) -> None:
    page = report(*digits, question="Is 16 enough?")
    assert facts(page)["description"] == "Does a wider layer read digits better?"
    assert page.read_text().count("Does a wider layer") == 1
    assert page.read_text().count('<pre class="config">') == len(digits)
    assert "description: Does a wider layer" in report(digits[0]).read_text()


def test_runs_without_a_config_have_no_facts_of_it(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    bare = [edited(path, tmp_path / path.name, config={}) for path in digits]
    assert set(facts(report(*bare))) == {"examples", "runs", "seeds"}
    assert facts(report(*digits[:2], bare[2]))["config"].startswith("flatten, dense 16 relu, dense 10")


def test_what_became_of_the_columns_of_an_own_table_is_told(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    frame = pd.DataFrame(
        {"mass": [1.5, None, 3.0, None], "rings": [1, 2, 2, 5], "lab": ["Lund", "Kyoto", "Lund", None]}
    )
    assert "columns" not in facts(report(*digits))
    own = [edited(path, tmp_path / path.name) for path in digits]
    for run in own:
        (run / "columns.json").write_text(json.dumps(Columns.fit(frame).plain()))
    assert facts(report(*own))["columns"] == (
        "3, as 5 inputs: lab as 3 of 0 and 1; empty cells (2 of the training part) filled with the median of their "
        "column; empty cells of text (1 of the training part) taken for a value of their own"
    )
    whole = [{**column, "missing": 0} for column in Columns.fit(frame[["mass", "rings"]]).plain()]
    (own[0] / "columns.json").write_text(json.dumps(whole))
    assert facts(report(own[0]))["columns"] == "2, as 2 inputs"
    of_before = [{key: value for key, value in column.items() if key != "missing"} for column in whole]
    (own[0] / "columns.json").write_text(json.dumps(of_before))
    assert facts(report(own[0]))["columns"].endswith("; empty cells filled with the median of their column")


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", "[7]", "[[]]", '[{"name": "a"}]', '[{"name": "a", "median": 1, "missing": 1e999}]', "[" * 100_000],
)
def test_columns_that_are_not_what_nnexp_writes_are_passed_over(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path, content: str
) -> None:
    run = edited(digits[0], tmp_path / "run")
    (run / "columns.json").write_text(content)
    assert "columns" not in facts(report(run))
