"""Run folders may hold anything: it is shown as text, or left out and said so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect
from reports import Edit, Open, Report

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "<!--<script>",
    '"><svg onload=alert(3)>',
    "{{ 7 * 7 }}{% raw %}",
    "%{y} $x_1$ &lt;b&gt;",
    "line\u2028end\u0000\ud800\x1b[31m",
]


def test_what_run_folders_say_is_shown_as_text_and_never_run(
    digits: list[Path], report: Report, opened: Open, edited: Edit, tmp_path: Path
) -> None:
    runs = []
    for place, text in enumerate(HOSTILE):
        finding = {"code": text, "severity": text, "message": text, "suggestion": text, "evidence": {}}
        everywhere = {
            "name": text,
            "description": text,
            "findings": [finding],
            "evaluation": lambda old, text=text: {
                **old,
                "per_class": [{**row, "class": f"{text}{number}"} for number, row in enumerate(old["per_class"])],
            },
            "config": lambda old, text=text: {**old, "loss": text, text: text, "dataset": text},
        }
        runs.append(edited(digits[0], tmp_path / f"run{place}", **everywhere))
        runs.append(edited(digits[1], tmp_path / f"bad{place}", **everywhere, status="failed", error=text))
    title = " ".join(HOSTILE)
    page = opened(report(*runs, title=title, question=title, reproduce=HOSTILE))
    for summary in page.locator("details > summary").all():
        summary.click()
    for text in HOSTILE:
        words = "".join(letter if letter.isprintable() else " " for letter in text).split()
        for place in ("h1", "#question .lead", "table.sortable", "#left-out", "#runs", "#reproduce pre"):
            assert words[0] in page.locator(place).first.inner_text(), place
    assert page.locator("script:not([type])").count() == 2
    assert page.locator("img:not([src^='data:image/png'])").count() == 0
    assert page.locator("h1 *, .plot img, .plot b, td svg, td img").count() == 0


FORGED: dict[str, dict[str, Any]] = {
    "no evaluation": {"evaluation": {}},
    "classes that are no list": {"evaluation": {"per_class": 7, "confusion_matrix": [[1]], "top_confusions": None}},
    "classes without figures": {"evaluation": {"per_class": [{"class": 1}], "confusion_matrix": [[5]]}},
    "a matrix that is not square": {
        "evaluation": lambda old: {**old, "confusion_matrix": [[1, 2], [3]]},
    },
    "a matrix of words": {"evaluation": lambda old: {**old, "confusion_matrix": [["a"] * 10] * 10}},
    "findings of another kind": {"findings": [{"code": 3}, {"message": [1], "severity": {}}, {}]},
    "a history of another kind": {"history": [{"epoch": "one", "loss": []}, {"epoch": 2, "loss": 1e308}, {}]},
    "a loss over all that floats hold": {
        "history": [{"epoch": e, "loss": 1e100 if e == 1 else 1e-300} for e in (1, 2, 3)]
    },
    "layers of another kind": {"model": [{"layer": 1, "kind": None, "output": [], "parameters": "many"}]},
    "a deep config": {"config": lambda old: {**old, "deep": json.loads("[" * 55 + "]" * 55)}},
    "a stop of another kind": {"stopped": {"epoch": [], "reason": {}}, "best_epoch": -5},
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_run_never_stops_the_report(
    digits: list[Path], report: Report, edited: Edit, tmp_path: Path, what: str
) -> None:
    forged = edited(digits[0], tmp_path / "forged", **FORGED[what])
    page = report(forged, digits[2]).read_text()
    assert page.count('<details class="run">') == 2
    assert page.endswith("</html>")


def test_what_forged_runs_leave_can_be_shown(
    digits: list[Path], report: Report, opened: Open, edited: Edit, tmp_path: Path
) -> None:
    forged = [edited(digits[0], tmp_path / what, **changes, seed=len(what)) for what, changes in FORGED.items()]
    page = opened(report(*forged, digits[2]))
    for summary in page.locator("details.run > summary").all():
        summary.click()
    assert page.locator("details.run[open]").count() == len(FORGED) + 1
    assert page.locator("#learning-curves path.js-line").count() > 0


def test_a_detail_that_cannot_be_read_is_named(
    digits: list[Path], report: Report, opened: Open, edited: Edit, tmp_path: Path
) -> None:
    forged = edited(digits[0], tmp_path / "forged", **FORGED["a matrix of words"])
    (forged / "predictions.npz").write_bytes(b"no archive")
    odd = edited(digits[2], tmp_path / "odd")
    np.savez(odd / "predictions.npz", labels=np.zeros(3, int), predicted=np.ones(2, int), probabilities=np.ones((3, 2)))
    page = opened(report(forged, odd))
    for summary in page.locator("details.run > summary").all():
        summary.click()
    notes = page.locator("details.run .note").all_inner_texts()
    assert sorted(note.partition(":")[0] for note in notes) == [
        "Confusion matrix left out",
        "Most confident mistakes left out",
        "Most confident mistakes left out",
    ]
    for config in page.locator("details.run pre.config").all():
        expect(config).to_be_visible()
