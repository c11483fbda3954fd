"""NPZ files larger than memory: streamed from where the arrays lie, or from the cache; the same data as in memory."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnexp import machine
from nnexp.data.datasets import describe, load
from nnexp.data.own import members
from nnexp.data.own.kinds import KINDS, BadData
from nnexp.data.rows import Rows
from nnexp.data.splits import fingerprint
from nnexp.errors import RunError

RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 256, (60, 5, 4), dtype=np.uint8)
Y = np.arange(60) % 3


def given(path: Path, **more: Any) -> dict[str, Any]:
    """Parameters as a config gives them once it is read: with defaults, paths absolute."""
    defaults = {name: p.default for name, p in KINDS["npz"].items() if p.default is not None}
    return {**defaults, "path": str(path), **more}


def test_the_config_of_an_old_run_does_not_say_stream(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    parameters = given(tmp_path / "a.npz")
    del parameters["stream"]
    assert not describe("npz", parameters).streamed


def both(path: Path, **more: Any) -> Any:
    """The data in memory and from disk: what is told of them is the same."""
    here, there = (describe("npz", given(path, **more, stream=how)) for how in ("never", "always"))
    assert [here.streamed, there.streamed] == [False, True]
    assert (here.shape, here.dtype, here.value_range, here.classes) == (
        there.shape,
        there.dtype,
        there.value_range,
        there.classes,
    )
    return load(here), load(there)


@pytest.fixture
def cache(cache_root: Path) -> Path:
    """Where unpacked arrays go."""
    return cache_root.parent / "decoded"


FORMS: dict[str, tuple[Callable[..., object], Callable[[Any], Any], bool]] = {
    "as it is": (np.savez, np.ascontiguousarray, False),
    "compressed": (np.savez_compressed, np.ascontiguousarray, True),
    "columns first": (np.savez, np.asfortranarray, True),
    "columns first, compressed": (np.savez_compressed, np.asfortranarray, True),
}


@pytest.mark.parametrize("dtype", ["uint8", "float64", ">f4", "int16", "bool"])
@pytest.mark.parametrize("form", FORMS)
def test_what_stays_on_disk_is_the_same_data(
    tmp_path: Path, cache: Path, form: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In pieces of some rows, and of some columns: the last ones are smaller."""
    save, lay, unpacked = FORMS[form]
    x = lay((X / 7 if "f" in dtype else X % 2).astype(dtype))
    size = x.dtype.itemsize
    monkeypatch.setattr(members, "_PIECE", 7 * 20 * size)
    monkeypatch.setattr(machine, "memory", lambda: members._SHARE * 20 * size * 13)
    save(tmp_path / "a.npz", x=x, y=Y)
    here, there = both(tmp_path / "a.npz")
    for one, other in ((here.x_train, there.x_train), (here.x_test, there.x_test)):
        assert isinstance(other, Rows)
        assert np.array_equal(one, other[:])
    assert np.array_equal(here.y_train, there.y_train)
    assert fingerprint(here.x_test, here.y_test) == fingerprint(there.x_test, there.y_test)
    assert cache.exists() == unpacked


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_parts_of_their_own_and_weights_stay_on_disk_too(tmp_path: Path, cache: Path, save: Any) -> None:
    sure = RANDOM.random(60)
    save(tmp_path / "a.npz", y_test=Y[:9], x_train=X, x_test=X[:9] // 2, y_train=Y, sure=sure)
    save(tmp_path / "b.npz", x=X[::2], y=Y[::2])
    for more in ({}, {"test_path": str(tmp_path / "b.npz")}):
        here, there = both(tmp_path / "a.npz", weights="sure", **more)
        for name in ("x_train", "y_train", "x_test", "y_test", "weights"):
            assert np.array_equal(getattr(here, name)[:], getattr(there, name)[:])
        assert np.array_equal(there.weights, sure.astype("float32"))


def test_arrays_are_streamed_where_they_would_fill_a_quarter_of_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    found = []
    for memory in (4 * X.nbytes, 4 * X.nbytes - 1):
        monkeypatch.setattr(machine, "memory", lambda memory=memory: memory)
        found.append(describe("npz", given(tmp_path / "a.npz", split_seed=memory)).streamed)
    assert found == [False, True]


def test_an_array_deep_in_its_archive_is_read_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are asked for ahead, and a file that was cut off is seen, by their place in the map, not in the file."""
    x = RANDOM.normal(size=(300, 3000))
    np.savez(tmp_path / "a.npz", before=np.zeros(100_000), x=x, y=np.arange(300) % 3)
    monkeypatch.setattr(machine, "memory", lambda: x.nbytes)
    arrays = load(describe("npz", given(tmp_path / "a.npz")))
    places = RANDOM.permutation(len(arrays.x_train))
    assert np.array_equal(arrays.x_train[places], x.astype("float32")[~arrays.held_out][places])
    os.truncate(tmp_path / "a.npz", x.nbytes + 200_000)
    with pytest.raises(RunError, match="was changed while it was read"):
        arrays.x_train[:]


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def archive(content: bytes, packing: int = zipfile.ZIP_STORED) -> bytes:
    """An archive with labels, and an array `x` that is this content."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packing) as file:
        file.writestr("x.npy", content)
        file.writestr("y.npy", npy(Y))
    return made.getvalue()


def other(content: bytes, old: bytes, new: bytes) -> bytes:
    assert content.count(old) >= 1
    return content.replace(old, new)


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


WHOLE = npy(X)
STORED, PACKED = archive(WHOLE), archive(WHOLE, zipfile.ZIP_DEFLATED)
CLAIMS = other(WHOLE, b"(60, 5, 4), }" + b" " * 7, b"(60" + b"0" * 7 + b", 5, 4), }")
DAMAGED = {
    "another bit": flipped(STORED, 500),
    "another bit, packed": flipped(PACKED, 500),
    "cut off": STORED[:-30],
    "cut off in the middle": STORED[:300],
    "claims more than it has": archive(CLAIMS),
    "claims more than it has, packed": archive(CLAIMS, zipfile.ZIP_DEFLATED),
    "an archive that claims more": other(STORED, struct.pack("<L", len(WHOLE)), struct.pack("<L", 2**31)),
    "less than none": archive(other(WHOLE, b"(60, ", b"(-6, ")),
    "a header that nests": archive(WHOLE[:10] + b"(" * (len(WHOLE) - 10)),
    "locked": other(STORED, b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0"),
    "packed in another way": other(STORED, b"PK\1\2\x14\3\x14\0\0\0\0", b"PK\1\2\x14\3\x14\0\0\0\x63"),
    "no arrays of numbers": archive(b"text"),
    "text": b"a,b\n1,2\n",
    "nothing": b"",
}


@pytest.mark.parametrize("stream", ["never", "always"])
@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_archives_are_one_message(tmp_path: Path, cache: Path, name: str, stream: str) -> None:
    (tmp_path / "a.npz").write_bytes(DAMAGED[name])
    with pytest.raises(BadData) as caught:
        describe("npz", given(tmp_path / "a.npz", stream=stream))
    assert caught.value.message == "a.npz is no NPZ file, or a damaged one"
    assert not cache.exists() or not [*cache.glob("*.npy"), *cache.glob("*.sha256")]


BOMB = """
import resource, sys
from nnexp.cli import main
resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9,) * 2)
sys.argv = ["nnexp", "check", "a.yaml"]
main()
"""


@pytest.mark.parametrize(("stream", "said"), [("never", "larger than the memory"), ("always", "or a damaged one")])
def test_an_array_that_claims_more_than_the_memory_is_told(tmp_path: Path, stream: str, said: str) -> None:
    """The archive and the array in it claim 3 GB, and there are some bytes."""
    header = io.BytesIO()
    about = {"descr": "|u1", "fortran_order": False, "shape": (3 * 10**6, 1000)}
    np.lib.format.write_array_header_1_0(header, about)
    short = header.getvalue() + b"some bytes"
    size, claimed = struct.pack("<L", len(short)), struct.pack("<L", len(header.getvalue()) + 3 * 10**9)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.npy", short)
        file.writestr("y.npy", npy(np.arange(3 * 10**6) % 2 == 0))
    (tmp_path / "a.npz").write_bytes(other(made.getvalue(), size, claimed))
    layers = "layers: [{dense: {units: 2}}]"
    (tmp_path / "a.yaml").write_text(f"dataset: {{npz: {{path: a.npz, stream: {stream}}}}}\n{layers}\n")
    done = subprocess.run([sys.executable, "-c", BOMB], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": X[:50], "y": Y}, "shape (50, 5, 4), the labels (60,)"),
        ({"x": X.astype("U3"), "y": Y}, "<U3, not numbers"),
        ({"x": np.where(np.arange(60) == 7, np.nan, 1.0)[:, None], "y": Y}, "no finite number, at [7, 0]"),
        ({"x": np.where(np.arange(60) == 7, 1e39, 1.0)[:, None], "y": Y}, "no finite number, at [7, 0]"),
        ({"x": X[:, :0], "y": Y}, "an array of examples is empty"),
        ({"x": X.astype(object), "y": Y}, "object, not numbers"),
        ({"x": X, "y": Y.astype(object)}, "arrays of objects cannot be read"),
        ({"a": X, "y": Y}, "no array of the name x or"),
    ],
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("stream", ["never", "always"])
def test_arrays_that_do_not_fit_are_told_alike(
    tmp_path: Path, cache: Path, arrays: dict[str, Any], said: str, save: Any, stream: str
) -> None:
    save(tmp_path / "a.npz", **arrays)
    with pytest.raises(BadData) as caught:
        describe("npz", given(tmp_path / "a.npz", stream=stream))
    assert said in str(caught.value)
