"""Formats: IDX and CIFAR-10's binary records, read from bytes and held to what is pinned."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnexp.data.content import (
    CIFAR_ARCHIVE,
    IDX_NAMES,
    WrongContent,
    cifar_decode,
    idx_content,
    idx_decode,
    idx_encode,
    verify,
)


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=3)))
def test_idx_holds_a_magic_number_the_sizes_and_the_bytes(array):
    data = idx_encode(array)
    assert data[:4] == bytes([0, 0, 8, array.ndim])
    assert struct.unpack(f">{array.ndim}I", data[4 : 4 + 4 * array.ndim]) == array.shape
    assert data[4 + 4 * array.ndim :] == array.tobytes()


@given(st.integers(1, 5), st.integers(1, 5))
def test_idx_content_decodes_to_the_arrays_it_was_made_of(train, test):
    x_train, x_test = np.full((train, 28, 28), 7, np.uint8), np.full((test, 28, 28), 8, np.uint8)
    y_train, y_test = np.arange(train, dtype=np.uint8), np.arange(test, dtype=np.uint8)
    found = idx_decode(idx_content(x_train, y_train, x_test, y_test))
    assert np.array_equal(found.x_train, x_train)
    assert np.array_equal(found.x_test, x_test)
    assert found.y_train.tolist() == list(range(train))
    assert found.y_test.dtype == np.int32


def test_verify_accepts_the_pinned_bytes_and_nothing_else(tiny):
    verify(tiny.parts, tiny.content)
    name = IDX_NAMES[0]
    data = tiny.content[name]
    for wrong, reason in ((data[:-1], "bytes, not"), (data[:-1] + bytes([data[-1] ^ 1]), "SHA-256")):
        with pytest.raises(WrongContent, match=f"{name} has .*{reason}"):
            verify(tiny.parts, {**tiny.content, name: wrong})
    with pytest.raises(WrongContent, match=f"{name} is missing"):
        verify(tiny.parts, {key: value for key, value in tiny.content.items() if key != name})


def test_cifar_records_become_images_with_their_colours_last(packed):
    red, green, blue = (np.full((32, 32), value, np.uint8) for value in (200, 100, 50))
    red[0, 31] = 255
    record = np.concatenate([[3], red.ravel(), green.ravel(), blue.ravel()]).astype(np.uint8).tobytes()
    names = [f"cifar-10-batches-bin/data_batch_{number}.bin" for number in range(1, 6)]
    members = dict.fromkeys([*names, "cifar-10-batches-bin/test_batch.bin", "../outside.bin"], record)
    found = cifar_decode({CIFAR_ARCHIVE: packed(members)})
    assert (found.x_train.shape, found.x_test.shape) == ((5, 32, 32, 3), (1, 32, 32, 3))
    assert found.x_train[0, 5, 5].tolist() == [200, 100, 50]
    assert found.x_train[0, 0, 31].tolist() == [255, 100, 50]
    assert found.y_train.tolist() == [3] * 5
    assert found.x_train.flags.c_contiguous
