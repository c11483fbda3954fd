"""What a config, a sweep file and the command line may say of trackers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nnexp.config.experiment import Experiment, load_experiment
from nnexp.config.overrides import Override
from nnexp.config.sweep import load_sweep, parse_axis
from nnexp.errors import ConfigError
from nnexp.sweeps.expand import expand, identity

DIGITS = "dataset: digits\nlayers: [flatten, dense: {units: 4}, dense: {units: 10, activation: softmax}]\n"
Parse = Callable[[str], Experiment]


def names(experiment: Experiment) -> list[str]:
    return [entry.name for entry in experiment.track]


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        ("none", []),
        ("[]", []),
        ("mlflow", ["mlflow"]),
        ("[mlflow, tensorboard]", ["mlflow", "tensorboard"]),
        ("[{mlflow: {experiment: widths}}, tensorboard]", ["mlflow", "tensorboard"]),
    ],
)
def test_trackers_change_no_identity_and_are_written_out(experiment: Parse, said: str, understood: list[str]) -> None:
    tracked = experiment(f"{DIGITS}track: {said}")
    assert names(tracked) == understood
    assert tracked.identity == experiment(DIGITS).identity
    assert experiment(tracked.yaml()) == tracked


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ("mlflw", "unknown tracker 'mlflw'", "did you mean 'mlflow'? allowed: mlflow, tensorboard"),
        ("[3]", "a tracker cannot be 3", "a name, or one name with its parameters"),
        ("[mlflow, mlflow]", "mlflow stands twice", "keep one"),
        ("{mlflow: x}", "the parameters of mlflow are a mapping, not 'x'", "allowed: uri, experiment, artifacts"),
        ("{mlflow: {experimnt: x}}", "mlflow has no parameter 'experimnt'", "did you mean 'experiment'?"),
        ("{mlflow: {artifacts: some}}", "artifacts must be true or false, not 'some'", ""),
        ("{mlflow: {uri: ./mlruns}}", "uri cannot be './mlruns'", "sqlite:///PATH"),
        ("{mlflow: {uri: 'http://me:secret@host'}}", "the uri holds a password", "MLFLOW_TRACKING_PASSWORD"),
    ],
)
def test_what_is_wrong_with_a_tracker_is_told_with_what_is_right(
    experiment: Parse, said: str, message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as error:
        experiment(f"{DIGITS}track: {said}")
    [problem] = error.value.problems
    assert message in problem.message
    assert hint in problem.hint


def test_a_part_can_be_set_by_its_path(tmp_path: Path) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(f"{DIGITS}track: mlflow\n")
    [entry] = load_experiment(config, [Override.parse("track.experiment=widths")]).track
    assert entry.get("experiment") == "widths"


def test_a_sweep_file_or_option_tracks_all_points_and_names_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(DIGITS)
    file = tmp_path / "sweep.yaml"
    file.write_text("base: small.yaml\ntrack: [mlflow, tensorboard]\ngrid: {hidden: [2, 4]}\nbaseline: hidden=2\n")
    plan = load_sweep(file)
    points = expand(plan)
    assert [point.label for point in points] == ["hidden=2", "hidden=4"]
    assert [names(point.experiment) for point in points if point.experiment] == [["mlflow", "tensorboard"]] * 2
    (tmp_path / "again.yaml").write_text(plan.yaml())
    assert [point.config for point in expand(load_sweep(tmp_path / "again.yaml"))] == [one.config for one in points]
    other = load_sweep(file, [parse_axis("track", "[tensorboard]", "--track")])
    assert [names(point.experiment) for point in expand(other) if point.experiment] == [["tensorboard"]] * 2
    assert other.baseline == "hidden=2"
    assert identity(expand(other)) == identity(points)
