"""The benchmarks run, show their bars and keep their figures; how fast anything is, no test asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent.parent))  # benchmarks is no part of the installed package

from benchmarks import charts, page, tables
from benchmarks.environments import Environment
from benchmarks.families import FAMILIES
from benchmarks.figures import Bar, Failed, Result, Row, interleaved
from benchmarks.processes import accuracy, imported, measure, peak_of_tree
from benchmarks.startup import BAD_CONFIGS
from benchmarks.sweep import beyond_the_steps
from benchmarks.turns import peers

ROOT = Path(__file__).parent.parent
RESULT = Result(
    "epoch",
    "a model",
    [
        Row("stock", {"epoch": [4.0, 2.0, 9.0], "accuracy": [0.5]}),
        Row("ours", {"epoch": [1.0, 3.0, 0.5]}, "xla"),
        Row("floor", {"epoch": [0.5, 0.5, 0.5]}),
    ],
    [Bar("ours", "epoch", 0.4, "stock"), Bar("ours", "epoch", 1.8, "floor"), Bar("ours", "epoch", 1.0, "absent")],
    ["a note"],
)


def test_cases_take_turns_and_every_round_is_kept() -> None:
    turns: list[str] = []

    def case(name: str, seconds: float) -> dict[str, float]:
        turns.append(name)
        return {"wall": seconds}

    cases = {"a": lambda: case("a", 1.0), "b": lambda: case("b", 2.0), "slow": lambda: case("slow", 3.0)}
    samples = interleaved(2, cases, notes=[], seldom={"slow": 1})

    assert turns == ["a", "b", "slow", "a", "b"]
    assert samples == {"a": {"wall": [1.0, 1.0]}, "b": {"wall": [2.0, 2.0]}, "slow": {"wall": [3.0]}}


def test_no_round_begins_after_the_time_is_over_but_the_first_is_whole() -> None:
    assert interleaved(9, {"a": lambda: {"wall": 1.0}}, notes=[], seconds=0) == {"a": {"wall": [1.0]}}


def test_a_peer_that_fails_is_left_out_and_the_others_go_on() -> None:
    def fail() -> dict[str, float]:
        raise Failed("a long story\nout of luck")

    notes: list[str] = []

    assert interleaved(2, {"a": fail, "b": lambda: {"wall": 1.0}}, notes=notes) == {"b": {"wall": [1.0, 1.0]}}
    assert notes == ["a was left out: out of luck"]


def test_the_table_shows_median_spread_and_ratio() -> None:
    heads, rows = tables.cells(RESULT)

    assert heads == ["", "epoch, s", "ratio", "test accuracy", ""]
    assert rows[0] == ["stock", "4 (2–9)", "1.00", "0.5000", ""]
    assert rows[1] == ["ours", "1 (0.5–3)", "0.25", "", "xla"]


def test_rounds_are_told_where_they_differ() -> None:
    heads, rows = tables.cells(Result("run", "", [Row("a", {"wall": [1.0, 2.0]}), Row("b", {"wall": [1.0]})]))

    assert heads[-1] == "rounds"
    assert [row[-1] for row in rows] == ["2", "1"]


def test_each_bar_is_kept_or_missed_or_not_measured() -> None:
    assert [kept for _, kept in tables.verdicts(RESULT)] == [True, False, None]
    console = Console(width=100)
    with console.capture() as shown:
        console.print(tables.for_terminal(RESULT))

    assert "ours: epoch is 0.25 of that of stock; bar 0.4: kept" in shown.get()
    assert "ours: epoch is 2.00 of that of floor; bar 1.8: MISSED" in shown.get()
    assert "a note" in shown.get()


def test_a_bar_may_be_a_value_of_its_own() -> None:
    result = Result("sweep", "", [Row("sixteen", {"peak": [3100.0]})], [Bar("sixteen", "peak", 3000)])

    assert list(tables.verdicts(result)) == [("sixteen: peak memory is 3,100; bar 3,000 MB: MISSED", False)]


def test_figures_survive_being_written_and_read() -> None:
    assert Result.parse(json.loads(json.dumps(RESULT.plain()))) == RESULT


def figures(*results: Result) -> dict[str, Any]:
    machine = {"cpu": "C", "cores": 2, "memory_gb": 25, "python": "3", "tensorflow": "2", "keras": "3", "numpy": "2"}
    return {"machine": machine, "results": [result.plain() for result in results]}


def test_the_page_gets_what_stands_between_its_markers_from_the_figures() -> None:
    text = "before\n<!-- figures: epoch -->\nold\n<!-- end -->\nafter\n<!-- figures: sweep -->\n<!-- end -->\n"
    written = page.with_figures(text, figures(RESULT))

    assert written.startswith(
        "before\n<!-- figures: epoch -->\n\n![The medians as bars](images/performance_epoch.svg)\n\n**a model**"
    )
    assert "| ours | 1 (0.5–3) | 0.25 |  | xla |" in written
    assert "old" not in written
    assert "<!-- figures: sweep -->\n\nNot measured yet." in written
    assert page.with_figures(written, figures(RESULT)) == written


def test_the_performance_page_says_what_its_figures_say() -> None:
    text = page.PAGE.read_text(encoding="utf-8")

    assert page.with_figures(text, json.loads(page.FIGURES.read_text(encoding="utf-8"))) == text


def test_a_chart_has_a_panel_a_result_and_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        charts.draw([RESULT, RESULT], tmp_path / name)
    one = (tmp_path / "one.svg").read_text(encoding="utf-8")

    assert one == (tmp_path / "two.svg").read_text(encoding="utf-8")
    assert one.count("<!-- a model -->") == 2
    assert one.count("<!-- stock -->") == 2


def test_a_process_is_measured_by_its_own_time_and_memory() -> None:
    # In a process of its own: a large caller, such as a worker of these tests, counts into the peak.
    text = "from benchmarks.processes import measure; import json, sys; "
    text += "print(json.dumps([measure([sys.executable, '-c', code]) for code in ('pass', \"b'x' * 300_000_000\")]))"
    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True)
    small, large = json.loads(done.stdout)

    assert large["peak"] - small["peak"] > 200
    assert small["wall"] > 0
    assert small["cpu"] > 0


def test_the_accuracies_that_a_script_prints_are_kept() -> None:
    text = "print('loss 0.3, test accuracy 0.8'); print('test accuracy 0.9')"
    assert measure([sys.executable, "-c", text])["accuracy"] == pytest.approx(0.85)


def test_the_accuracy_of_run_folders_is_read_from_their_metrics(tmp_path: Path) -> None:
    for name, value in (("a", 0.8), ("b", 0.9)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text(json.dumps({"test": {"accuracy": value}}))

    assert accuracy(tmp_path) == pytest.approx(0.85)


def test_a_command_that_ends_otherwise_than_expected_is_no_measurement() -> None:
    with pytest.raises(Failed, match="ended with 3, not 0:\nout of luck"):
        measure([sys.executable, "-c", "import sys; print('out of luck'); sys.exit(3)"])


def test_the_memory_of_all_processes_together_counts() -> None:
    child = "import time; x = b'x' * 150_000_000; time.sleep(2)"
    text = f"import subprocess, sys; [p.wait() for p in [subprocess.Popen([sys.executable, '-c', {child!r}]) "
    text += "for _ in range(2)]]"

    assert peak_of_tree([sys.executable, "-c", text])["peak"] > 300


def test_what_a_command_imports_is_seen() -> None:
    assert "yaml" in imported(["-c", "import yaml"])
    assert "yaml" not in imported(["-c", "pass"])


def test_what_runs_take_beyond_their_steps_is_their_workers_time() -> None:
    """Two workers, two runs each of 5 s of steps: from 100 to 111, and from 100 to 112; the wait of 1 s is no cost."""
    history = [{"seconds": seconds} for seconds in (2.0, 1.0, 1.0, 1.0, 1.0)]
    ends = {106.0: 6.0, 106.5: 6.5, 111.0: 5.5, 112.0: 6.5}  # ended at, and took in all; the second of a lane overlaps
    runs = {ended: {"history": history, "timings": {"total": total, "training": 6.0}} for ended, total in ends.items()}
    assert beyond_the_steps(runs, 2) == pytest.approx(((11 + 12) / 4 - 5) / 6)


def test_the_floor_counts_the_operations_of_a_dense_step() -> None:
    # Forward and the gradient of the weights of both layers, and the gradient that passes between them.
    wanted = 2 * 64 * (2 * 784 * 128 + 3 * 128 * 10)
    assert sum(product.operations for product in FAMILIES["784-128-10"].products) == wanted


def test_peers_sleep_until_it_is_their_turn() -> None:
    text = "import sys; from benchmarks.peers.turns import take_turns; seen = []; "
    text += "take_turns({'x': ('a note', lambda: seen.append(1), lambda: len(seen) / 10)})"
    with peers({"x": ([sys.executable, "-c", text], [])}) as begun:
        assert begun["x"].variants() == {"x": "a note"}
        assert set(begun["x"].epoch("x")) == {"epoch", "cpu"}
        begun["x"].epoch("x")
        assert begun["x"].accuracy("x") == 0.2


def test_a_peer_that_cannot_start_says_why() -> None:
    with (
        peers({"x": ([sys.executable, "-c", "import no_such_module"], [])}) as begun,
        pytest.raises(Failed, match="No module named 'no_such_module'"),
    ):
        begun["x"].variants()


@pytest.mark.slow
def test_a_peer_that_cannot_be_installed_is_said_with_the_last_line_of_pip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.environments.BENCH", tmp_path)
    absent = Environment("absent", (str(tmp_path / "absent-1.0-py3-none-any.whl"),))

    assert absent.problem(install=False) == "absent was left out: it is not installed; `make bench` does so"
    assert absent.problem().startswith("absent could not be installed: ")


def bench(file: Path, *arguments: str) -> list[Any]:
    command = [sys.executable, "-m", "benchmarks", *arguments, "--rounds", "1", "--json", str(file)]
    patient = {**os.environ, "OMP_WAIT_POLICY": "passive"}  # where PyTorch is installed, its threads spin beside others
    subprocess.run(command, cwd=ROOT, env=patient, check=True, capture_output=True)
    results: list[Any] = json.loads(file.read_text(encoding="utf-8"))["results"]
    return results


@pytest.mark.slow
def test_startup_keeps_every_bad_config_in_json_with_its_bar(tmp_path: Path) -> None:
    [result] = bench(tmp_path / "figures.json", "startup", "--quick")

    help_, *checks = result["bars"]
    assert help_["row"] == "nnexp --help"
    assert [bar["row"].removeprefix("nnexp check: ") for bar in checks] == list(BAD_CONFIGS)
    assert {bar["at_most"] for bar in result["bars"]} == {1.5}
    assert all(bar["reached"] > 0 for bar in result["bars"])
    assert result["notes"] == ["None of these commands loads TensorFlow."]


@pytest.mark.slow
def test_an_epoch_is_compared_with_stock_keras_and_the_floor_end_to_end(tmp_path: Path) -> None:
    results = bench(tmp_path / "figures.json", "epoch", "--quick")

    assert {"stock fit", "scikit-learn", "nnexp, auto", "floor: BLAS"} <= {row["name"] for row in results[0]["rows"]}
    for result in results:
        ours = next(row for row in result["rows"] if row["name"] == "nnexp, auto")
        assert ours["note"] in {"xla", "graph", "keras"}
        assert 0.5 < ours["medians"]["accuracy"] < 1
