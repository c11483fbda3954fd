"""Lines keep to the terminal's width: folded between words, none lost; and programs read JSON instead."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from rich.console import Console

from nnexp import events
from nnexp.cli.live import Live

LOGS = {"loss": 2.1835, "accuracy": 0.2443, "val_loss": 1.6474, "val_accuracy": 0.4564}
WRONG = "dataset: iris\nlayers: [dense: {units: ten}]\nbatch_size: 0\n"
GOOD = "dataset: iris\nlayers: [dense: {units: 3, activation: softmax}]\n"


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (100, ["epoch  3/12  loss 2.1835  accuracy 0.2443  val_loss 1.6474  val_accuracy 0.4564  0.07 s"]),
        (80, ["epoch  3/12  loss 2.1835  accuracy 0.2443  val_loss 1.6474  val_accuracy 0.4564"]),
        (
            60,
            [
                "epoch  3/12  loss 2.1835  accuracy 0.2443  val_loss 1.6474",
                "             val_accuracy 0.4564  0.07 s",
            ],
        ),
    ],
)
def test_an_epoch_keeps_to_the_terminal(width: int, expected: list[str]) -> None:
    console = Console(file=(text := io.StringIO()), width=width, force_terminal=True, color_system=None)
    Live(console).report(events.EpochEnded(3, 12, LOGS, 0.07))
    assert text.getvalue().splitlines() == expected


def test_elsewhere_it_is_one_line() -> None:
    Live(Console(file=(text := io.StringIO()), width=20)).report(events.EpochEnded(3, 12, LOGS, 0.07))
    assert text.getvalue().count("\n") == 1


def on_terminal(words: list[str], folder: Path, columns: int) -> list[str]:
    """The lines that nnexp writes on a terminal of that width, without their colours."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, columns))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    command = [sys.executable, "-m", "nnexp", *words]
    environment["NO_COLOR"] = "1"
    subprocess.run(command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.write(theirs, b"end")
    text = b""
    while not text.endswith(b"end"):
        text += os.read(ours, 10_000)
    os.close(ours)
    os.close(theirs)
    return re.sub(r"\x1b\[[0-9;]*m", "", text.decode().removesuffix("end")).splitlines()


def test_an_error_is_folded_between_words_and_a_pipe_gets_it_whole(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(WRONG)
    lines = on_terminal(["check", "wrong.yaml"], tmp_path, 60)
    assert max(map(len, lines)) <= 60
    assert len(lines) == 5
    command = [sys.executable, "-m", "nnexp", "check", "wrong.yaml"]
    piped = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stderr.splitlines()
    assert len(piped) == 3
    assert " ".join(" ".join(lines).split()) == " ".join(piped)


def test_colours_that_are_forced_bring_no_moving_display_into_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    environment = {**os.environ, "FORCE_COLOR": "1"}
    command = [sys.executable, "-m", "nnexp", "check", "good.yaml"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "good.yaml: good" in done.stdout
    assert "\x1b" not in done.stdout


def test_the_datasets_are_shown_whole_at_sixty_columns(tmp_path: Path) -> None:
    lines = on_terminal(["data", "ls"], tmp_path, 60)
    assert any(" fashion_mnist " in line and " 60,000 " in line and " 10,000 " in line for line in lines)
    assert "no room here for shape, licence; --json has all" in lines
    assert max(map(len, (line for line in lines if not line.startswith("the cache")))) <= 60


def test_check_tells_programs_of_problems_findings_and_models(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(WRONG)
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "sweep.yaml").write_text("base: good.yaml\ngrid: {batch_size: [16, 32]}\n")
    command = [sys.executable, "-m", "nnexp", "check", "--json", "wrong.yaml", "good.yaml", "sweep.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    wrong, good, sweep = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (2, "")
    assert [problem["place"]["line"] for problem in wrong["problems"]] == [2, 3]
    assert good["parameters"]["total"] == 15
    assert good["problems"] == sweep["problems"] == []
    assert sweep["runs"] == 2


def test_init_and_report_tell_programs_where_their_files_are(tmp_path: Path, trained: Path) -> None:
    def told(*words: str) -> dict[str, object]:
        command = [sys.executable, "-m", "nnexp", *words, "--json"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    assert told("init", "--from", "iris") == {"config": "iris.yaml", "text": (tmp_path / "iris.yaml").read_text()}
    assert told("report", str(trained / "iris"), "-o", "page.html") == {"report": "page.html", "runs": 1}
