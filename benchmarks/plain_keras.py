"""What a user would otherwise write: each network by hand in Keras, compiled, trained with ``model.fit``.

    python benchmarks/plain_keras.py cnn data.npz 3        network, arrays x and y, epochs

TensorFlow, float32, Keras's own defaults.
"""

from __future__ import annotations

import os
import sys
import time

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers


def cnn(width: int = 256) -> keras.Model:
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(width, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(128, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(100, activation="relu"),
            layers.Dense(100, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def cldnn() -> keras.Model:
    model = keras.Sequential(
        [
            layers.Input((2, 128, 1)),
            layers.Conv2D(256, (1, 3), activation="relu"),
            layers.Dropout(0.2),
            layers.Conv2D(256, (2, 3), activation="relu"),
            layers.Conv2D(80, (1, 3), activation="relu"),
            layers.Dropout(0.2),
            layers.Conv2D(80, (1, 3), activation="relu"),
            layers.Reshape((-1, 80)),
            layers.LSTM(50),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def word_gru(length: int = 100) -> keras.Model:
    model = keras.Sequential(
        [
            layers.Input((length,), dtype="int32"),
            layers.Embedding(38_773, 20),
            layers.GRU(20),
            layers.Dense(15, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def pulse_gru() -> keras.Model:
    model = keras.Sequential(
        [layers.Input((100, 1)), layers.GRU(25, return_sequences=True), layers.Dense(1), layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(0.003), "mse")
    return model


def binary_cnn() -> keras.Model:
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["accuracy"])
    return model


def lenet5() -> keras.Model:
    start = {
        "kernel_initializer": keras.initializers.TruncatedNormal(stddev=0.1),
        "bias_initializer": keras.initializers.Constant(0.1),
    }
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 5, padding="same", activation="relu", **start),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 5, padding="same", activation="relu", **start),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(1024, activation="tanh", **start),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax", **start),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


MODELS = {
    "cnn": cnn,
    "cldnn": cldnn,
    "word_gru": word_gru,
    "pulse_gru": pulse_gru,
    "binary_cnn": binary_cnn,
    "lenet5": lenet5,
}


class FirstStep(keras.callbacks.Callback):
    """Says when the first batch was done."""

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if batch == 0:
            print(f"first step at {time.time():.3f}", flush=True)


def main() -> None:
    name, path, epochs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with np.load(path) as file:
        x, y = file["x_train"], file["y_train"]
        test = file["x_test"], file["y_test"]
    MODELS[name]().fit(x, y, batch_size=128, epochs=epochs, validation_data=test, verbose=2, callbacks=[FirstStep()])


if __name__ == "__main__":
    main()
