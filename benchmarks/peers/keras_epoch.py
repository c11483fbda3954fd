# mypy: ignore-errors
"""An epoch of stock Keras, as the notebooks write it: python keras_epoch.py PIPE DATA EXAMPLES FAMILY."""

import sys
import time
from pathlib import Path

import numpy as np
from tensorflow import keras

from benchmarks.peers.turns import take_turns

_, _, data, examples, family = sys.argv
data, examples = Path(data), int(examples)
x_train = np.load(data / "x_train.npy")[:examples].astype("float32") / 255  # beforehand, in its favour
y_train = np.load(data / "y_train.npy")[:examples]
x_test = np.load(data / "x_test.npy").astype("float32") / 255
y_test = np.load(data / "y_test.npy")

layers = keras.layers
FAMILIES = {
    "784-128-10": lambda: [layers.Flatten(), layers.Dense(128, activation="sigmoid")],
    "784-1024-10": lambda: [layers.Flatten(), layers.Dense(1024, activation="sigmoid")],
    "784-256-128-64-10": lambda: [
        layers.Flatten(),
        layers.Dense(256, activation="relu"),
        layers.Dense(128, activation="relu"),
        layers.Dense(64, activation="relu"),
    ],
    "BatchNorm and Dropout": lambda: [
        layers.Flatten(),
        layers.Dense(256),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Dropout(0.3),
        layers.Dense(128),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Dropout(0.3),
    ],
    "CNN 32-64-128": lambda: [
        layers.Reshape((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(128, 3, activation="relu"),
        layers.Flatten(),
    ],
    "LSTM 64": lambda: [layers.LSTM(64)],
}


class Timer(keras.callbacks.Callback):
    """Times the epoch inside `fit`, without what `fit` does before and after; in its favour."""

    def on_epoch_begin(self, epoch, logs=None):
        self.begun = time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        wall, cpu = self.begun
        self.seconds = time.perf_counter() - wall, time.process_time() - cpu


def variant(note, verbose, steps_per_execution):
    model = keras.Sequential([keras.Input((28, 28)), *FAMILIES[family](), keras.layers.Dense(10, activation="softmax")])
    model.compile(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )
    timer = Timer()

    def train():
        model.fit(x_train, y_train, batch_size=64, epochs=1, verbose=verbose, callbacks=[timer])
        return timer.seconds

    return note, train, lambda: model.evaluate(x_test, y_test, verbose=0, batch_size=1000)[1]


take_turns(
    {
        "stock fit": variant("", "auto", 1),
        "stock fit, verbose=0": variant("", 0, 1),
        "fit, steps_per_execution=50": variant("", "auto", 50),
    }
)
