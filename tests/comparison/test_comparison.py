"""What a comparison says of runs: groups, means, verdicts, and all that is not counted."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import r2_score, root_mean_squared_error

from nnexp.comparison import statistics
from nnexp.comparison.collect import collect
from nnexp.comparison.comparison import MOST_TESTED, compare
from nnexp.comparison.notes import on_rare_classes
from nnexp.comparison.result import Comparison
from nnexp.comparison.table import csv_text, epochs_heading, markdown
from nnexp.errors import InputError
from nnexp.report.table import groups_table
from nnexp.runs.process import this_process

Make = Callable[..., Path]
Repeats = Callable[..., list[Path]]

ELSEWHERE = {"host": "elsewhere", "pid": 1, "started": 1.0}


def compared(*paths: Path, **options: Any) -> Comparison:
    found = collect(paths)
    return compare(found.records, unreadable=found.unreadable, **options)


def verdicts(comparison: Comparison) -> dict[tuple[str, str], str]:
    return {(verdict.first, verdict.second): verdict.outcome for verdict in comparison.verdicts}


# Groups


def test_repeats_of_real_runs_become_groups_by_what_differs(trained: Path) -> None:
    comparison = compared(*trained.glob("hidden=*"))
    assert comparison.parameters == ("hidden",)
    assert {group.label for group in comparison.groups} == {"hidden=4", "hidden=32"}
    for group in comparison.groups:
        assert [run.seed for run in group.runs] == [1, 2, 3]
        assert group.epochs == 2
        accuracy = group.estimates["accuracy"]
        assert accuracy.values == tuple(run.test["accuracy"] for run in group.runs)
        assert accuracy.mean == pytest.approx(np.mean(accuracy.values), abs=1e-12)
        assert accuracy.low is not None
        assert accuracy.high is not None
        assert accuracy.low < accuracy.mean < accuracy.high
        assert group.estimates["val_loss"].values == tuple(run.history[-1]["val_loss"] for run in group.runs)
    [verdict] = comparison.verdicts
    assert (verdict.first, verdict.outcome) == ("hidden=32", "better")
    assert verdict.text.startswith("hidden 32 is better than hidden 4 by ")
    assert "points [" in verdict.text


def test_the_interval_over_seeds_is_the_one_of_the_statistics(repeats: Repeats) -> None:
    group = compared(*repeats(8, [0.7, 0.75, 0.72, 0.78])).groups[0]
    assert len(group.estimates) > 4
    for metric, estimate in group.estimates.items():
        if metric != "accuracy":
            expected = statistics.group_interval(estimate.values)
            assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))


def test_a_test_part_of_one_example_tells_nothing_until_there_are_repeats(make: Make) -> None:
    wide = [make(f"wide{seed}", seed=seed, units=8, errors=np.full((1, 1), 4.0 + seed)) for seed in (1, 2, 3)]
    narrow = [make(f"narrow{seed}", seed=seed, errors=np.full((1, 1), 9.5 + seed)) for seed in (1, 2, 3)]
    for count in (1, 2):
        [verdict] = compared(*wide[:count], *narrow[:count]).verdicts
        assert verdict.outcome == "refused"
        assert "mean_absolute_error is one figure a run, and takes 3 repeats of each" in verdict.text
    [verdict] = compared(*wide, *narrow).verdicts
    assert (verdict.outcome, verdict.method) == ("better", "seeds alone")


def test_a_single_run_shows_the_interval_that_it_recorded(trained: Path) -> None:
    [group] = compared(trained / "iris").groups
    [run] = group.runs
    estimate = group.estimates["accuracy"]
    assert (estimate.low, estimate.high) == tuple(run.test_intervals["accuracy"])
    assert group.label == "digits"


def test_groups_take_their_names_where_those_tell_them_apart(repeats: Repeats) -> None:
    named = [*repeats(8, [0.7, 0.7], name="narrow"), *repeats(64, [0.8, 0.8], name="wide")]
    assert {group.label for group in compared(*named).groups} == {"narrow", "wide"}
    both = compared(*named, *repeats(16, [0.8], name="wide"))
    assert {group.label for group in both.groups} == {"narrow", "wide, hidden=64", "wide, hidden=16"}


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ({"status": "diverged"}, "diverged"),
        ({"status": "failed", "error": "out of memory\ntrace"}, "failed: out of memory"),
        ({"status": "failed", "error": "no Flatten", "expected": True}, "fails as expected: no Flatten"),
        ({"status": "interrupted"}, "interrupted after 2 of 2 epochs"),
        ({"status": "running", "process": ELSEWHERE}, "still running: 2 of 2 epochs done"),
        ({"test": {}}, "completed, but has no finite accuracy"),
        ({"test": {"accuracy": None}}, "completed, but has no finite accuracy"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_run_that_does_not_count_is_in_no_mean_and_named(
    repeats: Repeats, make: Make, metrics: dict[str, Any], reason: str
) -> None:
    good = repeats(8, [0.7, 0.72])
    bad = make("bad", seed=9, units=8, test_split="10000 examples", **metrics)
    comparison = compared(*good, bad)
    [group] = comparison.groups
    assert [run.path for run in group.runs] == good
    assert group.estimates["accuracy"].mean == pytest.approx(0.71)
    assert [(left.run.path, left.reason) for left in comparison.left_out] == [(bad, reason)]
    assert len(group.all_runs) == 3


def test_a_diverged_run_is_told_with_its_epoch(trained: Path) -> None:
    comparison = compared(trained / "diverged", trained / "iris")
    assert [left.reason for left in comparison.left_out] == ["diverged in epoch 1"]
    diverged = next(group for group in comparison.groups if not group.runs)
    assert diverged.findings["diverged"] == 1
    assert comparison.groups[-1] is diverged


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2026-11-22T10:00:00+00:00", "2099-01-01T00:00:00+00:00"),
        ("2026-10-25T02:50:00+02:00", "2026-10-25T02:10:00+01:00"),  # the clocks were set back between the two
        ("no time", "1970-01-01T00:00:00+00:00"),
    ],
)
def test_the_same_seed_again_is_no_repeat(repeats: Repeats, make: Make, before: str, after: str) -> None:
    first, _ = runs = repeats(8, [0.7, 0.8], started=before)
    again = make("again", source=str(first), started=after)
    comparison = compared(*runs, again)
    [group] = comparison.groups
    assert [run.seed for run in group.runs] == [1, 2]
    [left] = comparison.left_out
    assert (left.run.path, str(again) in left.reason) == (first, True)


def test_runs_without_a_config_are_not_taken_for_repeats(repeats: Repeats) -> None:
    runs = repeats(8, [0.7, 0.8])
    for number, run in enumerate(runs):
        data = json.loads((run / "metrics.json").read_text())
        del data["config"]
        (run / "metrics.json").write_text(json.dumps({**data, "identity": str(number)}))
    comparison = compared(*runs)
    assert [len(group.runs) for group in comparison.groups] == [1, 1]
    assert len({group.label for group in comparison.groups}) == 2
    assert any("2 runs hold no config" in note for note in comparison.notes)


# Verdicts


def test_a_relu_before_the_softmax_is_seen_to_be_far_worse(repeats: Repeats) -> None:
    plain = repeats(100, [0.895, 0.895, 0.896, 0.896, 0.895], name="relu100")
    dying = repeats(101, [0.647, 0.448, 0.810, 0.52, 0.889], name="relu_before_softmax")
    comparison = compared(*plain, *dying)
    assert (comparison.best, comparison.tied) == ("relu100", ())
    assert verdicts(comparison) == {("relu100", "relu_before_softmax"): "better"}


def test_512_and_1024_units_cannot_be_told_apart_and_it_says_what_would(repeats: Repeats) -> None:
    comparison = compared(*repeats(512, [0.878, 0.883, 0.883]), *repeats(1024, [0.883, 0.882, 0.883]))
    assert verdicts(comparison) == {("hidden=1024", "hidden=512"): "undecided"}
    assert comparison.tied == ("hidden=512",)
    [verdict] = comparison.verdicts
    assert verdict.text.startswith("hidden 1024 and hidden 512 cannot be told apart: 0.1")
    assert "more repeats would show a difference of 0.1" in verdict.text


def test_what_goes_with_the_parameter_asked_about_is_a_note_and_no_column(repeats: Repeats) -> None:
    sgd = {"config": {"optimizer": {"sgd": {"learning_rate": 0.01}}}}
    adam = {"config": {"optimizer": {"adam": {"learning_rate": 0.001}}}}
    comparison = compared(
        *repeats(8, [0.8, 0.81, 0.8], name="one", **sgd), *repeats(8, [0.9, 0.91, 0.9], name="two", **adam)
    )
    assert comparison.parameters == ("optimizer",)
    [note] = [note for note in comparison.notes if note.startswith("optimizer.learning_rate")]
    assert note.endswith("goes with optimizer: 0.01 with sgd, 0.001 with adam.")


def test_verdicts_name_parameters_by_the_ends_of_their_paths(repeats: Repeats) -> None:
    runs = [
        path
        for units, (seed, rate) in itertools.product((8, 16), ((1, 0.1), (5, 0.01)))
        for path in repeats(units, [0.8, 0.81], seed, config={"optimizer": {"sgd": {"learning_rate": rate}}})
    ]
    labels = {group.label for group in compared(*runs).groups}
    assert labels == {f"hidden={units}, learning_rate={rate}" for units in (8, 16) for rate in (0.1, 0.01)}


def test_runs_that_still_improve_are_told_to_be_unfinished(repeats: Repeats) -> None:
    improving = [{"code": "still_improving", "severity": "info", "message": "", "suggestion": "", "evidence": {}}]
    runs = [*repeats(8, [0.8, 0.81], findings=improving), *repeats(16, [0.9, 0.91], findings=[])]
    assert any(note.startswith("2 of 4 runs were still improving") for note in compared(*runs).notes)
    few = compared(*runs, *repeats(32, [0.9], findings=[])).notes
    assert any(note.startswith("2 of 2 runs of hidden=8 were still improving") for note in few)
    fewer = compared(*runs, *repeats(8, [0.9, 0.9, 0.9], first_seed=3, findings=[])).notes
    assert not any("still improving" in note for note in fewer)


@pytest.mark.parametrize(("losses", "told"), [((0.5, 0.3), True), ((0.31, 0.3), False), ((0.3, 0.5), False)])
def test_that_another_is_best_by_the_loss_is_told_where_no_interval_covers_both(
    make: Make, losses: tuple[float, float], told: bool
) -> None:
    runs = [
        make(
            f"{units}_{seed}",
            units=units,
            seed=seed,
            correct=np.arange(100) < 100 * right,
            test={"accuracy": right, "loss": loss + 0.01 * seed},
        )
        for units, right, loss in ((16, 0.9, losses[0]), (8, 0.8, losses[1]))
        for seed in (1, 2, 3)
    ]
    notes = [note for note in compared(*runs).notes if note.startswith("By the loss hidden=8 is best (0.32; hidden=16")]
    assert len(notes) == told
    assert not any(note.startswith("By the loss") for note in compared(*runs, metric="loss").notes)


def test_a_metric_of_one_figure_a_run_is_said_to_be_of_these_test_examples_alone(make: Make) -> None:
    runs = [
        make(
            f"{units}_{seed}", units=units, seed=seed, test={"loss": 0.3, "recall_yes": 0.5 + units / 100 + seed / 1000}
        )
        for units in (8, 16)
        for seed in (1, 2, 3)
    ]
    [note] = [
        note for note in compared(*runs, metric="recall_yes").notes if note.startswith("recall_yes is one figure")
    ]
    assert "of other seeds with these same test examples" in note
    assert not any("one figure a run" in note for note in compared(*runs, metric="seconds").notes)


def test_repeats_that_all_differ_by_the_same_are_not_said_to_be_certain(make: Make) -> None:
    runs = [
        make(
            f"{units}_{seed}", units=units, seed=seed, test={"loss": 0.3, "recall_yes": (30 + seed + units // 16) / 42}
        )
        for units in (8, 16)
        for seed in (1, 2, 3)
    ]
    [verdict] = compared(*runs, metric="recall_yes").verdicts
    assert verdict.text.endswith("their spread is unknown, and p not to be trusted"), verdict.text


def test_that_nearly_all_examples_are_of_one_class_is_told(repeats: Repeats) -> None:
    def noted(*supports: int) -> list[str]:
        rows = [{"class": name, "support": support} for name, support in zip("ab", supports, strict=True)]
        runs = repeats(8, [0.8, 0.81, 0.82], name=str(supports), evaluation={"per_class": rows})
        return list(on_rare_classes(compared(*runs).groups, "accuracy"))

    assert noted(60, 40) == []
    [note] = noted(87, 13)
    assert note.startswith("87 % of the test examples are of the class a: accuracy says little of the others.")


def test_of_two_parameters_a_note_says_how_to_ask_about_one(repeats: Repeats) -> None:
    runs = [
        path
        for units, epochs, accuracy in ((8, 2, 0.7), (8, 30, 0.9), (16, 2, 0.72), (16, 30, 0.88))
        for path in repeats(units, [accuracy, accuracy], name=f"{units} {epochs}")
    ]
    for path in runs:
        metrics = json.loads((path / "metrics.json").read_text())
        metrics["config"] |= {"epochs": int(metrics["config"]["name"].split()[1]), "name": "one"}
        (path / "metrics.json").write_text(json.dumps({**metrics, "name": "one"}))
    [note] = [note for note in compared(*runs).notes if note.startswith("Several parameters differ")]
    assert "hidden with --filter epochs=30; epochs with --filter hidden=8." in note
    alone = compared(*runs, filters=["epochs=30"])
    assert (alone.parameters, len(alone.verdicts)) == (("hidden",), 1)


def test_a_difference_that_only_holm_hides_is_marked_apart(repeats: Repeats) -> None:
    accuracies = {8: [0.80, 0.81, 0.82], 16: [0.812, 0.830, 0.829], 32: [0.79, 0.81, 0.83], 64: [0.80, 0.82, 0.81]}
    comparison = compared(*(path for units, shares in accuracies.items() for path in repeats(units, shares)))
    [unsure] = [verdict for verdict in comparison.verdicts if verdict.alone]
    assert unsure.outcome == "undecided"
    assert unsure.low is not None
    assert unsure.low > 0
    assert "it may be chance" in unsure.text
    assert "more repeats would show a difference of" in unsure.text
    assert unsure.second in comparison.tied


@pytest.mark.parametrize("dataset", ["digits", {"csv": {"path": "vowels.csv", "target": "vowel"}}])
def test_where_no_repeats_help_a_larger_test_part_is_told_of_once(make: Callable[..., Path], dataset: object) -> None:
    def runs(units: int, right: int) -> list[Path]:
        hard = np.random.default_rng(units).permutation(100)
        config = {"dataset": dataset}
        return [
            make(f"{units}_{seed}", units=units, correct=hard < right, seed=seed, config=config) for seed in range(5)
        ]

    comparison = compared(*runs(8, 60), *runs(16, 63), *runs(32, 65))
    for verdict in comparison.verdicts:
        assert "; however many the repeats, with these 100 test examples only true differences beyond " in verdict.text
        assert " points among 3 comparisons" in verdict.text
    [note] = [note for note in comparison.notes if "only a larger test part can show a smaller" in note]
    assert ("--set dataset.test=0.5" in note) == isinstance(dataset, dict)


def test_one_run_each_is_about_these_runs_alone(repeats: Repeats) -> None:
    comparison = compared(*repeats(8, [0.8]), *repeats(64, [0.9]), *repeats(16, [0.9], first_seed=7))
    [tie, difference] = comparison.verdicts
    assert (tie.outcome, difference.outcome) == ("undecided", "better")
    assert {tie.method, difference.method} == {"exact McNemar"}
    assert "one run each" in tie.text
    assert "--repeats 5" in tie.text
    assert difference.text.startswith("this run of ")
    assert "by 10.0 points" in difference.text
    assert "cannot say that other seeds would" in difference.text


def test_the_best_is_held_against_each_other_group_and_all_pairs_count(repeats: Repeats) -> None:
    runs = [run for units in (8, 16, 32) for run in repeats(units, [0.80, 0.802, 0.801])]
    comparison = compared(*runs)
    assert [verdict.first for verdict in comparison.verdicts] == [comparison.best] * 2
    assert set(comparison.tied) == {verdict.second for verdict in comparison.verdicts}
    assert all("Holm over 3" in verdict.text for verdict in comparison.verdicts)
    assert any("all 3 pairs of the 3 groups" in note for note in comparison.notes)


@pytest.mark.slow
def test_equal_groups_are_seldom_told_apart_though_the_best_is_picked_by_its_luck(make: Make) -> None:
    """Fifteen equal ones, 60 times over: at 5 %, more than 7 false alarms have a chance of 1 in 100.

    Correcting only for the 14 comparisons that are shown would give a false alarm every fifth time.
    """
    random = np.random.default_rng(1)
    runs = [make(f"{units}", units=units, correct=[True, False]) for units in range(1, 16)]
    alarms = 0
    for _ in range(60):
        for run in runs:
            right = random.random(400) < 0.5
            _predict(run, right)
        alarms += any(verdict.outcome != "undecided" for verdict in compared(*runs).verdicts)
    assert alarms <= 7


def _predict(run: Path, right: np.ndarray) -> None:
    data = json.loads((run / "metrics.json").read_text())
    data["test"]["accuracy"] = float(right.mean())
    (run / "metrics.json").write_text(json.dumps(data))
    split = np.array(data["test_split"])
    np.savez(run / "predictions.npz", labels=np.ones(len(right)), predicted=right, split_fingerprint=split)


def test_a_baseline_is_held_against_all_others_and_only_those_count(repeats: Repeats) -> None:
    runs = [
        run for units, base in ((8, 0.8), (16, 0.85), (32, 0.9)) for run in repeats(units, [base, base + 0.002, base])
    ]
    for name in ("hidden=16", "16", str(runs[3]), str(runs[5])):
        comparison = compared(*runs, baseline=name)
        assert comparison.baseline == "hidden=16"
        assert verdicts(comparison) == {("hidden=32", "hidden=16"): "better", ("hidden=8", "hidden=16"): "worse"}
        assert all("Holm over 2" in verdict.text for verdict in comparison.verdicts)
        assert comparison.best == "hidden=32"
        assert [one.second for one in comparison.of_best] == ["hidden=16", "hidden=8"]
        picked, other = compared(*runs).verdicts
        assert comparison.of_best == (comparison.verdicts[0], other)  # a pair has one answer: the planned one
        assert "Holm over 3" in picked.text


def losses(repeats: Repeats, units: int, values: Sequence[float], **more: Any) -> list[Path]:
    return [
        path
        for seed, value in enumerate(values, 1)
        for path in repeats(units, [0.8], seed, test={"accuracy": 0.8, "loss": value}, **more)
    ]


def test_the_marks_of_the_table_are_what_the_verdict_with_a_planned_baseline_says(repeats: Repeats) -> None:
    runs = [*losses(repeats, 32, (0.3, 0.31, 0.32)), *losses(repeats, 16, (0.4, 0.38, 0.45))]
    runs += losses(repeats, 8, (1.3, 1.4, 1.3))
    assert compared(*runs, metric="loss").unsure == {"hidden=16"}
    planned = compared(*runs, metric="loss", baseline="16")
    assert verdicts(planned) == {("hidden=32", "hidden=16"): "better", ("hidden=8", "hidden=16"): "worse"}
    assert (planned.tied, planned.unsure) == ((), frozenset())
    of_best = compared(*runs, metric="loss", baseline="32")  # which is the best itself
    assert verdicts(of_best) == {("hidden=16", "hidden=32"): "worse", ("hidden=8", "hidden=32"): "worse"}
    assert (of_best.tied, of_best.unsure) == ((), frozenset())


def noticed(code: str, rise: float = 0.3) -> dict[str, Any]:
    evidence = {"best_val_loss": 1.0, "last_val_loss": 1 + rise}
    return {"findings": [{"code": code, "severity": "info", "message": "", "suggestion": "", "evidence": evidence}]}


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("still_improving", "; but hidden 8 was still improving at its end in 3 of 3 runs, hidden 16 in 0 of 3: more "),
        ("overfitting", "; but hidden 8 was past its best epoch, its validation loss 30 % above its lowest: early_"),
        ("dead_units", ""),
    ],
)
def test_a_verdict_says_what_may_turn_it(code: str, told: str, repeats: Repeats) -> None:
    worse, better = repeats(8, [0.8, 0.81, 0.8], **noticed(code)), repeats(16, [0.9, 0.91, 0.9], findings=[])
    for baseline, outcome in ((None, "better"), ("16", "worse")):
        [verdict] = compared(*worse, *better, baseline=baseline).verdicts
        assert verdict.outcome == outcome
        assert told in verdict.text
        assert ("; but" in verdict.text) == bool(told)


@pytest.mark.parametrize(
    ("worse", "better", "kept"),
    [
        (noticed("overfitting"), noticed("overfitting", 0.2), False),
        ({"findings": []}, noticed("overfitting"), False),
        (noticed("overfitting"), {"findings": []}, True),
        (noticed("still_improving"), noticed("still_improving"), False),
    ],
)
def test_where_both_are_alike_or_kept_their_best_weights_a_verdict_says_no_more(
    worse: dict[str, Any], better: dict[str, Any], kept: bool, repeats: Repeats
) -> None:
    config = {"callbacks": [{"early_stopping": {"monitor": "val_loss", "restore_best_weights": kept}}]}
    runs = repeats(8, [0.8, 0.81, 0.8], config=config, **worse) + repeats(16, [0.9, 0.91, 0.9], config=config, **better)
    [verdict] = compared(*runs).verdicts
    assert "; but" not in verdict.text


def test_a_run_that_is_far_from_its_others_is_named(repeats: Repeats) -> None:
    near = losses(repeats, 8, (1.2, 1.21, 1.19, 1.23, 1.22, 1.2))
    assert not [note for note in compared(*near, metric="loss").notes if "is far from" in note]
    shutil.rmtree(near[2])
    runs = [*near[:2], *near[3:], *repeats(8, [0.8], 9, test={"loss": 2.23})]
    [note] = [note for note in compared(*runs, metric="loss").notes if "is far from" in note]
    assert "seed 9 has 2.2300, the other 5 have 1.2000 to 1.2300." in note
    assert note.endswith(f"nnexp show {runs[-1]}")
    alike = losses(repeats, 16, (0.5, 0.5, 0.5, 0.5, 0.51))
    assert not [note for note in compared(*alike, metric="loss").notes if "is far from" in note]


def test_a_baseline_may_be_the_name_of_runs(repeats: Repeats) -> None:
    runs = [*repeats(8, [0.7] * 3, name="narrow"), *repeats(64, [0.8] * 3, name="wide")]
    assert compared(*runs, baseline="narrow").baseline == "narrow"


def test_losses_are_better_when_lower_and_are_tested_over_the_seeds(repeats: Repeats) -> None:
    low = [path for seed in (1, 2, 3) for path in repeats(8, [0.8], seed, test={"loss": 0.3 + seed / 100})]
    high = [path for seed in (1, 2, 3) for path in repeats(16, [0.8], seed, test={"loss": 0.5 + seed / 90})]
    comparison = compared(*low, *high, metric="loss")
    assert (comparison.greater_is_better, comparison.best) == (False, "hidden=8")
    [verdict] = comparison.verdicts
    assert (verdict.outcome, verdict.method) == ("better", "seeds alone")
    assert verdict.text.startswith("hidden 8 is better than hidden 16 in loss, lower by 0.20")
    few = compared(low[0], high[0], metric="loss")
    assert few.verdicts[0].outcome == "refused"
    assert "3 repeats" in few.verdicts[0].text


def test_other_seeds_are_compared_without_pairing(repeats: Repeats) -> None:
    comparison = compared(*repeats(8, [0.7, 0.71, 0.7]), *repeats(16, [0.8, 0.81, 0.8], first_seed=11))
    assert verdicts(comparison) == {("hidden=16", "hidden=8"): "better"}
    # Most seeds in common: those are paired, and the difference is over them.
    mixed = compared(*repeats(9, [0.7, 0.7, 0.7, 0.2]), *repeats(17, [0.8, 0.8, 0.8]))
    assert mixed.verdicts[0].difference == pytest.approx(0.1)


def test_groups_on_other_test_splits_are_not_compared(trained: Path) -> None:
    comparison = compared(trained)
    refused = [verdict for verdict in comparison.verdicts if verdict.outcome == "refused"]
    assert refused
    assert all("different test splits" in verdict.text and verdict.p is None for verdict in refused)
    assert any("2 different test splits" in note for note in comparison.notes)


def test_the_same_config_on_another_test_split_is_another_group(repeats: Repeats) -> None:
    one = repeats(8, [0.7, 0.8])
    other = repeats(8, [0.7, 0.8], test_split="another", name="digits")
    comparison = compared(*one, *other)
    assert len(comparison.groups) == 2
    assert len({group.label for group in comparison.groups}) == 2
    assert comparison.verdicts[0].outcome == "refused"


@pytest.mark.parametrize("damage", ["missing", "torn", "empty", "pickled", "another split's", "shape"])
def test_predictions_that_cannot_be_used_are_told_and_the_seeds_still_speak(repeats: Repeats, damage: str) -> None:
    low, high = repeats(8, [0.7, 0.701, 0.7]), repeats(16, [0.8, 0.801, 0.8])
    file = low[0] / "predictions.npz"
    whole = dict(np.load(file))
    match damage:
        case "missing":
            file.unlink()
        case "torn":
            file.write_bytes(file.read_bytes()[:5000])
        case "empty":
            file.write_bytes(b"")
        case "pickled":
            np.savez(file, **{**whole, "labels": np.array([print], dtype=object)})
        case "another split's":
            np.savez(file, **{**whole, "split_fingerprint": np.array("other")})
        case "shape":
            np.savez(file, **{**whole, "predicted": whole["predicted"][:-1]})
    comparison = compared(*low, *high)
    [verdict] = comparison.verdicts
    assert (verdict.outcome, verdict.method) == ("better", "seeds alone")
    assert any(str(file) in note for note in comparison.notes)
    single = compared(low[0], high[0])
    assert single.verdicts[0].outcome == "refused"
    assert "predictions" in single.verdicts[0].text


def test_a_run_whose_predictions_give_another_figure_is_in_no_mean(repeats: Repeats) -> None:
    low, high = repeats(8, [0.7, 0.701, 0.7]), repeats(16, [0.8, 0.801, 0.8])
    for run in low[:2]:
        metrics = json.loads((run / "metrics.json").read_text())
        metrics["test"]["accuracy"] = 0.95
        (run / "metrics.json").write_text(json.dumps(metrics))
    comparison = compared(*low, *high)
    assert comparison.best == "hidden=16"
    assert comparison.group("hidden=8").estimates["accuracy"].mean == 0.7
    assert [left.run.path for left in comparison.left_out] == low[:2]
    assert "is 0.9500 by metrics.json, 0.7000 by predictions.npz" in comparison.left_out[0].reason


def test_of_two_copies_the_one_whose_figure_holds_counts(repeats: Repeats, tmp_path: Path) -> None:
    [honest] = repeats(8, [0.7])
    changed = tmp_path / "zz_changed"
    shutil.copytree(honest, changed)
    metrics = json.loads((changed / "metrics.json").read_text())
    metrics["test"]["accuracy"] = 0.95
    (changed / "metrics.json").write_text(json.dumps(metrics))
    comparison = compared(honest, changed)
    [group] = comparison.groups
    assert [run.path for run in group.runs] == [honest]
    assert [left.run.path for left in comparison.left_out] == [changed]


def test_runs_that_diverged_are_why_there_are_few_and_no_more_are_asked_for(repeats: Repeats, make: Make) -> None:
    low, high = repeats(8, [0.7]), repeats(16, [0.8, 0.801, 0.8])
    for seed in (7, 8):
        make(f"gone{seed}", seed=seed, units=8, status="diverged", test_split="10000 examples")
    comparison = compared(low[0].parent)
    [verdict] = comparison.verdicts
    assert verdict.text.endswith("3 and 1 runs cannot say that other seeds would: 2 diverged of the 3 runs of hidden=8")
    assert any(note.startswith("2 of 3 runs of hidden=8 diverged: that is their result") for note in comparison.notes)
    [verdict] = compared(low[0], *high).verdicts
    assert verdict.text.endswith("nnexp sweep CONFIG --repeats 5 can")


def test_of_many_groups_the_nearest_are_tested_and_it_says_so(make: Make) -> None:
    paths = [
        make(f"{units}", units=units, correct=np.arange(1000) < 500 + units) for units in range(1, MOST_TESTED + 6)
    ]
    comparison = compared(*paths)
    assert len(comparison.verdicts) == MOST_TESTED
    assert f"hidden={MOST_TESTED + 5}" == comparison.best
    assert "hidden=1" not in {verdict.second for verdict in comparison.verdicts}
    assert any("4 further ones were not" in note for note in comparison.notes)


# What users ask for


@pytest.fixture
def grid(repeats: Repeats) -> list[Path]:
    return [path for units, base in ((8, 0.7), (32, 0.9), (16, 0.8)) for path in repeats(units, [base, base + 0.01])]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        (None, [32, 16, 8]),
        ("hidden", [8, 16, 32]),
        ("-hidden", [32, 16, 8]),
        ("accuracy", [8, 16, 32]),
        ("label", [16, 32, 8]),
    ],
)
def test_groups_come_in_the_order_asked_for(grid: list[Path], sort: str | None, order: list[int]) -> None:
    assert [group.parameters["hidden"] for group in compared(*grid, sort=sort).groups] == order


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        (["hidden>=16"], {16, 32}),
        (["hidden>8", "hidden != 32"], {16}),
        (["hidden=8"], {8}),
        (["hidden=*2"], {32}),
        (["accuracy>0.8"], {16, 32}),
        (["accuracy<=0.75"], {8}),
        (["status=completed", "name=dig*"], {8, 16, 32}),
        (["seed=1"], {8, 16, 32}),
        (["dataset=digits"], {8, 16, 32}),
        (["learning_rate=0.001"], {8, 16, 32}),
        (["loss=sparse*"], {8, 16, 32}),
        (["loss<0"], set()),
        (["name=other"], set()),
    ],
)
def test_filters_keep_what_they_say(grid: list[Path], filters: list[str], kept: set[int]) -> None:
    if not kept:
        with pytest.raises(InputError, match="no run passes --filter"):
            compared(*grid, filters=filters)
        return
    groups = compared(*grid, filters=filters).groups
    widths = {run.config["layers"][1]["dense"]["units"] for group in groups for run in group.runs}
    assert widths == kept


def test_a_filter_on_a_metric_looks_at_the_mean_and_drops_no_unlucky_run(grid: list[Path]) -> None:
    [group] = compared(*grid, filters=["accuracy>0.901"]).groups
    assert [run.test["accuracy"] for run in group.runs] == [0.9, 0.91]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"metric": "acuracy"}, "did you mean 'accuracy'"),
        ({"metric": "f1"}, "there are: accuracy, loss, val_accuracy"),
        ({"sort": "hiden"}, "did you mean 'hidden'"),
        ({"filters": ["hiden>3"]}, "did you mean 'hidden'"),
        ({"filters": ["hidden"]}, "write NAME, one of"),
        ({"filters": ["hidden>"]}, "write NAME, one of"),
        ({"filters": [">3"]}, "write NAME, one of"),
        ({"baseline": "hidden=9"}, "there are: 32, 16, 8"),
        ({"baseline": "digits"}, "3 groups go by that name"),
    ],
)
def test_a_name_that_is_none_is_told_with_those_there_are(grid: list[Path], options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        compared(*grid, **options)


def test_a_baseline_that_failed_is_refused_with_its_reason(grid: list[Path], trained: Path) -> None:
    with pytest.raises(InputError, match="diverged in epoch 1"):
        compared(*grid, trained / "diverged", baseline=str(trained / "diverged"))


def test_runs_that_all_failed_are_still_shown(make: Make) -> None:
    runs = [make(f"{seed}", seed=seed, status="failed", error="no memory") for seed in (1, 2)]
    comparison = compared(*runs)
    assert (comparison.best, comparison.verdicts) == (None, ())
    assert len(comparison.left_out) == 2
    with pytest.raises(InputError, match="no run was completed"):
        compared(*runs, metric="accuracy")


# Forgeries


@pytest.mark.parametrize(
    "metrics",
    [
        {"config": {"layers": [[[[]]]], "epochs": [1]}},
        {"config": {"layers": [{"dense": {"units": 10**400}}, {"dense": 1}]}},
        {"config": {"seed": {}, "a": {"b": {"c": None}}}},
        {"test": {"accuracy": 1e308, "loss": -1e308, "x" * 300: 1}},
        {"history": [{"epoch": "one", "loss": None}, {"val_loss": True}], "status": "diverged"},
        {"findings": [{"code": ["x"]}, {}], "parameters": {"total": 10**30}},
        {"name": "\x1b[2J|<b>`\n", "seed": None},
        {"test_intervals": {"accuracy": [9, -9]}, "timings": {"total": -1}},
        {"process": this_process(), "status": "running"},
    ],
    ids=["layers", "units", "values", "sizes", "history", "findings", "name", "intervals", "process"],
)
def test_a_forged_run_spoils_no_comparison(repeats: Repeats, make: Make, metrics: dict[str, Any]) -> None:
    good = repeats(8, [0.7, 0.8])
    forged = [make(f"forged{seed}", **{"seed": seed, **metrics}) for seed in (1, 2, 3)]
    comparison = compared(*good, *forged, sort="hidden")
    group = next(group for group in comparison.groups if [run.path for run in group.runs] == good)
    assert group.estimates["accuracy"].mean == pytest.approx(0.75)
    assert all(math.isfinite(estimate.mean) for group in comparison.groups for estimate in group.estimates.values())


# What reviewers found


def _without_split(*runs: Path) -> None:
    for run in runs:
        data = json.loads((run / "metrics.json").read_text())
        del data["test_split"]
        (run / "metrics.json").write_text(json.dumps(data))


@pytest.mark.parametrize("metric", ["accuracy", "loss", "seconds"])
def test_runs_that_do_not_say_their_test_split_are_held_to_that_of_their_predictions(
    repeats: Repeats, metric: str
) -> None:
    one, other = repeats(8, [0.7, 0.71, 0.7]), repeats(16, [0.8, 0.81, 0.8], test_split="another")
    same = repeats(32, [0.9, 0.91, 0.9])
    for silent in (one, other):
        _without_split(*silent)
        [verdict] = compared(*one, *other, metric=metric).verdicts
        refused = verdict.text.endswith("they were tested on different test splits")
        assert (verdict.outcome == "refused") == refused == (metric != "seconds")
    if metric == "accuracy":
        assert compared(*one, *same).verdicts[0].outcome == "better"


def test_repeats_on_other_test_splits_have_no_interval_over_examples(repeats: Repeats) -> None:
    runs = [*repeats(8, [0.7, 0.71]), *repeats(8, [0.72, 0.7], first_seed=3, test_split="another")]
    _without_split(*runs)
    [group] = compared(*runs).groups
    assert (len(group.runs), group.estimates["accuracy"].method) == (4, "seeds alone")


def _repeats_told(comparison: Comparison, other: str) -> int:
    [text] = [verdict.text for verdict in comparison.verdicts if verdict.second == other]
    found = re.search(r"about (\d+) more repeats", text)
    assert found, text
    return int(found[1])


def test_the_repeats_that_are_told_count_all_comparisons(repeats: Repeats) -> None:
    best, other = repeats(64, [0.8, 0.82, 0.81, 0.83]), repeats(32, [0.81, 0.81, 0.8, 0.82])
    rest = [run for units in (4, 8, 12, 16) for run in repeats(units, [0.5, 0.51, 0.5, 0.52])]
    alone, among = compared(*best, *other), compared(*best, *other, *rest)
    assert _repeats_told(among, "hidden=32") > 1.5 * _repeats_told(alone, "hidden=32")


def test_runs_that_pairing_leaves_out_are_told(repeats: Repeats) -> None:
    rising = [0.8 + seed / 1000 for seed in range(10)]
    many, few = repeats(8, rising), repeats(16, [value + 0.02 for value in rising[:7]])
    [verdict] = compared(*many, *few).verdicts
    assert "over the 7 seeds that both have" in verdict.text
    assert verdict.difference == pytest.approx(0.02)
    [undecided] = compared(*many, *repeats(32, rising[:7])).verdicts
    assert undecided.outcome == "undecided"
    assert "over the 7 seeds that both have" in undecided.text
    [whole] = compared(*many[:7], *few).verdicts
    assert "seeds that both have" not in whole.text


def test_of_many_groups_the_best_is_always_held_against_the_baseline(make: Make) -> None:
    count = MOST_TESTED + 6
    paths = [make(f"{units}", units=units, correct=np.arange(1000) < 500 + units) for units in range(1, count)]
    comparison = compared(*paths, baseline="1")
    assert len(comparison.verdicts) == MOST_TESTED
    assert comparison.verdicts[0].first == comparison.best == f"hidden={count - 1}"
    assert any(note.startswith("The best and the groups nearest to the baseline") for note in comparison.notes)


def test_verdicts_stand_with_the_best_first_whatever_they_are_held_against(repeats: Repeats, make: Make) -> None:
    runs = [run for units, right in ((8, 0.5), (16, 0.9), (32, 0.6), (64, 0.45)) for run in repeats(units, [right] * 3)]
    other_split = make("other", units=128, correct=[True] * 40)
    for baseline, others in (("8", [16, 32, 64, 128]), ("32", [16, 8, 64, 128])):
        verdicts = compared(*runs, other_split, baseline=baseline).verdicts
        assert [one.first for one in verdicts] == [f"hidden={units}" for units in others]
        assert verdicts[-1].outcome == "refused"


@pytest.mark.parametrize("text", ["status=complete", "status!=done", "status=Failed"])
def test_a_status_that_does_not_exist_is_told_with_those_there_are(grid: list[Path], text: str) -> None:
    with pytest.raises(InputError, match="there are: running, completed, diverged, failed, interrupted"):
        compared(*grid, filters=[text])


def test_a_baseline_too_long_for_a_path_is_a_name_like_any_other(grid: list[Path]) -> None:
    with pytest.raises(InputError, match="there is no group of that name"):
        compared(*grid, baseline="x" * 5000)


@pytest.mark.parametrize(("trained_for", "heading"), [((1, 2), ""), ((1, 1), "epochs trained")])
def test_epochs_that_differ_are_told_once(make: Make, trained_for: tuple[int, int], heading: str) -> None:
    runs = [
        make(f"{planned}", config={"epochs": planned}, history=[{"epoch": 1 + n, "loss": 1} for n in range(done)])
        for planned, done in zip((1, 2), trained_for, strict=True)
    ]
    comparison = compared(*runs)
    assert comparison.parameters == ("epochs",)
    assert epochs_heading(comparison) == heading
    cells = [cell.strip() for cell in markdown(comparison).partition("\n")[0].split("|")]
    assert [cell for cell in cells if "epochs" in cell] == ([heading] if heading else [])
    names = [column.name for column in groups_table(comparison).columns if "epochs" in column.name]
    assert names == ["epochs", *([heading] if heading else [])]


def test_text_in_a_csv_cell_is_no_formula_and_numbers_stay_numbers(make: Make) -> None:
    runs = [make(f"{place}", config={"=evil": text}) for place, text in enumerate(("=1+1", "@x", "-2", -2, "a\x1b[2J"))]
    rows = list(csv.DictReader(io.StringIO(csv_text(compared(*runs)))))
    assert {row["'=evil"] for row in rows} == {"'=1+1", "'@x", "-2", "a [2J"}
    assert not any(cell.startswith(("=", "@")) for row in rows for cell in row.values())


# Tasks


@pytest.fixture
def values(make: Make) -> Callable[..., list[Path]]:
    """Runs that predict two values for each of 300 examples, a seed each, and are off by so much on average."""

    def runs(units: int, scales: list[float], **options: Any) -> list[Path]:
        shared = np.random.default_rng(0).standard_normal((300, 2))
        made = []
        for seed, scale in enumerate(scales, 1):
            own = np.random.default_rng([units, seed]).standard_normal((300, 2))
            name = f"values={units}_seed={seed}"
            made.append(make(name, errors=scale * (shared + 0.3 * own), units=units, seed=seed, **options))
        return made

    return runs


def missed(run: Path) -> Any:
    """The absolute error of each example, the mean of its targets."""
    with np.load(run / "predictions.npz") as arrays:
        return np.abs(arrays["predicted"].astype(np.float64) - arrays["labels"]).mean(axis=1)


def test_single_runs_that_predict_values_are_compared_example_by_example(values: Callable[..., list[Path]]) -> None:
    [one], [other] = values(8, [40.0]), values(16, [50.0])
    comparison = compared(one, other)
    assert (comparison.metric, comparison.greater_is_better, comparison.best) == (
        "mean_absolute_error",
        False,
        "hidden=8",
    )
    [verdict] = comparison.verdicts
    expected = statistics.single_errors(missed(one), missed(other))
    assert (verdict.outcome, verdict.method) == ("better", "paired bootstrap")
    found = verdict.difference, verdict.low, verdict.high
    assert found == pytest.approx((expected.estimate, expected.low, expected.high), rel=1e-5)
    assert re.search(
        r"in mean_absolute_error, lower by \d\.\d \[\d\.\d, \d+\.\d\] \(p < 0\.001\); one run", verdict.text
    )
    estimate = comparison.group("hidden=8").estimates["mean_absolute_error"]
    assert (estimate.low, estimate.high) == pytest.approx((0.9 * estimate.mean, 1.1 * estimate.mean))


def test_repeats_that_predict_values_cover_seeds_and_examples(values: Callable[..., list[Path]]) -> None:
    ones, others = values(8, [40.0, 41.0, 40.5]), values(16, [50.0, 51.0, 49.0])
    comparison = compared(*ones, *others)
    expected = statistics.paired_repeats([missed(run) for run in ones], [missed(run) for run in others])
    [verdict] = comparison.verdicts
    assert (verdict.outcome, verdict.method) == ("better", "seeds and examples")
    found = verdict.difference, verdict.low, verdict.high, verdict.p
    assert found == pytest.approx((expected.estimate, expected.low, expected.high, expected.p), rel=1e-4)
    assert "hidden 8 is better than hidden 16 in mean_absolute_error, lower by " in verdict.text
    assert "points" not in verdict.text
    interval = statistics.group_interval([missed(run) for run in ones])
    estimate = comparison.group("hidden=8").estimates["mean_absolute_error"]
    assert (estimate.low, estimate.high) == pytest.approx((interval.low, interval.high), rel=1e-5)
    assert estimate.method == "seeds and examples"


@pytest.mark.parametrize(
    ("metric", "reference", "told"),
    [("root_mean_squared_error", root_mean_squared_error, "lower by 1"), ("r2_score", r2_score, "in r2_score by 0.")],
)
def test_figures_that_are_no_mean_over_the_examples_are_compared_by_them_too(
    values: Callable[..., list[Path]], metric: str, reference: Callable[..., float], told: str
) -> None:
    runs = [*values(8, [40.0, 41.0, 40.5]), *values(16, [50.0, 51.0, 49.0])]
    recorded = {}
    for run in runs:
        with np.load(run / "predictions.npz") as arrays:
            recorded[run] = reference(arrays["labels"].astype(np.float64), arrays["predicted"].astype(np.float64))
        data = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        data["test"][metric] = recorded[run]
        (run / "metrics.json").write_text(json.dumps(data), encoding="utf-8")
    comparison = compared(*runs, metric=metric)
    [verdict] = comparison.verdicts
    assert (comparison.best, verdict.outcome, verdict.method) == ("hidden=8", "better", "seeds and examples")
    assert told in verdict.text
    found = [recorded[run] for run in runs]
    assert verdict.difference == pytest.approx(np.mean(found[:3]) - np.mean(found[3:]))
    assert comparison.group("hidden=8").estimates[metric].method == "seeds and examples"
    [alone] = compared(runs[0], runs[3], metric=metric).verdicts
    assert (alone.outcome, alone.method) == ("better", "paired bootstrap")


def test_all_labels_right_is_tested_as_accuracy_is(make: Make) -> None:
    labels = np.random.default_rng(0).integers(0, 2, (200, 4), dtype=np.uint8)
    right = {}
    for units, mistakes in ((8, 20), (16, 60)):
        predicted = labels.copy()
        predicted[:mistakes, units % 3] ^= 1
        right[units] = (predicted == labels).all(axis=1)
        test = {"exact_match": float(right[units].mean())}
        run = make(f"labels={units}", units=units, task="multi_label", test=test, test_split="labels")
        np.savez(run / "predictions.npz", labels=labels, predicted=predicted, split_fingerprint=np.array("labels"))
    comparison = compared(run.parent)
    [verdict] = comparison.verdicts
    expected = statistics.single_runs(right[8], right[16])
    assert (comparison.metric, comparison.best, verdict.method) == ("exact_match", "hidden=8", "exact McNemar")
    assert (verdict.difference, verdict.p) == (expected.estimate, expected.p)
    assert "in exact_match by 20.0 points [" in verdict.text


@pytest.mark.parametrize("name", ["MAE", "mae", "mean absolute error"])
def test_a_figure_goes_by_the_name_that_tables_have_for_it(values: Callable[..., list[Path]], name: str) -> None:
    runs = [*values(8, [40.0, 41.0]), *values(16, [50.0, 51.0])]
    comparison = compared(*runs, metric=name, sort=f"-{name}")
    assert comparison.metric == "mean_absolute_error"
    assert [group.parameters["hidden"] for group in comparison.groups] == [16, 8]
    if " " not in name:
        mean = comparison.groups[1].estimates["mean_absolute_error"].mean
        assert len(compared(*runs, filters=[f"{name}<={mean}"]).groups) == 1
    with pytest.raises(InputError, match="--metric: there is no 'RMSE'"):
        compared(*runs, metric="RMSE")


def test_runs_of_several_tasks_are_compared_by_the_one_that_most_have_and_it_says_so(
    values: Callable[..., list[Path]], repeats: Repeats
) -> None:
    of_classes, of_values = repeats(4, [0.7, 0.71, 0.72]), values(8, [40.0, 41.0])
    comparison = compared(*of_classes, *of_values)
    assert (comparison.metric, comparison.best) == ("accuracy", "hidden=4")
    assert {left.reason for left in comparison.left_out} == {"completed, but regression has no accuracy"}
    assert "3 of classification (accuracy), 2 of regression (mean_absolute_error)" in comparison.notes[0]
    assert "--filter task=classification" in comparison.notes[0]
    alone = compared(*of_classes, *of_values, filters=["task=regression"])
    assert (alone.metric, len(alone.left_out), len(alone.groups)) == ("mean_absolute_error", 0, 1)
    assert not any("tasks" in note for note in alone.notes)
    with pytest.raises(InputError, match="did you mean 'regression'"):
        compared(*of_classes, filters=["task=regresion"])


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda made, other: made.unlink(), "is missing"),
        (lambda made, other: np.savez(made, **forged(made, float("nan"))), "hold what are no finite numbers"),
        (lambda made, other: np.savez(made, **of_classes(made)), "is of another task than the run"),
    ],
)
def test_values_that_cannot_be_used_are_told(
    values: Callable[..., list[Path]], damage: Callable[[Path, Path], object], told: str
) -> None:
    runs, others = values(8, [40.0, 41.0, 40.5]), values(16, [50.0, 51.0, 49.0])
    damage(runs[0] / "predictions.npz", runs[1] / "predictions.npz")
    comparison = compared(*runs, *others)
    assert any(told in note and "rests on the mean_absolute_error of whole runs" in note for note in comparison.notes)
    assert [verdict.method for verdict in comparison.verdicts] == ["seeds alone"]


def forged(predictions: Path, value: float) -> dict[str, Any]:
    """The same predictions, one of them this."""
    with np.load(predictions) as arrays:
        found = {name: arrays[name].copy() for name in arrays}
    found["predicted"][0, 0] = value
    return found


def of_classes(predictions: Path) -> dict[str, Any]:
    """Predictions of classes on the same test split."""
    with np.load(predictions) as arrays:
        whole = np.zeros(len(arrays["labels"]), np.int32)
        return {"labels": whole, "predicted": whole, "split_fingerprint": arrays["split_fingerprint"]}
