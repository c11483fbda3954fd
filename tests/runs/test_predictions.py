"""predictions.npz from strangers: read as arrays, or refused with the reason, and never more than it should take."""

from __future__ import annotations

import io
import os
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnexp.runs.predictions import read_predictions
from nnexp.runs.reading import Refused

LABELS = np.arange(100) % 10
GOOD: dict[str, Any] = {
    "labels": LABELS,
    "predicted": np.roll(LABELS, 1),
    "probabilities": np.eye(10, dtype="f2")[np.roll(LABELS, 1)],
    "split_fingerprint": np.array("0123"),
}
BOMB = 50_000_000  # bytes


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_those_that_were_saved(tmp_path: Path, save: Any) -> None:
    save(tmp_path / "p.npz", **{**GOOD, "probabilities": np.asfortranarray(GOOD["probabilities"])})
    found = read_predictions(tmp_path / "p.npz", probabilities=True)
    assert np.array_equal(found.labels, GOOD["labels"])
    assert np.array_equal(found.predicted, GOOD["predicted"])
    assert np.array_equal(found.probabilities, GOOD["probabilities"])
    assert found.split == "0123"
    assert read_predictions(tmp_path / "p.npz", probabilities=False).probabilities.shape == (100, 0)


def pickled(path: Path) -> None:
    np.savez(path, **{**GOOD, "labels": np.array([print], dtype=object)})


def bomb(path: Path) -> None:
    """What its list of members says is all that is looked at."""
    zipped(path, {"labels.npy": bytes(BOMB)})
    say(path, 2**31)


def lying_bomb(path: Path) -> None:
    zipped(path, {"labels.npy": bytes(BOMB)})
    say(path, 100)


def say(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes().replace(BOMB.to_bytes(4, "little"), size.to_bytes(4, "little")))


def packed_by_another_method(path: Path) -> None:
    zipped(path, {"labels.npy": bytes(1_000_000)}, zipfile.ZIP_BZIP2)


def thousands_of_members(path: Path) -> None:
    zipped(path, {f"{number}.npy": b"" for number in range(500)})


def a_header_of_a_trillion(path: Path) -> None:
    zipped(path, {"labels.npy": npy("{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000,)}")})


def a_header_of_values_without_size(path: Path) -> None:
    zipped(path, {"labels.npy": npy("{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,)}")})


def a_header_that_is_no_python(path: Path) -> None:
    zipped(path, {"labels.npy": npy("(" * 3000)})


def members_that_climb_out(path: Path) -> None:
    zipped(path, {"../../labels.npy": b"x", "/labels.npy": b"x"}, keep=False)


def a_link(path: Path) -> None:
    np.savez(path.with_name("outside.npz"), **GOOD)
    path.symlink_to(path.with_name("outside.npz"))


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def too_many_classes(path: Path) -> None:
    np.savez(path, **{**GOOD, "predicted": LABELS + 1})


def classes_below_none(path: Path) -> None:
    np.savez(path, **{**GOOD, "predicted": LABELS - 1})


def words(path: Path) -> None:
    np.savez(path, **{**GOOD, "labels": LABELS.astype(str)})


def numbers_beyond_plain_data(path: Path) -> None:
    np.savez(path, **{**GOOD, "predicted": LABELS.astype(np.longdouble)})


def too_few(path: Path) -> None:
    np.savez(path, **{**GOOD, "probabilities": GOOD["probabilities"][1:]})


HOSTILE = {
    pickled: "pickled objects, which could run code",
    bomb: "unpacks to more than 256 MB",
    lying_bomb: "damaged",
    packed_by_another_method: "no archive that nnexp writes",
    thousands_of_members: "no archive that nnexp writes",
    a_header_of_a_trillion: "damaged",
    a_header_of_values_without_size: "damaged",
    a_header_that_is_no_python: "damaged",
    members_that_climb_out: "damaged",
    a_link: "a link",
    a_pipe: "a pipe",
    too_many_classes: "classes that have no probability",
    classes_below_none: "classes that have no probability",
    words: "no numbers",
    numbers_beyond_plain_data: "no numbers",
    too_few: "not those of each example",
}


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_a_hostile_archive_is_refused_with_the_reason_and_takes_no_memory(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "predictions.npz"
    make(path)
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match=HOSTILE[make]):
            read_predictions(path, probabilities=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000
    assert sorted(found.name for found in tmp_path.iterdir()) in (
        ["predictions.npz"],
        ["outside.npz", "predictions.npz"],
    )


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, *, keep: bool = True) -> None:
    with zipfile.ZipFile(path, "w", method, compresslevel=1) as archive:
        for name, array in GOOD.items() if keep else ():
            if f"{name}.npy" not in members:
                file = io.BytesIO()
                np.save(file, array)
                archive.writestr(f"{name}.npy", file.getvalue())
        for name, content in members.items():
            archive.writestr(name, content)


def npy(header: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
