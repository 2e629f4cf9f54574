"""Running a network up to inner layers, and finding one's way among them; shared by the looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from cldnn_lab.config.errors import ConfigError, suggest
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.data.splits import draw_evenly
from cldnn_lab.evaluation.metrics import predict_classes

BATCH = 64
DROPOUTS = (
    keras.layers.Dropout,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.GaussianDropout,
    keras.layers.AlphaDropout,
    keras.layers.GaussianNoise,
)


def list_layers(model: keras.Model, look: str) -> list[keras.layers.Layer]:
    """The layers with one output each, in order, inputs left out.

    Raises:
        ConfigError: for a network whose layers were not joined by tensors (a subclassed model).
    """
    found = [
        layer
        for layer in model.layers
        if not isinstance(layer, keras.layers.InputLayer) and isinstance(_output(layer), keras.KerasTensor)
    ]
    if not found:
        raise ConfigError(
            f"{look}: the layers of {model.name} cannot be seen: it is not a Sequential or functional model."
        )
    return found


def _output(layer: keras.layers.Layer) -> Any:
    try:
        return layer.output
    except (AttributeError, ValueError):
        return None


def find_layer(model: keras.Model, name: str, look: str) -> keras.layers.Layer:
    """The layer called ``name``.

    Raises:
        ConfigError: with the nearest name where there is none.
    """
    layers = {layer.name: layer for layer in list_layers(model, look)}
    if name not in layers:
        raise ConfigError(f"diagnostics.{look}: the network has no layer {name!r}; {suggest(name, layers)}.")
    return layers[name]


def find_source(layer: keras.layers.Layer) -> keras.layers.Layer | None:
    """The layer whose output ``layer`` reads; None where it reads several."""
    source = layer.input
    return source._keras_history.operation if isinstance(source, keras.KerasTensor) else None


def get_split(dataset: Dataset, name: str) -> Split:
    """``test``, ``validation`` or ``train`` of a data set."""
    split = getattr(dataset, name)
    assert isinstance(split, Split)
    return split


def draw_examples(split: Split, examples: int) -> np.ndarray:
    """Indices of at most so many examples, in order. Files often have their examples class by class, so these are
    drawn evenly from the classes, and always the same ones."""
    return draw_evenly(split, examples, seed=0)


def take_examples(split: Split, index: Sequence[int], where: str) -> Split:
    """The examples at ``index``.

    Raises:
        ConfigError: where there are fewer examples.
    """
    largest = max(index, default=-1)
    if largest >= len(split):
        raise ConfigError(
            f"{where}: there is no example {largest}; the last of these {len(split)} is {len(split) - 1}."
        )
    if largest < 0:
        raise ConfigError(f"{where}: names no example; give indices such as [0,1].")
    return split.take(np.asarray(index))


def compute_outputs(
    model: keras.Model, outputs: Sequence[Any], x: np.ndarray, size: int = BATCH
) -> Iterator[list[np.ndarray]]:
    """Values of the symbolic ``outputs`` for ``x``, a batch at a time, as float32 arrays in test mode.

    The batch is made smaller where the outputs are large, so that memory stays bounded (about 64 MiB).
    """
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
    inputs = model.inputs
    return keras.Model(inputs[0] if len(inputs) == 1 else inputs, list(outputs))


def convert_to_array(value: Any) -> np.ndarray:
    """A tensor or variable as a float32 array."""
    return np.asarray(keras.ops.convert_to_numpy(value)).astype(np.float32)


def name_class(dataset: Dataset, index: int) -> str:
    """The name of a class, or its number where it has none; -1 is no class."""
    names = dataset.classes or ("0", "1")
    if index < 0:
        return "no class"
    return names[index] if index < len(names) else str(index)


def describe_prediction(dataset: Dataset, target: Any, score: np.ndarray, threshold: float) -> str:
    """``true Dress, predicted Shirt`` from the scores (outputs,) of one example; empty for regression."""
    if dataset.task == "regression":
        return ""
    (predicted,) = predict_classes(dataset.task, score.reshape(1, -1), threshold)
    return f"true {name_class(dataset, int(np.ravel(target)[0]))}, predicted {name_class(dataset, int(predicted))}"


def make_sequence(dataset: Dataset, example: np.ndarray) -> np.ndarray:
    """One example as (time, features): signals along their time axis, ids and vectors as one feature."""
    if example.ndim == 1:
        return example[:, None].astype(np.float32)
    if example.ndim == 3 and example.shape[-1] == 1:
        return np.moveaxis(example[..., 0], dataset.time_axis, 0)
    return example.reshape(len(example), -1)


def make_showable(dataset: Dataset, example: np.ndarray) -> np.ndarray | None:
    """One example as people look at it: a picture (height, width, 1 or 3) or a few lines (time, features).

    None where it is neither: token ids and what has more channels than colours.
    """
    if dataset.vocabulary is not None:
        return None
    if example.ndim == 3 and min(example.shape[:2]) >= 4:
        return example if example.shape[-1] in (1, 3) else None
    if example.ndim == 3 and example.shape[-1] != 1:
        return None
    lines = make_sequence(dataset, example)
    return lines if lines.shape[1] <= 4 else lines[..., None]
