"""A sweep's own question: what its sweep.json says, whole, old, torn and forged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nnexp.comparison.asked import Asked, asked_of, compare_as_asked
from nnexp.comparison.collect import collect
from nnexp.comparison.comparison import compare
from nnexp.comparison.result import Comparison
from nnexp.comparison.series import axis_of
from nnexp.errors import InputError


@pytest.fixture
def sweep(repeats: Callable[..., list[Path]]) -> Path:
    """Three widths with three repeats each."""
    for units, accuracy in ((8, 0.7), (16, 0.8), (32, 0.9)):
        [*_, last] = repeats(units, [accuracy, accuracy + 0.002, accuracy + 0.001])
    return last.parent


def ask(folder: Path, baseline: str | None) -> None:
    points = []
    for path in sorted(folder.iterdir()):
        stem = path.name.partition("_")[0]
        points.append({"label": path.name, "stem": stem, "seed": 1, "parameters": {"hidden": stem}})
    state = {"name": "widths", "description": "Does width help?", "baseline": baseline, "points": points}
    (folder / "sweep.json").write_text(json.dumps(state))


def compared(folder: Path, **options: Any) -> Comparison:
    return compare_as_asked(collect([folder]), asked_of(folder), **options)


def status(run: Path, value: str) -> None:
    data = json.loads((run / "metrics.json").read_text())
    (run / "metrics.json").write_text(json.dumps({**data, "status": value}))


def of_baseline(folder: Path) -> list[Path]:
    return sorted(folder.glob("hidden=16_*"))


def test_all_are_compared_with_the_sweeps_baseline_though_its_first_run_failed(sweep: Path) -> None:
    first = of_baseline(sweep)[0]
    ask(sweep, "hidden=16")
    status(first, "failed")
    found = compared(sweep)
    assert found.baseline == "hidden=16"
    assert found.verdicts == compare(collect([sweep]).records, baseline="hidden=16").verdicts
    assert not any("has no result" in note for note in found.notes)


def test_values_without_a_scale_are_in_the_order_of_the_sweep_file(make: Callable[..., Path]) -> None:
    values = ["standardize", "min_max", "none"]
    folders = [make(f"normalization={value}", config={"normalization": value}) for value in values]
    points = [{"label": folder.name, "stem": folder.name, "seed": 1, "parameters": {}} for folder in folders]
    sweep = folders[0].parent
    (sweep / "sweep.json").write_text(json.dumps({"name": "s", "points": points}))
    assert list(axis_of(compared(sweep).groups, "normalization").labels) == values
    alone = compare(collect([sweep]).records)
    assert list(axis_of(alone.groups, "normalization").labels) == sorted(values)


def test_another_place_and_another_working_directory_change_nothing(
    sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(sweep, "hidden=16")
    moved = sweep.rename(tmp_path / "moved")
    monkeypatch.chdir(moved)
    assert {compared(path).baseline for path in (Path(), Path("../moved"), moved)} == {"hidden=16"}


def test_a_baseline_without_a_result_is_told_and_the_best_stands_in(sweep: Path) -> None:
    ask(sweep, "hidden=16")
    for run in of_baseline(sweep):
        status(run, "diverged")
    found = compared(sweep)
    assert found.baseline is None
    assert found.notes[0].startswith("The sweep's baseline, hidden=16, has no result here")
    assert {verdict.first for verdict in found.verdicts} == {"hidden=32"}


def test_a_filter_may_leave_the_baseline_out(sweep: Path) -> None:
    ask(sweep, "hidden=16")
    found = compared(sweep, filters=["hidden!=16"])
    assert found.baseline is None
    assert "has no result here" in found.notes[0]
    with pytest.raises(InputError, match="there is no 'nothing'"):
        compared(sweep, metric="nothing")


def test_a_filter_that_keeps_a_later_run_of_the_baseline_keeps_the_baseline(sweep: Path) -> None:
    ask(sweep, "hidden=16")
    found = compared(sweep, filters=["seed=2"])
    assert found.baseline == "hidden=16"
    assert not any("has no result" in note for note in found.notes)


def test_what_the_user_names_goes_first(sweep: Path) -> None:
    ask(sweep, "hidden=16")
    assert compared(sweep, baseline="8").baseline == "hidden=8"


def test_a_baseline_goes_by_the_name_that_its_sweep_gave_its_runs(sweep: Path) -> None:
    for run in sorted(sweep.glob("hidden=8_*")):
        run.rename(run.with_name(run.name.replace("hidden", "layers.dense.units")))
    assert compared(sweep, baseline="layers.dense.units=8").baseline == "hidden=8"


def test_a_sweep_brings_its_metric_unless_another_is_named_or_no_run_has_it(sweep: Path) -> None:
    ask(sweep, None)
    state = json.loads((sweep / "sweep.json").read_text())
    (sweep / "sweep.json").write_text(json.dumps({**state, "metric": "loss"}))
    assert compared(sweep).metric == "loss"
    assert compared(sweep, metric="seconds").metric == "seconds"
    (sweep / "sweep.json").write_text(json.dumps({**state, "metric": "auc"}))
    assert compared(sweep).metric == "accuracy"


@pytest.mark.parametrize(("looked_at", "told"), [([5], "5 repeats"), ([5, 8], "5 and 8 repeats"), ([1], ""), ("5", "")])
def test_that_repeats_were_added_after_a_look_is_a_note(sweep: Path, looked_at: object, told: str) -> None:
    ask(sweep, None)
    state = json.loads((sweep / "sweep.json").read_text())
    (sweep / "sweep.json").write_text(json.dumps({**state, "looked_at": looked_at}))
    notes = [note for note in compared(sweep).notes if note.startswith("This was summed up with")]
    assert len(notes) == bool(told)
    assert told in "".join(notes)


def test_a_sweep_without_a_baseline_is_compared_as_any_runs_are(sweep: Path) -> None:
    ask(sweep, None)
    found = compared(sweep)
    unplaced = tuple(replace(group, place=0) for group in found.groups)
    assert replace(found, groups=unplaced) == compare(collect([sweep]).records)
    asked = asked_of(sweep)
    assert (asked.name, asked.description) == ("widths", "Does width help?")
    assert asked.commands == (f"nnexp sweep {sweep / 'sweep.yaml'}",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"name": ',
        "[1]",
        "[" * 100_000,
        '{"name": [], "description": 3, "baseline": {}, "points": 1}',
        '{"baseline": "x", "points": [1, {}, {"label": []}, {"label": "../../x", "stem": "x"}]}',
        '{"baseline": "x\\u0000", "points": [{"label": "x\\u0000"}, {"label": "/etc", "parameters": null}]}',
    ],
    ids=["empty", "torn", "list", "deep", "kinds", "points", "labels"],
)
def test_a_torn_or_forged_file_stops_nothing(sweep: Path, text: str) -> None:
    (sweep / "sweep.json").write_text(text)
    found = compared(sweep)
    assert found.baseline is None
    assert len(found.groups) == 3


def test_what_is_no_sweep_asks_nothing(sweep: Path, tmp_path: Path) -> None:
    for path in (sweep, next(sweep.iterdir()) / "metrics.json", tmp_path / "nowhere", tmp_path / ("x" * 300)):
        assert asked_of(path) == Asked()


def test_the_sweeps_baseline_may_be_a_value_that_several_points_have(repeats: Callable[..., list[Path]]) -> None:
    made = [
        path
        for units in (8, 16)
        for epochs in (2, 9)
        for path in repeats(units, [0.8, 0.81, 0.82], name=str(epochs), config={"epochs": epochs, "name": "it"})
    ]
    for path in made:
        data = json.loads((path / "metrics.json").read_text())
        (path / "metrics.json").write_text(json.dumps({**data, "name": "it"}))
    sweep = made[0].parent
    ask(sweep, "epochs=2")
    found = compared(sweep)
    assert found.baseline == "epochs=2"
    assert {(one.first, one.second) for one in found.verdicts} == {
        (f"hidden={units}, epochs=9", f"hidden={units}, epochs=2") for units in (8, 16)
    }
    assert not any("has no result" in note for note in found.notes)
    ask(sweep, "epochs=3")
    assert compared(sweep).notes[0].startswith("The sweep's baseline, epochs=3, has no result here")
