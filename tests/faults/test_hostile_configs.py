"""Configs from strangers, by the thousand: each is checked or refused, in time, in little memory, and nothing runs."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from hostile_configs import cases

from nnexp.cli.check import check
from nnexp.errors import NnexpError

SECONDS = 2.0  # of processor time: what else the machine does is no matter
MEGABYTES = 500
LONGEST = 100_000  # characters of a message
PARTS = 4
NNEXP = str(Path(sys.executable).with_name("nnexp"))
# TensorFlow is imported and used once before anything is measured.
GOOD = "dataset: digits\nlayers: [flatten, rms_normalization, dense: 10]\n"
# Each needs more than any machine has, and each is found by other means.
TOO_LARGE = {
    "units": ("[flatten, dense: 1000000000, dense: 10]", "weights: to train them with adam takes at least"),
    "kernel": (
        "[reshape: [8, 8, 1], conv2d: {filters: 9, kernel_size: 90000000, padding: same}, flatten, dense: 10]",
        "layers.1: conv2d makes (8, 8, 9) with 72,900,000,000,000,009 weights, more than any memory holds",
    ),
    "window": ("[reshape: [8, 8, 1], max_pooling2d: 1000000000, flatten, dense: 10]", "slides a window of"),
    "output": (
        "[reshape: [64, 1], up_sampling1d: 1000000000, global_max_pooling1d, dense: 10]",
        "one layer makes 64,000,000,000 values of each example, and a batch has 32",
    ),
    "left to Keras": ("[rnn: {cell: {lstm_cell: 1000000000}}, dense: 10]", "weights: to train them"),
    "output left to Keras": (
        "[reshape: [8, 8, 1], resizing: {height: 200000, width: 200000}, global_max_pooling2d, dense: 10]",
        "one layer makes 40,000,000,000 values of each example",
    ),
    "loops": ("[flatten, spectral_normalization: {layer: {dense: 10}, power_iterations: 1000000000}]", "at most 100"),
    "digits": (
        f"[flatten, dense: {'9' * 90}, dense: 10]",
        "units must be a whole number of at least 1, not 999",
    ),
    "layers": (f"[flatten{', relu' * 3000}, dense: 10]", "3,002 layers: at most 200 can be given"),
}


def checked(content: bytes, *, keras: bool = False) -> tuple[int, str]:
    """The exit code of `nnexp check` on a file with this content, and what it says; the file lies in this folder."""
    path = Path("case.yaml")
    path.write_bytes(content)
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            check([path], keras)
        except NnexpError as error:
            return error.exit_code, str(error)
    return 0, said.getvalue()


def peak() -> float:
    """The most memory that this process ever had, in megabytes."""
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def check_all(seed: int, first: int, count: int) -> Counter[str]:
    """Check some of a seed's cases; how many of each kind ended in which way. Fails at the first that misbehaves."""
    assert checked(GOOD.encode())[0] == 0
    ended: Counter[str] = Counter()
    for number, (kind, content) in enumerate(itertools.islice(cases(seed), first, first + count), first):
        case = f"seed {seed}, case {number} ({kind})"
        before, started = peak(), time.process_time()
        try:
            code, said = checked(content, keras=number % 3 == 0)
        except Exception as error:
            raise AssertionError(f"{case}: a traceback, not a message") from error
        assert code in (0, 2), f"{case}: exit code {code}: {said}"
        assert time.process_time() - started < SECONDS, case
        assert peak() - before < MEGABYTES, case
        assert len(said) < LONGEST, case
        assert {path.name for path in Path().iterdir()} == {"case.yaml"}, f"{case}: it wrote a file"
        ended[f"{kind}: {code}"] += 1
    return ended


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_some_hostile_configs_are_checked_or_refused(faults_seed: int) -> None:
    ended = check_all(faults_seed, 0, 150)
    assert sum(ended.values()) == 150
    assert {key[-1] for key in ended} == {"0", "2"}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_ten_thousand_hostile_configs_are_checked_or_refused(faults_seed: int, part: int) -> None:
    count = 10_000 // PARTS
    ended = check_all(faults_seed, 150 + part * count, count)
    print(sorted(ended.items()))
    assert sum(ended.values()) == count


@pytest.mark.parametrize("what", TOO_LARGE)
def test_what_no_machine_can_hold_is_refused_before_anything_is_built(what: str) -> None:
    layers, told = TOO_LARGE[what]
    checked(GOOD.encode())  # TensorFlow's own memory is no matter
    before = peak()
    code, said = checked(f"dataset: digits\nlayers: {layers}\n".encode())
    assert (code, told in said) == (2, True), said
    assert peak() - before < MEGABYTES
    assert len(said) < 1000


def test_a_model_of_gigabytes_is_built_by_keras_without_them() -> None:
    checked(GOOD.encode())
    before = peak()
    code, said = checked(b"dataset: digits\nlayers: [flatten, dense: 4000000, dense: 10]\n", keras=True)
    assert code == 0
    assert "300,000,010 parameters" in said
    assert peak() - before < MEGABYTES


def test_a_file_name_that_is_no_text_and_steers_the_terminal_is_shown_harmless() -> None:
    name = b"\xff\x1b[31m.yaml"
    Path(os.fsdecode(name)).write_text("dataset: digits\nlayers: [flatten, dense: 10]\n")
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run([NNEXP.encode(), b"check", name], capture_output=True, env=strict)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"\\udcff\\x1b[31m.yaml: good")


@pytest.mark.slow
def test_the_command_line_answers_strangers_configs_with_an_exit_code_and_words(faults_seed: int) -> None:
    wanted = itertools.islice(cases(faults_seed), 0, 400, 20)
    for number, (kind, content) in enumerate(wanted):
        Path("case.yaml").write_bytes(content)
        done = subprocess.run([NNEXP, "check", "case.yaml"], capture_output=True, text=True, timeout=120)
        assert done.returncode in (0, 2), (number, kind, done.stderr)
        assert "Traceback" not in done.stderr + done.stdout
        if done.returncode == 2:  # what is refused is not run either
            run = subprocess.run([NNEXP, "run", "case.yaml"], capture_output=True, text=True, timeout=120)
            assert run.returncode == 2, (number, kind, run.stderr)
            assert "Traceback" not in run.stderr
            assert not list(Path().glob("runs/*"))
