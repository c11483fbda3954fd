# mypy: ignore-errors
"""Runs of the main job as a notebook writes them: a loop over seeds, in stock Keras and nothing of nnexp.

    python keras_loop.py DATA EPOCHS RUNS

DATA is a folder of x_train.npy, y_train.npy, x_test.npy and y_test.npy. Unlike `nnexp sweep` it keeps nothing.
"""

import sys
from pathlib import Path

import numpy as np
from tensorflow import keras

_, data, epochs, runs = sys.argv
data = Path(data)
x_train, y_train = np.load(data / "x_train.npy"), np.load(data / "y_train.npy")
x_test, y_test = np.load(data / "x_test.npy"), np.load(data / "y_test.npy")
x_train = x_train / 255.0
x_test = x_test / 255.0

accuracies = []
for seed in range(1, int(runs) + 1):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input(shape=(28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="sigmoid"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, batch_size=64, epochs=int(epochs))
    loss, accuracy = model.evaluate(x_test, y_test)
    accuracies.append(accuracy)

print(f"test accuracy {np.mean(accuracies):.4f}, from {min(accuracies):.4f} to {max(accuracies):.4f}")
