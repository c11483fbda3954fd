"""The fetch chain: whatever a source does, the next is asked, and only the pinned content is taken."""

from __future__ import annotations

import gzip
import io
import time
import zipfile

import numpy as np
import pytest

from nnexp import machine
from nnexp.data.library import obtain
from nnexp.data.local import Folder, NpzFile
from nnexp.data.mirrors import Mirror, OpenML
from nnexp.data.sources import Patience, Source
from nnexp.errors import DataUnavailable

BRIEF = Patience(total=1.0, silence=0.4)


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("silent", "no data for 0.4 s"),
        ("stall", "no data for 0.4 s"),
        ("drip", "no data for 0.4 s"),
        ("reset", "broke off"),
        ("truncate", "broke off"),
        ("corrupt", "SHA-256"),
        ("page", "gzip"),
        ("missing", "404"),
        ("endless", "it sends more than the dataset has"),
    ],
)
def test_a_server_that_fails_is_passed_over_in_time(web, tiny, cache_root, listener, leftovers, manner, reason):
    bad, good = Mirror(web.url(manner), ".gz", BRIEF), Mirror(web.url("good"), ".gz", BRIEF)
    started = time.monotonic()
    with pytest.raises(DataUnavailable, match=reason):
        obtain("tiny", tiny.files(bad), offline=False, progress=listener)
    arrays = obtain("tiny", tiny.files(bad, good), offline=False, progress=listener)
    assert time.monotonic() - started < 4
    assert arrays.x_train.shape == (40, 28, 28)
    assert leftovers() == []


def test_a_download_may_not_take_longer_than_its_total(web, tiny, cache_root, listener):
    source = Mirror(web.url("slow"), ".gz", Patience(total=0.5, silence=0.4))
    with pytest.raises(DataUnavailable, match=r"not finished after 0\.5 s"):
        obtain("tiny", tiny.files(source), offline=False, progress=listener)


def test_progress_counts_each_byte_that_arrives(web, tiny, cache_root, listener):
    obtain("tiny", tiny.files(Mirror(web.url("good"), ".gz")), offline=False, progress=listener)
    cached = sum(len(data) for data in tiny.content.values())
    assert 0.9 * cached < listener.counted < 1.1 * cached  # random pixels hardly compress
    assert len(web.asked) == len(tiny.parts)
    assert listener.said == [f"fetched tiny, {machine.written(cached)} unpacked, from {web.url('good')}"]


def test_the_first_source_that_has_it_is_the_last_one_asked(web, tiny, cache_root, listener, tmp_path):
    folder = Folder(str(tiny.write(tmp_path / "here", packed=True)))
    obtain("tiny", tiny.files(folder, Mirror(web.url("good"), ".gz")), offline=False, progress=listener)
    assert web.asked == []


def test_offline_asks_no_server(web, tiny, cache_root, listener):
    with pytest.raises(DataUnavailable, match=r"127\.0\.0\.1.*: not asked \(offline\)"):
        obtain("tiny", tiny.files(Mirror(web.url("good"), ".gz")), offline=True, progress=listener)
    assert web.asked == []


def test_the_message_names_every_source_and_the_way_by_hand(tiny, cache_root, listener):
    sources: list[Source] = [Folder("$NNEXP_DATA_DIR/tiny"), Folder("/nowhere/tiny"), NpzFile("$KERAS_HOME/tiny.npz")]
    with pytest.raises(DataUnavailable) as caught:
        obtain("tiny", tiny.files(*sources), offline=True, progress=listener)
    message = str(caught.value)
    assert "folder $NNEXP_DATA_DIR/tiny: NNEXP_DATA_DIR is not set" in message
    assert "folder /nowhere/tiny: there is no such folder" in message
    assert "file $KERAS_HOME/tiny.npz: No such file" in message
    assert "<folder>/tiny/train-images-idx3-ubyte" in message
    assert "set the environment variable NNEXP_DATA_DIR" in message


def test_a_users_own_wrong_file_is_passed_over_and_left_alone(tiny, cache_root, listener, tmp_path):
    folder = tiny.write(tmp_path / "mine")
    (folder / "train-labels-idx1-ubyte").write_bytes(b"my own notes")
    with pytest.raises(DataUnavailable, match="train-labels-idx1-ubyte has 12 bytes, not 48"):
        obtain("tiny", tiny.files(Folder(str(folder))), offline=True, progress=listener)
    assert (folder / "train-labels-idx1-ubyte").read_bytes() == b"my own notes"


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_named_by_the_environment(tiny, cache_root, listener, tmp_path, monkeypatch, packed):
    tiny.write(tmp_path / "shelf" / "tiny", packed=packed)
    monkeypatch.setenv("NNEXP_DATA_DIR", str(tmp_path / "shelf"))
    arrays = obtain("tiny", tiny.files(Folder("$NNEXP_DATA_DIR/tiny")), offline=True, progress=listener)
    assert arrays.y_train.tolist() == [number % 10 for number in range(40)]


def test_the_archive_in_keras_home(tiny, cache_root, listener, tmp_path):
    arrays = tiny.files().decode(tiny.content)
    archive = tmp_path / "keras" / "datasets" / "tiny.npz"
    archive.parent.mkdir(parents=True)
    parts = {name: getattr(arrays, name) for name in ("x_train", "y_train", "x_test", "y_test")}
    np.savez(archive, **parts)
    before = archive.read_bytes()
    found = obtain("tiny", tiny.files(NpzFile("$KERAS_HOME/datasets/tiny.npz")), offline=True, progress=listener)
    assert np.array_equal(found.x_test, arrays.x_test)
    assert archive.read_bytes() == before


def test_a_pickle_in_place_of_the_archive_is_never_opened(tiny, cache_root, listener, tmp_path):
    archive = tmp_path / "evil.npz"
    with archive.open("wb") as file:
        np.savez(file, x_train=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(DataUnavailable, match="allow_pickle=False"):
        obtain("tiny", tiny.files(NpzFile(str(archive))), offline=True, progress=listener)


def write_zip_of_another_size(path, tiny):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", bytes(50_000_000))


def write_array_that_lies_about_its_size(path, tiny):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (2**40, 28, 28)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", header.getvalue() + bytes(100))


def write_array_of_its_own(path, tiny):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def write_half_an_archive(path, tiny):
    arrays = tiny.files().decode(tiny.content)
    with path.open("wb") as file:
        np.savez(file, x_train=arrays.x_train)
    path.write_bytes(path.read_bytes()[:9000])


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (write_zip_of_another_size, "x_train.npy in it has 50,000,000 bytes, more than the dataset"),
        (write_array_that_lies_about_its_size, "Unable to allocate"),
        (write_array_of_its_own, "not a zip file"),
        (write_half_an_archive, "not a zip file"),
    ],
)
def test_an_archive_that_is_none_of_ours_is_passed_over(tiny, cache_root, listener, tmp_path, write, told):
    write(tmp_path / "odd.npz", tiny)
    with pytest.raises(DataUnavailable, match=told):
        obtain("tiny", tiny.files(NpzFile(str(tmp_path / "odd.npz"))), offline=True, progress=listener)


def cut(content):
    return content[: len(content) // 2]


def flip(content):
    return content[:-9] + bytes([content[-9] ^ 255]) + content[-8:]


def lie_about_the_size(content):
    return gzip.compress(b"\0\0\x08\x03" + b"\xff" * 12 + gzip.decompress(content)[16:])


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (cut, "Compressed file ended before"),
        (flip, "t10k-images-idx3-ubyte|CRC check failed|Error -3"),
        (lie_about_the_size, "t10k-images-idx3-ubyte has another content than the original"),
    ],
)
def test_a_damaged_file_is_passed_over_and_nothing_of_it_is_kept(
    tiny, cache_root, listener, leftovers, tmp_path, harm, told
):
    path = tiny.write(tmp_path / "mine", packed=True) / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(DataUnavailable, match=told):
        obtain("tiny", tiny.files(Folder(str(tmp_path / "mine"))), offline=True, progress=listener)
    assert not (cache_root / "tiny").exists()
    assert leftovers() == []


def test_openml_out_of_reach_is_told_in_words(tiny, cache_root, listener, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there
    with pytest.raises(DataUnavailable, match=r"OpenML 'mnist_784': the connection failed"):
        obtain("tiny", tiny.files(OpenML("mnist_784", patience=BRIEF)), offline=False, progress=listener)


def test_an_archive_bomb_is_not_unpacked_beyond_its_size(tiny, cache_root, listener, tmp_path):
    folder = tiny.write(tmp_path / "bomb")
    (folder / "t10k-labels-idx1-ubyte").unlink()
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(bytes(100_000_000), compresslevel=1))
    with pytest.raises(DataUnavailable, match="t10k-labels-idx1-ubyte has 29 bytes, not 28"):
        obtain("tiny", tiny.files(Folder(str(folder))), offline=True, progress=listener)
