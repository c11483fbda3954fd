"""Checkpoints: whole or passed over, and never more than data."""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnexp.runs import checkpoint
from nnexp.runs.checkpoint import Checkpoint


def made(epoch: int) -> Checkpoint:
    return Checkpoint(
        epoch=epoch,
        stop=False,
        logs={"loss": 0.5},
        history=[{"epoch": number, "loss": math.nan} for number in range(1, epoch + 1)],
        stopped=None,
        diverged_at=1,
        timings={"training": 1.5},
        training={"callbacks": [{"best": math.inf}]},
        arrays={"variable 0": np.arange(6, dtype=np.float16).reshape(2, 3), "variable 1": np.array(7)},
    )


# The plain data of a checkpoint; what a test adds after it wins.
PLAIN = json.dumps(
    {
        "epoch": 1,
        "stop": False,
        "logs": {},
        "history": [{"epoch": 1, "loss": 1.0}],
        "stopped": None,
        "diverged_at": None,
        "timings": {},
        "training": {},
    }
)


def signed(content: bytes) -> bytes:
    return hashlib.sha256(content).digest() + content


def test_a_checkpoint_comes_back_to_the_bit(tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "checkpoint", made(3))
    found = checkpoint.latest(tmp_path / "checkpoint")
    assert found is not None
    assert (found.epoch, found.stop, found.diverged_at, found.timings) == (3, False, 1, {"training": 1.5})
    assert [row["epoch"] for row in found.history] == [1, 2, 3]
    assert math.isnan(found.history[0]["loss"])
    assert found.training["callbacks"][0]["best"] == math.inf
    for name, array in made(3).arrays.items():
        assert found.arrays[name].dtype == array.dtype
        assert found.arrays[name].tobytes() == array.tobytes()


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    for epoch in (1, 2, 9, 10):
        checkpoint.write(tmp_path, made(epoch))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-000009.checkpoint", "epoch-000010.checkpoint"]


def test_damaged_ones_of_later_epochs_make_room(tmp_path: Path) -> None:
    checkpoint.write(tmp_path, made(1))
    for epoch in (8, 9):
        (tmp_path / f"epoch-{epoch:06}.checkpoint").write_bytes(b"torn")
    (tmp_path / "epoch-000010.checkpoint").mkdir()
    checkpoint.drop_after(tmp_path, 1)
    checkpoint.write(tmp_path, made(2))
    found = checkpoint.latest(tmp_path)
    assert found is not None
    assert found.epoch == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1],
        lambda whole: bytes([whole[0] ^ 1]) + whole[1:],
        lambda whole: whole[:200] + bytes([whole[200] ^ 1]) + whole[201:],
        lambda whole: signed(b"whole, but no archive"),
    ],
    ids=["empty", "half", "a byte less", "hash", "a bit", "forged"],
)
def test_a_damaged_one_is_passed_over_for_the_one_before(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    checkpoint.write(tmp_path, made(4))
    checkpoint.write(tmp_path, made(5))
    newest = tmp_path / "epoch-000005.checkpoint"
    newest.write_bytes(damage(newest.read_bytes()))
    found = checkpoint.latest(tmp_path)
    assert found is not None
    assert found.epoch == 4


def test_where_there_is_no_whole_one_there_is_none(tmp_path: Path) -> None:
    assert checkpoint.latest(tmp_path / "missing") is None
    (tmp_path / "epoch-000001.checkpoint").write_bytes(b"torn")
    (tmp_path / "epoch-000002.checkpoint").mkdir()
    (tmp_path / "epoch-000003.checkpoint").symlink_to("/dev/zero")
    assert checkpoint.latest(tmp_path) is None


def forged(arrays: dict[str, np.ndarray], compress: bool = False) -> bytes:
    content = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(content, **arrays)
    return signed(content.getvalue())


def test_a_forged_one_runs_nothing_and_does_not_grow(tmp_path: Path) -> None:
    harmful = np.array([Harmful(tmp_path / "ran")], dtype=object)
    bomb = np.zeros(50_000_000, np.uint8)
    for content in (
        forged({"plain.json": harmful}),
        forged({"plain.json": bomb}, compress=True),
        forged({"a": bomb[:9]}),
    ):
        (tmp_path / "epoch-000001.checkpoint").write_bytes(content)
        assert checkpoint.latest(tmp_path) is None
    assert not (tmp_path / "ran").exists()


class Harmful:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    "plain",
    [
        f'{PLAIN[:-1]}, "history": [{{"epoch": 1}}]}}',
        f'{PLAIN[:-1]}, "stopped": {{}}}}',
        "[]",
        "{}",
        '{"epoch": 1}',
        "[" * 100_000,
        '{"epoch": "1", "stop": 1}',
    ],
    ids=["no loss", "stop", "list", "empty", "parts", "deep", "types"],
)
def test_plain_data_of_another_kind_is_passed_over(tmp_path: Path, plain: str) -> None:
    (tmp_path / "epoch-000001.checkpoint").write_bytes(forged({"plain.json": np.frombuffer(plain.encode(), np.uint8)}))
    assert checkpoint.latest(tmp_path) is None


def test_an_archive_that_lies_about_its_members_is_passed_over(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        header = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000,), }"
        archive.writestr("plain.json.npy", header.ljust(127) + b"\n")
    (tmp_path / "epoch-000001.checkpoint").write_bytes(signed(content.getvalue()))
    assert checkpoint.latest(tmp_path) is None


def test_what_the_forgeries_were_made_from_would_be_taken(tmp_path: Path) -> None:
    (tmp_path / "epoch-000001.checkpoint").write_bytes(forged({"plain.json": np.frombuffer(PLAIN.encode(), np.uint8)}))
    assert checkpoint.latest(tmp_path) is not None
