"""The benchmarks run, show their bars and keep their figures; how fast anything is, no test asks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent.parent))  # benchmarks is no part of the installed package

from benchmarks.figures import Result, Row, interleaved
from benchmarks.processes import imported, measure
from benchmarks.startup import BAD_CONFIGS

ROOT = Path(__file__).parent.parent


def test_cases_take_turns_and_every_round_is_kept() -> None:
    turns: list[str] = []

    def case(name: str, seconds: float) -> dict[str, float]:
        turns.append(name)
        return {"wall": seconds}

    samples = interleaved(2, {"a": lambda: case("a", 1.0), "b": lambda: case("b", 2.0)})

    assert turns == ["a", "b", "a", "b"]
    assert samples == {"a": {"wall": [1.0, 1.0]}, "b": {"wall": [2.0, 2.0]}}


def test_the_table_shows_median_spread_and_ratio_beside_the_bar() -> None:
    rows = [Row("stock", {"wall": [4.0, 2.0, 9.0]}), Row("ours", {"wall": [1.0, 3.0, 0.5]}, {"wall": 0.4})]
    console = Console(width=100)
    with console.capture() as shown:
        console.print(Result("title", rows).table())

    assert "4 (2–9)" in shown.get()
    assert "1 (0.5–3)" in shown.get()
    assert "0.25 (bar 0.4)" in shown.get()


def test_a_process_is_measured_by_its_own_time_and_memory() -> None:
    # In a process of its own: a large caller, such as a worker of these tests, counts into the peak.
    text = "from benchmarks.processes import measure; import json, sys; "
    text += "print(json.dumps([measure([sys.executable, '-c', code]) for code in ('pass', \"b'x' * 300_000_000\")]))"
    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True)
    small, large = json.loads(done.stdout)

    assert large["peak"] - small["peak"] > 200
    assert small["wall"] > 0
    assert small["cpu"] > 0


def test_a_command_that_ends_otherwise_than_expected_is_no_measurement() -> None:
    with pytest.raises(SystemExit, match="ended with 3, not 0:\nout of luck"):
        measure([sys.executable, "-c", "import sys; print('out of luck'); sys.exit(3)"])


def test_what_a_command_imports_is_seen() -> None:
    assert "yaml" in imported(["-c", "import yaml"])
    assert "yaml" not in imported(["-c", "pass"])


def test_startup_keeps_every_bad_config_in_json_with_its_bar(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "startup", "--rounds", "1", "--json", str(file)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    [result] = json.loads(file.read_text(encoding="utf-8"))["results"]
    baseline, help_, *checks = result["rows"]
    assert baseline["measures"]["wall"]["ratio"] == 1
    assert help_["name"] == "nnexp --help"
    assert [row["name"].removeprefix("nnexp check: ") for row in checks] == list(BAD_CONFIGS)
    assert {row["note"] for row in [help_, *checks]} == {"no TensorFlow"}
    assert {row["measures"]["wall"]["bar"] for row in checks} == {1.5}


@pytest.mark.slow
def test_compare_is_measured_against_reading_the_same_folders(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "compare", "--rounds", "1", "--json", str(file)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    results = json.loads(file.read_text(encoding="utf-8"))["results"]
    assert {row["measures"]["wall"]["bar"] for result in results for row in result["rows"][1:]} == {3.0}


@pytest.mark.slow
def test_epoch_run_and_sweep_are_compared_with_stock_keras_end_to_end(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "epoch", "run", "sweep", "--rounds", "1", "--json", str(file)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    *epochs, run, sweep = json.loads(file.read_text(encoding="utf-8"))["results"]
    assert all([row["note"] for row in epoch["rows"]] == ["", "picked by auto"] for epoch in epochs)
    assert [row["name"] for row in run["rows"]] == ["plain Keras script", "nnexp run"]
    assert [row["name"] for row in sweep["rows"]] == ["plain Keras loop", "nnexp sweep"]
