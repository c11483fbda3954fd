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
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from nnexp import events
from nnexp.cli.console import fold, print_long, say
from nnexp.cli.live import Live
from nnexp.cli.outcome import print_confusion_matrix, print_evaluation, print_finding

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


NNEXP = (sys.executable, "-m", "nnexp")


def on_terminal(words: list[str], folder: Path, columns: int, program: Sequence[str] = NNEXP) -> list[str]:
    """The lines that nnexp writes on a terminal of that width, without their colours."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, columns))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    command = [*program, *words]
    environment["NO_COLOR"] = "1"
    subprocess.run(command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.write(theirs, b"end")
    text = b""
    while not text.endswith(b"end"):
        text += os.read(ours, 10_000)
    os.close(ours)
    os.close(theirs)
    return re.sub(r"\x1b\[[0-9;]*m", "", text.decode().removesuffix("end")).splitlines()


def test_paths_of_the_completion_are_whole_and_its_words_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    line = " ".join([*NNEXP, "--install-completion; :"])
    lines = on_terminal(["-c", line], tmp_path, 60, ["bash"])
    script = tmp_path / ".local/share/nnexp/completion.bash"
    assert lines[-1] == f"source {script}"
    words = " ".join(lines).split()
    assert {"completes", "which", "reads", "begin", "shell,", str(script), f"{script},"} <= set(words)


@pytest.mark.parametrize("name", ["wrong.yaml", "is_a_convolution_better_than_a_dense_layer.yaml"])
def test_an_error_is_folded_between_words_and_a_pipe_gets_it_whole(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(WRONG)
    lines = on_terminal(["check", name], tmp_path, 60)
    assert max(map(len, lines)) <= 60
    assert len(lines) == 5
    command = [sys.executable, "-m", "nnexp", "check", name]
    piped = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stderr.splitlines()
    assert len(piped) == 3
    assert " ".join(" ".join(lines).split()) == " ".join(piped)


def test_an_option_that_there_is_not_is_told_in_whole_words(tmp_path: Path) -> None:
    lines = on_terminal(["sweep", "--hiden", "3"], tmp_path, 60)
    assert max(map(len, lines)) <= 60
    assert {"--hidden)", "--set", "layers.dropout.rate=0.2"} <= set(" ".join(lines).split())


def test_a_start_says_on_a_terminal_that_it_reads_the_data(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\n".join(["size,price", *(f"{n % 2},{n % 2}" for n in range(40))]) + "\n")
    assert on_terminal(["init", "a.csv"], tmp_path, 60)[0] == "reading a.csv"
    (tmp_path / "a.yaml").unlink()
    piped = subprocess.run([*NNEXP, "init", "a.csv"], cwd=tmp_path, capture_output=True, text=True)
    assert "reading" not in piped.stdout + piped.stderr


def test_a_command_and_a_path_are_never_folded() -> None:
    command = "nnexp sweep flowers.yaml --hidden 16,64 --repeats 5"
    path = f"/a/long/{'way/' * 10}down.yaml"
    assert fold(f"train it anew, from its config:  {command}", 60) == f"train it anew, from its config:\n  {command}"
    assert fold("  what is there is listed by `nnexp ls runs` alone, and only it", 40) == (
        "  what is there is listed by\n    `nnexp ls runs` alone, and only it"
    )
    assert fold(f"written to {path}", 40) == f"written to\n  {path}"


NAMES = ("Vino Nobile di Montepulciano Riserva 2011 (red)", "a grape variety whose name nobody in the cellar remembers")


def shown(width: int, *, terminal: bool = True) -> tuple[Console, io.StringIO]:
    return Console(file=(text := io.StringIO()), width=width, force_terminal=terminal, color_system=None), text


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_finding_is_folded_between_words_and_a_long_name_in_it_is_whole(width: int) -> None:
    label = f"conv_{'layers.random_rotation.factor=0.5_' * 3}seed=42"
    finding = {"severity": "warning", "message": f"{label}: the loss rose.", "suggestion": "Try a lower learning rate."}
    console, text = shown(width)
    print_finding(console, finding)
    told = text.getvalue()
    assert " ".join(told.split()) == f"warning: {label}: the loss rose. Try a lower learning rate."
    assert all(len(line) <= width or line.split() == [f"{label}:"] for line in told.splitlines())


def test_what_to_do_next_stands_on_a_line_of_its_own_where_it_is_long() -> None:
    command = f"nnexp predict runs/{'dense_turned_' * 4}seed=42 FILE"
    console, text = shown(80)
    say(console, f"to use a model of the best:  {command}")
    assert [line.strip() for line in text.getvalue().splitlines()] == ["to use a model of the best:", command]


def test_no_number_is_broken_in_a_table_and_what_has_no_room_is_named() -> None:
    columns = ("input", "answer", "probability", "mean_absolute_error", "seconds")
    rows = [
        ["new.csv:2", NAMES[0], "0.6073", "5503.6099", "0.95"],
        ["new.csv:3", NAMES[1], "0.4081", "4304.4546", "0.06"],
    ]
    console, text = shown(60)
    print_long(console, columns, rows, columns[2:], less_asked=("seconds", "probability"))
    told = text.getvalue()
    assert max(map(len, told.splitlines())) <= 60
    assert all(word in told.split() for word in ("5503.6099", "4304.4546", "Montepulciano", "absolute_", "0.6073"))
    assert "no room here for seconds; --json has all" in told
    for console, text in (shown(160), shown(60, terminal=False)):
        print_long(console, columns, rows, columns[2:], less_asked=("seconds", "probability"))
        lines = text.getvalue().splitlines()
        assert all(any(all(cell in line for cell in row) for line in lines) for row in rows)


def test_figures_by_class_keep_to_the_terminal_and_a_pipe_gets_them_whole() -> None:
    figures = {"precision": 0.6471, "recall": 0.7857, "f1": 0.7097, "support": 14, "predicted": 17}
    evaluation = {
        "per_class": [{"class": name, **figures} for name in NAMES],
        "confusion_matrix": [[11, 2], [1, 5]],
        "top_confusions": [{"true": NAMES[0], "predicted": NAMES[1], "count": 2}],
        "calibration_error": 0.05,
    }
    console, text = shown(60)
    print_evaluation(evaluation, console)
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    words = " ".join(lines).split()
    assert all(word in words for word in ("precision", "recall", "Montepulciano", "0.6471", "0.7857"))
    assert "no room here for predicted; --json has all" in lines
    console, text = shown(60, terminal=False)
    print_evaluation(evaluation, console)
    assert f"{NAMES[0]} taken for {NAMES[1]}" in text.getvalue()
    assert any(NAMES[0] in line and "17" in line.split() for line in text.getvalue().splitlines())


@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_counts_of_a_confusion_matrix_are_whole_or_it_is_said_that_there_is_no_room(width: int) -> None:
    matrix = [[1013 if row == column else 7 for column in range(10)] for row in range(10)]
    evaluation = {"confusion_matrix": matrix, "per_class": [{"class": name} for name in (*NAMES, *"abcdefgh")]}
    console, text = shown(width)
    print_confusion_matrix(evaluation, console)
    assert max(map(len, text.getvalue().splitlines())) <= width
    assert text.getvalue().split().count("1013") == (10 if width > 60 else 0)
    assert ("no room here for the confusion matrix" in text.getvalue()) == (width == 60)


def test_a_first_config_and_what_to_do_with_it_fit_sixty_columns(tmp_path: Path) -> None:
    (tmp_path / "ship.csv").write_text("age,port,survived_the_voyage\n" + "31,south,yes\n22,north,no\n" * 20)
    lines = on_terminal(["init"], tmp_path, 60)
    assert max(map(len, lines)) <= 60
    assert (tmp_path / "ship.yaml").read_text().splitlines() == lines[1 : lines.index("")]  # after "reading …"
    assert lines[-4:] == [
        "written to ship.yaml",
        "train it, then ask it something:",
        "  nnexp run ship.yaml",
        "  nnexp sweep ship.yaml --hidden 16,64 --repeats 5",
    ]
    assert "#   nnexp check ship.yaml" in lines


def test_an_example_of_the_help_can_be_copied_where_it_is_too_long(tmp_path: Path) -> None:
    lines = on_terminal(["run", "--help"], tmp_path, 60)
    place = lines.index("  nnexp run configs/fashion_sigmoid128.yaml \\")
    assert lines[place + 1] == "      --hidden 256x128 --epochs 15"


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
