"""The cache: whole or absent, verified each time it is read, filled once however many ask."""

from __future__ import annotations

import hashlib
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

# Fetches the dataset whose parts (name, size, hash) and places, mirrors or folders, are given; prints what it read.
FETCH = """
import json, sys
from nnexp.data.content import Part, idx_decode
from nnexp.data.library import obtain
from nnexp.data.local import Folder
from nnexp.data.mirrors import Mirror
from nnexp.data.progress import Silent
from nnexp.data.sources import Files
parts, places = json.loads(sys.argv[1])
sources = tuple(Mirror(place, ".gz") if "://" in place else Folder(place) for place in places)
files = Files(tuple(Part(*part) for part in parts), idx_decode, sources)
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


def nest_the_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("[" * 100_000)


def forget_the_hashes(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    for file in manifest["files"].values():
        del file["sha256"]
    (folder / "manifest.json").write_text(json.dumps(manifest))


def put_a_pickle(folder: Path) -> None:
    """With the right hash: it must not be opened even so."""
    np.save(folder / "y_train.npy", np.array([{"an": "object"}], dtype=object), allow_pickle=True)
    content = (folder / "y_train.npy").read_bytes()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["y_train"] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "harm",
    [
        nest_the_manifest,
        forget_the_hashes,
        put_a_pickle,
        flip_a_bit,
        cut_short,
        garble_manifest,
        empty_manifest,
        lose_manifest,
        lose_labels,
        be_of_another_version,
    ],
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


def test_a_full_disk_costs_the_cache_and_nothing_else(tiny, shelf, cache_root, leftovers):
    """No file of the child may grow beyond 10,000 bytes, as on a disk that fills up."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
    task = json.dumps([[(part.name, part.size, part.sha256) for part in tiny.parts], [shelf.path]])
    done = subprocess.run([sys.executable, "-c", limit + FETCH, task], capture_output=True, text=True, check=True)
    assert int(done.stdout) == pixel_sum(tiny)
    assert not (cache_root / "tiny").exists()
    assert leftovers() == []


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
