"""Splits: nothing is lost, nothing is shared, each class has its share, and the seed decides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnexp.data.content import Arrays
from nnexp.data.splits import fingerprint, split
from nnexp.errors import InputError


def numbered(counts: list[int]) -> Arrays:
    """Examples that are their own number, with so many of each class, mixed."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts)).astype("int32")
    numbers = np.arange(len(labels), dtype="float32")[:, None]
    return Arrays(numbers, labels, numbers[:2] - 2, np.array([0, 1], dtype="int32"))


class_counts = st.lists(st.integers(1, 60), min_size=2, max_size=6).filter(lambda counts: sum(counts) >= 10)
fractions = st.floats(0.1, 0.9)
seeds = st.integers(0, 2**32 - 1)


@given(class_counts, fractions, seeds)
def test_every_example_is_in_one_part_in_its_order_and_with_its_label(counts, fraction, seed):
    arrays = numbered(counts)
    parts = split(arrays, fraction, seed)
    train, held_out = parts.x_train[:, 0].astype(int), parts.x_val[:, 0].astype(int)
    assert sorted([*train, *held_out]) == list(range(len(arrays.x_train)))
    assert (np.diff(train) > 0).all()
    assert (np.diff(held_out) > 0).all()
    assert np.array_equal(parts.y_train, arrays.y_train[train])
    assert np.array_equal(parts.y_val, arrays.y_train[held_out])


@given(class_counts, fractions, seeds)
def test_each_class_has_its_share_to_within_one_example(counts, fraction, seed):
    parts = split(numbered(counts), fraction, seed)
    assert len(parts.y_val) == round(sum(counts) * fraction)
    exact = np.array(counts) * len(parts.y_val) / sum(counts)
    assert np.abs(np.bincount(parts.y_val, minlength=len(counts)) - exact).max() < 1


@given(seeds)
def test_the_seed_decides(seed):
    arrays = numbered([50, 50])
    first, again, other = (split(arrays, 0.3, each).x_val for each in (seed, seed, seed + 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_validation_nothing_is_copied():
    arrays = numbered([5, 5])
    parts = split(arrays, "none", 0)
    assert parts.x_train is arrays.x_train
    assert parts.x_val is None
    assert parts.y_val is None


def test_the_test_part_may_serve_as_validation():
    arrays = numbered([5, 5])
    parts = split(arrays, "test", 0)
    assert parts.x_train is arrays.x_train
    assert parts.x_val is parts.x_test is arrays.x_test
    assert parts.y_val is arrays.y_test


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_an_empty_part_is_refused(fraction):
    with pytest.raises(InputError, match=f"{fraction:g} of 10 training examples would leave one part empty"):
        split(numbered([5, 5]), fraction, 0)


def test_the_fingerprint_is_that_of_the_test_part_alone():
    arrays = numbered([5, 5])
    prints = {split(arrays, validation, seed).fingerprint for validation in ("none", "test", 0.5) for seed in (1, 2)}
    assert prints == {fingerprint(arrays.x_test, arrays.y_test)}
    changed = arrays.y_test.copy()
    changed[0] += 1
    assert fingerprint(arrays.x_test, changed) not in prints
    assert fingerprint(arrays.x_test.astype("float64"), arrays.y_test) not in prints
    assert fingerprint(arrays.x_test.T, arrays.y_test) not in prints
