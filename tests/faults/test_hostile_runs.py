"""`compare`, `show`, `ls` and `report` over run folders from strangers: skipped by name or shown, never obeyed."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_runs import SECRET, make_outside, make_runs, state
from playwright.sync_api import Browser

import nnexp as nnexp_package

TRAIN = """
import sys
from pathlib import Path
from nnexp.config.experiment import parse_experiment
from nnexp.config.loading import parse_config
from nnexp.experiment import Options, run_experiment

for units in (4, 16):
    text = f"dataset: digits\\nlayers: [flatten, dense: {units}, dense: {{units: 10, activation: softmax}}]\\nepochs: 2"
    experiment = parse_experiment(parse_config(text, "digits"), "digits")
    run_experiment(experiment, Options(folder=Path(sys.argv[1]) / str(units)))
"""
# Each is one process over a whole folder of damaged runs. `show` takes them one by one.
COMMANDS = {
    "ls": ("ls", "{runs}"),
    "ls --json": ("ls", "{runs}", "--json"),
    "compare": ("compare", "{runs}"),
    "compare --json": ("compare", "{runs}", "--json", "--metric", "loss"),
    "compare --csv": ("compare", "{runs}", "--csv", "--sort", "label"),
    "compare --markdown": ("compare", "{runs}", "--markdown", "--plots", "{out}/plots"),
    "show": ("show", "--all", "--", "{each}"),
    "show --json": ("show", "--json", "--", "{each}"),
    "report": ("report", "{runs}", "-o", "{out}/report.html"),
}
SHORT = ("ls", "compare", "show", "report")


@pytest.fixture(scope="session")
def real(once: Callable[[str, Callable[[Path], object]], Path]) -> list[Path]:
    """Two small real runs of digits."""
    train = [sys.executable, "-c", TRAIN]
    return sorted(once("hostile_runs", lambda folder: subprocess.run([*train, folder], check=True)).iterdir())


def trial(seed: int, count: int, commands: tuple[str, ...], real: list[Path], place: Path) -> Path:
    """Make damaged runs in `place`, give them to the commands, and see what comes of it; the report's path."""
    for name in ("runs", "out", "elsewhere"):
        (place / name).mkdir(parents=True)
    outside = make_outside(place / "outside", real[0])
    done = make_runs(seed, count, real, place / "runs", outside)
    watched = [place / name for name in ("runs", "outside", "elsewhere")]
    before = state(*watched)
    each = sorted(str(place / "runs" / name) for name in done)
    for command in commands:
        words: list[str] = []
        for word in COMMANDS[command]:
            words += each if word == "{each}" else [word.format(runs=place / "runs", out=place / "out")]
        told = f"{command}, seed {seed}: {done}"
        found = nnexp(*words, cwd=place / "elsewhere")
        output = found.stdout + found.stderr
        assert found.returncode == 0, f"{told}\n{output[-4000:].decode(errors='replace')}"
        assert b"Traceback" not in output, told
        assert SECRET.encode() not in output, told
        shown = output.decode("utf-8")  # raises where it is none
        assert not [letter for letter in shown if not letter.isprintable() and letter not in "\n\t\u2028"], told
    assert state(*watched) == before, f"seed {seed}"
    return place / "out" / "report.html"


def nnexp(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "nnexp", *arguments]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120"}
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=300, cwd=cwd, env=environment)


def test_damaged_runs_are_named_or_shown_and_nothing_else_happens(
    real: list[Path], faults_seed: int, tmp_path: Path
) -> None:
    page = trial(faults_seed, 40, SHORT, real, tmp_path).read_text(encoding="utf-8")
    assert page.endswith("</html>")
    assert SECRET not in page


def test_what_cannot_be_read_is_named_and_the_exit_code_says_whether_anything_was(
    real: list[Path], tmp_path: Path
) -> None:
    shutil.copytree(real[0], tmp_path / "runs" / "good")
    for name, text in (("torn", "{"), ("link", None)):
        (tmp_path / "runs" / name).mkdir()
        metrics = tmp_path / "runs" / name / "metrics.json"
        metrics.symlink_to(real[0] / "metrics.json") if text is None else metrics.write_text(text)
    for command in (("ls", "runs"), ("compare", "runs"), ("show", "runs/torn", "runs/good", "runs/link")):
        done = nnexp(*command, cwd=tmp_path)
        output = (done.stdout + done.stderr).decode()
        assert (done.returncode, "digits" in output or "good" in output) == (0, True)
        assert "torn/metrics.json: not JSON" in output
        assert "link/metrics.json: a link, and links inside run folders are not followed" in output
    shutil.rmtree(tmp_path / "runs" / "good")
    for command in (("ls", "runs"), ("compare", "runs"), ("report", "runs"), ("show", "runs/torn", "runs/link")):
        done = nnexp(*command, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"torn" in done.stderr
        assert b"Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


@pytest.mark.slow
def test_an_index_of_damaged_runs_changes_nothing_that_is_said(
    real: list[Path], faults_seed: int, tmp_path: Path
) -> None:
    (tmp_path / "runs").mkdir()
    make_runs(faults_seed, 150, real, tmp_path / "runs", make_outside(tmp_path / "outside", real[0]))
    time.sleep(2.5)  # what has just changed is not kept
    for command in (("ls", "runs"), ("compare", "runs", "--json")):
        first, again = (nnexp(*command, cwd=tmp_path) for _ in range(2))
        [index] = (tmp_path / "runs").glob(".nnexp-index-*")
        assert SECRET.encode() not in index.read_bytes()
        index.unlink()
        assert (again.returncode, again.stdout, again.stderr) == (0, first.stdout, first.stderr)


# What loads code with data, in Keras, pickle, NumPy and PyYAML.
LOADERS = re.compile(
    r"\.load_model\((?!.*\bsafe_mode=True)|safe_mode(?!=True)|enable_unsafe|\bpickle\b|allow_pickle(?!=False)|joblib|marshal|shelve"
    r"|yaml\.(load|load_all|full_load|unsafe_load)\(|(Unsafe|Full)Loader|\b(eval|exec)\("
)


def test_no_source_line_loads_what_could_run_code() -> None:
    source = Path(nnexp_package.__file__).parent
    lines = [line for path in source.rglob("*.py") for line in code_of(path) if LOADERS.search(line)]
    assert lines == []
    assert LOADERS.search("keras.models.load_model(path)")
    assert LOADERS.search("keras.models.load_model(path, safe_mode=False)")
    assert not LOADERS.search("keras.models.load_model(path, safe_mode=True)")
    assert LOADERS.search("np.load(path, allow_pickle=True)")


def code_of(path: Path) -> list[str]:
    """The statements of a source file without comments and docstrings, each on one line as Python writes it."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(module):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value = ast.Constant(None)
    return [f"{path.name}: {line}" for line in ast.unparse(module).splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(25))
def test_a_thousand_damaged_runs_run_no_script_and_touch_no_file(
    batch: int, real: list[Path], browser: Browser, faults_seed: int, tmp_path: Path
) -> None:
    path = trial(faults_seed + 1 + batch, 40, tuple(COMMANDS), real, tmp_path)
    assert SECRET not in path.read_text(encoding="utf-8")
    page = browser.new_page()
    troubles: list[str] = []

    def is_foreign(url: str) -> bool:
        return not url.startswith((path.as_uri(), "data:", "blob:"))

    page.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: troubles.append(request.url) if is_foreign(request.url) else None)
    page.goto(path.as_uri())
    for summary in page.locator("details.run > summary").all():
        summary.click()
    opened, runs = page.locator("details.run[open]").count(), page.locator("details.run").count()
    page.close()
    assert (troubles, opened) == ([], runs)
