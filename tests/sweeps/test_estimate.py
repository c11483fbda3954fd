"""About how long a sweep takes: from runs that there are, else from the size of the models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnexp.config.sweep import load_sweep, parse_axis
from nnexp.runs.folder import RunFolder
from nnexp.sweeps.estimate import estimate
from nnexp.sweeps.expand import Point, expand
from nnexp.training.backend import available_cpus

CONFIG = """\
dataset: mnist
layers: [flatten, dense: {units: 32, activation: relu}, dense: {units: 10, activation: softmax}]
"""
Sweep = Callable[..., tuple[Point, ...]]


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """Points of the config, or of another, with axes."""

    def make(config: str = CONFIG, **axes: str) -> tuple[Point, ...]:
        (tmp_path / "small.yaml").write_text(config)
        repeats = int(axes.pop("repeats", 1))
        return expand(
            load_sweep(tmp_path / "small.yaml", [parse_axis(*axis, "--set") for axis in axes.items()], repeats=repeats)
        )

    return make


def trained(runs: Path, point: Point, *seconds: float, **more: Any) -> None:
    """A finished run of the point as nnexp leaves it, whose epochs took so long."""
    folder = RunFolder.make(runs / f"20261121-1200{len(list(runs.glob('*')))}_run")
    history = [{"epoch": number, "seconds": each} for number, each in enumerate(seconds, 1)]
    timings = {"data": 9, "setup": 9, "training": sum(seconds), "evaluation": 1, "artifacts": 2, "total": 99}
    metrics = {"status": "completed", "config": point.config, "history": history, "timings": timings}
    folder.write_metrics({**metrics, **more})


def seconds(points: tuple[Point, ...], runs: Path, workers: int = 1, threads: int = 1) -> float:
    return estimate(points, workers, threads, runs).seconds


def test_an_earlier_run_with_another_seed_and_fewer_epochs_tells(sweep: Sweep, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    trained(runs, sweep(epochs="3")[0], 100, 50, 52)
    [point] = sweep(epochs="11")
    found = estimate([point], 1, 1, runs)
    assert found.basis == "from 1 earlier run"
    assert 100 + 10 * 51 + 3 < found.seconds < 100 + 10 * 51 + 3 + 10


def test_of_several_earlier_runs_the_middle_one_tells(sweep: Sweep, tmp_path: Path) -> None:
    [point] = sweep()
    for each in (50, 60, 1000):
        trained(tmp_path / "runs", point, each, each)
    found = estimate([point], 1, 1, tmp_path / "runs")
    assert found.basis == "from 3 earlier runs"
    assert 600 < found.seconds < 620


def test_a_run_that_stopped_early_is_taken_to_stop_there_again(sweep: Sweep, tmp_path: Path) -> None:
    [point] = sweep(epochs="50")
    trained(tmp_path / "runs", point, 40, 60, stopped={"epoch": 2, "reason": "loss <= 0.4"})
    assert 100 < seconds((point,), tmp_path / "runs") < 115


def test_a_run_that_its_search_gave_up_tells_how_long_an_epoch_takes_and_no_more(sweep: Sweep, tmp_path: Path) -> None:
    [point] = sweep(epochs="50")
    trained(tmp_path / "runs", point, 40, 60, stopped={"epoch": 2, "reason": "pruned: after epoch 2"})
    assert 40 + 49 * 60 < seconds((point,), tmp_path / "runs") < 40 + 49 * 60 + 15


def test_runs_that_tell_nothing_are_passed_over(sweep: Sweep, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    [point] = sweep()
    trained(runs, sweep(hidden="64")[0], 500, 500)  # another model
    trained(runs, point, 500, 500, status="failed")
    trained(runs, point, 500)  # one epoch: how long a second one takes is not known
    trained(runs, point)
    trained(runs, point, 500, 500, config=None, history="none")
    (runs / "broken").mkdir()
    (runs / "broken" / "metrics.json").write_text("{")
    found = estimate([point], 1, 1, runs)
    assert found.basis == "rough, from the size of the models"
    assert found == estimate([point], 1, 1, tmp_path / "nowhere")


def test_where_only_some_points_were_run_before_it_says_so(sweep: Sweep, tmp_path: Path) -> None:
    trained(tmp_path / "runs", sweep(hidden="64")[0], 500, 500)
    points = sweep(hidden="64,32", repeats="2")
    found = estimate(points, 1, 1, tmp_path / "runs")
    assert found.basis == "2 of 4 from 1 earlier run, the rest rough, from the size of the models"


def test_without_earlier_runs_more_work_takes_longer(sweep: Sweep, tmp_path: Path) -> None:
    base = seconds(sweep(), tmp_path)
    assert seconds(sweep(hidden="1024"), tmp_path) > base
    assert seconds(sweep(epochs="30"), tmp_path) > base
    assert seconds(sweep(batch_size="8"), tmp_path) > base
    assert seconds(sweep(validation="0.5"), tmp_path) < base
    layers = "[reshape: [28, 28, 1], conv2d: {filters: 32, kernel_size: 3}, flatten, dense: 10, softmax]"
    assert seconds(sweep(layers=layers), tmp_path) > base


def test_runs_that_may_stop_early_are_mentioned(sweep: Sweep, tmp_path: Path) -> None:
    points = sweep(callbacks="[{stop_when: loss < 1}]")
    assert estimate(points, 1, 1, tmp_path).basis.endswith("runs that stop early take less")


def test_workers_share_the_runs_as_far_as_there_are_cpus(sweep: Sweep, tmp_path: Path) -> None:
    trained(tmp_path / "runs", sweep()[0], 100, 100)
    points = sweep(repeats="4")
    one, two = (seconds(points, tmp_path / "runs", workers) for workers in (1, 2))
    assert 4000 < one < 4050
    if available_cpus() > 1:
        assert 2000 < two < 2050
    assert seconds(points, tmp_path / "runs", 4, available_cpus()) == one


def test_a_sweep_of_expected_errors_alone_takes_no_time(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("variants: [{name: a, base: {dataset: digits, layers: []}, expect: error}]")
    found = estimate(expand(load_sweep(tmp_path / "study.yaml")), 1, 1, tmp_path)
    assert (found.seconds, found.basis) == (0, "nothing is to be trained")


def test_fewer_examples_take_less(sweep: Sweep, tmp_path: Path) -> None:
    all_of_them, some = (seconds(sweep(train_size=size, epochs="1000"), tmp_path) for size in ("none", "6000"))
    assert 8 < all_of_them / some < 11
