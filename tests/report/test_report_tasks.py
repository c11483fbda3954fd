"""The report tells of runs of all tasks: values, labels, two classes of own pictures."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, expect
from reports import Edit, Open, Report, watched, written

from nnexp.comparison.metrics import figure


@pytest.fixture(scope="module")
def told(
    browser: Browser, trained: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Locator]]:
    """The details of a run by its name, opened."""
    runs = [trained / name for name in ("values", "labels", "pictures")]
    path = written(tmp_path_factory.mktemp("tasks") / "report.html", *runs)
    with watched(browser) as load:
        page = load(path)
        for summary in page.locator("details.run > summary").all():
            summary.click()
        yield lambda name: page.locator("details.run").filter(has=page.locator(".who", has_text=name))


def section(run: Locator, title: str) -> Locator:
    return run.locator("section", has=run.page.locator("h3", has_text=title))


def drawn(part: Locator) -> list[dict[str, Any]]:
    """The traces of the first chart of a section."""
    found: list[dict[str, Any]] = json.loads(part.locator(".chart script").first.text_content() or "")["data"]
    return found


def metrics(trained: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((trained / name / "metrics.json").read_text())
    return found


def test_values_are_told_with_their_errors(told: Callable[[str], Locator], trained: Path) -> None:
    run, found = told("values"), metrics(trained, "values")
    low, high = found["test_intervals"]["mean_absolute_error"]
    expected = f"{figure(found['test']['mean_absolute_error'])} [{figure(low)}, {figure(high)}]"
    expect(section(run, "Outcome")).to_contain_text(f"test mean absolute error{expected}", use_inner_text=False)
    expect(section(run, "Figures of each target").locator("tbody th")).to_have_text("progression")
    with np.load(trained / "values" / "predictions.npz") as file:
        true, predicted = file["labels"][:, 0], file["predicted"][:, 0]
    _, points, bars, _ = drawn(section(run, "Predicted and true"))
    assert np.allclose(points["x"], true, rtol=1e-4)
    assert np.allclose(points["y"], predicted, rtol=1e-4, atol=1e-4)
    assert sum(bars["y"]) == len(true)
    first = section(run, "Largest errors").locator("tbody tr").first.locator("td").all_inner_texts()
    worst = int(np.abs(predicted - true).argmax())
    assert int(first[0]) == worst
    assert [float(cell) for cell in first[1:3]] == pytest.approx([true[worst], predicted[worst]], rel=1e-3)


def test_labels_are_told_with_their_areas(told: Callable[[str], Locator], trained: Path) -> None:
    run, found = told("labels"), metrics(trained, "labels")["evaluation"]
    table = section(run, "Figures of each label")
    for cells, row in zip(table.locator("tbody tr").all(), found["per_class"], strict=True):
        name, *figures = cells.locator("th, td").all_inner_texts()
        assert name == row["class"]
        assert figures[3:5] == [f"{row['roc_auc']:.3f}", f"{row['average_precision']:.3f}"]
    expect(table).to_contain_text(f"Calibration error {found['calibration_error']:.3f}")
    traces = drawn(section(run, "What the probabilities tell"))
    assert [trace["name"] for trace in traces if trace.get("showlegend")] == ["long", "wide", "small"]
    wrong = section(run, "Most confident mistakes").locator("tbody tr").first.locator("td").all_inner_texts()
    with np.load(trained / "labels" / "predictions.npz") as file:
        names = [
            ", ".join(row["class"] for row, has in zip(found["per_class"], file[of][int(wrong[0])], strict=True) if has)
            for of in ("labels", "predicted")
        ]
    assert wrong[1:] == [name or "none" for name in names]


def test_two_classes_have_curves_and_own_pictures_are_shown(told: Callable[[str], Locator], trained: Path) -> None:
    run = told("pictures")
    expect(run.locator(".confusion")).to_have_count(1)
    assert len(drawn(section(run, "What the probabilities tell"))) == 5
    pictures = section(run, "Most confident mistakes").locator("img").all()
    with np.load(trained / "pictures" / "predictions.npz") as file:
        assert len(pictures) == min(12, (file["labels"] != file["predicted"]).sum()) > 0
    assert all(picture.evaluate("e => e.naturalWidth") == 8 for picture in pictures)
    assert {picture.get_attribute("alt") for picture in pictures} <= {"a 3, taken for a 8", "a 8, taken for a 3"}


@pytest.mark.parametrize("what", ["changed", "a pipe", "elsewhere"])
def test_own_pictures_are_shown_only_as_the_run_had_them(
    trained: Path, report: Report, edited: Edit, tmp_path: Path, what: str
) -> None:
    data = tmp_path / "digits"
    shutil.copytree(trained / "data" / "digits", data)
    if what == "changed":
        next(data.rglob("*.png")).write_bytes(b"another picture")
    elif what == "a pipe":
        os.mkfifo(data / "a 3" / "pipe.png")
    else:
        shutil.rmtree(data)

    def moved(config: dict[str, Any]) -> dict[str, Any]:
        return {**config, "dataset": {"images": {**config["dataset"]["images"], "path": str(data)}}}

    page = report(edited(trained / "pictures", tmp_path / "run", config=moved)).read_text()
    assert '<ul class="pictures">' not in page
    assert ("is not what it was" if what == "changed" else "the data are not where they were") in page


def test_of_very_many_values_some_are_drawn_and_all_are_counted(
    trained: Path, report: Report, opened: Open, tmp_path: Path
) -> None:
    shutil.copytree(trained / "values", tmp_path / "many")
    values = np.random.default_rng(0).normal(size=(3000, 1)).astype(np.float32)
    arrays = {"labels": values, "predicted": values / 2, "split_fingerprint": "made"}
    np.savez(tmp_path / "many" / "predictions.npz", **arrays)
    page = opened(report(tmp_path / "many"))
    part = section(page.locator("details.run"), "Predicted and true")
    _, points, bars, _ = drawn(part)
    assert len(points["x"]) == len(points["y"]) == 500
    assert sum(bars["y"]) == 3000
    expect(part).to_contain_text("The dots are 500 of 3,000 examples, drawn at random.")


FORGED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "of other targets": lambda arrays: {**arrays, "labels": np.ones((9, 2)), "predicted": np.ones((9, 2))},
    "of classes": lambda arrays: {**arrays, "labels": np.zeros(9, int), "predicted": np.zeros(9, int)},
    "not finite": lambda arrays: {**arrays, "predicted": np.full(arrays["labels"].shape, np.nan)},
    "huge": lambda arrays: {**arrays, "predicted": np.full(arrays["labels"].shape, 1e308)},
}


@pytest.mark.parametrize("what", FORGED)
@pytest.mark.parametrize("task", ["values", "labels"])
def test_predictions_that_no_run_makes_never_stop_the_report(
    trained: Path, report: Report, opened: Open, tmp_path: Path, task: str, what: str
) -> None:
    shutil.copytree(trained / task, tmp_path / "forged")
    with np.load(trained / task / "predictions.npz") as file:
        arrays = FORGED[what](dict(file))
    np.savez(tmp_path / "forged" / "predictions.npz", **arrays)
    page = report(tmp_path / "forged").read_text()
    assert "left out: it could not be read from the run folder" in page or "are no finite numbers" in page
    assert page.endswith("</html>")
