"""Targets that stand for several layers in a row, for the places where a knob sets how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from cldnn_lab.models import layers as own


def dense_stack(
    widths: int | Sequence[int],
    activation: str = "relu",
    use_bias: bool = True,
    kernel_initializer: Any = "glorot_uniform",
    bias_initializer: Any = "zeros",
    dropout: float = 0.0,
    name: str = "dense",
) -> list[keras.layers.Layer]:
    """Dense layers in a row, each followed by dropout where there is any.

    Args:
        widths: units of the one layer, or of each; 0 or an empty list for none.
        name: the layers are called ``<name>1``, ``<name>2`` and so on.
    """
    units = [widths] if isinstance(widths, int) else list(widths)
    layers: list[keras.layers.Layer] = []
    for number, width in enumerate((width for width in units if width), start=1):
        layers.append(
            keras.layers.Dense(
                width,
                activation=activation,
                use_bias=use_bias,
                kernel_initializer=_copy_initializer(kernel_initializer),
                bias_initializer=_copy_initializer(bias_initializer),
                name=f"{name}{number}",
            )
        )
        if dropout:
            layers.append(keras.layers.Dropout(dropout, name=f"{name}{number}_dropout"))
    return layers


def recurrent(
    cell: str,
    units: int,
    num_layers: int = 1,
    return_sequences: bool = False,
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    activation: str = "tanh",
    stateful: bool = False,
    bidirectional: bool = False,
    name: str = "rnn",
) -> list[keras.layers.Layer]:
    """Recurrent layers on top of one another, each followed by dropout where there is any.

    Args:
        cell: SimpleRNN, GRU or LSTM.
        units: hidden units of each layer.
        return_sequences: whether the last layer gives its output at every step; the ones below always do.
        dropout: rate on the output of each layer.
        recurrent_dropout: rate on the state from step to step.
        stateful: whether the state is kept from one batch to the next.
        bidirectional: whether a second layer reads the sequence backwards, the two outputs side by side.
        name: the layers are called ``<name>1``, ``<name>2`` and so on.
    """
    make = getattr(own, f"Stateful{cell}") if stateful else getattr(keras.layers, cell)
    layers: list[keras.layers.Layer] = []
    for number in range(1, num_layers + 1):
        layer = make(
            units,
            activation=activation,
            recurrent_dropout=recurrent_dropout,
            return_sequences=return_sequences or number < num_layers,
            stateful=stateful,
            name=f"{name}{number}",
        )
        if bidirectional:
            layer = keras.layers.Bidirectional(layer, name=f"{name}{number}_both_ways")
        layers.append(layer)
        if dropout:
            layers.append(keras.layers.Dropout(dropout, name=f"{name}{number}_dropout"))
    return layers


def _copy_initializer(initializer: Any) -> Any:
    """A copy with its own seed: one initializer object draws the same numbers for every layer it serves."""
    return initializer.clone() if isinstance(initializer, keras.initializers.Initializer) else initializer
