"""`nnexp sweep` with a search: trials, finals with fresh seeds, kills and resuming, at the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BASE = """\
description: Which network tells irises apart?
base:
  dataset: iris
  layers: [dense: {units: 4, activation: relu}, dense: {units: 3, activation: softmax}]
  epochs: 2
  validation: 0.2
  engine: graph
objective: val_accuracy
space:
  hidden: {range: [2, 64]}
  learning_rate: {log: [0.0001, 0.1]}
workers: 1
"""


def state(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "sweep.json").read_text())  # type: ignore[no-any-return]


def points(folder: Path) -> dict[str, Any]:
    return {point["label"]: (point["parameters"], point["seed"]) for point in state(folder)["points"]}


def metrics(folder: Path, label: str) -> dict[str, Any]:
    return json.loads((folder / label / "metrics.json").read_text())  # type: ignore[no-any-return]


@pytest.fixture
def search(nnexp: Any, tmp_path: Path) -> Callable[..., Path]:
    """Run a search, and return its folder."""

    def run(text: str, *options: Any) -> Path:
        (tmp_path / "search.yaml").write_text(BASE + text)
        done = nnexp("sweep", tmp_path / "search.yaml", *options, "--runs-dir", tmp_path / "runs")
        assert done.returncode == 0, done.stderr
        [folder] = (tmp_path / "runs").iterdir()
        return folder

    return run


@pytest.mark.slow
def test_the_best_trial_is_run_again_with_a_fresh_seed_and_judged_by_that_alone(
    search: Callable[..., Path],
) -> None:
    folder = search("sampler: random\ntrials: 2\nfinalists: 1\nrepeats: 1\nseed: 5\n")
    said = points(folder)
    assert {label: seed for label, (_, seed) in said.items()} == {"trial=1": 5, "trial=2": 5, "final=1_seed=6": 6}
    accuracy = {label: metrics(folder, label)["history"][-1]["val_accuracy"] for label in ("trial=1", "trial=2")}
    best = max(accuracy, key=lambda label: accuracy[label])
    assert said["final=1_seed=6"][0] == said[best][0]
    table = json.loads((folder / "table.json").read_text())
    assert [run["seed"] for group in table["groups"] for run in group["runs"]] == [6]
    assert {trial["label"]: trial["value"] for trial in table["search"]["trials"]} == accuracy
    assert "fresh seeds" in table["notes"][0]
    assert 'id="search"' in (folder / "report.html").read_text()


def test_the_dry_run_of_a_search_tells_its_space_and_starts_nothing(nnexp: Any, tmp_path: Path) -> None:
    (tmp_path / "search.yaml").write_text(f"{BASE}sampler: random\n")
    done = nnexp("sweep", tmp_path / "search.yaml", "--dry-run", "--runs-dir", tmp_path / "runs")
    assert "0.0001 to 0.1, logarithmic" in done.stdout
    assert (
        "40 trials by random for the best val_accuracy, then the best 3 with 3 fresh seeds each: 49 runs" in done.stdout
    )
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_search_that_is_killed_goes_on_to_the_trials_that_it_would_have_had(
    search: Callable[..., Path], start: Any, nnexp: Any, tmp_path: Path
) -> None:
    options = "sampler: tpe\ntrials: 14\nfinalists: 1\nrepeats: 1\n"
    whole = search(options)
    with start("sweep", tmp_path / "search.yaml", "--runs-dir", tmp_path / "killed") as process:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            found = list((tmp_path / "killed").glob("*/trial=12"))
            if found:
                break
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    [killed] = (tmp_path / "killed").iterdir()
    assert 11 <= len(points(killed)) < 14
    assert nnexp("resume", killed).returncode == 0
    assert points(killed) == points(whole)
    for label in points(whole):
        assert metrics(killed, label)["test"] == metrics(whole, label)["test"], label
    # One that lost its result is done again, and nothing else is.
    before = metrics(killed, "trial=01")
    shutil.rmtree(killed / "final=1_seed=43")
    assert nnexp("resume", killed).returncode == 0
    assert points(killed) == points(whole)
    assert metrics(killed, "trial=01") == before
    assert metrics(killed, "final=1_seed=43")["status"] == "completed"


@pytest.mark.slow
@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_a_trial_that_is_given_up_keeps_its_files_and_is_never_the_best(
    pruner: str, search: Callable[..., Path]
) -> None:
    text = f"sampler: random\npruner: {pruner}\ntrials: 10\nfinalists: 1\nrepeats: 1\n"
    folder = search(text, "--epochs", 9)
    given_up = [label for label in points(folder) if (metrics(folder, label)["stopped"] or {}).get("reason")]
    assert given_up
    for label in given_up:
        said = metrics(folder, label)
        assert said["status"] == "completed"
        assert said["stopped"]["reason"].startswith("pruned: ")
        assert len(said["history"]) == said["stopped"]["epoch"] < 9
        assert (folder / label / "model.keras").exists()
    trials = {trial["label"]: trial for trial in json.loads((folder / "table.json").read_text())["search"]["trials"]}
    assert {label for label, trial in trials.items() if not trial["complete"]} == set(given_up)
    final, _ = points(folder)["final=1_seed=43"]
    assert final not in [points(folder)[label][0] for label in given_up]
    assert len(metrics(folder, "final=1_seed=43")["history"]) == 9
