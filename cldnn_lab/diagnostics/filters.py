"""The weights of the first layer that has any, as a grid of pictures (report 002, part 1c)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from cldnn_lab import figures
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.dataset import Dataset
from cldnn_lab.diagnostics import forward
from cldnn_lab.diagnostics.options import Filters

_COLOURED = "{}, each on a colour scale of its own"


def check(model: keras.Model, dataset: Dataset, options: Filters) -> None:
    """Refuse a network without a layer whose weights can be shown."""
    _make_tiles(_find_target(model, options), dataset)


def run(model: keras.Model, dataset: Dataset, folder: Path, options: Filters, title: str) -> list[Path]:
    """Draw ``filters.png``.

    A 2-D convolution gives a tile a filter: in grey for one input channel, in colour for three, the mean over
    the channels for more. A 1-D convolution's tiles are (channels, time). A dense layer on whole images gives
    a picture a unit; any other dense or recurrent layer its matrix, an input a row.

    Raises:
        ConfigError: if no layer has such weights.
    """
    layer = _find_target(model, options)
    tiles, what = _make_tiles(layer, dataset)
    count = len(tiles)
    shown = f"first {options.limit} of {count} {what}" if count > options.limit else f"{count} {what}"
    path = figures.filters(
        tiles[: options.limit],
        folder / "filters.png",
        title=f"{title}: weights of {layer.name}, {shown if count > 1 else what}",
        origin=dataset.origin,
    )
    return [path]


def _find_target(model: keras.Model, options: Filters) -> keras.layers.Layer:
    if options.layer is not None:
        layer = forward.find_layer(model, options.layer, "filters.layer")
        if _get_kernel(layer) is None:
            raise ConfigError(
                f"diagnostics.filters.layer: {layer.name} ({type(layer).__name__}) has no kernel to show."
            )
        return layer
    found = [layer for layer in forward.list_layers(model, "filters") if _get_kernel(layer) is not None]
    if not found:
        raise ConfigError("diagnostics=filters: no layer of this network has a kernel to show.")
    return found[0]


def _get_kernel(layer: keras.layers.Layer) -> np.ndarray | None:
    kernel: Any = getattr(layer, "kernel", None)
    if kernel is None:
        kernel = getattr(getattr(layer, "cell", None), "kernel", None)
    return None if kernel is None else forward.convert_to_array(kernel)


def _make_tiles(layer: keras.layers.Layer, dataset: Dataset) -> tuple[np.ndarray, str]:
    """(filters, height, width) or, for colour, (filters, height, width, 3), and what they are."""
    kernel = _get_kernel(layer)
    assert kernel is not None
    if kernel.ndim == 4:
        tiles = np.moveaxis(kernel, -1, 0)
        channels = tiles.shape[-1]
        if channels == 1:
            return tiles[..., 0], "filters"
        return (
            (tiles, _COLOURED.format("filters"))
            if channels == 3
            else (tiles.mean(axis=-1), f"filters, mean over {channels} channels")
        )
    if kernel.ndim == 3:
        return kernel.transpose(2, 1, 0), "filters, channels by time"
    if kernel.ndim == 2:
        shape = dataset.input_shape
        if len(shape) == 3 and shape[-1] in (1, 3) and len(kernel) == np.prod(shape):
            tiles = kernel.T.reshape(-1, *shape)
            return (tiles[..., 0], "units") if shape[-1] == 1 else (tiles, _COLOURED.format("units"))
        return kernel[None], "its matrix, an input a row"
    raise ConfigError(
        f"diagnostics=filters: weights of shape {kernel.shape} ({layer.name}) cannot be shown as pictures."
    )
