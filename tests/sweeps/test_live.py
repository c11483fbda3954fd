"""What is shown of a sweep while it runs, from its events."""

from __future__ import annotations

import io
import itertools
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from nnexp import events
from nnexp.cli.sweep import logged_in
from nnexp.cli.sweep_live import SweepLive
from nnexp.config.sweep import parse_axis
from nnexp.findings import Finding
from nnexp.sweeps.child import Ending
from nnexp.sweeps.execute import Ended, Started
from nnexp.sweeps.expand import load_points

TASKS = {
    "classification": ({"accuracy": 0.91, "loss": 0.3}, "accuracy", "0.9100"),
    "multi_label": ({"binary_accuracy": 0.8, "loss": 0.3, "val_loss": 0.4}, "exact_match", "0.5500"),
    "regression": ({"loss": 2801.7, "mean_absolute_error": 42.17}, "mean_absolute_error", "45.9000"),
}


@pytest.mark.parametrize("task", TASKS)
def test_the_figures_are_those_of_the_task(task: str, tmp_path: Path) -> None:
    logs, headline, figure = TASKS[task]
    done = tmp_path / "hidden=8"
    done.mkdir()
    metrics = {"status": "completed", "task": task, "test": {"loss": 0.4, headline: float(figure)}, "history": [logs]}
    (done / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")

    console = Console(file=(file := io.StringIO()), width=120)
    with SweepLive(console, tmp_path, {"hidden=8": 1.0, "hidden=16": 1.0}, 1, quiet=False) as live:
        live.report("hidden=8", Started())
        live.report("hidden=8", events.Progress(1, 1, 5, 10, logs))
        live.report("hidden=8", Ended(Ending("done")))
        assert f"hidden=8: completed, test {headline} {figure}, " in file.getvalue()
        console.print(live)
    above, head, _, row, *_ = [line.split() for line in file.getvalue().splitlines()[1:] if line.strip()]
    [trained] = [name for name in logs if "loss" not in name]
    shown = "MAE" if trained == "mean_absolute_error" else trained
    assert above == ["train", "train"]
    assert head == ["run", "status", "epoch", "loss", shown, "test", "time"]
    assert figure in row
    assert f"· test: {headline.replace('_', ' ')}" in file.getvalue()


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("dataset: diabetes\nlayers: [dense: 1]\n", ["loss", "MAE"]),
        ("dataset: diabetes\nlayers: [dense: 1]\nmetrics: []\n", ["loss"]),
        ("dataset: iris\nlayers: [dense: {units: 3, activation: softmax}]\n", ["loss", "accuracy"]),
    ],
    ids=["numbers", "no metrics", "classes"],
)
def test_the_heading_is_that_of_the_task_before_any_run_has_begun(data: str, shown: list[str], tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(data)
    _, points = load_points(tmp_path / "c.yaml", [parse_axis("epochs", "1,2", "--epochs")])
    console = Console(file=(file := io.StringIO()), width=120)
    costs = {point.label: 1.0 for point in points}
    with SweepLive(console, tmp_path, costs, 1, quiet=False, logged=logged_in(points)) as live:
        console.print(live)
    _, head, *_ = [line.split() for line in file.getvalue().splitlines() if line.strip()]
    assert head == ["run", "status", "epoch", *shown, "test", "time"]


def test_what_goes_wrong_alike_in_many_runs_is_explained_once(tmp_path: Path) -> None:
    console = Console(file=(file := io.StringIO()), width=60, force_terminal=True, color_system=None)
    told = Finding("diverged", "error", "The loss was no number in epoch 1: it diverged.", "Lower the learning rate.")
    with SweepLive(console, tmp_path, {"adam=0.5": 1.0, "adam=1": 1.0}, 1, quiet=False) as live:
        for label in ("adam=0.5", "adam=1"):
            live.report(label, events.Noticed(told))
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue()).splitlines()]
    first = next(place for place, line in enumerate(lines) if line.startswith("adam=0.5: error:"))
    where = "In a sweep: `learning_rate` under `grid`, or --learning-rate."
    said = f"adam=0.5: error: {told.message} {told.suggestion} {where}"
    assert " ".join(lines[first : first + 4]).strip() == said  # words are whole
    assert "adam=1: diverged too" in lines


def test_where_there_is_no_room_for_labels_runs_are_called_by_their_values(tmp_path: Path) -> None:
    kinds = [(how, width, seed) for how in ("standardize", "none") for width in ("16x16", "8") for seed in ("42", "43")]
    values = {
        f"normalization={how}_hidden={width}_seed={seed}": {"normalization": how, "hidden": width, "seed": seed}
        for how, width, seed in kinds
    }
    for width, called in ((160, list(values)), (80, [", ".join(kind) for kind in kinds])):
        console = Console(file=(file := io.StringIO()), width=width)
        with SweepLive(console, tmp_path, dict.fromkeys(values, 1.0), 2, quiet=False, values=values) as live:
            live.report(next(iter(values)), Started())
            console.print(live)
            assert "TensorFlow is being loaded" in file.getvalue()
            live.report(next(iter(values)), events.Progress(1, 3, 5, 10, {"loss": 0.5}))
            file.truncate(file.seek(0))
            console.print(live)
        told = file.getvalue()
        assert [name for name in called if f"{name} " in told] == called
        assert ("normalization, hidden," in told) is (width == 80)
        assert "…" not in told
        assert "accuracy" in told  # the epoch gives way first: it stands in place of the status
        assert ("epoch 1/3" in told) is (width == 80)
        assert "TensorFlow" not in told
        assert all(len(line) <= width for line in told.splitlines())


def test_on_a_narrow_terminal_many_values_are_folded_and_none_is_cut(tmp_path: Path) -> None:
    kinds = itertools.product(("standardize", "divide_by_255"), ("16x16", "1024"), ("adam", "sgd"), ("0.001", "0.1"))
    names = ("normalization", "hidden", "optimizer", "optimizer.learning_rate")
    values = {f"{names}={kind}": dict(zip(names, kind, strict=True)) for kind in kinds}
    console = Console(file=(file := io.StringIO()), width=60, height=50)
    with SweepLive(console, tmp_path, dict.fromkeys(values, 1.0), 2, quiet=False, values=values) as live:
        live.report(next(iter(values)), Started())
        live.report(next(iter(values)), events.Progress(12, 100, 5, 10, {"loss": 0.5}))
        console.print(live)
    told = file.getvalue()
    assert all(len(line) <= 60 for line in told.splitlines())
    assert "epoch 12/100" in told
    runs = " ".join(line[:28].strip() for line in told.splitlines())
    assert all(", ".join(one.values()) in runs for one in values.values())


@pytest.mark.parametrize("height", [8, 24, 30])
def test_a_terminal_that_is_too_low_for_all_runs_says_how_many_more_there_are(height: int, tmp_path: Path) -> None:
    labels = [f"adam=0.{step}_seed={seed}" for step in range(1, 5) for seed in range(42, 47)]
    console = Console(file=(file := io.StringIO()), width=80, height=height)
    with SweepLive(console, tmp_path, dict.fromkeys(labels, 1.0), 2, quiet=False) as live:
        live.report(labels[0], Started())
        console.print(live)
    told = file.getvalue()
    rows = sum(label in told for label in labels)
    assert (f"and {20 - rows} more" in told) is (rows < 20)
    assert rows == {8: 2, 24: 15, 30: 20}[height]
    assert told.count("\n") <= max(height, 10)
