"""Running a network up to inner layers, and finding one's way among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cldnn_lab.config.errors import ConfigError, suggest

if TYPE_CHECKING:
    import keras

BATCH = 64


def is_dropout(layer: keras.layers.Layer) -> bool:
    """Whether a layer passes its input on in test mode, and in training mode changes it at random."""
    import keras

    kinds = (
        keras.layers.Dropout, keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D,
        keras.layers.GaussianDropout, keras.layers.AlphaDropout, keras.layers.GaussianNoise,
    )  # fmt: skip
    return isinstance(layer, kinds)


def list_layers(model: keras.Model, diagnostic: str) -> list[keras.layers.Layer]:
    """The layers with one output each, in order, inputs left out.

    Raises:
        ConfigError: for a network whose layers were not joined by tensors (a subclassed model).
    """
    import keras

    found = [
        layer
        for layer in model.layers
        if not isinstance(layer, keras.layers.InputLayer) and isinstance(_get_output(layer), keras.KerasTensor)
    ]
    if not found:
        raise ConfigError(
            f"{diagnostic}: the layers of {model.name} cannot be seen: it is not a Sequential or functional model."
        )
    return found


def _get_output(layer: keras.layers.Layer) -> Any:
    try:
        return layer.output
    except (AttributeError, ValueError):
        return None


def find_layer(model: keras.Model, name: str, where: str) -> keras.layers.Layer:
    """The layer called ``name``.

    Args:
        where: the diagnostic and its option, such as ``filters.layer``, for the error.

    Raises:
        ConfigError: with the nearest name where there is none.
    """
    layers = {layer.name: layer for layer in list_layers(model, where)}
    if name not in layers:
        raise ConfigError(f"diagnostics.{where}: the network has no layer {name!r}; {suggest(name, layers)}.")
    return layers[name]


def find_source(layer: keras.layers.Layer) -> keras.layers.Layer | None:
    """The layer whose output ``layer`` reads; None where it reads several."""
    import keras

    source = layer.input
    return source._keras_history.operation if isinstance(source, keras.KerasTensor) else None


def compute_outputs(
    model: keras.Model, outputs: Sequence[Any], x: np.ndarray, size: int = BATCH
) -> Iterator[list[np.ndarray]]:
    """Values of the symbolic ``outputs`` for ``x``, batch by batch, as float32 arrays in test mode.

    The batch is made smaller where the outputs are large, so that memory stays bounded (about 64 MiB).
    """
    import keras

    elements = sum(int(np.prod([side or 1 for side in output.shape[1:]])) for output in outputs)
    size = int(np.clip(2**24 // max(elements, 1), 1, size))
    inner = make_part(model, outputs)
    for start in range(0, len(x), size):
        batch = x[start : start + size]
        # Compiling pays for many batches of one size; a single one, or a smaller last one, is as fast without.
        compiled = len(batch) == size and len(x) >= 4 * size
        values = inner.predict_on_batch(batch) if compiled else inner(batch, training=False)
        yield [convert_to_array(value) for value in keras.tree.flatten(values)]


def make_part(model: keras.Model, outputs: Sequence[Any]) -> keras.Model:
    """The network up to the symbolic ``outputs``."""
    import keras

    inputs = model.inputs
    return keras.Model(inputs[0] if len(inputs) == 1 else inputs, list(outputs))


def convert_to_array(value: Any) -> np.ndarray:
    """A tensor or variable as a float32 array."""
    import keras

    return np.asarray(keras.ops.convert_to_numpy(value)).astype(np.float32)
