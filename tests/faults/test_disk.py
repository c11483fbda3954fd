"""Disks that fill, that may not be written to, that are slow, and folders that vanish while a run goes on."""

from __future__ import annotations

import shutil
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


def assert_told(done: Done, kind: str, runs: str) -> None:
    """One message: what is wrong, where, what to do."""
    assert done.met
    assert done.code == 1, done
    assert done.said.startswith("error: the run")
    assert TOLD[kind] in done.said
    assert f"{runs}/" in done.said
    assert "Traceback" not in done.said
    assert len(done.said.splitlines()) == 2


def assert_whole(folder: Path) -> None:
    """No file is torn, and what was to become one is gone."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    for path in files:
        check(path, path.read_bytes())
    assert folder / "metrics.json" in files


def assert_nothing_is_lost(disk: Disk, kind: str, at: int | str, undisturbed: dict[str, Any], runs: str) -> Done:
    """The run meets the fault, says so, and when the disk is well again goes on to the result that it should have."""
    done = run(disk, runs, Fault(kind, at, runs))
    if not done.met:
        return done
    assert_told(done, kind, runs)
    if list((disk.root / runs).glob("*")):
        assert f"nnexp resume {runs}/{the_run(disk.root / runs).name}" in done.said
        if kind in ("full", "page"):
            assert_whole(the_run(disk.root / runs))
            assert record.read(the_run(disk.root / runs)).status in ("failed", "interrupted")
        resumed = resume(disk, runs)
        assert resumed.code == 0, resumed
    else:
        assert "run it again" in done.said
        assert run(disk, runs).code == 0
    assert differences(outcome(the_run(disk.root / runs)), undisturbed) == []
    return done


def test_a_run_whose_disk_fills_up_again_and_again_goes_on_to_the_same_result(
    disk: Disk, undisturbed: dict[str, Any]
) -> None:
    full = run(disk, "again", Fault("full", "config.yaml", "again"))
    assert_told(full, "full", "again")
    assert "nothing was kept; run it again" in full.said
    assert not list((disk.root / "again").iterdir())
    do = run
    for kind, at in [
        ("read-only", "log.csv"),
        ("full", "best.weights.h5"),  # epoch 1, written by HDF5
        ("page", "checkpoint/.*epoch-000002"),
        ("forbidden", "best.keras"),
        ("page", "model.keras"),
    ]:
        done = do(disk, "again", Fault(kind, at, "again"))
        assert_told(done, kind, "again")
        assert f"nnexp resume again/{the_run(disk.root / 'again').name}" in done.said
        if kind in ("full", "page"):
            assert_whole(the_run(disk.root / "again"))
        do = resume
    done = resume(disk, "again")
    assert done.code == 0, done
    assert differences(outcome(the_run(disk.root / "again")), undisturbed) == []


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
@pytest.mark.parametrize("kind", ["full", "page", "read-only"])
def test_a_run_that_meets_a_bad_disk_at_any_of_its_writes_goes_on_to_the_same_result(
    disk: Disk, undisturbed: dict[str, Any], kind: str
) -> None:
    for at in count(1):
        done = assert_nothing_is_lost(disk, kind, at, undisturbed, f"{kind}-{at}")
        shutil.rmtree(disk.root / f"{kind}-{at}")
        if not done.met:
            break
    assert at > len(done.writes) > 50
    print(f"{kind}: met at each of {at - 1} writes")
