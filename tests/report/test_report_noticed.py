"""What a reader is told beside the figures: what was noticed and asked, how many examples, where to repeat it."""

from __future__ import annotations

import html
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reports import COMMAND, Edit, Open, Report, of_width

from nnexp.comparison import series
from nnexp.comparison.collect import collect
from nnexp.comparison.comparison import compare
from nnexp.data.datasets import DATASETS
from nnexp.report.charts import curves, log_axis
from nnexp.report.page import write_report


def finding(code: str, severity: str, message: str) -> dict[str, Any]:
    return {"code": code, "severity": severity, "message": message}


def test_findings_of_a_run_are_badges_that_say_why_one_for_each_code(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    dead = [finding("dead_units", "warning", f"9 of 10 units of layer {name} are dead.") for name in "ab"]
    dead = [{**one, "evidence": {"dead": 9, "units": 10}} for one in dead]
    longer = finding("still_improving", "info", "It fell to the <end>.")
    runs = [
        edited(path, tmp_path / path.name, findings=[*dead, longer] if place else [])
        for place, path in enumerate(digits[:2])
    ]
    page = report(*runs).read_text()
    assert re.findall(r'<span class="badge (\w+)" title="([^"]*)">([^<]*)<', page) == [
        ("warning", " ".join(one["message"] for one in dead), "dead units ×2"),
        ("info", html.escape(longer["message"]), "still improving"),
    ]
    assert "</strong>: dead units in 1 of 2 runs (90 % of a layer), still improving in 1 of 2 runs</li>" in page


@pytest.mark.parametrize(
    ("stop", "more"),
    [
        (None, ""),
        ({"monitor": "val_loss", "restore_best_weights": True}, "; the weights of the best epoch were kept"),
        ({"monitor": "val_loss", "restore_best_weights": False}, ""),
        ({"monitor": "loss", "restore_best_weights": True}, ""),
    ],
)
def test_overfitting_whose_best_weights_were_kept_says_so(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path, stop: Any, more: str
) -> None:
    over = finding("overfitting", "warning", "It rose.") | {"evidence": {"best_val_loss": 1.0, "last_val_loss": 1.28}}

    def stopped(config: dict[str, Any]) -> dict[str, Any]:
        return {**config, "callbacks": [{"early_stopping": stop}] if stop else ["terminate_on_nan"]}

    runs = [edited(path, tmp_path / path.name, findings=[over], config=stopped) for path in digits[:2]]
    told = f"</strong>: overfitting in 2 of 2 runs (validation loss 28 % above its lowest{more})</li>"
    assert told in report(*runs).read_text()


def test_the_card_of_a_run_says_by_what_its_best_epoch_goes(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    def without(history: list[dict[str, float]]) -> list[dict[str, float]]:
        return [{name: value for name, value in row.items() if not name.startswith("val_")} for row in history]

    held_out = edited(digits[0], tmp_path / "a", best_epoch=2)
    alone = edited(digits[0], tmp_path / "b", best_epoch=2, history=without)
    for run, loss in ((held_out, "validation"), (alone, "training")):
        assert f"<dt>epochs</dt><dd>3; {loss} loss was lowest in 2</dd>" in report(run).read_text()


def test_a_question_is_the_heading_and_the_name_stands_above_it(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    page = report(*digits, title="Widths").read_text()
    assert "<h1>Does a wider layer read digits better?</h1>" in page
    assert 'nnexp report · <span class="name">Widths</span>' in page
    asks_nothing = edited(digits[0], tmp_path / "other", description="One layer.")
    assert "<h1>Widths</h1>" in report(asks_nothing, title="Widths").read_text()


def test_it_is_said_how_many_examples_there_were(digits: list[Path], report: Report) -> None:
    [told] = re.findall(r"<dt>examples</dt><dd>(.*?) \(\d+ % of all\)</dd>", report(*digits).read_text())
    train, validation, test = (int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", told))
    assert (train + validation, test) == (DATASETS["digits"].train_size, DATASETS["digits"].test_size)


def test_what_holm_is_stands_beside_it(digits: list[Path], report: Report, edited: Edit, tmp_path: Path) -> None:
    others = [edited(path, tmp_path / f"{path.name}, 32", config=of_width(32)) for path in digits[:2]]
    page = report(*digits, *others).read_text()
    assert re.search('<abbr title="p is corrected for 3 comparisons: [^"<]*">Holm over 3</abbr>', page)


def test_what_may_be_chance_among_many_comparisons_has_a_mark_of_its_own(digits: list[Path], tmp_path: Path) -> None:
    comparison = compare(collect(digits).records)
    [verdict] = comparison.verdicts
    doubted = replace(verdict, outcome="undecided", alone=True)
    write_report(tmp_path / "a.html", replace(comparison, tied=(verdict.second,), verdicts=(doubted,)), digits)
    _, _, page = (tmp_path / "a.html").read_text().partition('<section id="answer"')
    answer, _, table = page.partition("</section>")
    table, _, _ = table.partition("</section>")
    assert '<span class="sign" aria-hidden="true">?</span>' in answer
    assert "Cannot be told apart from it" not in answer
    assert f"of so many comparisons it may be chance: <strong>{verdict.second}</strong>.</p>" in answer
    assert '<span class="mark" title="differs, but of so many comparisons it may be chance">?' in table
    assert "≈" not in table


def test_the_commands_say_in_which_folder_and_where_own_data_must_be(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"csv": {"path": "/data/<wine>.csv", "target": "kind"}}
    run = edited(digits[0], tmp_path / "runs" / "own", config=lambda config: {**config, "dataset": own})
    assert "this report again:" in report(run, reproduce=[COMMAND]).read_text()
    assert "where the config names them: <code>/data/&lt;wine&gt;.csv</code>" in report(run).read_text()
    monkeypatch.chdir(tmp_path)
    text = report(run.relative_to(tmp_path), reproduce=[COMMAND]).read_text()
    assert "this report again, in the folder that holds <code>runs</code>:" in text


def test_runs_of_no_one_sweep_are_made_again_by_a_command_for_each_sweep_and_each_other_run(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    of_sweep = [edited(path, tmp_path / "my sweep" / path.name) for path in digits[:2]]
    (tmp_path / "my sweep" / "sweep.yaml").write_text("")
    alone = edited(digits[2], tmp_path / "alone")
    page = report(*of_sweep, alone).read_text()
    [commands] = re.findall("To make the runs again, each in a new folder:</p>\n<pre>(.*?)</pre>", page, re.DOTALL)
    assert set(html.unescape(commands).split("\n")) == {
        f"nnexp sweep '{tmp_path / 'my sweep' / 'sweep.yaml'}'",
        f"nnexp run {alone / 'config.yaml'}",
    }


def fallen(history: list[dict[str, float]]) -> list[dict[str, float]]:
    """Of an error and a score too."""
    values = zip(history, (40.0, 4.0, 3.0), strict=True)
    names = ("loss", "val_loss", "mean_absolute_error", "val_mean_absolute_error", "r2_score", "val_r2_score")
    return [{"epoch": row["epoch"], **dict.fromkeys(names, value)} for row, value in values]


def test_a_loss_or_an_error_whose_first_epoch_would_press_the_rest_together_has_a_logarithmic_axis(
    digits: list[Path], edited: Edit, tmp_path: Path
) -> None:
    pressed = edited(digits[0], tmp_path / "x", history=fallen)
    of_log = "mean_absolute_error (logarithmic)"
    for run, name, title in (
        (digits[0], "loss", "loss"),
        (pressed, "loss", "loss (logarithmic)"),
        (pressed, "mean_absolute_error", of_log),
        (pressed, "r2_score", "r2_score"),
    ):
        axis = curves(compare(collect([run]).records), name)["layout"]["yaxis"]
        assert axis["title"]["text"] == title
        assert ("log" in axis.values()) == ("log" in title)


def test_a_logarithmic_axis_begins_at_the_tick_below_the_lowest_line(
    digits: list[Path], report: Report, opened: Open, edited: Edit, tmp_path: Path
) -> None:
    page = opened(report(edited(digits[0], tmp_path / "x", history=fallen)))
    for place in range(2):
        ticks = page.locator("#learning-curves .chart").nth(place).locator(".ytick text").all_text_contents()
        assert ticks == ["2", "5", "10", "20"]


def test_where_means_end_before_their_runs_is_told(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    def of_epochs(last: int) -> Any:
        return lambda history: [{**history[-1], "epoch": epoch} for epoch in range(1, last + 1)]

    def copies(*lasts: int, width: int = 16) -> list[Path]:
        place = tmp_path / f"{lasts} {width}"
        config = of_width(width)
        return [
            edited(digits[0], place / f"{seed}", history=of_epochs(last), seed=seed, config=config)
            for seed, last in enumerate(lasts)
        ]

    even, odd = copies(6, 6, 6), copies(5, 5, 9, width=8)
    assert "means over the repeats that still trained; bands" in report(*even).read_text()
    told = "that still trained, and end where fewer than half of them did: 8 at epoch 5 (a run went on to 9). Bands"
    assert told in report(*even, *odd).read_text()
    many = [run for width in range(20, 25) for run in copies(width - 15, width - 15, 30, width=width)]
    assert "half of them did: 5 of them at epochs 5 to 9 (runs went on to 30 at most)" in report(*many).read_text()


def test_layers_that_act_otherwise_in_training_are_named_below_the_curves(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    def change(config: dict[str, Any]) -> dict[str, Any]:
        return {**config, "layers": [*config["layers"][:-1], {"dropout": {"rate": 0.5}}, config["layers"][-1]]}

    assert "Dropout acts otherwise in training" in report(edited(digits[0], tmp_path / "x", config=change)).read_text()
    assert "otherwise in training" not in report(digits[0]).read_text()


def test_a_logarithmic_axis_has_a_tick_below_all_and_over_decades_at_powers_of_ten_alone() -> None:
    ticks = [0.5, 1, 2, 5, 10, 20]
    assert log_axis([0.6, 19]) == {"type": "log", "tickmode": "array", "tickvals": ticks}
    assert series.log_ticks([3, 40]) == [2, 5, 10, 20, 50]
    assert series.log_ticks([0.001, 0.002]) == [0.001, 0.002]
    assert series.log_ticks([0.05, 200]) == [0.01, 0.1, 1, 10, 100]
    assert series.log_ticks([1e-3, 1e21]) == [10.0**power for power in range(-3, 22, 3)]
    for low, high in ((5e-324, 1e300), (1e-300, 1.7e308)):
        assert 0 < min(ticks := series.log_ticks([low, high])) < max(ticks) < math.inf


def test_the_answer_says_how_many_runs_diverged_or_failed(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    gone = edited(digits[2], tmp_path / "gone", status="diverged")
    expected = edited(digits[3], tmp_path / "expected", status="failed", expected=True)
    answer = report(*digits[:2], gone, digits[3]).read_text().partition('<section id="answer"')[2]
    assert "Left out</a>: 1 diverged of the 2 runs of hidden=4.</p>" in answer
    assert "Left out</a>: " not in report(*digits[:2], expected).read_text()


def test_where_runs_lie_in_several_folders_it_is_said_where_each_does(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path
) -> None:
    anna = edited(digits[0], tmp_path / "submissions" / "anna" / "digits")
    carl = edited(digits[1], tmp_path / "submissions" / "carl" / digits[1].name)
    ben = edited(digits[2], tmp_path / "submissions" / "ben" / "digits", status="failed", error="no memory")
    page = report(anna, carl, ben).read_text()
    summaries = re.findall("<summary>(.*?)</summary>", page, re.DOTALL)
    assert [re.findall(r">([^ <]*(?:anna|ben|carl).*?)<", one) for one in summaries] == [
        ["anna/digits"],
        ["carl"],  # group and seed say the rest
        ["ben/digits"],
    ]
    assert '<th scope="row">ben/digits</th>' in page
    assert f"<dt>folder</dt><dd>{anna}</dd>" in page
    assert f"/{digits[0].name}</span>" not in report(*digits).read_text()
