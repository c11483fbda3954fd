# mypy: ignore-errors
"""The main job as the notebooks write it, in stock Keras and nothing of nnexp.

    python keras_script.py DATA EPOCHS SEED PLOT

DATA is a folder of x_train.npy, y_train.npy, x_test.npy and y_test.npy; the history plot is written to PLOT. Unlike
`nnexp run` it keeps neither model nor predictions, and looks at no more than the accuracy.
"""

import sys
from pathlib import Path

import matplotlib
import numpy as np
from tensorflow import keras

matplotlib.use("Agg")
import matplotlib.pyplot as plt

_, data, epochs, seed, plot = sys.argv
data = Path(data)
keras.utils.set_random_seed(int(seed))
x_train, y_train = np.load(data / "x_train.npy"), np.load(data / "y_train.npy")
x_test, y_test = np.load(data / "x_test.npy"), np.load(data / "y_test.npy")
x_train = x_train / 255.0
x_test = x_test / 255.0

model = keras.Sequential(
    [
        keras.Input(shape=(28, 28)),
        keras.layers.Flatten(),
        keras.layers.Dense(128, activation="sigmoid"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.summary()
history = model.fit(x_train, y_train, batch_size=64, epochs=int(epochs))
loss, accuracy = model.evaluate(x_test, y_test)
print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")

for name, values in history.history.items():
    plt.plot(range(1, len(values) + 1), values, label=name)
plt.grid(visible=True)
plt.ylim(0, 1)
plt.legend()
plt.savefig(plot)

probabilities = model.predict(x_test)
print(probabilities[0], probabilities[0].argmax())
