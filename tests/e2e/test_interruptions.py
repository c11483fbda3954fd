"""Runs that end before they are done, readers that go away, and the bar on a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ENDLESS = """
dataset: iris
layers: [dense: {units: 4, activation: relu}, dense: {units: 3, activation: softmax}]
epochs: 1000000
engine: graph
"""


def wait_for_epoch(process: subprocess.Popen[str], epoch: int) -> None:
    """Read what the run says until that epoch is over."""
    assert process.stderr is not None
    for line in process.stderr:
        if re.match(rf"epoch +{epoch}/", line):
            return
    raise AssertionError(f"the run ended: {process.wait()}")


@pytest.mark.parametrize(
    ("sent", "code"), [pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow), (signal.SIGTERM, 143)]
)
def test_a_run_that_is_interrupted_keeps_its_epochs_and_says_where(
    config: Callable[..., Path], start: Any, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    with start("run", config(ENDLESS), "--runs-dir", tmp_path / "runs", "--json") as process:
        wait_for_epoch(process, 3)
        process.send_signal(sent)
        out, err = process.communicate(timeout=60)
    assert process.returncode == code
    [folder] = (tmp_path / "runs").iterdir()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["status"] == "interrupted"
    assert metrics["finished"]
    assert metrics["process"] is None
    assert len(metrics["history"]) >= 3
    assert len((folder / "history.csv").read_text().splitlines()) == 1 + len(metrics["history"])
    done = f"interrupted after {len(metrics['history'])} of 1000000 epochs; what was done is kept"
    told = rf"^{done}\nto go on from (epoch \d+|its start):  nnexp resume {re.escape(str(folder))}$"
    assert re.search(told, err, re.MULTILINE)
    assert re.search(told, (folder / "log.txt").read_text(), re.MULTILINE)
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.slow  # tests/faults kills runs too
def test_a_run_that_is_killed_reads_as_interrupted(
    config: Callable[..., Path], start: Any, nnexp: Any, tmp_path: Path
) -> None:
    with start("run", config(ENDLESS), "--runs-dir", tmp_path / "runs") as process:
        wait_for_epoch(process, 2)
        [row] = json.loads(nnexp("ls", tmp_path / "runs", "--json").stdout)
        assert row["status"] == "running"
        process.kill()
        process.communicate()
    [row] = json.loads(nnexp("ls", tmp_path / "runs", "--json").stdout)
    assert row["status"] == "interrupted"
    shown = nnexp("show", row["run"])
    assert shown.returncode == 0
    assert "interrupted" in shown.stdout


@pytest.mark.slow
def test_a_run_completes_when_the_reader_of_its_output_is_gone(
    config: Callable[..., Path], start: Any, tmp_path: Path
) -> None:
    """As in `nnexp run … 2>&1 | head -1`."""
    reader, writer = os.pipe()
    process = start("run", config(), "--runs-dir", tmp_path / "runs", stdout=writer, stderr=writer)
    os.close(writer)
    with os.fdopen(reader) as output:
        assert output.readline()
    assert process.wait(timeout=300) == 0
    [folder] = (tmp_path / "runs").iterdir()
    assert json.loads((folder / "metrics.json").read_text())["status"] == "completed"


def test_the_bar_moves_within_an_epoch_on_a_terminal(
    config: Callable[..., Path], start: Any, tmp_path: Path, quiet_environment: dict[str, str]
) -> None:
    master, slave = pty.openpty()
    path = config(epochs=2, batch_size=1, engine="keras")  # slow enough to watch: 1150 steps an epoch
    process = start(
        "run", path, "--runs-dir", tmp_path / "runs", stdin=slave, stdout=slave, stderr=slave,
        env={**quiet_environment, "TERM": "xterm", "COLUMNS": "120"},
    )  # fmt: skip
    os.close(slave)
    shown = b""
    while select.select([master], [], [], 300)[0]:
        try:
            shown += os.read(master, 65536)
        except OSError:  # the terminal's other end is closed
            break
    os.close(master)
    assert process.wait(timeout=60) == 0
    text = shown.decode()
    steps = {int(step) for step in re.findall(r"epoch 1/2 .*?step (\d+)/1150", text)}
    assert len(steps - {0, 1150}) >= 2
    assert re.search(
        r"epoch 1/2  loss \d\.\d{4}  accuracy \d\.\d{4}  val_loss", re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", text)
    )
    assert "\x1b[" in text
