# mypy: ignore-errors
"""The main job with scikit-learn's MLPClassifier: python sklearn_script.py DATA EPOCHS SEED PLOT."""

import sys
import warnings
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

matplotlib.use("Agg")
import matplotlib.pyplot as plt

_, data, epochs, seed, plot = sys.argv
data = Path(data)
x_train, y_train = np.load(data / "x_train.npy").reshape(-1, 784) / 255.0, np.load(data / "y_train.npy")
x_test, y_test = np.load(data / "x_test.npy").reshape(-1, 784) / 255.0, np.load(data / "y_test.npy")

model = MLPClassifier(
    hidden_layer_sizes=(128,),
    activation="logistic",
    alpha=0,
    batch_size=64,
    max_iter=int(epochs),
    random_state=int(seed),
    verbose=True,
)
warnings.simplefilter("ignore", ConvergenceWarning)  # so many epochs were asked for
model.fit(x_train, y_train)
print(f"test accuracy {model.score(x_test, y_test):.4f}")

plt.plot(range(1, len(model.loss_curve_) + 1), model.loss_curve_, label="loss")
plt.legend()
plt.savefig(plot)
