"""What the report tells of a single run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect
from reports import Edit, Open, Report

from nnexp.data.datasets import DATASETS, load


@pytest.fixture
def run(page: Page) -> Locator:
    """The details of the best group's first run, opened."""
    first = page.locator("details.run").first
    if not first.evaluate("run => run.open"):
        first.locator("summary").click()
    return first


def test_a_run_is_told_with_matrix_classes_model_and_config(run: Locator) -> None:
    titles = run.locator("h3").all_inner_texts()
    assert {"Outcome", "Confusion matrix", "Figures of each class", "Model", "Config", "How it ran"} <= set(titles)
    counts = run.locator(".confusion tbody td").all_inner_texts()
    assert sum(int(count or 0) for count in counts) == DATASETS["digits"].test_size
    expect(run.locator("pre.config")).to_contain_text("dataset: digits")
    assert run.locator(".plot path.js-line").count() == 4  # loss and accuracy, training and validation


def test_only_names_that_do_not_fit_above_their_columns_are_turned(
    run: Locator, digits: list[Path], report: Report, opened: Open, edited: Edit, tmp_path: Path
) -> None:
    def longer(evaluation: dict[str, Any]) -> dict[str, Any]:
        rows = [{**row, "class": f"digit {row['class']}"} for row in evaluation["per_class"]]
        return {**evaluation, "per_class": rows}

    turned = opened(report(edited(digits[0], tmp_path / "longer", evaluation=longer)))
    for page, mode in ((run, "horizontal-tb"), (turned, "vertical-rl")):
        expect(page.locator(".confusion thead th").first).to_have_css("writing-mode", mode)


def test_mistakes_on_images_are_pictures_with_their_names(run: Locator) -> None:
    pictures = run.locator(".pictures img").all()
    assert pictures
    assert all(picture.evaluate("e => e.naturalWidth") == 8 for picture in pictures)
    for picture in pictures:
        true, predicted = (picture.get_attribute("alt") or "").split(", taken for ")
        assert true != predicted
        assert {true, predicted} <= set(DATASETS["digits"].classes)


def test_the_first_picture_is_that_of_the_worst_mistake(run: Locator, digits: list[Path]) -> None:
    with np.load(digits[0] / "predictions.npz") as file:
        wrong = file["labels"] != file["predicted"]
        sure = np.where(wrong, file["probabilities"].astype(float).max(axis=1), -1)
    shown = run.locator(".pictures img").first.evaluate(
        """image => {
            const canvas = Object.assign(document.createElement("canvas"), {width: 8, height: 8});
            canvas.getContext("2d").drawImage(image, 0, 0);
            return [...canvas.getContext("2d").getImageData(0, 0, 8, 8).data].filter((_, place) => place % 4 === 0);
        }"""
    )
    image = load(DATASETS["digits"], offline=True).x_test[int(sure.argmax())] / 16
    assert np.allclose(np.array(shown).reshape(8, 8) / 255, image, atol=0.01)


def test_mistakes_on_tables_are_listed(trained: Path, report: Report, opened: Open) -> None:
    page = opened(report(trained / "iris"))
    mistakes = page.locator("details.run section", has_text="Most confident mistakes")
    rows = mistakes.locator("tbody tr")
    assert rows.count() > 0
    number, true = rows.first.locator("td").all_inner_texts()[:2]
    with np.load(trained / "iris" / "predictions.npz") as file:
        assert DATASETS["iris"].classes[file["labels"][int(number)]] == true
    expect(mistakes.locator("img")).to_have_count(0)


def test_where_there_are_no_pictures_the_reason_is_told(
    digits: list[Path], report: Report, opened: Open, edited: Edit, tmp_path: Path
) -> None:
    other = edited(digits[0], tmp_path / "other", test_split="0123456789abcdef")
    cifar = edited(digits[0], tmp_path / "cifar", config=lambda old: {**old, "dataset": "cifar10"})
    page = opened(report(other, cifar))
    for summary in page.locator("details.run > summary").all():
        summary.click()
    expect(page.locator("#runs")).to_contain_text("the test split of this run is not the one on this computer")
    expect(page.locator("#runs")).to_contain_text("nnexp data fetch cifar10")
    expect(page.locator(".pictures")).to_have_count(0)
    assert page.locator("#runs section", has_text="Most confident mistakes").locator("tbody tr").count() > 2


def test_a_failure_that_was_expected_is_told_as_such(
    digits: list[Path], report: Report, opened: Open, edited: Edit, tmp_path: Path
) -> None:
    failed = edited(digits[1], tmp_path / "failed", status="failed", expected=True, error="shapes differ", history=[])
    page = opened(report(digits[0], failed))
    expect(page.locator("#left-out")).to_contain_text("fails as expected: shapes differ")
    page.locator("details.run > summary", has_text="failed").click()
    expect(page.locator("details.run[open]")).to_contain_text("failed, as the sweep expected")
