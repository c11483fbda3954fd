"""The datasets that come with scikit-learn: each one's description, and how their arrays are had."""

from __future__ import annotations

from nnexp.data.content import Arrays, Part
from nnexp.data.dataset import Bundled, Dataset


def load_bundled(dataset: Dataset, origin: Bundled) -> Arrays:
    """From the cache, once this version of scikit-learn has given it: its import takes a second."""
    from importlib.metadata import version

    from nnexp.data.library import kept

    parts = [Part(f"{origin.loader} of scikit-learn {version('scikit-learn')}, 80/20", 0, "")]
    return kept(dataset.name, parts, lambda: _from_sklearn(dataset, origin))


def _from_sklearn(dataset: Dataset, origin: Bundled) -> Arrays:
    import sklearn.datasets
    from sklearn.model_selection import train_test_split

    bunch = getattr(sklearn.datasets, origin.loader)(**origin.options)
    x = bunch.data.astype("float32").reshape(-1, *dataset.shape)
    is_classes = dataset.task == "classification"
    y = bunch.target.astype("int32") if is_classes else bunch.target.astype("float32").reshape(len(x), -1)
    strata = y if is_classes else None
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, stratify=strata, random_state=0)
    return Arrays(x_train, y_train, x_test, y_test)


_SKLEARN_SPLIT = (
    "A fixed, stratified 80/20 split by nnexp, since the set has none: "
    "scikit-learn's train_test_split with random_state=0."
)
_CC_BY = "CC BY 4.0"
_DIGITS = tuple("0123456789")

_HANDWRITTEN_DIGITS = Dataset(
    name="digits",
    title="Digits",
    shape=(8, 8),
    dtype="float32",
    value_range=(0, 16),
    classes=_DIGITS,
    train_size=1437,
    test_size=360,
    licence=_CC_BY,
    homepage="https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
    source="The test part of UCI's optical recognition of handwritten digits, which comes with scikit-learn.",
    split=_SKLEARN_SPLIT,
    origin=Bundled("load_digits"),
)

_IRIS = Dataset(
    name="iris",
    title="Iris",
    shape=(4,),
    dtype="float32",
    value_range=(0.1, 7.9),
    classes=("setosa", "versicolor", "virginica"),
    train_size=120,
    test_size=30,
    licence=_CC_BY,
    homepage="https://archive.ics.uci.edu/dataset/53/iris",
    source="Measured by Anderson, published by Fisher (1936); comes with scikit-learn.",
    split=_SKLEARN_SPLIT,
    origin=Bundled("load_iris"),
    feature_names=("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"),
)

_WINE = Dataset(
    name="wine",
    title="Wine",
    shape=(13,),
    dtype="float32",
    value_range=(0.13, 1680.0),
    classes=("class_0", "class_1", "class_2"),
    train_size=142,
    test_size=36,
    licence=_CC_BY,
    homepage="https://archive.ics.uci.edu/dataset/109/wine",
    source="Wines of one Italian region, analysed by Forina and others (1988); comes with scikit-learn.",
    split=_SKLEARN_SPLIT,
    origin=Bundled("load_wine"),
    feature_names=(
        "alcohol",
        "malic_acid",
        "ash",
        "alcalinity_of_ash",
        "magnesium",
        "total_phenols",
        "flavanoids",
        "nonflavanoid_phenols",
        "proanthocyanins",
        "color_intensity",
        "hue",
        "od280/od315_of_diluted_wines",
        "proline",
    ),
)

_NUCLEUS = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)

_BREAST_CANCER = Dataset(
    name="breast_cancer",
    title="Breast cancer",
    shape=(30,),
    dtype="float32",
    value_range=(0.0, 4254.0),
    classes=("malignant", "benign"),
    train_size=455,
    test_size=114,
    licence=_CC_BY,
    homepage="https://archive.ics.uci.edu/dataset/17/breast+cancer+wisconsin+diagnostic",
    source="Measured on images of biopsies by Wolberg, Street and Mangasarian (1993); comes with scikit-learn.",
    split=_SKLEARN_SPLIT,
    origin=Bundled("load_breast_cancer"),
    feature_names=(
        *(f"mean {name}" for name in _NUCLEUS),
        *(f"{name} error" for name in _NUCLEUS),
        *(f"worst {name}" for name in _NUCLEUS),
    ),
)

_DIABETES = Dataset(
    name="diabetes",
    title="Diabetes",
    shape=(10,),
    dtype="float32",
    value_range=(1.0, 301.0),
    classes=("progression",),
    train_size=353,
    test_size=89,
    licence="none stated",
    homepage="https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html",
    source="How far the illness went in a year, published by Efron and others (2004); comes with scikit-learn.",
    split="A fixed 80/20 split by nnexp, since the set has none: scikit-learn's train_test_split with random_state=0.",
    origin=Bundled("load_diabetes", {"scaled": False}),
    feature_names=("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
    task="regression",
)

BUNDLED = (_HANDWRITTEN_DIGITS, _IRIS, _WINE, _BREAST_CANCER, _DIABETES)
