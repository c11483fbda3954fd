"""Wrong input, told at once: exit code 2, no traceback, no run folder, and nothing heavy loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HEAVY = {"tensorflow", "keras", "matplotlib", "pandas", "sklearn", "scipy", "numpy"}
# Runs the command line, then tells which packages it loaded.
WATCHED = """
import sys
from nnexp.cli import main
sys.argv[0] = "nnexp"
try:
    main()
finally:
    print("loaded:", *{name.split(".")[0] for name in sys.modules}, file=sys.stderr)
"""
GOOD = b"dataset: digits\nlayers: [flatten, dense: {units: 10, activation: softmax}]\n"


@pytest.fixture
def watched(tmp_path: Path) -> Callable[..., tuple[subprocess.CompletedProcess[str], set[str]]]:
    """Run `nnexp` in an empty directory: what it said, and the packages it loaded."""

    def run(*arguments: object) -> tuple[subprocess.CompletedProcess[str], set[str]]:
        command = [sys.executable, "-c", WATCHED, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
        told, _, loaded = done.stderr.rpartition("loaded:")
        done.stderr = told
        return done, set(loaded.split())

    return run


# Each line holds the one above nine times.
BOMB = b"a: &a [1]\n" + b"".join(b"%c: &%c [%s]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 9)) for n in b"bcdefghi")
BAD = {
    "unknown key": (GOOD + b"epoch: 3\n", "bad.yaml:3:1: unknown key 'epoch'"),
    "wrong type": (GOOD + b"epochs: ten\n", "bad.yaml:3:9: epochs must be a whole number"),
    "misspelt layer": (GOOD.replace(b"flatten", b"flaten"), "bad.yaml:2:10: unknown layer 'flaten'"),
    "misspelt parameter": (GOOD.replace(b"activation", b"activaton"), "did you mean 'activation'?"),
    "impossible value": (GOOD.replace(b"10", b"-10"), "bad.yaml:2:34: dense: units must be"),
    "duplicate key": (GOOD + b"seed: 1\nseed: 2\n", "bad.yaml:4:1: the key 'seed' stands twice"),
    "not YAML": (b"layers: [\n", "bad.yaml:2:1: not YAML"),
    "empty": (b"", "bad.yaml:1:1: the config is empty"),
    "binary": (bytes(range(256)), "bad.yaml:2:118: not UTF-8 text: byte 0x80"),
    "not UTF-8": (GOOD + b"name: \xfc\n", "bad.yaml:3:7: not UTF-8 text"),
    "alias bomb": (BOMB, "more than 100,000 values"),
    "python tag": (
        GOOD + b"name: !!python/object/apply:os.system ['touch hit']\n",
        "!!python/object/apply:os.system is not allowed",
    ),
    "deep": (b"a: " + b"[" * 300_000, "nested deeper than 50"),
    "five outputs": (
        GOOD.replace(b"10", b"5"),
        "bad.yaml:2:19: layers.1 (dense) gives 5 outputs, but digits has 10 classes",
    ),
    "no flatten": (GOOD.replace(b"flatten, ", b""), "the model ends in (None, 8, 10)"),
    "metric that will not exist": (GOOD + b"callbacks: [stop_when: val_loss < 1]\n", "stop_when watches `val_loss`"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_config_ends_before_anything_begins(watched: Any, tmp_path: Path, name: str) -> None:
    content, told = BAD[name]
    (tmp_path / "bad.yaml").write_bytes(content)
    done, loaded = watched("run", "bad.yaml")
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]
    assert not HEAVY & loaded


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["run", "."], ".: this is a directory"),
        (["run", "good.yaml", "--hidden", "64"], "--hidden 64: the config has no hidden dense layer"),
        (["run", "good.yaml", "--epochs", "0", "--optimizer", "adan"], "2 problems; nothing was started."),
        (["run", "good.yaml", "--set", "epochs"], "error: --set epochs is no path with a value; write path=value"),
        (["run", "good.yaml", "--set", "description=\udcff"], "--set description="),
        (["run", "good.yaml", "--nonsense"], "No such option: --nonsense"),
        (["run"], "Missing argument 'CONFIG'"),
        (["nonsense"], "No such command 'nonsense'"),
        (["check", "good.yaml", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["show", "nowhere"], "nowhere: no such run folder"),
        (["show", "."], "no run folder: it has no metrics.json"),
        (["ls", "nowhere"], "nowhere: no such directory"),
        (["data", "show", "fashion"], "did you mean 'fashion_mnist'?"),
    ],
)
def test_a_wrong_command_line_is_told_and_starts_nothing(
    watched: Any, tmp_path: Path, arguments: list[str], told: str
) -> None:
    (tmp_path / "good.yaml").write_bytes(GOOD)
    done, loaded = watched(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["good.yaml"]
    assert not HEAVY & loaded


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--help"], "nnexp [OPTIONS] COMMAND"),
        (["--version"], "nnexp 0."),
        (["run", "--help"], "--runs-dir DIR"),
        (["predict", "--help"], "Options:\n  --index N          A test example, from 0. Repeatable.\n  --dataset PATH"),
        (["check", "good.yaml"], "good.yaml: good"),
        (["ls", "."], "no runs in . yet; begin with: nnexp run"),
        (["schema"], '"$schema"'),
        (["data", "ls"], "fashion_mnist"),
    ],
)
def test_what_needs_no_training_answers_without_loading_anything_heavy(
    watched: Any, tmp_path: Path, arguments: list[str], told: str
) -> None:
    (tmp_path / "good.yaml").write_bytes(GOOD)
    done, loaded = watched(*arguments)
    assert done.returncode == 0, done.stderr
    assert told in done.stdout
    assert not (HEAVY - {"numpy"} if arguments[0] == "data" else HEAVY) & loaded
    assert [path.name for path in tmp_path.iterdir()] == ["good.yaml"]


def test_show_needs_nothing_heavy(watched: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    metrics = {"status": "completed", "name": "a", "history": [{"epoch": 1, "loss": 0.5}], "test": {"accuracy": 0.9}}
    (run / "metrics.json").write_text(json.dumps(metrics))
    done, loaded = watched("show", run)
    assert done.returncode == 0, done.stderr
    assert "test accuracy  0.9000" in done.stdout
    assert not HEAVY & loaded


def test_check_tells_the_problems_of_every_config(watched: Any, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(GOOD + b"epochs: x\n")
    (tmp_path / "b.yaml").write_bytes(GOOD + b"los: y\nseed: z\n")
    done, _ = watched("check", "a.yaml", "b.yaml")
    assert done.returncode == 2
    assert [line.split(": ")[0] for line in done.stderr.splitlines() if not line.startswith(" ")] == [
        "a.yaml:3:9",
        "b.yaml:3:1",
        "b.yaml:4:7",
        "3 problems; nothing was started.",
    ]
