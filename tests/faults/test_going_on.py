"""`nnexp resume` and `run --resume` over runs that were cut off, damaged, changed, under way or done."""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kills import EVERY_EPOCH, Forked, Own, Strike, Whole, config, cut_off, finish, said_of, the_run, the_same

# A run is cut off right before the checkpoint of its fifth epoch gets its name.
LAST = "os.rename epoch-000005.checkpoint"


@pytest.fixture
def cut(
    whole: Callable[..., Whole], once: Callable[[str, Callable[[Path], object]], Path], tmp_path: Path
) -> Callable[..., Path]:
    """A copy of a run that was killed after its fourth epoch, in a directory."""

    def copied(directory: Path = tmp_path / "runs", name: str = "") -> Path:
        undisturbed = whole(more=EVERY_EPOCH)
        folder = once("cut-off", lambda into: cut_off(undisturbed, into, 1, of=LAST).wait(300))
        run = the_run(folder)
        return Path(shutil.copytree(run, directory / (name or run.name)))

    return copied


@pytest.fixture
def say(tmp_path: Path) -> Callable[..., tuple[int | None, str]]:
    """Do a command; give its exit code, and what it says."""

    def said(*arguments: object) -> tuple[int | None, str]:
        path = tmp_path / "said.txt"
        path.unlink(missing_ok=True)
        code = Forked(*arguments, said=path).wait(600)
        return code, path.read_text(encoding="utf-8")

    return said


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """When each file of a folder was written, and what it holds."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("[!.]*")
        if path.is_file()
    }


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def test_a_finished_run_is_left_as_it_is(whole: Callable[..., Whole], say: Any) -> None:
    run = the_run(whole(more=EVERY_EPOCH).runs)
    before = contents(run)
    code, said = say("resume", run)
    assert code == 0
    assert "nothing left to do" in said
    assert contents(run) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "damaged", "epoch"),
    [
        (flip, ["epoch-000004"], 3),
        (shorten, ["epoch-000004"], 3),
        (empty, ["epoch-000004"], 3),
        (flip, ["epoch-000003"], 4),
        (flip, ["epoch-000003", "epoch-000004"], 0),
        (shorten, ["epoch-000003", "epoch-000004"], 0),
    ],
)
def test_a_damaged_checkpoint_is_passed_over_and_the_result_is_the_same(
    whole: Callable[..., Whole],
    cut: Callable[..., Path],
    say: Any,
    damage: Callable[[Path], None],
    damaged: list[str],
    epoch: int,
) -> None:
    run = cut()
    for name in damaged:
        damage(run / "checkpoint" / f"{name}.checkpoint")
    code, said = say("resume", run)
    assert code == 0, said
    assert f"going on after epoch {epoch} of 30" in said
    assert the_same(run, whole(more=EVERY_EPOCH))


def change_version(run: Path) -> None:
    path = run / "environment.json"
    environment = json.loads(path.read_bytes())
    environment["packages"]["keras"] = "3.0.0"
    path.write_text(json.dumps(environment), encoding="utf-8")


def change_config(run: Path) -> None:
    path = run / "config.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("batch_size: 16", "batch_size: 17"), encoding="utf-8")


def change_seed_of_both(run: Path) -> None:
    """In config.yaml and in metrics.json, but for the identity that it had."""
    for name, old, new in (("config.yaml", "seed: 42", "seed: 43"), ("metrics.json", '"seed": 42', '"seed": 43')):
        path = run / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")


def lose_environment(run: Path) -> None:
    (run / "environment.json").unlink()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (change_version, "keras 3.0.0 then"),
        (change_config, "batch_size in config.yaml: 16 then, 17 now"),
        (change_seed_of_both, "its config.yaml is not the one that it began with"),
        (lose_environment, "its environment.json cannot be read"),
    ],
)
def test_a_run_that_has_changed_is_gone_on_with_only_by_force(
    cut: Callable[..., Path], say: Any, change: Callable[[Path], None], told: str
) -> None:
    run = cut()
    change(run)
    before = contents(run)
    code, said = say("resume", run)
    assert code == 2, said
    assert told in said
    assert "--force" in said
    assert f"nnexp run {run / 'config.yaml'}" in said
    assert contents(run) == before


@pytest.mark.slow
def test_force_goes_on_with_other_versions(whole: Callable[..., Whole], cut: Callable[..., Path], say: Any) -> None:
    run = cut()
    change_version(run)
    code, said = say("resume", run, "--force")
    assert code == 0, said
    assert "going on after epoch 4" in said
    assert the_same(run, whole(more=EVERY_EPOCH))


@pytest.mark.slow
def test_a_run_under_way_is_left_alone(whole: Callable[..., Whole], say: Any, tmp_path: Path) -> None:
    undisturbed = whole(more=EVERY_EPOCH)
    runs = tmp_path / "runs"
    process = cut_off(undisturbed, runs, 1, signal.SIGSTOP, of=LAST)
    while not [*runs.glob("*/checkpoint/.*epoch-000005.checkpoint")]:  # it waits here
        assert process.wait(0.1) is None
    before = contents(the_run(runs))
    code, said = say("resume", the_run(runs))
    assert code == 2, said
    assert "is being run by another process" in said
    assert contents(the_run(runs)) == before
    process.send(signal.SIGCONT)
    assert process.wait(300) == 0
    assert the_same(the_run(runs), undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("at", [1, 2, 4, 12, 20])
def test_of_two_that_resume_a_run_one_does_and_the_other_does_no_harm(
    whole: Callable[..., Whole], cut: Callable[..., Path], say: Any, at: int
) -> None:
    """The first is held up right before a change of a file; from the fourth on it has the run."""
    run = cut()
    changes = run.parent / "changes.txt"
    first = Forked("resume", run, said=said_of(run.parent), strike=Strike(run, at, signal.SIGSTOP, listed=changes))
    while not (changes.exists() and len(changes.read_text(encoding="utf-8").splitlines()) == at):
        assert first.wait(0.1) is None
    code, said = say("resume", run)
    first.send(signal.SIGCONT)
    assert first.wait(300) == 0, first.said.read_text(encoding="utf-8")
    if at < 4:
        assert code == 0, said
        assert "nothing left to do" in first.said.read_text(encoding="utf-8")
    else:
        assert code == 2, said
        assert "is being run by another process" in said
    assert the_same(run, whole(more=EVERY_EPOCH))


@pytest.mark.slow
def test_two_that_resume_a_run_in_the_same_moment_do_no_harm(
    whole: Callable[..., Whole], cut: Callable[..., Path], tmp_path: Path
) -> None:
    for number in range(4):
        run = cut(tmp_path / str(number))
        both = [Forked("resume", run, said=tmp_path / f"{number}-{one}.txt") for one in range(2)]
        codes = sorted(process.wait(600) for process in both)
        assert codes in ([0, 0], [0, 2])
        assert the_same(run, whole(more=EVERY_EPOCH))


@pytest.mark.slow
def test_run_resume_goes_on_with_the_newest_run_of_its_config(
    whole: Callable[..., Whole], cut: Callable[..., Path], say: Any, tmp_path: Path
) -> None:
    undisturbed = whole(more=EVERY_EPOCH)
    older, newer = cut(name="b-older"), cut(name="a-newer")
    metrics = json.loads((older / "metrics.json").read_bytes())
    (older / "metrics.json").write_text(json.dumps({**metrics, "started": "2020-01-01T00:00:00+00:00"}))
    before = contents(older)
    code, said = say("run", undisturbed.config, "--resume", "--runs-dir", tmp_path / "runs")
    assert code == 0, said
    assert "going on after epoch 4" in said
    assert the_same(newer, undisturbed)
    assert contents(older) == before
    # Of another seed none was cut off.
    code, said = say("run", undisturbed.config, "--seed", 7, "--epochs", 1, "--resume", "--runs-dir", tmp_path / "runs")
    assert code == 0, said
    assert "no run of this config" in said
    assert len([*(tmp_path / "runs").iterdir()]) == 3


@pytest.mark.slow
def test_a_directory_is_gone_on_with_run_by_run_and_the_damaged_are_named(
    whole: Callable[..., Whole], cut: Callable[..., Path], tmp_path: Path
) -> None:
    undisturbed = whole(more=EVERY_EPOCH)
    runs, said = tmp_path / "runs", tmp_path / "said.txt"
    one, two, damaged = cut(name="one"), cut(name="two"), cut(name="damaged")
    shorten(damaged / "metrics.json")
    done = Path(shutil.copytree(the_run(undisturbed.runs), runs / "done"))
    before = contents(done)
    small = config(tmp_path / "small.yaml", epochs=2, more=EVERY_EPOCH)
    sweep = Own("sweep", small, "--seed", "1,2", "--workers", 1, "--runs-dir", runs, said=said)
    while not [*runs.glob("*/*seed=*/checkpoint/epoch*")]:
        assert sweep.wait(0.1) is None, said.read_text(encoding="utf-8")
    workers = sweep.children()
    sweep.send(signal.SIGKILL)
    sweep.wait()
    for process in workers:
        process.wait(60)
    code = Own("resume", runs, said=said).wait(900)
    text = said.read_text(encoding="utf-8")
    assert code == 0, text
    assert the_same(one, undisturbed)
    assert the_same(two, undisturbed)
    assert contents(done) == before
    assert {json.loads(path.read_bytes())["status"] for path in runs.glob("*/*seed=*/metrics.json")} == {"completed"}
    assert re.search("damaged.*metrics.json", text)


@pytest.mark.slow
@pytest.mark.parametrize(("said", "kept"), [("false", []), ("every 3", ["epoch-000003.checkpoint"])])
def test_a_run_that_keeps_fewer_checkpoints_comes_to_the_same_result(
    whole: Callable[..., Whole], tmp_path: Path, said: str, kept: list[str]
) -> None:
    undisturbed = whole(more=f"checkpoint: {said}\n")
    runs = tmp_path / "runs"
    process = cut_off(undisturbed, runs, 4, of="open history.csv")
    assert process.wait(300) == -signal.SIGKILL  # before the row of its fifth epoch
    assert sorted(path.name for path in the_run(runs).glob("checkpoint/epoch*")) == kept
    assert the_same(finish(Forked, undisturbed.config, runs), undisturbed)
