"""What every convolution and pooling layer makes of an image (report 001, question 3; report 003, part A 1b)."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from cldnn_lab import figures
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.diagnostics import forward
from cldnn_lab.diagnostics.options import FeatureMaps
from cldnn_lab.training import losses

CONVOLUTIONS = (
    keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.SeparableConv1D, keras.layers.SeparableConv2D,
    keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D,
)  # fmt: skip
POOLS = (
    keras.layers.MaxPooling1D, keras.layers.MaxPooling2D, keras.layers.AveragePooling1D,
    keras.layers.AveragePooling2D,
)  # fmt: skip


def check(model: keras.Model, dataset: Dataset, options: FeatureMaps) -> None:
    """Refuse a network without such layers, and images that are not there."""
    _choose_layers(model, options)
    _take_images(dataset, options)


def run(model: keras.Model, dataset: Dataset, folder: Path, options: FeatureMaps, title: str) -> list[Path]:
    """Draw ``feature_maps_<index>.png`` for each image: the input, then each layer's maps below each other.

    Raises:
        ConfigError: if the network has no such layer, or the data no such image.
    """
    layers, images = _choose_layers(model, options), _take_images(dataset, options)
    paths = []
    for position, index in enumerate(options.images):
        example = images.x[position]
        (values,) = forward.compute_outputs(
            model, [*(layer.output for layer in layers), model.outputs[0]], example[None]
        )
        shown = [figures.Layer("input", _show_input(dataset, example))]
        for layer, value in zip(layers, values[:-1], strict=True):
            maps = _stack_maps(value[0])
            size = "x".join(map(str, maps.shape[1:])) if maps.shape[1] > 1 else str(maps.shape[2])
            count = f"{len(maps)} maps of {size}"
            if len(maps) > options.limit:
                count = f"first {options.limit} of {count}"
            shown.append(figures.Layer(f"{layer.name} ({type(layer).__name__})", maps[: options.limit], count))
        said = forward.describe_prediction(
            dataset, images.y[position], losses.read_scores(model.loss, values[-1])[0], options.threshold
        )
        paths.append(
            figures.stack(
                shown,
                folder / f"feature_maps_{index}.png",
                title=f"{title}: feature maps of {options.split} example {index}" + (f", {said}" if said else ""),
                origin=dataset.origin,
            )
        )
    return paths


def _take_images(dataset: Dataset, options: FeatureMaps) -> Split:
    split = forward.get_split(dataset, options.split)
    return forward.take_examples(split, options.images, "diagnostics.feature_maps.images")


def _choose_layers(model: keras.Model, options: FeatureMaps) -> list[keras.layers.Layer]:
    if options.layers:
        layers = [forward.find_layer(model, name, "feature_maps.layers") for name in options.layers]
        flat = [layer.name for layer in layers if len(layer.output.shape) not in (3, 4)]
        if flat:
            raise ConfigError(f"diagnostics.feature_maps.layers: {flat[0]} has no maps, only a vector of outputs.")
        return layers
    kinds = {"before": CONVOLUTIONS, "after": POOLS, "both": CONVOLUTIONS + POOLS}[options.stage]
    found = [layer for layer in forward.list_layers(model, "feature_maps") if isinstance(layer, kinds)]
    if not found:
        what = {"before": "convolution", "after": "pooling", "both": "convolution or pooling"}[options.stage]
        raise ConfigError(
            f"diagnostics=feature_maps: this network has no {what} layer to look at; name others with "
            "diagnostics.feature_maps.layers=[...]."
        )
    return found


def _stack_maps(value: np.ndarray) -> np.ndarray:
    """One example's output (height, width, maps) or (time, maps) as (maps, height, width)."""
    return value.T[:, None, :] if value.ndim == 2 else np.moveaxis(value, -1, 0)


def _show_input(dataset: Dataset, example: np.ndarray) -> np.ndarray:
    """The input as one tile, as a colour picture in [0, 1], or as a row a feature with time across."""
    if example.ndim == 3 and example.shape[-1] == 3:
        low, high = float(example.min()), float(example.max())
        return example if low >= 0 and high <= 1 else (example - low) / max(high - low, 1e-12)
    if example.ndim == 3:
        return np.moveaxis(example, -1, 0)
    return forward.make_sequence(dataset, example).T[None]
