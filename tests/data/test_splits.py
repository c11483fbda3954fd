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


# Fewer training examples.

sizes = st.floats(0.05, 0.95)
held_out = st.sampled_from(["none", "test", 0.2])


@given(class_counts, sizes, held_out, seeds)
def test_so_many_are_trained_on_in_their_order_and_with_their_labels(counts, size, validation, seed):
    arrays = numbered(counts)
    left = len(split(arrays, validation, seed).x_train)
    for train_size, count in ((size, round(left * size)), (round(left * size), round(left * size)), ("none", left)):
        if count:
            parts = split(arrays, validation, seed, train_size)
            train = parts.x_train[:, 0].astype(int)
            assert len(train) == parts.counts["train"] == count
            assert (np.diff(train) > 0).all()
            assert np.array_equal(parts.y_train, arrays.y_train[train])


@given(class_counts, sizes, seeds)
def test_the_other_parts_are_the_same_at_every_size(counts, size, seed):
    arrays = numbered(counts)
    whole = split(arrays, 0.2, seed)
    parts = split(arrays, 0.2, seed, max(1, round(len(whole.x_train) * size)))
    assert np.array_equal(parts.x_val, whole.x_val)
    assert np.array_equal(parts.y_val, whole.y_val)
    assert parts.x_test is whole.x_test
    assert parts.fingerprint == whole.fingerprint
    assert np.isin(parts.x_train, whole.x_train).all()


@given(class_counts, held_out, seeds)
def test_a_smaller_size_is_in_a_larger_one(counts, validation, seed):
    arrays = numbered(counts)
    smaller = set()
    for size in range(1, len(split(arrays, validation, seed).x_train) + 1):
        larger = set(split(arrays, validation, seed, size).x_train[:, 0])
        assert smaller < larger
        smaller = larger


@given(class_counts, st.integers(1, 10), seeds)
def test_each_class_has_one_share_rounded_to_whole_examples(counts, size, seed):
    given = np.bincount(split(numbered(counts), "none", seed, size).y_train, minlength=len(counts))
    shares = [(count - 0.5) / of for count, of in zip(given, counts, strict=True)]
    assert max(shares) <= min((count + 0.5) / of for count, of in zip(given, counts, strict=True)) + 1e-9


@pytest.mark.parametrize("size", [1, 15, 20, 99])
def test_classes_of_one_size_differ_by_one_example_at_most(size):
    given = np.bincount(split(numbered([50] * 10), "none", 3, size).y_train, minlength=10)
    assert given.max() - given.min() <= 1


def test_the_seed_decides_which_are_trained_on():
    arrays = numbered([50, 50])
    first, again, other = (split(arrays, "none", each, 30).x_train for each in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_which_class_is_left_out_is_chance():
    seen = {int(split(numbered([5, 5]), "none", seed, 1).y_train[0]) for seed in range(20)}
    assert seen == {0, 1}


def test_all_of_them_are_not_copied():
    arrays = numbered([5, 5])
    assert split(arrays, "none", 0, 10).x_train is arrays.x_train


@pytest.mark.parametrize("labels", [np.eye(40, 3, dtype="float32"), np.linspace(0, 1, 40, dtype="float32")[:, None]])
def test_examples_without_a_class_are_drawn_at_random(labels):
    arrays = Arrays(np.arange(40)[:, None], labels, np.zeros((1, 1)), labels[:1], np.arange(40, dtype="float32"))
    parts = split(arrays, "none", 5, 8)
    train = parts.x_train[:, 0]
    assert len(train) == 8
    assert np.array_equal(parts.y_train, labels[train])
    assert np.array_equal(parts.weights, train)
    assert set(train) < set(split(arrays, "none", 5, 9).x_train[:, 0])


@pytest.mark.parametrize(("size", "told"), [(9, "train_size: 9 of 8 training examples"), (0.01, "a larger fraction")])
def test_more_than_there_are_and_none_of_them_are_refused(size, told):
    with pytest.raises(InputError, match=told):
        split(numbered([5, 5]), 0.2, 0, size)
