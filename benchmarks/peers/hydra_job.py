# mypy: ignore-errors
"""The main job as a Hydra application; its sweep runs through the joblib launcher.

python hydra_job.py --multirun data=DATA epochs=10 seed=1,2,3,4,5,6 hydra.sweep.dir=FOLDER
"""

from pathlib import Path

import hydra
import numpy as np
from tensorflow import keras


@hydra.main(version_base=None, config_path=".", config_name="hydra_job")
def main(config):
    data = Path(config.data)
    x_train, y_train = np.load(data / "x_train.npy"), np.load(data / "y_train.npy")
    x_test, y_test = np.load(data / "x_test.npy"), np.load(data / "y_test.npy")
    x_train = x_train / 255.0
    x_test = x_test / 255.0

    keras.utils.set_random_seed(config.seed)
    model = keras.Sequential(
        [
            keras.Input(shape=(28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(config.units, activation="sigmoid"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, batch_size=config.batch_size, epochs=config.epochs)
    _, accuracy = model.evaluate(x_test, y_test)
    print(f"test accuracy {accuracy:.4f}")
    return accuracy


if __name__ == "__main__":
    main()
