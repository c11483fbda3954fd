# mypy: ignore-errors
"""An epoch of scikit-learn's MLPClassifier: python sklearn_epoch.py PIPE DATA EXAMPLES FAMILY."""

import sys
from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.peers.turns import take_turns

_, _, data, examples, family = sys.argv
data, examples = Path(data), int(examples)
x_train = np.load(data / "x_train.npy")[:examples].reshape(-1, 784).astype("float32") / 255
y_train = np.load(data / "y_train.npy")[:examples]
x_test = np.load(data / "x_test.npy").reshape(-1, 784).astype("float32") / 255
y_test = np.load(data / "y_test.npy")

widths = [int(width) for width in family.split("-")[1:-1]]
activation = "logistic" if len(widths) == 1 else "relu"
model = MLPClassifier(widths, activation=activation, solver="adam", alpha=0, batch_size=64)


def train():
    model.partial_fit(x_train, y_train, classes=range(10))


take_turns({"scikit-learn": ("", train, lambda: model.score(x_test, y_test))})
