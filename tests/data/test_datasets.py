"""The contract that every dataset keeps: what it says of itself is what loading it gives."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nnexp.data.content import CIFAR_ARCHIVE, Arrays, Part
from nnexp.data.datasets import DATASETS, Bundled, Dataset, find, load, provenance, where
from nnexp.data.local import Folder
from nnexp.data.sources import Files
from nnexp.errors import InputError

BUNDLED = [name for name, dataset in DATASETS.items() if isinstance(dataset.origin, Bundled)]


@pytest.fixture(scope="session")
def small_cifar10(packed, tmp_path_factory) -> Dataset:
    """CIFAR-10 in small, from an archive in its format: no package mirror has the real one."""
    draw = np.random.default_rng(0).integers
    batch = np.concatenate([np.arange(10)[:, None], draw(0, 256, (10, 3072))], axis=1).astype(np.uint8).tobytes()
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    archive = packed({f"cifar-10-batches-bin/{name}.bin": batch for name in names})
    folder = tmp_path_factory.mktemp("cifar10")
    (folder / CIFAR_ARCHIVE).write_bytes(archive)
    real = DATASETS["cifar10"]
    assert isinstance(real.origin, Files)
    part = Part(CIFAR_ARCHIVE, len(archive), hashlib.sha256(archive).hexdigest())
    origin = dataclasses.replace(real.origin, parts=(part,), sources=(Folder(str(folder)),))
    return dataclasses.replace(real, name="cifar10_small", origin=origin, train_size=50, test_size=10)


@pytest.fixture(scope="session", params=[*DATASETS])
def loaded(request, small_cifar10, tmp_path_factory) -> Iterator[tuple[Dataset, Arrays]]:
    """Each dataset with its arrays; MNIST and Fashion-MNIST are the real ones, fetched if they are not here."""
    with pytest.MonkeyPatch.context() as patch:
        dataset = DATASETS[request.param]
        if dataset.name == "cifar10":
            dataset = small_cifar10
            patch.setenv("NNEXP_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield dataset, load(dataset)


def test_it_is_what_it_says(loaded):
    dataset, arrays = loaded
    assert arrays.x_train.shape == (dataset.train_size, *dataset.shape)
    assert arrays.x_test.shape == (dataset.test_size, *dataset.shape)
    assert arrays.x_train.dtype == arrays.x_test.dtype == dataset.dtype
    low = min(arrays.x_train.min(), arrays.x_test.min())
    high = max(arrays.x_train.max(), arrays.x_test.max())
    assert (low, high) == pytest.approx(dataset.value_range)
    if dataset.task == "regression":
        assert arrays.y_train.dtype == arrays.y_test.dtype == np.float32
        assert arrays.y_train.shape[1:] == arrays.y_test.shape[1:] == (len(dataset.classes),)
        return
    for labels in (arrays.y_train, arrays.y_test):
        assert labels.dtype == np.int32
        assert labels.ndim == 1
        assert np.unique(labels).tolist() == list(range(len(dataset.classes)))


def test_each_class_has_the_same_share_of_both_parts(loaded):
    dataset, arrays = loaded
    if dataset.task == "regression":
        assert len(arrays.y_test) == -(-len(arrays.y_train) // 4)  # a fifth of all
        return
    shares = [np.bincount(labels) / len(labels) for labels in (arrays.y_train, arrays.y_test)]
    assert np.abs(shares[0] - shares[1]).max() < 0.02


def test_it_is_the_same_each_time(loaded):
    dataset, arrays = loaded
    again = load(dataset, offline=True)
    assert np.array_equal(arrays.x_test, again.x_test)
    assert np.array_equal(arrays.y_train, again.y_train)


def test_its_description_is_complete(loaded):
    dataset, _ = loaded
    assert all((dataset.title, dataset.licence, dataset.source, dataset.split))
    assert dataset.homepage.startswith("http")
    assert len(set(dataset.classes)) == len(dataset.classes)
    assert len(dataset.feature_names) in (0, dataset.shape[0])


def test_it_says_where_it_is(loaded):
    dataset, _ = loaded
    assert (where(dataset), provenance(dataset) == "scikit-learn") in [("bundled", True), ("cached", False)]


def test_a_bundled_set_is_read_without_scikit_learn_from_then_on_and_made_again_where_damaged(cache_root):
    first = load(DATASETS["iris"])
    code = "import sys; from nnexp.data.datasets import *; x = load(DATASETS['iris']).x_test"
    code += "; print(x.sum(), 'sklearn' in sys.modules)"
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert again.stdout.split() == [str(first.x_test.sum()), "False"]
    (cache_root / "iris" / "x_test.npy").write_bytes(b"damage")
    for _ in range(2):
        mended = load(DATASETS["iris"])
        for name in ("x_train", "y_train", "x_test", "y_test"):
            assert np.array_equal(getattr(mended, name), getattr(first, name))


@pytest.mark.parametrize("name", BUNDLED)
def test_the_bundled_sets_hold_scikit_learns_own_examples(name):
    import sklearn.datasets

    arrays, origin = load(DATASETS[name]), DATASETS[name].origin
    assert isinstance(origin, Bundled)
    original = getattr(sklearn.datasets, origin.loader)(**origin.options)
    ours = np.concatenate([arrays.x_train, arrays.x_test]).reshape(len(original.data), -1)
    order, original_order = np.lexsort(ours.T), np.lexsort(original.data.astype("float32").T)
    assert np.array_equal(ours[order], original.data.astype("float32")[original_order])
    learnt = np.concatenate([arrays.y_train, arrays.y_test])
    assert np.array_equal(learnt[order], original.target.reshape(learnt.shape)[original_order])


def test_the_first_fashion_images_are_the_known_ones():
    fashion = DATASETS["fashion_mnist"]
    labels = load(fashion).y_train[:5]
    assert [fashion.classes[label] for label in labels] == [
        "Ankle boot",
        "T-shirt/top",
        "T-shirt/top",
        "Dress",
        "T-shirt/top",
    ]


def test_each_name_is_its_key_and_has_its_row_in_the_documents():
    page = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) >= set(DATASETS)
    assert all(find(name).name == name for name in DATASETS)


@pytest.mark.parametrize(
    ("typed", "meant"), [("fashionmnist", "fashion_mnist"), ("Fashion-MNIST", "fashion_mnist"), ("cifar-10", "cifar10")]
)
def test_a_misspelt_name_is_told_with_the_nearest(typed, meant):
    with pytest.raises(InputError, match=rf"no dataset '{typed}'; did you mean '{meant}'\?") as caught:
        find(typed)
    assert "breast_cancer" in str(caught.value)


def test_describing_datasets_loads_nothing_heavy():
    heavy = ["numpy", "sklearn", "pooch", "requests", "keras", "tensorflow", "platformdirs", "tarfile"]
    script = (
        "import sys, nnexp.data.datasets, nnexp.data.normalization, nnexp.data.splits;"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
