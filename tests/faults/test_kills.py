"""Runs killed at any instant, and before any change of a file, come to the very result that nothing disturbed."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from kills import (
    ENGINES,
    EVERY_EPOCH,
    Forked,
    Own,
    Start,
    Strike,
    Whole,
    config,
    differences,
    finish,
    next_command,
    outcome,
    said_of,
    the_run,
    the_same,
)
from watcher import CHECKERS, check, watching

from nnexp.files import replacing
from nnexp.runs.folder import RunFolder

KILLS = {"xla": 34, "graph": 33, "keras": 33}  # the bar: a hundred


def killed(start: Start, path: Path, runs: Path, rng: random.Random, life: float, most: int) -> list[str]:
    """Kill a run, and those that go on with it, at most so often; say what each was at."""
    found = []
    for _ in range(most):
        process = start(*next_command(path, runs), said=said_of(runs))
        if process.wait(rng.uniform(0, life)) is not None:
            break
        process.send(signal.SIGKILL)
        process.wait()
        found.append(_was_at(runs))
    return found


def _was_at(runs: Path) -> str:
    if not [*runs.glob("*/metrics.json")]:
        return "starting"
    run = the_run(runs)
    if json.loads((run / "metrics.json").read_bytes())["status"] == "completed":
        return "leaving"
    last = (run / "log.txt").read_text(encoding="utf-8").splitlines()[-1:]
    if last and last[0].startswith(("evaluating", "writing", "test")):
        return last[0].split()[0]
    return "training" if last and last[0].startswith("epoch") else "compiling or going on"


def test_a_run_killed_six_times_comes_to_the_same_result(
    whole: Callable[..., Whole], tmp_path: Path, faults_seed: int
) -> None:
    undisturbed = whole(more=EVERY_EPOCH)
    rng = random.Random(faults_seed)
    runs = tmp_path / "runs"
    runs.mkdir()
    # Whatever is left of a run, its end alone makes more changes than these.
    drawn = [rng.randint(1, undisturbed.change("model.keras")), *(rng.randint(1, 30) for _ in range(5))]
    with watching(runs) as seen:
        for change in drawn:
            process = Forked(*next_command(undisturbed.config, runs), said=said_of(runs), strike=Strike(runs, change))
            assert process.wait(300) == -signal.SIGKILL
        run = finish(Forked, undisturbed.config, runs)
    print(f"killed before changes {drawn}; {seen}")
    assert the_same(run, undisturbed)
    assert seen.complaints == []
    assert seen.reads > len(undisturbed.outcome)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_runs_killed_at_a_hundred_random_instants_come_to_the_same_result(
    whole: Callable[..., Whole], tmp_path: Path, faults_seed: int, engine: str
) -> None:
    rng = random.Random(f"a hundred {faults_seed} {engine}")
    at: Counter[str] = Counter()
    wrong = []
    (tmp_path / "runs").mkdir()
    with watching(tmp_path / "runs") as seen:
        number = 0
        while at.total() < KILLS[engine]:
            number += 1
            dataset = "fashion_mnist" if number % 8 == 0 else "digits"
            how = {"more": EVERY_EPOCH} if number % 2 else {}
            undisturbed = whole(engine, dataset=dataset, **how)
            start, imports = (Own, 5.0) if number % 4 == 3 else (Forked, 0.0)
            runs = tmp_path / "runs" / str(number)
            most = min(rng.choice([1, 2, 3, 4]), KILLS[engine] - at.total())
            kills = killed(start, undisturbed.config, runs, rng, undisturbed.seconds * 1.1 + imports, most)
            print(f"{engine} {number} {dataset} {start.__name__}: killed {kills}", flush=True)
            at.update(kills)
            if not the_same(finish(start, undisturbed.config, runs), undisturbed):
                wrong.append(runs)
    print(f"{engine}: {at.total()} kills in {number} runs: {dict(at)}; {seen}")
    assert wrong == []
    assert seen.complaints == []


@pytest.mark.slow
def test_a_run_killed_before_each_change_of_a_file_in_turn_comes_to_the_same_result(
    whole: Callable[..., Whole], tmp_path: Path, faults_seed: int
) -> None:
    """And what goes on with it is killed before a change drawn at random."""
    undisturbed = whole(epochs=3, more=EVERY_EPOCH)
    rng = random.Random(faults_seed)
    (tmp_path / "runs").mkdir()
    wrong, kills = [], 0
    with watching(tmp_path / "runs") as seen:
        for at in range(1, len(undisturbed.changes) + 1):
            runs = tmp_path / "runs" / str(at)
            for change in (at, rng.randint(1, len(undisturbed.changes))):
                command = next_command(undisturbed.config, runs)
                process = Forked(*command, said=tmp_path / "said.txt", strike=Strike(tmp_path / "runs", change))
                kills += process.wait(600) == -signal.SIGKILL
            print(f"killed before change {at}, {undisturbed.changes[at - 1]}", flush=True)
            if not the_same(finish(Forked, undisturbed.config, runs), undisturbed):
                wrong.append(runs)
            shutil.rmtree(runs)
    print(f"{kills} kills before {len(undisturbed.changes)} changes; {seen}")
    assert wrong == []
    assert seen.complaints == []
    assert kills >= len(undisturbed.changes)


@pytest.mark.slow
def test_a_sweep_whose_driver_and_workers_are_killed_comes_to_the_same_results(
    tmp_path: Path, faults_seed: int
) -> None:
    rng = random.Random(f"sweeps {faults_seed}")
    path = config(tmp_path / "trial.yaml", more=EVERY_EPOCH)
    runs, said = tmp_path / "runs", tmp_path / "said.txt"
    asked = ("sweep", path, "--hidden", "8,16", "--repeats", 2, "--workers", 2, "--quiet", "--runs-dir")
    assert Own(*asked, tmp_path / "whole", said=said).wait(900) == 0, said.read_text(encoding="utf-8")
    whole = {path.parent.name: outcome(path.parent) for path in tmp_path.glob("whole/*/*/metrics.json")}
    kills: Counter[str] = Counter()
    runs.mkdir()
    with watching(runs) as seen:
        for number in range(3):
            directory = runs / str(number)
            for _ in range(3):
                epochs = rng.randint(_epochs(directory), max(_epochs(directory), _epochs(tmp_path / "whole") - 1))
                kills[_kill(Own(*_next_sweep(asked, directory), said=said), directory, epochs, rng)] += 1
            assert Own(*_next_sweep(asked, directory), said=said).wait(900) == 0, said.read_text(encoding="utf-8")
            [folder] = [path.parent for path in directory.glob("*/sweep.json")]
            for label, expected in whole.items():
                assert differences(outcome(folder / label), expected) == [], folder / label
            print(f"sweep {number}: {dict(kills)}", flush=True)
    print(seen)
    assert seen.complaints == []


def _next_sweep(asked: tuple[object, ...], directory: Path) -> tuple[object, ...]:
    begun = [path.parent for path in directory.glob("*/sweep.json")]
    return ("resume", *begun, "--quiet") if begun else (*asked, directory)


def _epochs(directory: Path) -> int:
    """How many epochs all runs of a sweep have done."""
    return sum(len(path.read_bytes().splitlines()) - 1 for path in directory.glob("*/*/history.csv"))


def _kill(sweep: Own, directory: Path, epochs: int, rng: random.Random) -> str:
    """Kill a sweep's driver, or a worker of it, once so many epochs are done; wait until all its processes are gone."""
    while _epochs(directory) < epochs:
        if sweep.wait(0.05) is not None:
            return "nothing: it had ended"
    workers = [process for process in sweep.children() if "forkserver" in " ".join(process.cmdline())]
    victim = rng.choice([*workers, None, None])
    if victim is None:
        sweep.send(signal.SIGKILL)
    else:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
    assert sweep.wait(900) in (0, 1, -signal.SIGKILL)
    psutil.wait_procs(workers, 60)  # they end with their driver
    return "driver" if victim is None else "worker"


def test_the_watcher_misses_no_torn_file(whole: Callable[..., Whole]) -> None:
    undisturbed = whole(more=EVERY_EPOCH)
    run = the_run(undisturbed.runs)
    for path in run.iterdir():
        content = path.read_bytes()
        check(path, content)
        for cut in (len(content) - 2, len(content) // 2):
            with pytest.raises(Exception, match=r"(?s)^.*$"):  # each format has its own
                check(path, content[:cut])
    assert {path.suffix for path in run.iterdir()} < {Path(f"x{ending}").suffix for ending in CHECKERS}


def test_a_run_killed_within_its_first_write_is_not_in_the_way_of_the_next(tmp_path: Path) -> None:
    """As in a sweep, whose runs have fixed names."""
    run = RunFolder.make(tmp_path / "run")
    with replacing(run.config) as temporary:
        temporary.touch()
    run.config.rename(temporary)  # as a kill leaves it
    run.discard()
    RunFolder.make(run.path)
