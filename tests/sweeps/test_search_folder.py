"""What a search makes of its folder when it goes on, whatever stands in it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnexp.config.sweep import load_sweep
from nnexp.errors import InputError
from nnexp.events import EpochEnded
from nnexp.runs.folder import RunFolder
from nnexp.sweeps.child import Free, Task
from nnexp.sweeps.expand import Point, expand
from nnexp.sweeps.folder import SweepFolder
from nnexp.sweeps.search import Trials
from nnexp.sweeps.sweep import Options, begin, go_on

TEXT = """\
base: {dataset: digits, layers: [flatten, dense: 10], validation: 0.2}
sampler: random
trials: 3
objective: val_loss
space:
  optimizer: [adam, sgd]
  optimizer.momentum: {range: [0.0, 0.9], when: {optimizer: sgd}}
  batch_size: {range: [16, 64], step: 16}
"""
POINT = {"label": "trial=1", "stem": "trial=1", "seed": 42, "parameters": {"optimizer": "adam", "batch_size": 16}}


def task(point: Point) -> Task:
    return Task(point.label, Path(), "", "", Path())


def epoch(number: int, val_loss: float, loss: float = 0.5) -> EpochEnded:
    return EpochEnded(number, 2, {"loss": loss, "val_loss": val_loss}, 1.0)


def test_trials_come_one_by_one_and_the_best_of_them_come_again_with_fresh_seeds(tmp_path: Path) -> None:
    (tmp_path / "search.yaml").write_text(f"{TEXT}finalists: 1\nrepeats: 2\nseed: 5\n")
    plan = load_sweep(tmp_path / "search.yaml")
    points = expand(plan)
    job = begin(plan, points, Options(tmp_path / "runs"))
    trials = Trials(plan, job.folder, points)
    batches = trials.batches(task)
    assert next(batches) is trials
    for label, loss in {"trial=1": 0.9, "trial=2": 0.3, "trial=3": math.nan}.items():
        taken = trials.take("")
        assert taken
        assert (taken.label, job.folder.labels()[-1]) == (label, label)  # written down before it begins
        for event in (epoch(1, 0.1), epoch(2, loss), Free()):
            trials.hear(label, event)
    assert not trials
    assert trials.take("") is None
    finals = next(batches)
    labels = [taken.label for _ in range(2) if (taken := finals.take(""))]
    assert labels == ["final=1_seed=6", "final=1_seed=7"]
    assert not finals
    said = {point["label"]: (point["parameters"], point["seed"]) for point in job.folder.points()}
    assert [said[label] for label in labels] == [(said["trial=2"][0], 6), (said["trial=2"][0], 7)]


@pytest.fixture
def resumed(tmp_path: Path) -> Callable[[dict[str, Any]], Trials]:
    """The trials of a search whose sweep.json lists this one point."""
    (tmp_path / "search.yaml").write_text(TEXT)
    plan = load_sweep(tmp_path / "search.yaml")
    points = expand(plan)

    def trials(point: dict[str, Any]) -> Trials:
        folder: SweepFolder = begin(plan, points, Options(tmp_path / "runs")).folder
        said = json.loads(folder.record.read_text())
        folder.record.write_text(json.dumps({**said, "points": [point]}))
        return Trials(plan, folder, points)

    return trials


def test_a_trial_that_was_written_down_is_the_one_that_is_run(resumed: Callable[[dict[str, Any]], Trials]) -> None:
    found = resumed(POINT)
    [point] = found.points.values()
    assert point.experiment
    assert (point.experiment.batch_size, point.experiment.optimizer.name, point.seed) == (16, "adam", 42)


@pytest.mark.parametrize(
    "change",
    [
        {"label": "../elsewhere"},
        {"label": "trial=4"},
        {"label": "trial=2"},  # without a first
        {"label": ["trial=1"]},
        {"seed": 43},  # of a final
        {"seed": 42.0},
        {"seed": 43_000},
        {"parameters": {"optimizer": "adam"}},
        {"parameters": {"optimizer": "adam", "batch_size": 17}},
        {"parameters": {"optimizer": "adam", "batch_size": "16"}},
        {"parameters": {"optimizer": "lion", "batch_size": 16}},
        {"parameters": {"optimizer": "adam", "batch_size": 16, "optimizer.momentum": 0.1}},
        {"parameters": {"optimizer": "sgd", "batch_size": 16}},
        {"parameters": {"optimizer": "adam", "batch_size": 16, "epochs": 3}},
        {"parameters": [1]},
        {"parameters": None},
    ],
)
def test_a_point_that_the_space_does_not_have_stops_the_search(
    resumed: Callable[[dict[str, Any]], Trials], change: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match=r"holds a point that its sweep\.yaml cannot give; to begin anew: nnexp sweep"):
        resumed({**POINT, **change})


def test_a_trial_that_diverged_is_none_of_the_best_before_its_files_say_so(
    resumed: Callable[[dict[str, Any]], Trials],
) -> None:
    trials = resumed(POINT)
    batches = trials.batches(task)
    next(batches)
    for label, loss in (("trial=1", math.nan), ("trial=2", 0.5), ("trial=3", 0.4)):
        trials.take("")
        trials.hear(label, epoch(1, 0.1 if label == "trial=1" else 0.9, loss))  # its validation loss looks good
        trials.hear(label, Free())
    next(batches)
    values = {label: point.parameters for label, point in trials.points.items()}
    assert values["trial=1"] not in [values[label] for label in values if label.startswith("final=")]
    assert len(values) == 3 + 2 * 3


def test_a_search_whose_trials_all_diverged_has_nothing_left_to_do(tmp_path: Path) -> None:
    (tmp_path / "search.yaml").write_text(TEXT)
    plan = load_sweep(tmp_path / "search.yaml")
    points = expand(plan)
    job = begin(plan, points, Options(tmp_path / "runs"))
    assert len(job.missing) == 3 + 3 * 3
    trials = Trials(plan, job.folder, points)
    batches = trials.batches(task)
    next(batches)
    for number in (1, 2, 3):
        assert trials.take("")
        experiment = trials.points[f"trial={number}"].experiment
        assert experiment
        metrics = {"status": "diverged", "identity": experiment.identity}
        RunFolder.make(job.folder.run(f"trial={number}").path).write_metrics(metrics)
        trials.settled(f"trial={number}")
    assert not next(batches)
    assert go_on(job.folder, plan, points, Options(tmp_path / "runs")).missing == ()
