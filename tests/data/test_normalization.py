"""The contract that every normalization keeps: scikit-learn's figures, from raw input, also once saved and loaded."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler, normalize

from nnexp.data.normalization import NORMALIZATIONS, fit

REFERENCE = {
    "none": lambda train, x: x,
    "divide_by_255": lambda train, x: x / 255,
    "l2": lambda train, x: normalize(x),
    "standardize": lambda train, x: StandardScaler().fit(train).transform(x),
    "min_max": lambda train, x: MinMaxScaler().fit(train).transform(x),
}


def model_of(make_layer, shape):
    """A model as training builds it: a float input, which takes bytes too, then the normalization if there is one."""
    return keras.Sequential([keras.Input(shape), make_layer() or keras.layers.Identity()])


def grey_images(draw):
    images = draw.integers(0, 256, (5000, 6, 5), dtype=np.uint8)
    images[:, 0, :] = 0  # pixels that are never inked
    images[:, 5, 4] = 255
    return images


def colour_images(draw):
    return draw.integers(0, 256, (300, 4, 4, 3), dtype=np.uint8)


def table(draw):
    rows = draw.normal([0, 1000, -5], [1, 100, 0.01], (300, 3)).astype(np.float32)
    return np.concatenate([rows, np.full((300, 1), 0.1, np.float32)], axis=1)


@pytest.fixture(params=[grey_images, colour_images, table], ids=lambda make: make.__name__)
def examples(request):
    """Training examples with constant features, and others from the same source."""
    x = request.param(np.random.default_rng(0))
    return x[: len(x) * 4 // 5], x[len(x) * 4 // 5 :]


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_it_gives_scikit_learns_figures_before_and_after_saving(name, examples, tmp_path):
    train, x = examples
    model = model_of(fit(name, train), train.shape[1:])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    flat_train, flat = (part.reshape(len(part), -1).astype("float64") for part in (train, x))
    expected = REFERENCE[name](flat_train, flat).reshape(x.shape)
    for either in (model, loaded):
        found = either.predict(x, verbose=0)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-4 if name == "standardize" else 1e-6)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_it_never_divides_by_zero(name):
    blank = np.zeros((20, 3, 3), np.uint8)
    found = model_of(fit(name, blank), (3, 3)).predict(blank, verbose=0)
    assert np.array_equal(found, np.zeros((20, 3, 3)))


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_it_says_whether_its_layer_holds_what_was_found_in_the_examples(name, examples):
    train, x = (part.astype(np.float32) for part in examples)
    one, other = (model_of(fit(name, part), train.shape[1:]).predict(x, verbose=0) for part in (train, train[:7] / 3))
    assert NORMALIZATIONS[name].learns == (not np.array_equal(one, other))


def test_it_takes_a_memory_map_as_it_is(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (50, 28, 28), dtype=np.uint8)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    found, expected = (model_of(fit("min_max", train), (28, 28)).predict(x, verbose=0) for train in (mapped, x))
    assert np.array_equal(found, expected)
