"""Runs and comparisons as objects: their figures are those of the folders, and what they show is escaped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnexp

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u2028\x1b[31m"
TAGS = {"div", "p", "b", "code", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "img"}


class Seen(HTMLParser):
    """The tags, attributes and text of some HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.sources: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.sources += [value or "" for name, value in attrs if name == "src"]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def forged(narrow: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of a run with some of its metrics changed."""

    def copy(folder: str = "forged", **changes: Any) -> Path:
        target = tmp_path / "runs" / folder
        shutil.copytree(narrow, target)
        metrics = json.loads((target / "metrics.json").read_text())
        (target / "metrics.json").write_text(json.dumps(metrics | changes))
        return target

    return copy


def test_a_run_says_what_its_folder_says(narrow: Path) -> None:
    [run] = nnexp.runs(narrow)
    metrics = json.loads((narrow / "metrics.json").read_text())
    for name in ("name", "status", "seed", "config", "test"):
        assert getattr(run, name) == metrics[name]
    assert list(run.test_intervals["accuracy"]) == metrics["test_intervals"]["accuracy"]
    assert [dict(row) for row in run.history] == metrics["history"]
    assert [finding["code"] for finding in run.findings] == [finding["code"] for finding in metrics["findings"]]
    assert repr(run).startswith(f"Run(narrow: completed, test accuracy {run.test['accuracy']:.4f} [")


def test_predictions_are_those_that_the_test_metrics_are_of(narrow: Path) -> None:
    [run] = nnexp.runs(narrow)
    found = run.predictions()
    assert np.mean(found.labels == found.predicted) == pytest.approx(run.test["accuracy"])
    chosen = found.probabilities[np.arange(len(found.predicted)), found.predicted]
    assert np.array_equal(chosen, found.probabilities.max(axis=1))


def test_a_run_without_its_predictions_says_so(forged: Callable[..., Path]) -> None:
    path = forged()
    (path / "predictions.npz").unlink()
    with pytest.raises(nnexp.InputError, match=r"predictions\.npz cannot be read: No such file"):
        nnexp.runs(path)[0].predictions()


def test_the_model_takes_raw_input_and_predicts_what_the_run_did(wide: Path) -> None:
    from nnexp.data.datasets import find, load

    [run] = nnexp.runs(wide)
    outputs = run.model().predict(load(find("digits")).x_test, verbose=0)
    assert np.allclose(outputs, run.predictions().probabilities, atol=1e-3)  # stored in 16 bits


def test_histories_runs_and_comparisons_become_dataframes(executed: Path, wide: Path) -> None:
    [run] = nnexp.runs(wide)
    history = run.to_dataframe()
    assert list(history.index) == [row["epoch"] for row in run.history]
    assert history["val_accuracy"].tolist() == [row["val_accuracy"] for row in run.history]
    runs = nnexp.runs(executed / "runs")
    table = runs.to_dataframe()
    assert table["run"].tolist() == [str(run.path) for run in runs]
    assert table["accuracy"].tolist() == [run.test["accuracy"] for run in runs]
    assert table["hidden"].tolist() == [8, 64]
    compared = nnexp.compare(runs).to_dataframe()
    assert compared["group"].tolist() == ["wide", "narrow"]
    assert compared["accuracy_mean"].tolist() == [run.test["accuracy"] for run in reversed(runs)]


def test_runs_are_a_sequence_with_the_newest_last(executed: Path, narrow: Path, wide: Path) -> None:
    runs = nnexp.runs(executed / "runs")
    assert [run.path for run in runs] == [narrow, wide]
    assert runs[-1].path == wide
    assert isinstance(runs[:1], nnexp.Runs)
    assert runs[:1][0] == runs[0]


def test_runs_that_cannot_be_read_are_named_and_left_out(forged: Callable[..., Path]) -> None:
    (forged("damaged") / "metrics.json").write_text("{")
    runs = nnexp.runs(forged("whole").parent)
    assert [run.path.name for run in runs] == ["whole"]
    [reason] = runs.unreadable
    assert "damaged" in reason
    assert reason in Seen(runs._repr_html_()).text


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(nnexp.InputError, match="nothing: no such directory"):
        nnexp.runs(tmp_path / "nothing")
    assert repr(nnexp.runs(tmp_path)) == "0 runs"


def test_runs_can_be_compared_however_they_are_named(narrow: Path, wide: Path) -> None:
    [one], [other] = nnexp.runs(narrow), nnexp.runs(wide)
    by_path = nnexp.compare(str(narrow), wide, baseline="narrow", metric="loss")
    by_run = nnexp.compare(one, other, baseline=one, metric="loss")
    assert by_run.verdicts == by_path.verdicts == (by_run.result.verdicts[0].text,)
    assert (by_run.metric, by_run.best) == ("loss", "wide")
    assert {run.path for run in by_run.runs} == {narrow, wide}
    for comparison in (nnexp.compare(nnexp.runs(narrow), other), nnexp.compare(one, wide, sort="hidden")):
        assert len(comparison.result.groups) == 2


def test_a_metric_that_is_none_is_told_with_those_there_are(narrow: Path, wide: Path) -> None:
    with pytest.raises(nnexp.InputError, match="did you mean 'accuracy'"):
        nnexp.compare(narrow, wide, metric="acuracy")
    with pytest.raises(nnexp.InputError, match="nothing to compare"):
        nnexp.compare()


def test_a_run_shows_its_figures_and_the_picture_of_its_history(narrow: Path) -> None:
    [run] = nnexp.runs(narrow)
    seen = Seen(run._repr_html_())
    assert f"{run.test['accuracy']:.4f}" in seen.text
    assert "narrow completed; seed 42, 5 epochs" in seen.text
    [source] = seen.sources
    assert source.startswith("data:image/png;base64,")


def test_what_run_folders_say_is_escaped_wherever_it_is_shown(forged: Callable[..., Path]) -> None:
    finding = {"code": HOSTILE, "severity": "error", "message": HOSTILE, "suggestion": HOSTILE}
    everywhere = {
        "name": HOSTILE,
        "description": HOSTILE,
        "error": HOSTILE,
        "findings": [finding],
        "test": {HOSTILE: 0.5, "accuracy": 0.5},
        "test_intervals": {HOSTILE: [0.4, 0.6]},
        "stopped": {"epoch": 2, "reason": HOSTILE},
        "test_split": HOSTILE,
        "config": {"dataset": "digits", "loss": HOSTILE, HOSTILE: HOSTILE},
    }
    bad = nnexp.runs(forged("bad", **everywhere))
    failed = forged("failed", **everywhere, status="failed")
    runs = nnexp.runs(forged("good").parent)
    for shown in (bad[0], runs, nnexp.compare(runs), nnexp.Sweep(failed, nnexp.compare(runs), (HOSTILE,))):
        seen = Seen(shown._repr_html_())
        assert seen.tags <= TAGS
        assert seen.attributes <= {"class", "src", "alt", "style"}
        assert "<script>" in seen.text  # it is there, as text
        assert all(source.startswith("data:image/png;base64,") for source in seen.sources)
        assert "\x1b" not in repr(shown) + seen.text


@pytest.mark.parametrize("content", [b"<svg onload=alert(1)>", None], ids=["no picture", "a link"])
def test_a_forged_picture_is_not_shown(forged: Callable[..., Path], content: bytes | None) -> None:
    path = forged()
    (path / "history.png").unlink()
    if content is None:
        (path / "history.png").symlink_to(path / "confusion_matrix.png")
    else:
        (path / "history.png").write_bytes(content)
    assert "img" not in Seen(nnexp.runs(path)[0]._repr_html_()).tags
