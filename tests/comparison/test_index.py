"""The index beside the runs: nothing told with it differs from what the files say, whatever happens to either."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nnexp.runs import index as index_module
from nnexp.runs import record
from nnexp.runs.index import Index
from nnexp.runs.predictions import read_predictions
from nnexp.runs.reading import Refused

# Says on stderr which files of runs a command of nnexp opens.
WATCHED = """
import os, sys
def watch(event, given):
    if event == "open" and str(given[0]).endswith(("metrics.json", ".npz")):
        os.write(2, f"opened {given[0]}\\n".encode())
sys.addaudithook(watch)
from nnexp.cli import main
main()
"""
# Runs a command that can write to no file.
NO_ROOM = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
os.execv(sys.argv[1], sys.argv[1:])
"""
NAME = f".nnexp-index-{os.geteuid()}"
RUNS = 56
ODD: dict[int, dict[str, Any]] = {
    0: {"name": 'ümläut "quoted" \\ \U0001f600', "description": "two\nlines\x1b[2J"},
    1: {"status": "failed", "error": "out of memory\x07", "test": {}},
    2: {"status": "interrupted", "history": [], "finished": None},
    3: {"test": {"loss": 0, "accuracy": 1, "top\x1b": 1e300, "f1": True}},
    4: {"config": {}, "identity": "older"},
    5: {"name": None, "history": [{"epoch": 1, "loss": None}, 3, {"epoch": 2.5, "loss": 1}]},
    6: {"findings": [{"code": "x", "severity": "warning", "message": "\u2028", "evidence": {"a": [1, None]}}]},
    7: {"a field of tomorrow": [1.5, "x"], "threads": 10**400, "seed": 2**60},
}


VALUES = np.random.default_rng(0).normal(150, 50, (15_000, 2)).astype(np.float32)
OTHER_TASKS: dict[int, tuple[str, NDArray[Any]]] = {
    8: ("multi_label", (VALUES[:90] > 150).astype(np.uint8)),
    9: ("regression", VALUES[:90]),
    12: ("regression", VALUES[:90, :1].astype(np.float64) * 1e300),  # as no run predicts
    13: ("regression", VALUES),  # more than a line holds
}


@pytest.fixture(scope="module")
def directories(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Directories of runs for one test each, some runs of them odd, that have not changed in the last seconds."""
    place = tmp_path_factory.mktemp("indexed")
    sources = sorted(trained.glob("hidden=*"))
    made = []
    for number in range(38):
        made.append(place / str(number))
        for run in range(RUNS):
            source = trained / "diverged" if run == RUNS - 1 else sources[run % len(sources)]
            folder = made[-1] / f"run{run:02d}"
            folder.mkdir(parents=True)
            shutil.copy(source / "predictions.npz", folder)
            data = json.loads((source / "metrics.json").read_text(encoding="utf-8")) | ODD.get(run, {})
            if run in OTHER_TASKS:
                task, labels = OTHER_TASKS[run]
                predicted = labels.copy()
                predicted[::3] = predicted[::3] + 1 if task == "regression" else 1 - predicted[::3]
                np.savez(folder / "predictions.npz", labels=labels, predicted=predicted, split_fingerprint="others")
                data |= {"task": task, "test_split": "others"}
            (folder / "metrics.json").write_text(json.dumps(data, indent=2), encoding="utf-8")
    time.sleep(2.5)
    return iter(made)


@pytest.fixture
def runs(directories: Iterator[Path]) -> Path:
    """A directory without an index."""
    return next(directories)


@pytest.fixture
def indexed(runs: Path) -> Path:
    """A directory with an index of all that is in it."""
    read(runs, save=True)
    assert len((runs / NAME).read_bytes().splitlines()) == 2 * RUNS  # a head, and all but one predictions.npz
    return runs


def read(runs: Path, *, save: bool = False) -> dict[str, Any]:
    """All that the runs say, through the index."""
    index = Index()

    def answers(path: Path) -> Any:
        found = index.answers(path)
        return found.scores.tolist(), found.split

    found = said(runs, index.record, answers)
    if save:
        index.save()
    return found


def files(runs: Path) -> dict[str, Any]:
    """All that the runs say, by their files alone."""

    def answers(path: Path) -> Any:
        found = read_predictions(path / "predictions.npz", probabilities=False)
        labels, predicted = found.labels, found.predicted
        if labels.ndim == 1:
            return (labels == predicted).tolist(), found.split
        if labels.dtype == np.uint8:
            return [row.tolist() == other.tolist() for row, other in zip(labels, predicted, strict=True)], found.split
        with np.errstate(over="ignore"):
            missed = np.abs(predicted.astype(np.float64) - labels)
            return np.mean(missed, axis=1).astype(np.float32).tolist(), found.split

    return said(runs, record.read, answers)


def said(runs: Path, run: Callable[[Path], record.RunRecord], answers: Callable[[Path], Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in record.find(runs):
        name = str(path.relative_to(runs))
        try:
            one = run(path)
            whole = {field.name: getattr(one, field.name) for field in fields(one)}
            found[name] = repr(whole | {"history": list(one.history), "metrics": dict(one.metrics)})
        except record.UnreadableRun as error:
            found[name] = str(error)
        try:
            found[f"{name} answers"] = answers(path)
        except (OSError, Refused) as error:
            found[f"{name} answers"] = str(error)
    return found


def nnexp(*arguments: object, limit: tuple[str, ...] = ()) -> tuple[str, set[str]]:
    """What a command prints, and the files of runs that it opened."""
    command = [*limit, sys.executable, "-c", WATCHED, *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "150", "NO_COLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=True)
    return done.stdout, {line[7:].strip() for line in done.stderr.splitlines() if line.startswith("opened ")}


def test_what_it_gives_is_what_the_files_say_to_the_last_detail(indexed: Path) -> None:
    assert read(indexed) == files(indexed)


@pytest.mark.parametrize(
    "command",
    [("compare",), ("compare", "--json", "--metric", "loss"), ("compare", "--csv", "--filter", "seed<3"), ("ls",)],
    ids=" ".join,
)
def test_a_command_says_the_same_with_it_and_opens_no_run(runs: Path, command: tuple[str, ...]) -> None:
    name, *options = command
    first, opened = nnexp(name, runs, *options)
    assert len({path for path in opened if path.endswith("metrics.json")}) == RUNS
    again, opened = nnexp(name, runs, *options)
    assert again == first
    # The history of a diverged run, which says in which epoch that was.
    assert opened <= {str(runs / f"run{RUNS - 1}" / "metrics.json")}
    (runs / NAME).unlink()
    assert nnexp(name, runs, *options)[0] == first


def test_runs_named_one_by_one_profit_as_well(runs: Path) -> None:
    first, _ = nnexp("compare", *sorted(runs.iterdir()))
    assert (runs / NAME).is_file()
    again, opened = nnexp("compare", *sorted(path for path in runs.iterdir() if path.is_dir()))
    assert (again, len(opened)) == (first, 1)


def test_the_report_is_the_same(indexed: Path, tmp_path: Path) -> None:
    pages = []
    for name in ("with.html", "without.html"):
        nnexp("report", indexed, "-o", tmp_path / name)
        pages.append((tmp_path / name).read_text(encoding="utf-8"))
        (indexed / NAME).unlink()
    assert pages[0] == pages[1]


def rewritten(run: Path) -> None:
    """Other digits, the same size, and the old time."""
    for file in (run / "metrics.json", run / "predictions.npz"):
        was, content = file.stat(), bytearray(file.read_bytes())
        place = content.index(b'"seed": ') + 8 if file.suffix == ".json" else len(content) // 2
        content[place] = content[place] ^ 1
        file.write_bytes(content)
        os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
        assert (file.stat().st_size, file.stat().st_mtime_ns) == (was.st_size, was.st_mtime_ns)


def replaced(run: Path) -> None:
    """A new file in the place of the old, as nnexp itself does it."""
    other = run.parent / "run20"
    for name in ("metrics.json", "predictions.npz"):
        shutil.copy2(other / name, run / "new")
        (run / "new").rename(run / name)


def swapped(run: Path) -> None:
    """Two runs that take each other's name."""
    other = run.parent / "run20"
    run.rename(run.parent / "aside")
    other.rename(run)
    (run.parent / "aside").rename(other)


def linked(run: Path) -> None:
    """A link to another run's metrics: no link is followed."""
    (run / "metrics.json").unlink()
    (run / "metrics.json").symlink_to(run.parent / "run20" / "metrics.json")


def torn(run: Path) -> None:
    """Cut short."""
    for file in (run / "metrics.json", run / "predictions.npz"):
        os.truncate(file, 100)


EDITS: list[Callable[[Path], object]] = [
    rewritten,
    replaced,
    swapped,
    linked,
    torn,
    shutil.rmtree,
    lambda run: run.rename(run.parent / "another name"),
    lambda run: shutil.copytree(run, run.parent / "added"),
    lambda run: (run / "predictions.npz").unlink(),
    lambda run: shutil.copytree(run.parent, run.parent / "inside", ignore=lambda *_: ["inside"]),
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__doc__ or edit.__name__)
def test_after_any_edit_it_gives_what_the_files_say_now(indexed: Path, edit: Callable[[Path], object]) -> None:
    before = read(indexed)
    edit(indexed / "run10")
    now = files(indexed)
    assert now != before
    assert read(indexed, save=True) == now
    assert read(indexed) == now


def test_what_changed_a_moment_ago_is_read_again(indexed: Path) -> None:
    for run in indexed.glob("run*"):
        (run / "metrics.json").write_text((run / "metrics.json").read_text(encoding="utf-8"), encoding="utf-8")
    read(indexed, save=True)
    lines = (indexed / NAME).read_bytes().splitlines()[1:]
    assert {line[:1] for line in lines if b"status" in line} == set()


def test_a_run_under_way_is_never_told_from_it(runs: Path) -> None:
    code = """
import json, pathlib, sys
from nnexp.runs.process import this_process
file = pathlib.Path(sys.argv[1]) / "metrics.json"
file.write_text(json.dumps({**json.loads(file.read_text()), "status": "running", "process": this_process()}))
print(flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", code, str(runs / "run10")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        time.sleep(2.5)
        for _ in range(2):
            index = Index()
            assert {index.record(path).status for path in (runs / "run10", runs / "run11")} == {"running", "completed"}
            read(runs, save=True)
        assert process.stdin
        process.stdin.close()
    assert Index().record(runs / "run10").status == "interrupted"


def head(body: bytes) -> bytes:
    return index_module._head(body) + b"\n" + body


def forged(lines: bytes) -> bytes:
    """Every run of the index a better one."""
    return head(lines.replace(b'"status":"failed"', b'"status":"completed"').replace(b"0.", b"0.9"))


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut short": lambda old: old[: len(old) // 2],
    "a byte changed": lambda old: old.replace(b"completed", b"diverged_", 1),
    "another version": lambda old: old.replace(b"nnexp index 2", b"nnexp index 1", 1),
    "not text": lambda _: bytes(range(256)) * 100,
    "lines of nothing": lambda _: head(b"\n \nm\nm1\nm1 \nm1 {\n" + b"m2 " + b"[" * 100_000 + b"\n"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_index_is_ignored_and_made_again(indexed: Path, damage: str) -> None:
    good = (indexed / NAME).read_bytes()
    (indexed / NAME).write_bytes(DAMAGE[damage](good))
    assert read(indexed, save=True) == files(indexed)
    assert sorted((indexed / NAME).read_bytes().splitlines()) == sorted(good.splitlines())


def test_an_index_that_others_may_write_to_is_not_believed(indexed: Path) -> None:
    body = (indexed / NAME).read_bytes().partition(b"\n")[2]
    (indexed / NAME).write_bytes(head(body.replace(b'"status":"completed"', b'"status":"diverged"')))
    assert read(indexed) != files(indexed)  # so it would be taken in
    (indexed / NAME).chmod(0o620)
    assert read(indexed) == files(indexed)


def test_lies_about_other_files_are_not_believed(indexed: Path, runs: Path) -> None:
    shutil.rmtree(indexed / "run50")
    copy = indexed.parent / f"{indexed.name} copied"
    shutil.copytree(indexed, copy)
    lies = (copy / NAME).read_bytes().partition(b"\n")[2].replace(b'"status":"completed"', b'"status":"diverged"')
    keys = {f"m{path.stat().st_ino}".encode() for path in copy.glob("*/metrics.json")}
    old = [line.partition(b" ")[2] for line in lies.splitlines() if line.startswith(b"m")]
    (copy / NAME).write_bytes(head(b"".join(b"%s %s\n" % pair for pair in zip(sorted(keys), old, strict=False))))
    assert read(copy) == files(copy)


SAID: list[Any] = [
    None,
    [],
    {},
    "x",
    [1, 2],
    ["many", {}, {"status": "completed"}],
    [-1, {}, {"status": "completed"}],
    [2**70, {}, {"status": "completed"}],
    [3, None, {"status": "completed"}],
    [1, {}, {"status": "running"}],
    [1, {}, {"status": "completed", "config": [1]}, 4],
    [1, {}, {"status": []}],
    ["split", 10**9, "AAAA", False],
    ["split", 10**9, "AAAA", True],
    ["split", 8, "not base64!", False],
    [3, 8, "AA==", False],
    ["split", True, "AA==", False],
    ["split", 8, "AA==", 0],
    ["split", 8, "AA=="],
]


def test_lines_of_the_right_file_that_are_none_are_passed_over(indexed: Path) -> None:
    """As only this user could forge them."""
    lines = []
    for number, path in enumerate(sorted([*indexed.glob("*/metrics.json"), *indexed.glob("*/predictions.npz")])):
        was = path.stat()
        state = [was.st_size, was.st_mtime_ns, was.st_ctime_ns, SAID[number // 2 % len(SAID)]]
        lines.append(f"{path.name[0]}{was.st_ino} {json.dumps(state)}\n".encode())
    (indexed / NAME).write_bytes(head(b"".join(lines)))
    assert read(indexed, save=True) == files(indexed)
    assert read(indexed) == files(indexed)


@pytest.mark.parametrize("kind", ["directory", "pipe", "link"])
def test_something_else_in_its_place_is_left_alone_or_replaced(runs: Path, tmp_path: Path, kind: str) -> None:
    other = tmp_path / "other"
    other.write_text("mine")
    make = {"directory": Path.mkdir, "pipe": os.mkfifo, "link": lambda path: path.symlink_to(other)}
    make[kind](runs / NAME)
    assert read(runs, save=True) == files(runs)
    assert read(runs, save=True) == files(runs)
    assert other.read_text() == "mine"
    assert [path.name for path in runs.iterdir() if path.name.startswith(".")] == [NAME]


def test_where_nothing_can_be_written_all_is_said_and_nothing_left(runs: Path) -> None:
    without, _ = nnexp("ls", runs, limit=(sys.executable, "-c", NO_ROOM))
    assert not [path for path in runs.iterdir() if path.name.startswith(".")]
    assert nnexp("ls", runs) == (without, {str(path) for path in runs.glob("*/metrics.json")})


def test_two_at_once_say_the_same_and_leave_a_whole_one(runs: Path) -> None:
    command = [sys.executable, "-m", "nnexp", "compare", str(runs), "--json"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    first, second = (process.communicate()[0] for process in both)
    assert first == second
    assert [path.name for path in runs.iterdir() if path.name.startswith(".")] == [NAME]
    first_line, _, body = (runs / NAME).read_bytes().partition(b"\n")
    assert first_line.endswith(f"{zlib.crc32(body):08x}".encode())
    assert read(runs) == files(runs)


def test_runs_that_are_gone_leave_it_and_what_a_killed_process_left_goes(indexed: Path) -> None:
    left = indexed / f".{'0' * 32}-{NAME}"
    left.write_bytes(b"half")
    for run in sorted(indexed.glob("run*"))[:30]:
        shutil.rmtree(run)
    for run in sorted(indexed.glob("run*")):
        shutil.copytree(run, indexed / f"{run.name} again")
    time.sleep(2.5)
    read(indexed / "run55", save=True)
    assert read(indexed, save=True) == files(indexed)
    assert len((indexed / NAME).read_bytes().splitlines()) == 1 + 4 * (RUNS - 30)
    assert not left.exists()


def test_a_few_runs_have_none(runs: Path) -> None:
    few = sorted(runs.iterdir())[:40]
    nnexp("compare", *few)
    assert not (runs / NAME).exists()


def test_a_run_that_changes_while_it_is_looked_at_is_not_told_half_and_half(indexed: Path) -> None:
    found = Index().record(indexed / "run10")
    assert len(found.history) == 2
    replaced(indexed / "run10")
    with pytest.raises(record.UnreadableRun, match="changed while it was looked at"):
        list(found.history)
    assert np.isfinite(found.history[-1]["loss"])
