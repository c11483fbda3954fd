"""Values and labels from a run to what is shown of it, at the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = {
    "values": {"history.png", "residuals.png"},
    "labels": {"history.png", "curves.png"},
    "pictures": {"history.png", "confusion_matrix.png", "curves.png"},
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_run_folder_has_the_pictures_of_its_task(trained: Path, name: str) -> None:
    assert {path.name for path in (trained / name).glob("*.png")} == PICTURES[name]


def test_runs_are_shown_in_the_words_of_their_task(trained: Path, nnexp: Any) -> None:
    done = nnexp("show", *(trained / name for name in PICTURES))
    assert done.returncode == 0, done.stderr
    values, labels, classes = re.split(r"^(?:labels|pictures) ─+$", done.stdout, flags=re.MULTILINE)
    for text, name, headline in (
        (values, "values", "mean_absolute_error"),
        (labels, "labels", "exact_match"),
        (classes, "pictures", "accuracy"),
    ):
        metrics = json.loads((trained / name / "metrics.json").read_text())
        told = re.search(rf"^test {headline.replace('_', ' ')} +(\S+) +\(95 % interval (\S+) to (\S+)\)$", text, re.M)
        assert told
        expected = [metrics["test"][headline], *metrics["test_intervals"][headline]]
        assert [float(figure) for figure in told.groups()] == pytest.approx(expected, rel=1e-3)
        assert ("confusion matrix" in text) == ("ROC AUC" in text and name == "pictures")
        assert ("calibration error" in text) == (name != "values")
    assert re.search(r"^ target .* R² ", values, re.MULTILINE)
    assert "accuracy" not in values.partition("config.yaml")[0]


@pytest.mark.slow
def test_the_documents_examples_of_each_task_can_be_run_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nnexp: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "tasks.md").read_text(encoding="utf-8")
    for program in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        exec(program, {})
    tasks = []
    for place, config in enumerate(re.findall(r"^```yaml[^\n]*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)):
        (tmp_path / f"{place}.yaml").write_text(config)
        done = nnexp("run", f"{place}.yaml", "--json", "--quiet")
        assert done.returncode == 0, done.stderr
        tasks.append(json.loads(done.stdout)["task"])
    assert tasks == ["classification", "multi_label", "regression"]
    done = nnexp("report", *(tmp_path / "runs").iterdir(), "-o", "all.html")
    assert done.returncode == 0, done.stderr
    for words in ("mean absolute error", "exact match", "Calibration error", "Predicted and true"):
        assert words in (tmp_path / "all.html").read_text()
