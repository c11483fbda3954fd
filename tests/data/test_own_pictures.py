"""Pictures larger than memory: decoded once into the cache, the same bytes as in memory, and whole or not there."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image
from typer.testing import CliRunner

from nnexp import machine
from nnexp.cli import application
from nnexp.data.dataset import Dataset
from nnexp.data.datasets import describe, load
from nnexp.data.own.decoded import decoded
from nnexp.data.own.kinds import KINDS, BadData
from nnexp.data.rows import Rows
from nnexp.data.splits import fingerprint

BYTES = np.dtype("uint8")
ROWS = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
SIZE = 20 * 6 * 5  # bytes of the pictures of `photos`


def own(path: Path, **more: Any) -> Dataset:
    """Pictures as a config gives them: with defaults, paths absolute."""
    defaults = {name: p.default for name, p in KINDS["images"].items() if p.default is not None}
    return describe("images", {**defaults, "path": str(path), **more})


def fill(folder: Path, mode: str = "L") -> Path:
    """Ten pictures, 5 pixels wide, of each of two classes, PNG and JPEG."""
    random = np.random.default_rng(len(folder.name))
    for number in range(20):
        path = folder / "ab"[number % 2] / f"{number}.{'jpg' if number % 3 else 'png'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (6, 5, 3), dtype=np.uint8)).convert(mode).save(path)
    return folder


@pytest.fixture
def cache(cache_root: Path) -> Path:
    """Where decoded pictures go."""
    return cache_root.parent / "decoded"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return fill(tmp_path / "photos")


def endings(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.iterdir())


WHOLE = [".lock", ".npy", ".sha256"]


@pytest.mark.parametrize(
    ("mode", "more"), [("L", {}), ("RGB", {}), ("RGB", {"colour": "grey", "size": [3, 4], "test": 0.5})], ids=str
)
def test_pictures_that_stay_on_disk_are_those_in_memory(
    tmp_path: Path, cache: Path, mode: str, more: dict[str, Any]
) -> None:
    memory, disk = (own(fill(tmp_path / "photos", mode), **more, stream=how) for how in ("never", "always"))
    assert [memory.streamed, disk.streamed] == [False, True]
    assert (memory.shape, memory.dtype, memory.classes) == (disk.shape, disk.dtype, disk.classes)
    assert memory.sha256 == disk.sha256
    here, there = load(memory), load(disk)
    assert isinstance(there.x_train, Rows)
    for name in ("x_train", "y_train", "x_test", "y_test"):
        assert np.array_equal(getattr(here, name)[:], getattr(there, name)[:])
    assert fingerprint(here.x_test, here.y_test) == fingerprint(there.x_test, there.y_test)
    assert endings(cache) == WHOLE
    subprocess.run(["sha256sum", "--check", "--quiet", *cache.glob("*.sha256")], cwd=cache, check=True)


def test_folders_of_two_parts_and_a_file_of_labels_stay_on_disk_too(tmp_path: Path, cache: Path) -> None:
    train, test = fill(tmp_path / "photos"), fill(tmp_path / "others")
    (tmp_path / "labels.csv").write_text("file,label\n" + "".join(f"a/{n}.jpg,{n + 0.5}\n" for n in (2, 4, 8, 10, 14)))
    for more in ({"test_path": str(test)}, {"labels": str(tmp_path / "labels.csv")}):
        here, there = (load(own(train, **more, stream=how)) for how in ("never", "always"))
        assert isinstance(there.x_test, Rows)
        assert np.array_equal(here.x_train, there.x_train[:])
        assert np.array_equal(here.x_test, there.x_test[:])
        assert np.array_equal(here.y_train, there.y_train)


def test_pictures_are_streamed_where_they_would_fill_a_quarter_of_the_memory(
    photos: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for memory in (4 * SIZE, 4 * SIZE - 1):
        monkeypatch.setattr(machine, "memory", lambda memory=memory: memory)
        found.append((own(photos, split_seed=memory).streamed, cache.exists()))
    assert found == [(False, False), (True, True)]


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npy")}


def test_pictures_are_decoded_again_only_where_others_are_asked_for(photos: Path, cache: Path) -> None:
    own(photos, stream="always")
    before = stamps(cache)
    own(photos, stream="always", split_seed=7)
    assert stamps(cache) == before
    for more in ({"size": [6, 5]}, {"size": [4, 4]}, {"colour": "rgb"}):
        own(photos, stream="always", **more)
    Image.new("L", (5, 6)).save(photos / "a" / "0.png")
    changed = load(own(photos, stream="always"))
    assert len(list(cache.glob("*.npy"))) == 5
    assert np.array_equal(changed.x_train[:], load(own(photos, stream="never")).x_train)


def flip_a_bit(stored: Path) -> None:
    content = bytearray(stored.read_bytes())
    content[-1] ^= 1
    stored.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a bit": flip_a_bit,
    "shorter": lambda stored: stored.write_bytes(stored.read_bytes()[:-1]),
    "empty": lambda stored: stored.write_bytes(b""),
    "gone": lambda stored: stored.unlink(),
    "no hash": lambda stored: stored.with_suffix(".sha256").unlink(),
    "hash of something else": lambda stored: stored.with_suffix(".sha256").write_bytes(b"\xff"),
    "left by a killed process": lambda stored: stored.rename(stored.with_name(f".{'0a' * 16}-{stored.name}")),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_is_made_again(photos: Path, cache: Path, name: str) -> None:
    whole = load(own(photos, stream="always")).x_train[:]
    [stored] = cache.glob("*.npy")
    content = stored.read_bytes()
    DAMAGE[name](stored)
    found = load(own(photos, stream="always", split_seed=0, test=0.2))
    assert np.array_equal(found.x_train[:], whole)
    assert stored.read_bytes() == content
    assert endings(cache) == WHOLE


def test_a_picture_that_cannot_be_read_leaves_nothing_behind(photos: Path, cache: Path) -> None:
    said = []
    (photos / "b" / "3.png").write_bytes(b"no picture")
    (photos / "b" / "9.png").write_bytes(b"no picture")
    for how in ("never", "always"):
        with pytest.raises(BadData) as caught:
            own(photos, stream=how)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert "3.png cannot be read as a picture" in said[0]
    assert endings(cache) == [".lock"]


LAYERS = "layers: [flatten, {dense: {units: 2}}]"


def test_what_is_decoded_is_told_once_and_never_with_quiet(photos: Path, cache: Path, tmp_path: Path) -> None:
    said = []
    for command, size, units in (("check", 3, 2), ("check", 3, 2), ("data show", 4, 2), ("run --quiet", 5, 3)):
        about = f"dataset: {{images: {{path: photos, size: [{size}, {size}], stream: always}}}}\n"
        (tmp_path / "a.yaml").write_text(
            about + LAYERS.replace("2", str(units)) + "\nloss: mean_squared_error\n" * (units > 2)
        )
        result = CliRunner().invoke(application(), [*command.split(), str(tmp_path / "a.yaml")])
        said.append(result.stderr.splitlines()[:1])
    told = ["decoding: 20 examples into the cache"]
    assert said[:3] == [told, [], told]
    assert "decoding" not in said[3][0]
    assert len(list(cache.glob("*.npy"))) == 3


def test_old_files_go_when_another_is_written(photos: Path, cache: Path, tmp_path: Path) -> None:
    ages = {"used": 29, "old": 31, "looked_at": 31, "torn": 31}
    mapped = {name: decoded(name, ROWS.shape, BYTES, lambda: ROWS, "") for name in ages}
    for name, days in ages.items():
        then = time.time() - days * 24 * 3600
        os.utime(cache / f"{name}.sha256", (then, then))
    (cache / "torn.sha256").rename(cache / "nothing")
    os.utime(cache / "torn.npy", (then, then))
    with FileLock(cache / "looked_at.lock"):
        own(photos, stream="always", size=[2, 2])
    names = {path.stem for path in cache.glob("*.npy")}
    assert {"used", "looked_at"} < names
    assert not names & {"old", "torn"}
    assert np.array_equal(mapped["old"][:], ROWS)
    assert not (cache / "old.sha256").exists()
    decoded("looked_at", ROWS.shape, BYTES, lambda: pytest.fail("decoded"), "")
    own(photos, stream="always", size=[2, 3])
    assert (cache / "looked_at.npy").exists()


CHECK = """
import resource, sys
from nnexp.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
sys.argv = ["nnexp", "check", "a.yaml"]
main()
"""


def test_a_disk_that_fills_up_is_told_and_nothing_is_left(photos: Path, cache: Path, tmp_path: Path) -> None:
    """No file of the child may grow beyond 200 bytes."""
    (tmp_path / "a.yaml").write_text(f"dataset: {{images: {{path: photos, stream: always}}}}\n{LAYERS}\n")
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True)
    assert done.returncode == 2
    assert f"a.yaml:1:20: the decoded examples, {SIZE / 1e6:.3g} MB, cannot be kept in {cache}: File too" in done.stderr
    assert "NNEXP_CACHE_DIR" in done.stderr
    assert endings(cache) == [".lock"]


def test_what_no_disk_has_room_for_is_told_before_any_picture_is_decoded(cache: Path) -> None:
    with pytest.raises(BadData, match=r"1,000,000 GB, cannot be kept in .*: No space left on device"):
        decoded("large", (10**9, 10**6), BYTES, lambda: pytest.fail("decoded"), "")
    assert endings(cache) == [".lock"]


def test_a_cache_that_is_no_folder_is_told(
    photos: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NNEXP_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(BadData, match=r"cannot be kept in .*file/decoded: Not a directory"):
        own(photos, stream="always")


def test_those_who_ask_at_once_decode_once(cache: Path) -> None:
    asked: list[str] = []
    everybody = threading.Barrier(3)

    def slowly() -> Iterator[np.ndarray]:
        asked.append(threading.current_thread().name)
        for row in ROWS:
            threading.Event().wait(0.02)
            yield row

    def ask(_: int) -> Rows:
        everybody.wait()
        return decoded("some", ROWS.shape, BYTES, slowly, "")

    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(ask, range(3)))
    assert len(asked) == 1
    assert all(np.array_equal(rows[:], ROWS) for rows in found)


KILLED = """
import sys, time
import numpy as np
from nnexp.data.own.decoded import decoded

def decode():
    yield np.zeros((4, 3), np.uint8)
    print("begun", flush=True)
    time.sleep(60)

decoded("some", (5, 4, 3), np.dtype("uint8"), decode, "")
"""


def test_what_a_killed_process_left_is_removed(cache: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.kill()
    process.communicate()
    assert len(endings(cache)) == 2  # the lock, which nobody holds, and a part
    assert np.array_equal(decoded("some", ROWS.shape, BYTES, lambda: ROWS, "")[:], ROWS)
    assert endings(cache) == WHOLE


def labels_by_picture(dataset: Dataset) -> dict[bytes, Any]:
    arrays: Any = load(dataset)
    x, y = np.concatenate([arrays.x_train, arrays.x_test]), np.concatenate([arrays.y_train, arrays.y_test])
    return {picture.tobytes(): label.tolist() for picture, label in zip(x, y, strict=True)}


def test_classes_stand_in_the_order_that_is_given(photos: Path) -> None:
    turned = own(photos, classes=["b", "a"])
    assert turned.classes == ("b", "a")
    usual = labels_by_picture(own(photos))
    assert labels_by_picture(turned) == {picture: 1 - label for picture, label in usual.items()}
    with pytest.raises(BadData, match="'b', which is not among `classes`"):
        own(photos, classes=["a", "c"])


def test_labels_stand_in_the_order_that_is_given(photos: Path) -> None:
    found = sorted(path.relative_to(photos) for path in photos.rglob("*.*"))
    cells = [("sharp;near", "near", "sharp")[place % 3] for place in range(len(found))]
    labels = photos.parent / "labels.csv"
    labels.write_text("file,label\n" + "".join(f"{path},{cell}\n" for path, cell in zip(found, cells, strict=True)))
    usual, turned = own(photos, labels=str(labels)), own(photos, labels=str(labels), classes=["sharp", "near"])
    assert (usual.classes, turned.classes) == (("near", "sharp"), ("sharp", "near"))
    by_picture = labels_by_picture(usual)
    assert labels_by_picture(turned) == {picture: label[::-1] for picture, label in by_picture.items()}
    with pytest.raises(BadData, match="`classes` names sharp"):
        own(photos, labels=str(labels), classes=["sharp"])
