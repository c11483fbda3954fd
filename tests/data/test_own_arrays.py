"""Arrays in files of their own, NPY and IDX: read as they are, in memory or in their file; and whole-number tokens."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnexp import machine
from nnexp.data.content import idx_encode
from nnexp.data.datasets import describe, load
from nnexp.data.own import hashing
from nnexp.data.own.kinds import KINDS, BadData
from nnexp.data.rows import Rows
from nnexp.data.splits import fingerprint
from nnexp.preflight import preflight

RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.integers(0, 256, (60, 5, 4), dtype=np.uint8)
LABELS = np.arange(60) % 3


def given(kind: str, path: Path, **more: Any) -> dict[str, Any]:
    """Parameters as a config gives them once it is read: with defaults, paths absolute."""
    defaults = {name: p.default for name, p in KINDS[kind].items() if p.default is not None}
    return {**defaults, "path": str(path), **{name: str(v) if isinstance(v, Path) else v for name, v in more.items()}}


def npy(folder: Path, name: str, array: np.ndarray) -> Path:
    np.save(folder / f"{name}.npy", array)
    return folder / f"{name}.npy"


def idx(folder: Path, name: str, array: np.ndarray) -> Path:
    (folder / name).write_bytes(idx_encode(array))
    return folder / name


def packed(folder: Path, name: str, array: np.ndarray) -> Path:
    (folder / f"{name}.gz").write_bytes(gzip.compress(idx_encode(array)))
    return folder / f"{name}.gz"


WRITERS: dict[str, tuple[str, Callable[[Path, str, np.ndarray], Path]]] = {
    "npy": ("npy", npy),
    "idx": ("idx", idx),
    "idx in gzip": ("idx", packed),
}


@pytest.mark.parametrize("form", WRITERS)
def test_examples_and_labels_come_from_two_files_or_four(tmp_path: Path, form: str) -> None:
    kind, write = WRITERS[form]
    x, y = write(tmp_path, "x", PICTURES), write(tmp_path, "y", LABELS)
    dataset = describe(kind, given(kind, x, y=y))
    assert (dataset.shape, dataset.dtype, dataset.value_range) == ((5, 4), "uint8", (0, 255))
    assert (dataset.classes, dataset.train_size, dataset.test_size) == (("0", "1", "2"), 48, 12)
    arrays = load(dataset)
    assert (arrays.x_train[:] == PICTURES[~arrays.held_out]).all()
    assert (arrays.y_test == LABELS[arrays.held_out]).all()
    more = {"test_path": write(tmp_path, "tx", PICTURES[:9]), "test_y": write(tmp_path, "ty", LABELS[:9])}
    arrays = load(describe(kind, given(kind, x, y=y, **more, classes=["a", "b", "c"])))
    assert (len(arrays.y_train), len(arrays.y_test)) == (60, 9)
    assert (arrays.x_test[:] == PICTURES[:9]).all()


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", ">f4", "int64", "bool"])
def test_what_stays_in_its_file_is_the_same_data(tmp_path: Path, dtype: str) -> None:
    x = npy(tmp_path, "x", (PICTURES / 7 if "f" in dtype else PICTURES % 2).astype(dtype))
    there = given("npy", x, y=npy(tmp_path, "y", LABELS))
    memory, file = (describe("npy", there | {"stream": how}) for how in ("never", "always"))
    assert [memory.streamed, file.streamed] == [False, True]
    assert (memory.dtype, memory.value_range, memory.sha256) == (file.dtype, file.value_range, file.sha256)
    parts = [load(dataset) for dataset in (memory, file)]
    assert isinstance(parts[1].x_train, Rows)
    assert (parts[0].x_train == parts[1].x_train[:]).all()
    assert len({fingerprint(arrays.x_test, arrays.y_test) for arrays in parts}) == 1


def test_rows_of_a_file_larger_than_the_memory_are_read_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = RANDOM.normal(size=(300, 3000))  # several pages each, none of them at its start
    monkeypatch.setattr(machine, "memory", lambda: x.nbytes)
    arrays = load(describe("npy", given("npy", npy(tmp_path, "x", x), y=npy(tmp_path, "y", np.arange(300) % 3))))
    assert isinstance(arrays.x_train, Rows)
    places = RANDOM.permutation(len(arrays.x_train))
    assert (arrays.x_train[places] == x.astype("float32")[~arrays.held_out][places]).all()


def test_the_hash_of_a_large_file_is_kept_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNEXP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(hashing, "_LARGE", 1000)
    path = npy(tmp_path, "x", PICTURES)
    about = path.stat()

    def right() -> bool:
        return hashing.file_sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()

    assert right()
    [kept] = (tmp_path / "cache" / "hashes").iterdir()
    other = "0" * 64
    kept.write_text(other)
    assert hashing.file_sha256(path) == other  # it was not read again
    kept.write_text("torn")
    assert right()
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))  # a copy that pretends to be the old one
    assert right()


def test_data_are_streamed_where_they_would_fill_a_quarter_of_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = npy(tmp_path, "x", PICTURES), npy(tmp_path, "y", LABELS)
    found = []
    for memory in (4 * PICTURES.nbytes, 4 * PICTURES.nbytes - 1):
        monkeypatch.setattr(machine, "memory", lambda memory=memory: memory)
        found.append(describe("npy", given("npy", x, y=y, split_seed=memory)).streamed)
    assert found == [False, True]


def test_the_identity_of_a_run_does_not_know_of_streaming_but_of_the_data(tmp_path: Path, experiment: Any) -> None:
    x, y = npy(tmp_path, "x", PICTURES), npy(tmp_path, "y", LABELS)
    text = f"dataset: {{npy: {{path: {x}, y: {y}, stream: %s}}}}\nlayers: [flatten, dense: {{units: 3}}]\n"
    same = {experiment(text % how).identity for how in ("auto", "always", "never")}
    npy(tmp_path, "y", LABELS[::-1].copy())
    assert len(same) == 1
    assert experiment(text % "auto").identity not in same


@pytest.mark.parametrize(
    ("array", "more", "said"),
    [
        (PICTURES[:50], {}, "shape (50, 5, 4), the labels (60,)"),
        (PICTURES.astype("U3"), {}, "<U3, not numbers"),
        (np.where(np.arange(60) == 7, np.nan, 1.0)[:, None], {}, "no finite number, at [7, 0]"),
        (np.where(np.arange(60) == 7, 1e39, 1.0)[:, None], {"stream": "always"}, "no finite number, at [7, 0]"),
        (np.asfortranarray(PICTURES), {"stream": "always"}, "cannot be streamed from their file"),
        (PICTURES[:0], {}, "shape (0, 5, 4), the labels (60,)"),
        (PICTURES, {"test_y": "y.npy"}, "test_path and test_y go together"),
    ],
)
def test_npy_files_that_do_not_fit(tmp_path: Path, array: np.ndarray, more: dict[str, Any], said: str) -> None:
    x, y = npy(tmp_path, "x", array), npy(tmp_path, "y", LABELS)
    more = {name: str(y) if value == "y.npy" else value for name, value in more.items()}
    with pytest.raises(BadData) as caught:
        describe("npy", given("npy", x, y=y, **more))
    assert said in str(caught.value)


WHOLE = idx_encode(PICTURES)
DAMAGED = {
    "cut off": WHOLE[:-1],
    "too long": WHOLE + b"\0",
    "another type": WHOLE[:2] + b"\x07" + WHOLE[3:],
    "no header": b"\0\0",
    "text": b"a,b\n1,2\n" * 50,
    "larger than all memory": struct.pack(">4B2I", 0, 0, 8, 2, 2**31, 2**31) + b"\0" * 99,
    "a header that nests": b"\x93NUMPY\1\0" + struct.pack("<H", 500) + b"(" * 500,
    "cut off, in gzip": gzip.compress(WHOLE)[:-40],
    "too long, in gzip": gzip.compress(WHOLE + bytes(10)),
    "larger than any memory, in gzip": gzip.compress(struct.pack(">4B4I", 0, 0, 8, 4, *[2**32 - 1] * 4)),
    "nothing": b"",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_told_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "x").write_bytes(DAMAGED[name])
    with pytest.raises(BadData, match="x is no IDX file, or a damaged one"):
        describe("idx", given("idx", tmp_path / "x", y=idx(tmp_path, "y", LABELS)))
    with pytest.raises(BadData, match="x is no NPY file, or a damaged one"):
        describe("npy", given("npy", tmp_path / "x", y=npy(tmp_path, "y", LABELS)))


def test_a_packed_file_that_claims_more_than_the_memory_is_told(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(gzip.compress(struct.pack(">4B2I", 0, 0, 8, 2, 2**31, 2**31)))
    with pytest.raises(BadData, match="has more in it than the memory\nunpack the file"):
        describe("idx", given("idx", tmp_path / "x", y=idx(tmp_path, "y", LABELS)))


def test_other_numbers_of_idx(tmp_path: Path) -> None:
    values = (PICTURES / 7).astype(">f4")
    (tmp_path / "x").write_bytes(struct.pack(">4B3I", 0, 0, 0x0D, 3, *values.shape) + values.tobytes())
    arrays = load(describe("idx", given("idx", tmp_path / "x", y=idx(tmp_path, "y", LABELS))))
    assert (arrays.x_train == values[~arrays.held_out]).all()


# Whole numbers that stand for words.

TOKENS = RANDOM.integers(0, 50, (60, 8))
LAYERS = "[{{embedding: {{input_dim: {}, output_dim: 4}}}}, {{lstm: 4}}, {{dense: {{units: 3, activation: softmax}}}}]"


def problems(experiment: Any, folder: Path, tokens: np.ndarray, size: int, more: str = "") -> list[str]:
    """What is said of an embedding for so many tokens."""
    x, y = npy(folder, "x", tokens), npy(folder, "y", LABELS)
    described = experiment(f"dataset: {{npy: {{path: {x}, y: {y}}}}}\nlayers: {LAYERS.format(size)}\n{more}")
    parameters = described.dataset.parameters
    return [problem.message for problem in preflight(described, describe("npy", parameters)).problems]


def test_tokens_are_looked_up_as_they_are(tmp_path: Path, experiment: Any) -> None:
    assert problems(experiment, tmp_path, TOKENS, 50) == []
    [told] = problems(experiment, tmp_path, TOKENS, 50, "normalization: standardize")
    assert "`normalization: standardize` makes others of them" in told


@pytest.mark.parametrize(("value", "shown"), [(50, "50"), (-1, "-1"), (3.5, "3.5")])
def test_tokens_without_a_vector_are_told_with_their_row(
    tmp_path: Path, experiment: Any, value: float, shown: str
) -> None:
    for row in (0, 31, 59):
        wrong = TOKENS.astype("float64")
        wrong[row, 5] = value
        [told] = problems(experiment, tmp_path, wrong, 50)
        assert f"row {row} (from 0) has {shown} at [5]" in told


def test_pixels_have_vectors_too(experiment: Any) -> None:
    text = "dataset: mnist\nlayers: [flatten, {{embedding: {{input_dim: {}, output_dim: 2}}}}, flatten, {{dense: 10}}]"
    told = []
    for size in (256, 255):
        described = experiment(f"{text.format(size)}\nnormalization: none")
        told.append([problem.message for problem in preflight(described, describe("mnist", {})).problems])
    assert told == [[], ["layers.1 (embedding) has `input_dim: 255`, but mnist has values from 0 to 255"]]
