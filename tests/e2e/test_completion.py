"""Tab completes commands, options, configs, runs, names and `--set` paths, at once and without a word more."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from nnexp.cli import completion
from nnexp.cli.candidates import candidates
from nnexp.config.experiment import FIELDS

CONFIG = """
dataset: digits
layers: [flatten, dense: {units: 8, activation: relu, kernel_regularizer: l2}, dense: {units: 10, activation: softmax}]
optimizer: {sgd: {learning_rate: 0.1}}
"""
METRICS = (
    '{"status": "completed", "test": {"loss": 0.5}, "history": [{"loss": 1, "val_loss": 0.5}], "timings": {"total": 1}}'
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a config, one further down, runs, and `nnexp` on the PATH."""
    here = tmp_path / "here"
    (here / "more" / "of them").mkdir(parents=True)
    (here / "studies").mkdir()
    (here / "digits.yaml").write_text(CONFIG)
    (here / "more" / "of them" / "deep.yml").write_text(CONFIG)
    (here / "empty").mkdir()
    for name, base in {"study": "../digits.yaml", "inline": "[{optimizer: sgd}, x]", "lost": "no.yaml"}.items():
        (here / "studies" / f"{name}.yaml").write_text(f"base: {base}\n")
    for age, name in enumerate(("20260101_old", "20250101_new_by_its_time", "nothing")):
        (here / "runs" / name).mkdir(parents=True)
        if name != "nothing":
            (here / "runs" / name / ("metrics.json" if age else "sweep.yaml")).write_text(METRICS if age else "")
            os.utime(here / "runs" / name, (age, age))
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "nnexp"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m nnexp "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.chdir(here)
    return here


def of(line: str) -> list[str] | None:
    """What may stand at the end of a line; None: any file."""
    *words, word = line.split(" ")
    found = candidates(words, word)
    return None if found is None else list(found)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("re", ["resume", "report"]),
        ("trane ", None),
        ("run --no", ["--normalization", "--notify"]),
        ("run ", ["digits.yaml", "more/", "runs/", "studies/"]),
        ("run mor", ["more/of them/deep.yml"]),
        ("run no", None),
        ("compare ", ["runs/20250101_new_by_its_time", "runs/20260101_old"]),
        ("show runs/2026", ["runs/20260101_old"]),
        ("run digits.yaml --normalization st", ["standardize"]),
        ("run digits.yaml --optimizer=adamw", ["--optimizer=adamw"]),
        ("sweep digits.yaml --activation relu,softm", ["relu,softmax"]),
        ("sweep --executor ", ["processes", "serial", "dask"]),
        ("export runs/x -f sc", ["script"]),
        ("track runs --to tensor", ["tensorboard"]),
        ("data f", ["fetch"]),
        ("data show i", ["iris"]),
        ("run --dataset fash", ["fashion_mnist"]),
        ("mistakes runs/x --dataset ", None),
        ("run digits.yaml --runs-dir ", None),
        ("compare runs/* --baseline ", []),
        ("compare runs/* --filter=", []),
        ("compare runs/* --metric los", ["loss"]),
        ("compare runs/* --metric=val_", ["--metric=val_loss"]),
        ("report --metric ", ["loss", "val_loss", "train_loss", "seconds"]),
        ("compare nothing --metric ", []),
        ("run digits.yaml --epochs ", []),
        ("run digits.yaml --set on_div", ["on_divergence="]),
        ("run digits.yaml --set on_divergence=", ["on_divergence=stop", "on_divergence=continue"]),
        ("run digits.yaml --set optimizer.learning_rate=0", ["optimizer.learning_rate=0.1"]),
        ("run digits.yaml --set optimizer.mom", ["optimizer.momentum="]),
        ("run --set optimizer.beta_1", ["optimizer.beta_1="]),
        ("run digits.yaml --set layers.", ["layers.0.", "layers.1.", "layers.2.", "layers.flatten."]),
        ("run digits.yaml --set layers.fl", ["layers.flatten."]),
        ("run digits.yaml --set layers.flatten.data", ["layers.flatten.data_format="]),
        ("sweep studies/study.yaml --set layers.1.activation=hard_t", ["layers.1.activation=hard_tanh"]),
        ("sweep studies/inline.yaml --set optimizer.mom", ["optimizer.momentum="]),
        ("sweep studies/lost.yaml --set engine=x", ["engine=xla"]),
        ("run digits.yaml --set layers.1.uni", ["layers.1.units="]),
        ("run digits.yaml --set layers.1.kernel_reg", ["layers.1.kernel_regularizer.", "layers.1.kernel_regularizer="]),
        ("run digits.yaml --set layers.1.kernel_regularizer.", ["layers.1.kernel_regularizer.l2="]),
        ("sweep digits.yaml --set layers.1.activation=relu,hard_t", ["layers.1.activation=relu,hard_tanh"]),
        ("run digits.yaml --set layers.1.use_bias=", ["layers.1.use_bias=true", "layers.1.use_bias=false"]),
        ("run digits.yaml --set layers.9.x=", []),
        ("run missing.yaml --set engine=x", ["engine=xla"]),
    ],
)
def test_what_may_stand_there(line: str, expected: list[str], place: Path) -> None:
    assert of(line) == expected


def test_every_key_of_a_config_may_be_set() -> None:
    assert list(dict.fromkeys(path.rstrip(".=") for path in of("run --set "))) == list(FIELDS)


def asked(line: str, shell: str = "bash") -> str:
    """What nnexp answers a shell's script."""
    environment = {**os.environ, "_NNEXP_COMPLETE": shell, "_NNEXP_LINE": line, "_NNEXP_BREAKS": " \t\n\"'><=;|&(:"}
    command = [sys.executable, "-X", "importtime", "-m", "nnexp"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    modules = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert {line[:12] for line in done.stderr.splitlines()} == {"import time:"}  # no word of its own
    assert not modules & {"tensorflow", "keras", "numpy", "pandas", "rich"}
    return done.stdout


def test_a_shell_is_answered_without_anything_heavy_and_never_told_an_error(place: Path) -> None:
    assert asked("nnexp run digits.yaml --set layers.1.activation=sig") == "sigmoid\n"
    assert asked("nnexp run digits.yaml --set engine=", "fish") == "".join(
        f"engine={name}\n" for name in ("auto", "xla", "graph", "keras")
    )
    assert asked("nnexp ver", "zsh") == "verify\tTrain a run again: is every bit the same?\n"
    assert asked("nnexp run 'more/of") == "more/of them/deep.yml\n"
    assert asked("nnexp run more/of") == "more/of\\ them/deep.yml\n"
    (place / "digits.yaml").write_text("layers: [")
    assert asked("nnexp run digits.yaml --set optimizer.learning_r") == "optimizer.learning_rate=\n"
    assert asked("nnexp data nothing show ") == ""


def test_bash_completes_on_a_terminal(place: Path) -> None:
    script = place / "script"
    script.write_text(completion._SCRIPTS["bash"])
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 200))
    environment = {**os.environ, "PS1": "> ", "TERM": "dumb"}
    bash = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    typed = b"nnexp run dig\t--epochs dig\t --set optimizer.learning_r\t0.5 --set layers.1.activa\tsig\t"
    os.write(ours, b"source ./script\n" + typed)
    line = "nnexp run digits.yaml --epochs dig --set optimizer.learning_rate=0.5 --set layers.1.activation=sigmoid "
    seen, until = "", time.monotonic() + 60
    while line not in seen and time.monotonic() < until:
        if select.select([ours], [], [], 1)[0]:
            seen += os.read(ours, 10_000).decode().replace("\a", "")
    bash.kill()
    bash.wait()
    os.close(ours)
    assert line in seen


def test_the_script_is_installed_once_and_other_lines_stay(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(place))
    (place / ".bashrc").write_text("alias ll='ls -l'")
    for _ in range(2):
        done = subprocess.run(
            ["bash", "-c", "nnexp --install-completion; :"], capture_output=True, text=True, check=True
        )
        assert "bash completes nnexp" in done.stdout
    script = place / ".local/share/nnexp/completion.bash"
    assert (place / ".bashrc").read_text() == (f"alias ll='ls -l'\nsource {script}  # nnexp: completion by Tab\n")
    loaded = subprocess.run(["bash", "-ic", "complete -p nnexp"], capture_output=True, text=True)
    assert loaded.stdout == "complete -o default -o nosort -F _nnexp nnexp\n"
    shown = subprocess.run(["bash", "-c", "nnexp --show-completion; :"], capture_output=True, text=True, check=True)
    assert shown.stdout == script.read_text()
