"""What XLA compiled, kept for later runs: used when it is safe, and never of any effect on a result."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nnexp.training import programs

NAME = "xla_compile_cache__1__2__XLA_CPU_JIT.pb"
# Trains two epochs with XLA; prints a digest of the weights, and how many of its programs it shares with the store.
TRAIN = """
import hashlib, sys
from pathlib import Path
from nnexp.config.experiment import parse_experiment
from nnexp.config.loading import parse_config
from nnexp.data.datasets import DATASETS, load
from nnexp.data.splits import split
from nnexp.training import programs
from nnexp.training.session import Session
layers = "[flatten, dense: {units: 8, activation: relu}, dense: {units: 10, activation: softmax}]"
text = f"dataset: digits\\nlayers: {layers}\\nengine: xla\\nthreads: 1\\nepochs: 2\\n"
experiment = parse_experiment(parse_config(text, "test.yaml"), "test")
dataset = DATASETS["digits"]
session = Session(experiment, split(load(dataset), "none", 1), dataset)
assert len(list(session.train(Path(sys.argv[1]), lambda *told: None))) == 2
assert session.engine.name == "xla"
weights = hashlib.sha256(b"".join(weight.tobytes() for weight in session.model.get_weights()))
found = programs.borrow(session.threads)
shared = [path for path in found.own.glob("*.pb") if path.stat().st_nlink > 1] if found else []
print(weights.hexdigest(), len(shared))
"""


def train(home: Path, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "NNEXP_CACHE_DIR": str(home / "cache"), **variables}
    environment.pop("TF_XLA_FLAGS", None)
    command = [sys.executable, "-c", TRAIN, str(home)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def told(process: subprocess.Popen[str]) -> tuple[str, int]:
    weights, shared = process.communicate(timeout=300)[0].split()
    assert process.returncode == 0
    return weights, int(shared)


@pytest.mark.slow
def test_compiled_anew_at_once_from_the_store_or_without_it_the_weights_are_the_same_bits(tmp_path: Path) -> None:
    first = [told(process) for process in [train(tmp_path), train(tmp_path)]]
    stored = list(tmp_path.glob("cache/xla/*/*.pb"))
    assert stored
    again, shared = told(train(tmp_path))
    without, none = told(train(tmp_path, NNEXP_XLA_CACHE="0"))
    assert {weights for weights, _ in first} == {again} == {without}
    assert [count for _, count in first] == [0, 0] or len(
        stored
    ) == 1  # the later of the two may have found the other's
    assert shared == 1  # what TensorFlow had compiled itself would be a file of its own
    assert none == 0
    assert list(tmp_path.glob("cache/xla/*/*")) == stored  # no process left anything


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NNEXP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    monkeypatch.delenv("NNEXP_XLA_CACHE", raising=False)
    return tmp_path


def borrow(threads: int = 2) -> programs.Programs | None:
    """As a process does that has just begun."""
    return programs.borrow.__wrapped__(threads)


def borrow_again(threads: int = 2) -> programs.Programs | None:
    """As the next process does."""
    os.environ["TF_XLA_FLAGS"] = ""
    return borrow(threads)


def put(store: Path, content: bytes, *, name: str = NAME, days: float = 0.0) -> Path:
    path = store / f"{hashlib.sha256(content).hexdigest()}-{name}"
    path.write_bytes(content)
    os.utime(path, (time.time() - days * 86400,) * 2)
    return path


def test_what_is_compiled_is_there_for_the_next_process(home: Path) -> None:
    first = borrow()
    assert first
    (first.own / NAME).write_bytes(b"program")
    first.keep()
    first.keep()
    second = borrow_again()
    assert second
    assert second.own != first.own
    assert [path.read_bytes() for path in second.own.iterdir()] == [b"program"]
    assert len(list(second.store.glob("*.pb"))) == 1


def test_a_damaged_program_is_removed_and_never_shown_to_tensorflow(home: Path) -> None:
    first = borrow()
    assert first
    whole, damaged = put(first.store, b"whole"), put(first.store, b"damaged", name=f"x{NAME}")
    damaged.write_bytes(b"damage")
    second = borrow_again()
    assert second
    assert [path.name for path in second.own.iterdir()] == [NAME]
    assert whole.exists()
    assert not damaged.exists()


def test_other_threads_have_other_programs(home: Path) -> None:
    one, two = borrow(1), borrow_again(2)
    assert one
    assert two
    assert one.store != two.store


def test_the_store_stays_small_and_what_is_old_or_left_behind_goes(home: Path) -> None:
    first = borrow()
    assert first
    old = put(first.store, b"old", name=f"old{NAME}", days=31)
    large = [put(first.store, bytes(12 * 2**20) + b"%d" % age, name=f"{age}{NAME}", days=age) for age in (3, 2, 1)]
    left, used = first.store / "in-use-left", first.store / "in-use-used"
    for folder, days in ((left, 2), (used, 0.5)):
        folder.mkdir()
        os.utime(folder, (time.time() - days * 86400,) * 2)
    assert borrow_again()
    assert [path.exists() for path in (old, *large)] == [False, False, True, True]
    assert (left.exists(), used.exists()) == (False, True)


def test_flags_of_the_user_are_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_enable_lazy_compilation=true")
    found = borrow()
    assert found
    flags = os.environ["TF_XLA_FLAGS"].split()
    assert flags[0] == "--tf_xla_enable_lazy_compilation=true"
    assert f"--tf_xla_persistent_cache_directory={found.own}" in flags


@pytest.mark.parametrize("case", ["off", "own cache", "open to others", "blank", "not writable"])
def test_there_is_no_store_where_it_is_not_wanted_or_not_safe(
    home: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    cache = home / "cache"
    match case:
        case "off":
            monkeypatch.setenv("NNEXP_XLA_CACHE", "0")
        case "own cache":
            monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory=/mine")
        case "open to others":
            (cache / "xla").mkdir(parents=True)
            (cache / "xla").chmod(0o755)
        case "blank":
            monkeypatch.setenv("NNEXP_CACHE_DIR", str(home / "two words"))
        case "not writable":
            cache.write_text("a file")
    before = os.environ.get("TF_XLA_FLAGS")
    assert borrow() is None
    assert os.environ.get("TF_XLA_FLAGS") == before
