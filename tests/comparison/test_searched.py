"""A search in `compare` and `report`: judged by its finals, its trials told apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnexp.comparison.asked import asked_of, compare_as_asked
from nnexp.comparison.collect import collect
from nnexp.comparison.comparison import compare
from nnexp.comparison.result import Comparison, Searched, Trial
from nnexp.report.page import write_report
from nnexp.report.search_charts import along, best_so_far, importances

Make = Callable[..., Path]
LOSSES = {"trial=1": 0.7, "trial=2": 0.5, "trial=3": 0.2, "trial=4": 0.6}  # the third is given up
SPACE = {"hidden": {"range": [4, 32]}, "optimizer": {"choice": ["adam", "sgd"]}}
VALUES = {"hidden": 8, "optimizer": "adam"}


def history(loss: float) -> list[dict[str, Any]]:
    return [{"epoch": 1, "loss": 1.0, "val_loss": loss, "seconds": 1.0}]


@pytest.fixture
def folder(make: Make, tmp_path: Path) -> Path:
    """A search: four trials, of which the last diverged and the third was given up, and two finals of the second."""
    more: dict[str, dict[str, Any]] = {
        "trial=3": {"stopped": {"epoch": 1, "reason": "pruned: for others"}},
        "trial=4": {"status": "diverged"},
    }
    for units, (label, loss) in zip((4, 8, 16, 32), LOSSES.items(), strict=True):
        make(label, units=units, history=history(loss), **more.get(label, {}))
    for seed in (43, 44):
        make(f"final=1_seed={seed}", units=8, seed=seed, history=history(0.55))
    return tmp_path / "runs"


def ask(folder: Path, **search: Any) -> None:
    labels = sorted(path.name for path in folder.iterdir() if path.is_dir())
    points = [{"label": label, "stem": label, "seed": 1, "parameters": VALUES} for label in labels]
    said = {"sampler": "tpe", "objective": "val_loss", "trials": 4, "space": SPACE, **search}
    (folder / "sweep.json").write_text(json.dumps({"name": "search", "points": points, "search": said}))


def compared(folder: Path) -> Comparison:
    return compare_as_asked(collect([folder]), asked_of(folder))


def test_a_search_is_judged_by_the_runs_that_took_no_part_in_the_choice(folder: Path) -> None:
    ask(folder)
    found = compared(folder)
    assert [sorted(run.seed or 0 for run in group.runs) for group in found.groups] == [[43, 44]]
    assert "4 trials were searched by tpe for the best val_loss; trial=2 has 0.5000" in found.notes[0]
    assert "fresh seeds, which took no part in the choice" in found.notes[0]


def test_without_finals_the_trials_are_compared_and_the_luck_of_the_best_is_told(folder: Path) -> None:
    for path in folder.glob("final=*"):
        data = json.loads((path / "metrics.json").read_text())
        (path / "metrics.json").write_text(json.dumps({**data, "status": "interrupted"}))
    ask(folder)
    found = compared(folder)
    assert {run.path.name for group in found.groups for run in group.runs} == {"trial=1", "trial=2"}
    assert {left.run.path.name: left.reason for left in found.left_out}["trial=3"] == (
        "given up by its search after 1 epochs"
    )
    assert "these are the runs that it was chosen by" in found.notes[0]


def test_a_trial_that_was_given_up_or_diverged_is_never_the_best(folder: Path) -> None:
    ask(folder)
    search = compared(folder).search
    assert search
    assert search.best
    assert search.best.label == "trial=2"
    assert search.best_so_far == [0.7, 0.5, 0.5, 0.5]
    outcomes = ["completed", "completed", "given up after 1 epochs", "diverged"]
    assert [trial.outcome for trial in search.trials] == outcomes


def test_the_report_tells_of_the_trials_beside_the_finals(folder: Path, tmp_path: Path) -> None:
    ask(folder)
    write_report(tmp_path / "report.html", compared(folder), [folder])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    section = page.partition('id="search"')[2].partition("<section")[0]
    listed = section.partition("<h3>Trials</h3>")[2]
    assert listed.index("trial=2") < listed.index("trial=1") < listed.index("trial=3")  # the best first
    assert "given up after 1 epochs" in section
    assert "val_loss by hidden" in section


@pytest.mark.parametrize(
    "search",
    [
        {"objective": 3},
        {"objective": "val_nothing"},
        {"space": [1]},
        {"space": {"hidden": 3, "optimizer": {"choice": 3}}},
        {"trials": "many", "sampler": []},
    ],
)
def test_a_forged_search_stops_nothing(folder: Path, tmp_path: Path, search: dict[str, Any]) -> None:
    ask(folder, **search)
    found = compared(folder)
    assert found.groups
    write_report(tmp_path / "report.html", found, [folder])


def test_the_dimension_that_decides_has_the_largest_share() -> None:
    values = [{"hidden": 4 + number, "optimizer": ("adam", "sgd")[number % 2]} for number in range(20)]
    trials = [
        Trial(f"trial={n}", one, float(one["optimizer"] == "sgd"), "", complete=True) for n, one in enumerate(values)
    ]
    shares = importances(Searched("tpe", "val_loss", False, SPACE, tuple(trials)))
    assert shares[0][0] == "optimizer"
    assert shares[0][1] > 0.9


@pytest.mark.parametrize(("worst", "axis"), [(0.9, None), (600.0, "log")])
def test_a_trial_that_is_far_worse_does_not_press_the_good_ones_together(worst: float, axis: str | None) -> None:
    losses = [0.3, 0.2, worst]
    trials = [Trial(f"trial={number}", VALUES, loss, "", complete=True) for number, loss in enumerate(losses)]
    search = Searched("tpe", "val_loss", False, SPACE, tuple(trials))
    for figure in (best_so_far(search), along(search, "hidden")):
        assert figure["layout"]["yaxis"].get("type") == axis


def test_a_run_that_was_given_up_is_in_no_mean_wherever_it_is_compared(folder: Path) -> None:
    found = compare(collect([folder]).records)
    assert "trial=3" not in {run.path.name for group in found.groups for run in group.runs}
