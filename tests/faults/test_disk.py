"""Disks that fill, that may not be written to, that are slow, and folders that vanish while a run goes on."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from disk import Disk, Done, Fault
from kills import differences, outcome
from watcher import check

from nnexp.runs import record

CONFIG = """
dataset: digits
layers: [flatten, dense: {units: 16, activation: relu}, dropout: 0.2, dense: {units: 10, activation: softmax}]
callbacks:
  - csv_logger: log.csv
  - model_checkpoint: {filepath: best.weights.h5, save_weights_only: true}
  - model_checkpoint: {filepath: best.keras, save_best_only: true}
  - early_stopping: {patience: 1, restore_best_weights: true}
validation: 0.2
epochs: 3
engine: graph
threads: 1
checkpoint: every 1
"""
TOLD = {
    "full": "is full; free some space",
    "page": "is full; free some space",
    "read-only": "may not be written to (Read-only file system)",
    "forbidden": "may not be written to (Permission denied)",
}
TOLD_WITHOUT_A_DISK = {"full": "may not grow further", "page": "may not grow further", "read-only": TOLD["forbidden"]}
SWEEPS = ["sweep.yaml", "sweep.json", ".scratch", "table.csv", "report.html"]  # what a sweep writes


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    with Disk(tmp_path_factory.mktemp("disk")) as made:
        (made.root / "small.yaml").write_text(CONFIG)
        yield made


@pytest.fixture(scope="module")
def undisturbed(disk: Disk) -> dict[str, Any]:
    """The outcome of the run that meets no fault."""
    assert run(disk, "undisturbed").code == 0
    return outcome(the_run(disk.root / "undisturbed"))


def run(disk: Disk, runs: str, fault: Fault | None = None, **ways: Any) -> Done:
    return disk("run", "small.yaml", "--runs-dir", runs, "--quiet", fault=fault, **ways)


def resume(disk: Disk, runs: str, fault: Fault | None = None) -> Done:
    return disk("resume", f"{runs}/{the_run(disk.root / runs).name}", "--quiet", fault=fault)


def the_run(runs: Path) -> Path:
    [path] = runs.iterdir()
    return path


def assert_told(disk: Disk, done: Done, kind: str, runs: str) -> None:
    """One message: what is wrong, where, what to do."""
    assert done.met
    assert done.code == 1, done
    assert done.said.startswith("error: the run")
    assert ({**TOLD, **TOLD_WITHOUT_A_DISK} if disk.limited else TOLD)[kind] in done.said
    assert f"{runs}/" in done.said
    assert "Traceback" not in done.said
    assert len(done.said.splitlines()) == 2


def assert_whole(folder: Path) -> None:
    """No file is torn, and what was to become one is gone."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    for path in files:
        check(path, path.read_bytes())
    assert folder / "metrics.json" in files


def assert_nothing_is_lost(disk: Disk, kind: str, at: int, undisturbed: dict[str, Any], runs: str) -> Done:
    """The run meets the fault, says so, and when the disk is well again goes on to the result that it should have."""
    done = run(disk, runs, Fault(kind, at, runs))
    if done.code == 0:  # it came too late: the last write gives metrics.json its name, for which a full disk has room
        assert at >= len(done.writes)
    else:
        assert_told(disk, done, kind, runs)
        if list((disk.root / runs).glob("*")):
            assert f"nnexp resume {runs}/{the_run(disk.root / runs).name}" in done.said
            if kind in ("full", "page"):
                assert_whole(the_run(disk.root / runs))
                assert record.read(the_run(disk.root / runs)).status in ("failed", "interrupted")
            again = resume(disk, runs)
        else:
            assert "run it again" in done.said
            again = run(disk, runs)
        assert again.code == 0, again
    assert differences(outcome(the_run(disk.root / runs)), undisturbed) == []
    return done


@pytest.mark.slow
def test_a_run_whose_disk_fills_up_again_and_again_goes_on_to_the_same_result(
    disk: Disk, undisturbed: dict[str, Any]
) -> None:
    full = run(disk, "again", Fault("full", "config.yaml", "again"))
    assert_told(disk, full, "full", "again")
    assert "nothing was kept; run it again" in full.said
    assert not list((disk.root / "again").iterdir())
    do = run
    for kind, at in [
        ("read-only", "log.csv"),
        ("full", "best.weights.h5"),  # epoch 1, written by HDF5
        ("page", "checkpoint/.*epoch-000002"),
        ("page", "model.keras"),
    ]:
        done = do(disk, "again", Fault(kind, at, "again"))
        assert_told(disk, done, kind, "again")
        assert f"nnexp resume again/{the_run(disk.root / 'again').name}" in done.said
        if kind in ("full", "page"):
            assert_whole(the_run(disk.root / "again"))
        do = resume
    done = resume(disk, "again")
    assert done.code == 0, done
    assert differences(outcome(the_run(disk.root / "again")), undisturbed) == []


@pytest.mark.slow
def test_a_run_whose_folder_is_moved_away_says_so_and_goes_on_where_it_is_put_back(
    disk: Disk, undisturbed: dict[str, Any]
) -> None:
    runs = disk.root / "gone"
    done = run(disk, "gone", Fault("gone", "os.remove.*epoch-000001", "gone"))  # right after it was written
    assert done.met
    assert done.code == 1
    assert "was deleted or moved while the run went on; put it back" in done.said
    assert "Traceback" not in done.said
    shutil.rmtree(runs, ignore_errors=True)
    (disk.root / "gone-moved").rename(runs)
    assert resume(disk, "gone").code == 0
    assert differences(outcome(the_run(runs)), undisturbed) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["full", "page"])
def test_a_run_whose_disk_fills_up_at_any_of_its_writes_goes_on_to_the_same_result(
    disk: Disk, undisturbed: dict[str, Any], kind: str
) -> None:
    for at in count(1):
        done = assert_nothing_is_lost(disk, kind, at, undisturbed, f"{kind}-{at}")
        shutil.rmtree(disk.root / f"{kind}-{at}")
        if done.code == 0:
            break
    assert at > 50
    print(f"{kind}: told at each of {at - 1} of {len(done.writes)} writes")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["read-only", "forbidden"])
def test_a_run_that_may_write_no_more_goes_on_to_the_same_result_when_it_may(
    disk: Disk, undisturbed: dict[str, Any], faults_seed: int, kind: str
) -> None:
    for at in random.Random(f"{faults_seed} {kind}").sample(range(9, 56), 4):  # from the first line of the log on
        assert assert_nothing_is_lost(disk, kind, at, undisturbed, f"{kind}-{at}").met


@pytest.mark.slow
def test_a_run_on_a_slow_disk_writes_checkpoints_less_often(disk: Disk) -> None:
    lines = [line for line in CONFIG.splitlines() if not line.startswith(("checkpoint", "epochs", "callbacks", "  - "))]
    (disk.root / "long.yaml").write_text("\n".join([*lines, "epochs: 60"]))
    done = disk("run", "long.yaml", "--runs-dir", "runs", "--quiet", fsync_seconds=0.02)
    assert done.code == 0, done
    timings = record.read(the_run(disk.root / "runs")).timings
    at_least = 2 * 0.02  # a checkpoint waits for its file and for its directory
    for name, others in [("checkpoint", 0), ("metrics.json", 2)]:  # the others as the run begins and ends
        written = sum(what.startswith("os.rename") and what.endswith(name) for what in done.writes)
        assert 1 <= written <= 1 + others + 0.03 * timings["training"] / at_least
    assert timings["checkpoints"] >= at_least


@pytest.mark.slow
def test_a_run_whose_clock_is_set_back_comes_to_the_same_result(disk: Disk, undisturbed: dict[str, Any]) -> None:
    done = run(disk, "back", Fault("clock set back", "epoch-000001", "back"))
    assert done.met
    assert done.code == 0, done
    ended = record.read(the_run(disk.root / "back"))
    assert ended.finished
    assert ended.finished < ended.started  # it did go back
    assert min(ended.timings.values()) >= 0
    assert all(row["seconds"] >= 0 for row in ended.history)
    assert differences(outcome(the_run(disk.root / "back")), undisturbed) == []


def test_a_row_for_which_there_is_no_room_leaves_no_part_of_it(tmp_path: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
from nnexp.runs.folder import RunFolder
folder = RunFolder(Path(sys.argv[1]))
folder.append_log("a line that has room")
resource.setrlimit(resource.RLIMIT_FSIZE, (30, 30))
folder.append_log("another, which has room for its first letters")
"""
    ended = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True)
    assert "File too large" in ended.stderr
    assert (tmp_path / "log.txt").read_text() == "a line that has room\n"


@pytest.mark.slow
@pytest.mark.parametrize("command", ["report -o", "compare --html"])
def test_a_summary_that_has_no_room_leaves_what_was_there(
    disk: Disk, undisturbed: dict[str, Any], command: str
) -> None:
    verb, option = command.split()
    target = disk.root / "summary" / "page.html"
    target.parent.mkdir(exist_ok=True)
    target.write_text("of yesterday")
    done = disk(verb, "undisturbed", option, "summary/page.html", fault=Fault("full", 1, "summary"))
    assert done.met
    assert done.code == 2, done
    assert re.search(r"summary/page\.html:? cannot be written: No space left on device", done.said)
    assert "Traceback" not in done.said
    assert target.read_text() == "of yesterday"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.slow
@pytest.mark.parametrize("at", SWEEPS)
def test_a_sweep_whose_disk_fills_up_says_so_and_is_done_when_there_is_room(disk: Disk, at: str) -> None:
    runs = f"sweep-{SWEEPS.index(at)}"
    sweep = ("sweep", "small.yaml", "--seed", "1,2", "--workers", "1", "--quiet", "--runs-dir", runs)
    done = disk(*sweep, fault=Fault("full", at, runs))
    assert done.met
    assert done.code == 1, done
    assert "Traceback" not in done.said
    assert "is full" in done.said
    again = disk("resume", runs, "--quiet") if "resume" in done.said else disk(*sweep)
    assert again.code == 0, again
    assert len(list((disk.root / runs).glob("*/*/model.keras"))) == 2
