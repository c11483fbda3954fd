"""`nnexp check` of sweep files: every point, all at once, and nothing heavy loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = "dataset: digits\nlayers: [flatten, dense: {units: 8, activation: relu}, dense: {units: 10}, softmax]\n"
WATCHED = """
import sys
from nnexp.cli import main
try:
    main()
finally:
    print("loaded:", *{"numpy", "tensorflow", "scipy"} & {name.split(".")[0] for name in sys.modules}, file=sys.stderr)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(CONFIG)
    (tmp_path / "wrong.yaml").write_text(CONFIG.replace("units: 10", "units: 9"))
    study = "base: small.yaml\nvariants: [{name: raw, set: {validation: test}}, {base: wrong.yaml, expect: error}]\n"
    (tmp_path / "study.yaml").write_text(f"{study}repeats: 3\n")
    return tmp_path


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WATCHED, "check", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def test_a_sound_sweep_is_told_with_what_is_expected_and_what_may_go_wrong(folder: Path) -> None:
    done = check(folder, "study.yaml")
    assert (done.returncode, done.stderr) == (0, "loaded:\n")
    assert "study.yaml: good, 3 runs with the seeds 42, 43, 44" in done.stdout
    assert "wrong is refused, as expected: wrong.yaml:2:56: layers.2 (dense) gives 9 outputs" in done.stdout
    assert "warning: raw: The 360 test examples are used for validation" in done.stdout
    assert "\n610 parameters: raw\n" in done.stdout


def test_all_that_is_wrong_in_several_files_is_told_at_once(folder: Path) -> None:
    done = check(folder, "study.yaml", "wrong.yaml", "--set", "layers.1.units=0", "--set", "metrics=[accurate]")
    assert done.returncode == 2
    assert done.stdout == ""
    assert (
        "--set layers.1.units=0: dense: units must be a whole number of at least 1, not 0 (in 1 of 2 points: raw)"
        in done.stderr
    )
    assert "--set metrics=[accurate]: unknown metric 'accurate'" in done.stderr
    assert "4 problems; nothing was started." in done.stderr
    assert done.stderr.endswith("loaded:\n")


def test_values_of_good_axes_are_told_beside_keys_that_are_not_known(folder: Path) -> None:
    grid = "grid: {hidden: [8, 0], hiden: [4], normalization: [none, standardise]}\n"
    (folder / "study.yaml").write_text(f"base: small.yaml\nrepets: 3\n{grid}baseline: hidden=8\n")
    done = check(folder, "study.yaml", "--set", "hidden=8,x")
    told = [line for line in done.stderr.splitlines() if not line.startswith(" ")]
    assert told[0].startswith("study.yaml:2:1: a sweep file has no key 'repets'")
    assert told[1].startswith("study.yaml:3:24: 'hiden' is no part of a config")
    assert told[2].startswith("study.yaml:3:58: unknown normalization: 'standardise' (in 2 of 4 points: ")
    assert told[3].startswith("--set hidden=x: ")  # the file's own values of that axis do not count
    assert told[4] == "4 problems; nothing was started."
    assert done.stderr.endswith("loaded:\n")


def test_keras_builds_each_model_of_a_sweep_when_asked(folder: Path) -> None:
    done = check(folder, "study.yaml", "--keras")
    assert done.returncode == 0
    assert "good, 3 runs" in done.stdout
    assert "tensorflow" in done.stderr


def test_one_run_of_a_sweep_file_is_answered_with_the_command_for_it(folder: Path) -> None:
    command = [sys.executable, "-m", "nnexp", "run", "study.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "run it with  nnexp sweep study.yaml" in done.stderr
    assert not (folder / "runs").exists()
