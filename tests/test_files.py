"""Files are whole or as they were, and JSON is strict."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path

import numpy as np
import pytest

from nnexp.files import remove_temporaries_of, replacing, to_json, write_bytes, write_json, write_text


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_in_one_step(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with replacing(path, durable=durable) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_what_a_killed_process_left_beside_a_file_is_removed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    other = [f".{'0' * 32}-b.txt", f".{'0' * 31}-a.txt", "x-a.txt"]
    for name in (f".{'0' * 32}-a.txt", f".{'f' * 32}-a.txt", "a.txt", *other):
        (tmp_path / name).write_text("x")
    remove_temporaries_of(path)
    assert {file.name for file in tmp_path.iterdir()} == {"a.txt", *other}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_content_and_nothing_beside_it(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_writer_that_makes_no_file_is_an_error_and_the_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text() == "old"


def test_the_temporary_keeps_the_ending_for_savers_that_look_at_it(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.npz") as temporary:
        np.savez(temporary, x=[1])
    assert np.load(tmp_path / "a.npz")["x"].tolist() == [1]


def test_readers_never_see_a_half_written_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    contents = [bytes([value]) * 200_000 for value in range(4)]
    write_bytes(path, contents[0])
    writers = [threading.Thread(target=write_bytes, args=(path, content)) for content in contents * 5]
    for writer in writers:
        writer.start()
    seen = []
    while any(writer.is_alive() for writer in writers):
        seen.append(path.read_bytes())
    for writer in writers:
        writer.join()
    assert {*seen, path.read_bytes()} <= set(contents)
    assert [file.name for file in tmp_path.iterdir()] == ["a.bin"]


def test_json_has_null_where_a_number_is_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    value = {"a": [math.nan, math.inf, -math.inf, 1.5], 3: (np.float32("nan"), np.int64(7), np.arange(2)), "é": "ü"}
    write_json(path, value)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    read = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert read == {"a": [None, None, None, 1.5], "3": [None, 7, [0, 1]], "é": "ü"}
    assert "é" in path.read_text(encoding="utf-8")


def test_numbers_keep_every_bit_in_json() -> None:
    values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0]
    assert json.loads(to_json(values)) == values
