"""A sweep folder gets further repeats: what it has is kept, and what is missing is known by its seed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from nnexp.cli.sweep import _asked
from nnexp.config.sweep import SweepFile, load_sweep, parse_axis
from nnexp.errors import InputError
from nnexp.sweeps import earlier
from nnexp.sweeps.expand import Point, expand
from nnexp.sweeps.folder import SweepFolder
from nnexp.sweeps.sweep import Options, begin, go_on

CONFIG = "dataset: digits\nlayers: [flatten, dense: {units: 32}, dense: {units: 10, activation: softmax}]\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(CONFIG)
    return tmp_path / "small.yaml"


def plan(config: Path, hidden: str = "8,16", **options: int | str) -> tuple[SweepFile, tuple[Point, ...]]:
    made = load_sweep(config, [parse_axis("hidden", hidden, "--hidden")], **options)  # type: ignore[arg-type]
    return made, expand(made)


def begun(config: Path, repeats: int) -> SweepFolder:
    """A sweep folder whose runs all have a result."""
    made, points = plan(config, repeats=repeats)
    folder = begin(made, points, Options(config.parent / "runs")).folder
    done(folder, points)
    return folder


def done(folder: SweepFolder, points: Sequence[Point]) -> None:
    for point in points:
        assert point.experiment
        path = folder.run(point.label).path
        path.mkdir(exist_ok=True)
        metrics = {"status": "completed", "identity": point.experiment.identity, "seed": point.seed, "test": {}}
        (path / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")


@pytest.mark.parametrize("repeats", [1, 2])
def test_more_repeats_of_the_same_points_leave_only_these_to_do(config: Path, repeats: int) -> None:
    folder = begun(config, repeats)
    now, points = plan(config, repeats=4)
    assert earlier.find(config.parent / "runs", now, points) == folder
    job = go_on(folder, now, points, Options())
    missing = [point.label for point in points if point.seed >= 42 + repeats]
    assert list(job.missing) == missing
    assert folder.labels() == [point.label for point in points]
    assert load_sweep(folder.sweep).repeats == 4
    kept = {path.parent.name for path in folder.path.glob("*/metrics.json")}
    assert kept == {point.label for point in points} - set(missing)  # under their names among several seeds
    # What was not finished then is no longer lost where the sweep is asked for as it was first.
    done(folder, points)
    fewer, first = plan(config, repeats=repeats)
    assert earlier.find(config.parent / "runs", fewer, first) == folder
    assert (more := earlier.more_repeats(folder, folder.state(), first))
    assert go_on(folder, more, expand(more), Options()).missing == ()


def test_with_how_many_repeats_it_was_summed_up_before_is_kept(config: Path) -> None:
    folder = begun(config, 2)
    folder.table_json.write_text("{}")
    for repeats, looked_at in ((3, [2]), (4, [2]), (5, [2, 4])):
        now, points = plan(config, repeats=repeats)
        go_on(folder, now, points, Options())
        assert folder.state()["looked_at"] == looked_at
        if repeats == 4:  # with 3 it was never done
            done(folder, points)
    go_on(folder, now, points, Options())
    assert folder.state()["looked_at"] == [2, 4]


def test_a_folder_by_its_path_gets_a_metric_by_the_name_of_tables(tmp_path: Path) -> None:
    text = "dataset: diabetes\nlayers: [dense: 4, dense: 1]\n"
    (tmp_path / "values.yaml").write_text(text)
    made = load_sweep(tmp_path / "values.yaml", repeats=2)
    folder = begin(made, expand(made), Options(tmp_path / "runs")).folder
    now, points, found = _asked(folder.path, {}, [], None, None, None, "RMSE", (None, None), resume=True)
    assert (now.metric, found) == ("root_mean_squared_error", folder)
    go_on(folder, now, points, Options())
    assert folder.state()["metric"] == "root_mean_squared_error"


def test_a_folder_by_its_path_gets_further_repeats(config: Path) -> None:
    folder = begun(config, 2)
    more = earlier.with_repeats(folder, 3)
    assert set(go_on(folder, more, expand(more), Options()).missing) == {"hidden=8_seed=44", "hidden=16_seed=44"}
    with pytest.raises(InputError, match="has 3 already; give a greater number"):
        earlier.with_repeats(folder, 2)


def test_seeds_that_are_listed_are_not_guessed(config: Path) -> None:
    listed, points = plan(config, seed="3,7")
    folder = begin(listed, points, Options(config.parent / "runs")).folder
    with pytest.raises(InputError, match=r"lists its seeds; name the further ones too: .* --seed 3,7,…"):
        earlier.with_repeats(folder, 3)
    further, points = plan(config, seed="3,7,9")
    assert earlier.find(config.parent / "runs", further, points) == folder


@pytest.mark.parametrize(
    ("hidden", "change", "options"),
    [
        ("8,16,32", "", {"repeats": 4}),  # another point
        ("8,16", "epochs: 3\n", {"repeats": 4}),  # another experiment
        ("8,16", "", {"repeats": 4, "seed": "43"}),  # without the first seed
    ],
)
def test_other_points_are_another_sweep(config: Path, hidden: str, change: str, options: dict[str, int | str]) -> None:
    folder = begun(config, 2)
    config.write_text(CONFIG + change)
    other, points = plan(config, hidden, **options)
    assert earlier.find(config.parent / "runs", other, points) is None
    with pytest.raises(InputError, match="was made for other points than these"):
        go_on(folder, other, points, Options())
