"""What a built network ends in, and that loss and metrics follow it."""

from __future__ import annotations

from typing import Any

import keras
import pytest
from keras import layers as L

from cldnn_lab.models import layers as own
from cldnn_lab.models.ending import find_output_activation

ENDS: list[tuple[str | None, list[Any]]] = [
    ("softmax", [L.Dense(4, activation="softmax")]),
    ("linear", [L.Dense(4)]),
    ("softmax", [L.Dense(4), L.Softmax()]),
    ("softmax", [L.Dense(4), L.Activation("softmax")]),
    ("tanh", [L.Dense(4, activation="tanh"), L.Activation("linear")]),
    ("relu", [L.Dense(4), L.ReLU()]),
    ("leaky_relu", [L.Dense(4, activation=L.LeakyReLU())]),
    ("sigmoid", [L.Dense(4, activation="sigmoid"), L.Dropout(0.5), L.Flatten()]),
    ("softmax", [L.Reshape((1, 6)), L.TimeDistributed(L.Dense(4, activation="softmax")), L.Flatten()]),
    (None, [L.Reshape((2, 3)), L.Dense(2, activation="softmax"), L.Flatten()]),
    ("sigmoid", [L.Reshape((2, 3)), L.Dense(2, activation="sigmoid"), L.Flatten()]),
    ("softmax", [L.Reshape((2, 3)), L.Conv1D(4, 1, activation="softmax"), L.GlobalAveragePooling1D()]),
    (None, [L.Reshape((2, 3)), L.Conv1D(4, 1, activation="softmax"), L.GlobalMaxPooling1D()]),
    ("linear", [L.Dense(4, activation="softmax"), L.BatchNormalization()]),
    ("relu", [own.Residual([L.Dense(6)])]),
    ("linear", [own.Residual([L.Dense(6)], activation="linear")]),
    ("softmax", [own.Chain([L.Dense(5), L.Dense(4, activation="softmax")])]),
    ("softmax", [L.Dense(4, activation="softmax"), own.Chain([])]),
    (None, [own.Branches([[L.Dense(2, activation="softmax")], [L.Dense(2, activation="softmax")]])]),
    ("sigmoid", [own.Branches([[L.Dense(2, activation="sigmoid")], [L.Dense(2, activation="sigmoid")]])]),
    (None, [own.Branches([[L.Dense(2, activation="sigmoid")], [L.Dense(2)]])]),
    ("tanh", [L.Reshape((2, 3)), L.LSTM(4)]),
    (None, [L.Reshape((2, 3)), L.LSTM(4, activation="softmax")]),
    ("softmax", [L.Reshape((2, 3)), L.SimpleRNN(4, activation="softmax")]),
    ("tanh", [L.Reshape((2, 3)), L.Bidirectional(L.GRU(2))]),
    (None, [L.Reshape((2, 3)), L.Bidirectional(L.GRU(4), merge_mode="sum")]),
    (None, [L.Dense(4), L.UnitNormalization()]),
]  # fmt: skip


@pytest.mark.parametrize(("end", "stack"), ENDS)
def test_the_end_of_a_network_is_read_from_its_layers(end: str | None, stack: list[Any]) -> None:
    assert find_output_activation(keras.Sequential([keras.Input((6,)), *stack])) == end
