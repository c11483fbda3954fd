"""The notebook in docs, executed by a real kernel: what its reader sees, and the bits of the command line."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nnexp
from nnexp.comparison import table
from nnexp.verification import differences

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def outputs(executed: Path) -> dict[str, list[dict[str, Any]]]:
    """The outputs of each of the notebook's cells, by its id."""
    cells = json.loads((executed / "notebook.ipynb").read_text())["cells"]
    return {cell["id"]: cell["outputs"] for cell in cells if cell["cell_type"] == "code"}


def html(outputs: list[dict[str, Any]]) -> str:
    return "".join("".join(one.get("data", {}).get("text/html", "")) for one in outputs)


def test_a_run_tells_its_epochs_in_plain_lines_and_then_shows_itself(outputs: dict[str, Any]) -> None:
    lines = "".join("".join(one["text"]) for one in outputs["narrow"] if one.get("name") == "stdout").splitlines()
    assert [line.split()[1] for line in lines if line.startswith("epoch")] == [f"{epoch}/5" for epoch in range(1, 6)]
    assert "<b>narrow</b> completed" in html(outputs["narrow"])
    assert "data:image/png;base64," in html(outputs["narrow"])
    assert not any(one["output_type"] == "stream" for one in outputs["wide"])  # quiet
    assert not any(one.get("name") == "stderr" for shown in outputs.values() for one in shown)


def test_a_comparison_shows_its_verdict_and_runs_become_a_table(outputs: dict[str, Any]) -> None:
    assert "wide did better than" in html(outputs["verdict"])
    assert html(outputs["kept"]).count("<tr") == 1 + 2
    [found] = outputs["wrong"]
    assert "of 360 test examples are wrong" in "".join(found["data"]["text/plain"])


def test_a_mistake_in_a_config_is_told_without_a_traceback(outputs: dict[str, Any]) -> None:
    [error] = outputs["refused"]
    shown = "\n".join(error["traceback"])
    assert shown.startswith("ConfigError: epoch=3: unknown key 'epoch'")
    assert "did you mean 'adam'?" in shown
    assert "Traceback" not in shown
    assert "api" not in shown


@pytest.mark.slow
def test_a_run_has_the_very_bits_of_the_command_lines(narrow: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nnexp", "run", narrow / "config.yaml", "--quiet", "--runs-dir", tmp_path]
    subprocess.run(command, check=True)
    [theirs] = tmp_path.iterdir()
    assert differences(narrow, theirs) == []
    assert nnexp.runs(theirs)[0].record.identity == nnexp.runs(narrow)[0].record.identity


def test_a_comparison_says_what_the_command_says(narrow: Path, wide: Path) -> None:
    command = [sys.executable, "-m", "nnexp", "compare", "--json", narrow, wide]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert json.loads(table.json_text(nnexp.compare(narrow, wide).result)) == told


def test_the_page_on_python_names_what_there_is() -> None:
    named = set(re.findall(r"nnexp\.(\w+)", (DOCS / "python.md").read_text()))
    assert named <= set(nnexp.__all__)
    assert {"load", "run", "sweep", "compare", "runs"} <= named


SWEEP = """
import nnexp
from nnexp.comparison import table

sweep = nnexp.sweep("small.yaml", grid={"hidden": [4, 16]}, repeats=2, seed=7, workers=2, epochs=1)
assert sweep.comparison.result == nnexp.compare(sweep).result
print(len(sweep.runs), *sweep.failed, *sorted(run.path.name for run in sweep.runs))
"""


@pytest.mark.slow
def test_a_sweep_trains_each_point_with_the_same_seeds(executed: Path, tmp_path: Path) -> None:
    [narrow, *_] = nnexp.runs(executed / "runs")
    (tmp_path / "small.yaml").write_text(nnexp.load(dict(narrow.config), name="small").yaml())
    done = subprocess.run([sys.executable, "-c", SWEEP], cwd=tmp_path, capture_output=True, text=True, check=True)
    first, *lines, last = done.stdout.splitlines()
    labels = [f"hidden={width}_seed={seed}" for width in (16, 4) for seed in (7, 8)]
    assert first.startswith("4 runs, 2 at a time")
    assert {line.partition(": completed")[0] for line in lines} == set(labels)
    assert last.split() == ["4", *labels]
    [folder] = (tmp_path / "runs").iterdir()
    assert folder.name.endswith("_small")
    assert (folder / "report.html").exists()


AT_ONCE = """
import nnexp
from concurrent.futures import ThreadPoolExecutor

config = "dataset: iris\\nlayers: [dense: {units: 3, activation: softmax}]\\nepochs: 2\\n"
with ThreadPoolExecutor(3) as pool:
    runs = list(pool.map(lambda seed: nnexp.run(config, seed=seed, quiet=True), range(3)))
print([run.seed for run in runs], len({run.path for run in runs}), *{run.status for run in runs})
"""


@pytest.mark.slow
def test_runs_that_begin_at_once_have_a_folder_each(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", AT_ONCE], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[0, 1, 2] 3 completed\n"
    assert len(nnexp.runs(tmp_path / "runs")) == 3


LONG = """
import nnexp
nnexp.run("dataset: digits\\nlayers: [flatten, dense: {units: 10, activation: softmax}]\\nepochs: 100000\\n")
"""


@contextlib.contextmanager
def training(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that trains for a long time, in its second epoch or later."""
    command = [sys.executable, "-c", LONG]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any(line.startswith("epoch") for line in process.stdout)
        yield process
        process.kill()


@pytest.mark.slow
def test_an_interrupt_ends_the_run_and_keeps_what_was_done(tmp_path: Path) -> None:
    with training(tmp_path) as process:
        process.send_signal(signal.SIGINT)  # not its children: a kernel's interrupt may be for the kernel alone
        said, error = process.communicate(timeout=60)
    assert "interrupted after" in said
    assert error.rstrip().endswith("KeyboardInterrupt")
    [run] = nnexp.runs(tmp_path / "runs")
    assert run.status == "interrupted"
    assert 0 < len(run.history) < 100_000


@pytest.mark.slow
def test_a_run_ends_with_the_program_that_it_was_started_from(tmp_path: Path) -> None:
    with training(tmp_path) as process:
        process.kill()
    until = time.monotonic() + 30
    while nnexp.runs(tmp_path / "runs")[0].status == "running" and time.monotonic() < until:
        time.sleep(0.2)
    assert nnexp.runs(tmp_path / "runs")[0].status == "interrupted"
