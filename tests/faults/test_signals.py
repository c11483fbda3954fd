"""Told to stop by Ctrl-C, a scheduler or a closed terminal: the run says how to go on, and comes to the same result."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kills import EVERY_EPOCH, Forked, Own, Whole, cut_off, finish, the_run, the_same
from watcher import watching

from nnexp.runs import record

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
# So deep that XLA takes seconds to compile it.
DEEP = """
dataset: digits
layers: [flatten{layers}, dense: {{units: 10, activation: softmax}}]
engine: xla
threads: 1
""".format(layers=", dense: {units: 16, activation: gelu}" * 60)


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, *(pytest.param(other, marks=pytest.mark.slow) for other in (signal.SIGTERM, signal.SIGHUP))],
)
def test_a_run_told_to_stop_while_it_trains_says_how_to_go_on_to_the_same_result(
    whole: Callable[..., Whole], tmp_path: Path, faults_seed: int, number: signal.Signals
) -> None:
    undisturbed = whole(more=EVERY_EPOCH)
    rng = random.Random(f"{faults_seed} {number}")
    at = rng.randint(undisturbed.change("epoch-000002"), undisturbed.change("epoch-000008"))
    process = cut_off(undisturbed, tmp_path / "runs", at, number)
    assert process.wait(300) == CODES[number]
    run = the_run(tmp_path / "runs")
    said = process.said.read_text(encoding="utf-8")
    assert f"nnexp resume {run}" in said
    assert said.splitlines()[-1] in (run / "log.txt").read_text(encoding="utf-8")
    metrics = json.loads((run / "metrics.json").read_bytes())
    assert (metrics["status"], metrics["process"]) == ("interrupted", None)
    assert the_same(finish(Forked, undisturbed.config, tmp_path / "runs"), undisturbed)


@pytest.mark.slow
def test_ctrl_c_before_any_change_of_a_file_leaves_a_run_that_goes_on_to_the_same_result(
    whole: Callable[..., Whole], tmp_path: Path, faults_seed: int
) -> None:
    """Drawn at random, most of them while it evaluates, writes its artifacts and leaves."""
    undisturbed = whole(epochs=3, more=EVERY_EPOCH)
    rng = random.Random(f"changes {faults_seed}")
    end = undisturbed.change("model.keras") - 2  # it says that it evaluates
    total = len(undisturbed.changes)
    drawn = [*rng.sample(range(1, end), 8), *rng.sample(range(end, total + 1), 16)]
    (tmp_path / "runs").mkdir()
    wrong = []
    with watching(tmp_path / "runs") as seen:
        for at in sorted(drawn):
            runs = tmp_path / "runs" / str(at)
            code = cut_off(undisturbed, runs, at, signal.SIGINT).wait(300)
            records = [record.read(path.parent).status for path in runs.glob("*/metrics.json")]
            print(f"Ctrl-C before change {at}, {undisturbed.changes[at - 1]}: exit code {code}, {records}")
            left = [] if records else [*runs.glob("*/*")]  # a run that has not begun leaves nothing
            if code != 130 or left or records not in ([], ["interrupted"], ["completed"]):
                wrong.append(f"{runs}: exit code {code}, {records}, {left}")
            if not the_same(finish(Forked, undisturbed.config, runs), undisturbed):
                wrong.append(f"{runs}: differs")
    assert wrong == []
    assert seen.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize(("number", "times"), [(signal.SIGINT, 1), (signal.SIGINT, 2), (signal.SIGTERM, 1)])
def test_a_run_told_to_stop_while_xla_compiles_ends_before_its_first_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, times: int
) -> None:
    monkeypatch.setenv("XLA_FLAGS", f"--xla_dump_to={tmp_path / 'compiled'}")
    # Nothing is compiled already: neither in the cache, nor where a test before in this process has its programs.
    monkeypatch.setenv("NNEXP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    (tmp_path / "deep.yaml").write_text(DEEP, encoding="utf-8")
    (tmp_path / "runs").mkdir()
    with watching(tmp_path / "runs") as seen:
        process = Own("run", tmp_path / "deep.yaml", "--runs-dir", tmp_path / "runs", said=tmp_path / "said.txt")
        while not [*tmp_path.glob("compiled/*before_optimizations*")]:  # written as XLA begins
            assert process.wait(0.1) is None, process.said.read_text(encoding="utf-8")
        begun = time.monotonic()
        for _ in range(times):
            process.send(number)
            process.wait(0.2)  # two at the same time are one
        assert process.wait(300) == CODES[number]
        print(f"{times} times {number.name} while XLA compiles: it ended after {time.monotonic() - begun:.1f} s")
    run = the_run(tmp_path / "runs")
    assert record.read(run).status == "interrupted"
    assert not (run / "history.csv").exists()
    assert seen.complaints == []
