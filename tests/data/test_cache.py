"""The cache: whole or absent, verified each time it is read, filled once however many ask."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from nnexp.data.library import cached_source, is_cached, obtain
from nnexp.data.local import Folder
from nnexp.data.mirrors import Mirror

# Fetches the dataset whose parts (name, size, hash) and mirrors are given as JSON; prints what it read.
FETCH = """
import json, sys
from nnexp.data.content import Part, idx_decode
from nnexp.data.library import obtain
from nnexp.data.mirrors import Mirror
from nnexp.data.progress import Silent
from nnexp.data.sources import Files
parts, mirrors = json.loads(sys.argv[1])
files = Files(tuple(Part(*part) for part in parts), idx_decode, tuple(Mirror(url, ".gz") for url in mirrors))
print(int(obtain("tiny", files, offline=False, progress=Silent()).x_train.sum()))
"""


def start_fetch(tiny, *mirrors: str) -> subprocess.Popen[str]:
    task = json.dumps([[(part.name, part.size, part.sha256) for part in tiny.parts], mirrors])
    return subprocess.Popen([sys.executable, "-c", FETCH, task], stdout=subprocess.PIPE, text=True)


def pixel_sum(tiny) -> int:
    return int(tiny.files().decode(tiny.content).x_train.sum())


@pytest.fixture
def shelf(tiny, tmp_path) -> Folder:
    return Folder(str(tiny.write(tmp_path / "shelf")))


def test_what_was_fetched_is_read_without_its_source(tiny, cache_root, shelf, listener):
    first = obtain("tiny", tiny.files(shelf), offline=False, progress=listener)
    again = obtain("tiny", tiny.files(), offline=True, progress=listener)
    assert is_cached("tiny", tiny.files())
    assert cached_source("tiny") == shelf.title
    assert isinstance(again.x_train, np.memmap)
    assert not again.x_train.flags.writeable
    for name in ("x_train", "y_train", "x_test", "y_test"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert again.y_train.dtype == np.int32


def flip_a_bit(folder: Path) -> None:
    data = bytearray((folder / "x_train.npy").read_bytes())
    data[-1] ^= 1
    (folder / "x_train.npy").write_bytes(data)


def cut_short(folder: Path) -> None:
    data = (folder / "x_test.npy").read_bytes()
    (folder / "x_test.npy").write_bytes(data[:-100])


def garble_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"schema": 1, "par')


def empty_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("[]")


def lose_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def lose_labels(folder: Path) -> None:
    (folder / "y_train.npy").unlink()


def be_of_another_version(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["parts"][0][2] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "harm",
    [flip_a_bit, cut_short, garble_manifest, empty_manifest, lose_manifest, lose_labels, be_of_another_version],
)
def test_a_damaged_cache_is_noticed_said_and_made_again(tiny, cache_root, shelf, listener, leftovers, harm):
    obtain("tiny", tiny.files(shelf), offline=False, progress=listener)
    harm(cache_root / "tiny")
    arrays = obtain("tiny", tiny.files(shelf), offline=False, progress=listener)
    assert arrays.x_train.sum() == pixel_sum(tiny)
    assert len(listener.said) == 1
    assert "damaged" in listener.said[0]
    assert leftovers() == []
    obtain("tiny", tiny.files(), offline=True, progress=listener)
    assert len(listener.said) == 1


def test_a_cache_that_cannot_be_written_is_done_without(tiny, shelf, listener, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("NNEXP_CACHE_DIR", str(tmp_path / "file"))
    arrays = obtain("tiny", tiny.files(shelf), offline=False, progress=listener)
    assert arrays.x_train.sum() == pixel_sum(tiny)
    assert "memory only" in listener.said[0]


def test_processes_that_ask_at_once_fetch_once(web, tiny, cache_root, leftovers):
    fetching = [start_fetch(tiny, web.url("slow")) for _ in range(3)]
    assert [process.communicate(timeout=50)[0].strip() for process in fetching] == [str(pixel_sum(tiny))] * 3
    assert sorted(web.asked) == sorted(f"/slow/{part.name}.gz" for part in tiny.parts)
    assert leftovers() == []


def test_threads_that_ask_at_once_fetch_once(web, tiny, cache_root, listener):
    files = tiny.files(Mirror(web.url("slow"), ".gz"))
    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(obtain, "tiny", files, offline=False, progress=listener) for _ in range(3)]
        assert {int(one.result().x_train.sum()) for one in asking} == {pixel_sum(tiny)}
    assert len(web.asked) == len(tiny.parts)
    assert any("waiting" in message for message in listener.said)


def test_a_fetch_killed_midway_leaves_nothing_bad(web, tiny, cache_root, listener, leftovers):
    process = start_fetch(tiny, web.url("stall"))
    deadline = time.monotonic() + 30
    while not web.asked and time.monotonic() < deadline:
        time.sleep(0.05)
    assert web.asked
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    assert not is_cached("tiny", tiny.files())
    arrays = obtain("tiny", tiny.files(Mirror(web.url("good"), ".gz")), offline=False, progress=listener)
    assert arrays.x_train.sum() == pixel_sum(tiny)
    assert leftovers() == []
