"""What goes between driver and worker: run folders in pieces, tasks and messages as JSON, versions; scheduler files."""

from __future__ import annotations

import json
import math
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnexp import events
from nnexp.findings import Finding
from nnexp.runs import versions
from nnexp.runs.process import alive
from nnexp.sweeps.child import Ask, Ending, Free, Message, Task
from nnexp.sweeps.remote import wire
from nnexp.sweeps.remote.cluster import is_written
from nnexp.sweeps.remote.mirror import PIECE_BYTES, BadPiece, Kept, Mirror, Piece, as_left, as_ours

RUNNING = {"status": "running", "process": {"pid": 1, "host": "elsewhere", "started": 0}}


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A run folder with a checkpoint of several pieces."""
    folder = tmp_path / "there"
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "checkpoint" / "epoch-000001.checkpoint").write_bytes(os.urandom(2 * PIECE_BYTES + 5))
    (folder / "log.txt").write_text("as it went\n")
    (folder / "empty.csv").touch()
    (folder / "metrics.json").write_text(json.dumps(RUNNING))
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def unchanged(data: bytes) -> bytes:
    return data


def test_what_is_new_goes_over_once_with_the_metrics_last(there: Path, tmp_path: Path) -> None:
    mirror, kept = Mirror(there), Kept(tmp_path / "here", {})
    pieces = list(mirror.pieces())
    assert pieces[-1]["path"] == "metrics.json"
    assert max(len(piece["data"]) for piece in pieces) == PIECE_BYTES
    for piece in pieces:
        kept.take(piece)
    assert content(tmp_path / "here") == content(there)
    assert list(mirror.pieces()) == []
    (there / "log.txt").write_text("as it went on\n")
    assert [piece["path"] for piece in mirror.pieces()] == ["log.txt"]


def test_what_is_there_no_more_goes_when_the_metrics_that_tell_why_are_over(there: Path, tmp_path: Path) -> None:
    mirror, kept = Mirror(there), Kept(tmp_path / "here", {})
    for piece in mirror.pieces():
        kept.take(piece)
    (there / "metrics.json").write_text('{"status": "completed"}')
    (there / "checkpoint" / "epoch-000001.checkpoint").unlink()
    *others, last = mirror.pieces()
    assert [piece["path"] for piece in others] == ["metrics.json"]
    assert last == {"gone": ["checkpoint/epoch-000001.checkpoint"]}
    for piece in (*others, last):
        kept.take(piece)
    assert content(tmp_path / "here") == content(there)
    assert not (tmp_path / "here" / "checkpoint").exists()


def test_a_folder_that_is_cut_off_anywhere_holds_whole_files_alone(there: Path, tmp_path: Path) -> None:
    pieces = list(Mirror(there).pieces())
    for number in range(len(pieces)):
        here = tmp_path / str(number)
        kept = Kept(here, {})
        for piece in pieces[:number]:
            kept.take(piece)
        kept.drop()
        found = content(here)
        assert found.items() <= content(there).items()
        assert "metrics.json" not in found


def _take_all(kept: Kept, pieces: list[Piece]) -> None:
    for piece in pieces:
        kept.take(piece)


def _damaged(pieces: list[Piece]) -> list[Piece]:
    return [{**pieces[0], "data": b"!" + pieces[0]["data"][1:]}, *pieces[1:]]


def _left_out(pieces: list[Piece]) -> list[Piece]:
    return [pieces[0], *pieces[2:]]


def _out_of_turn(pieces: list[Piece]) -> list[Piece]:
    return pieces[1:]


@pytest.mark.parametrize("harm", [_damaged, _left_out, _out_of_turn])
def test_pieces_that_do_not_make_the_file_make_none(harm: Any, there: Path, tmp_path: Path) -> None:
    pieces = [piece for piece in Mirror(there).pieces() if "checkpoint" in piece["path"]]
    kept = Kept(tmp_path / "here", {})
    with pytest.raises(BadPiece):
        _take_all(kept, harm(pieces))
    assert content(tmp_path / "here") == {}


@pytest.mark.parametrize(
    "path", ["../out.txt", "/out.txt", "a/../../out.txt", "", "a//b", "./a", "link/out.txt", "a\0b"]
)
def test_no_file_is_kept_outside_of_the_folder(path: str, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "link").symlink_to(tmp_path)
    piece = {"path": path, "data": b"", "first": True, "last": True, "sha256": ""}
    for bad in (piece, {"gone": [path]}):
        with pytest.raises(BadPiece):
            Kept(here, {}).take(bad)
    assert [entry.name for entry in tmp_path.iterdir()] == ["here"]


def test_a_run_that_is_mirrored_is_in_the_hands_of_this_process_and_of_none_where_it_goes_on() -> None:
    ours = json.loads(as_ours(json.dumps(RUNNING).encode()))
    assert ours["status"] == "running"
    assert alive(ours["process"])
    left = json.loads(as_left(json.dumps(ours).encode()))
    assert (left["status"], left["process"]) == ("interrupted", None)
    done = b'{"status": "completed", "process": null}'
    assert as_ours(done) == as_left(done) == done


def test_tasks_and_messages_are_the_same_at_the_other_end() -> None:
    task = Task(
        "a=1", Path("/runs/x/a=1"), "epochs: 1\n", "kind", Path("/scratch"), True, ("nnexp", "sweep"), True, False
    )
    found = wire.task_of_json(wire.task_to_json(task))
    assert (found.folder, found.config, list(found.command), found.asks) == (
        task.folder,
        task.config,
        [*task.command],
        True,
    )
    told = [
        events.Stage("in /far/away/a=1"),
        events.Noticed(Finding("overfit", "warning", "it does", evidence={"epoch": np.int64(3)})),
        events.EpochEnded(1, 2, {"loss": math.inf, "accuracy": np.float32(0.5)}, 1.5),
        Free(),
        Ask(),
        Ending("failed", "no room in /far/away/a=1"),
    ]
    text = wire.messages_to_json(Message("a=1", one) for one in told)
    back = [message.told for message in wire.messages_of_json(text, "/far/away", "runs/x")]
    assert back[0] == events.Stage("in runs/x/a=1")
    assert back[-1] == Ending("failed", "no room in runs/x/a=1")
    assert back[1:-1] == told[1:-1]


def test_a_task_that_is_called_by_a_relative_path_is_at_the_same_place_for_a_process_that_works_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = wire.task_to_json(Task("a=1", Path("runs/x/a=1"), "", "kind", Path("runs/x/.scratch")))
    monkeypatch.chdir("/")
    assert wire.task_of_json(text).folder == tmp_path / "runs/x/a=1"


def test_what_differs_is_told_with_both_versions() -> None:
    ours = versions.here()
    assert versions.differences(ours, dict(ours)) == ""
    wrong = versions.differences(ours, {**ours, "TensorFlow": "1.15"})
    assert wrong == f"TensorFlow 1.15 (here {ours['TensorFlow']})"


def test_a_scheduler_file_is_waited_for_until_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "lab.json"
    assert not is_written(file, 0)
    file.write_text('{"address": "tcp://')
    later = threading.Timer(0.5, file.write_text, ['{"address": "tcp://127.0.0.1:1"}'])
    later.start()
    assert is_written(file, 30)
    later.join()
    assert json.loads(file.read_text())
