"""The weights of the first layer that has any, as a grid of pictures (report 002, part 1c)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.dataset import Dataset
from cldnn_lab.diagnostics import _layers
from cldnn_lab.diagnostics._subject import Subject

if TYPE_CHECKING:
    import keras

FILES = ("filters.png",)
_COLOURED = "{}, each on a colour scale of its own"


@dataclass
class Options:
    """First-layer weights as a grid.

    Attributes:
        layer: name of another layer whose weights to show; None for the first that has any.
        limit: filters to show.
    """

    layer: str | None = None
    limit: int = field(default=256, metadata={"min": 1})


def check(subject: Subject, options: Options) -> None:
    """Refuse a network without a layer whose weights can be shown."""
    _make_tiles(_find_target(subject.model, options), subject.dataset)


def run(subject: Subject, folder: Path, options: Options) -> list[Path]:
    """Draw ``filters.png``.

    A 2-D convolution gives a tile per filter: in grey for one input channel, in colour for three, the mean over
    the channels for more. A 1-D convolution's tiles are (channels, time). A dense layer on whole images gives
    a picture per unit; any other dense or recurrent layer its matrix, one row per input.

    Raises:
        ConfigError: if no layer has such weights.
    """
    layer = _find_target(subject.model, options)
    weights, what = _make_tiles(layer, subject.dataset)
    count = len(weights)
    shown = f"first {options.limit} of {count} {what}" if count > options.limit else f"{count} {what}"
    path = draw(
        weights[: options.limit],
        folder / "filters.png",
        title=f"{subject.title}: weights of {layer.name}, {shown if count > 1 else what}",
        origin=subject.dataset.origin,
    )
    return [path]


def _find_target(model: keras.Model, options: Options) -> keras.layers.Layer:
    if options.layer is not None:
        layer = _layers.find_layer(model, options.layer, "filters.layer")
        if _get_kernel(layer) is None:
            raise ConfigError(
                f"diagnostics.filters.layer: {layer.name} ({type(layer).__name__}) has no kernel to show."
            )
        return layer
    found = [layer for layer in _layers.list_layers(model, "filters") if _get_kernel(layer) is not None]
    if not found:
        raise ConfigError("diagnostics=filters: no layer of this network has a kernel to show.")
    return found[0]


def _get_kernel(layer: keras.layers.Layer) -> np.ndarray | None:
    kernel: Any = getattr(layer, "kernel", None)
    if kernel is None:
        kernel = getattr(getattr(layer, "cell", None), "kernel", None)
    return None if kernel is None else _layers.convert_to_array(kernel)


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
        return kernel[None], "its matrix, one row per input"
    raise ConfigError(
        f"diagnostics=filters: weights of shape {kernel.shape} ({layer.name}) cannot be shown as pictures."
    )


def draw(weights: np.ndarray, path: Path, *, title: str, origin: str) -> Path:
    """First-layer weights as a grid.

    Args:
        weights: (filters, height, width) on one shared scale, mid-grey at zero, or (filters, height,
            width, 3) for colour inputs: each filter then fills [0, 1] for itself, so hues count and
            strengths do not.
    """
    from cldnn_lab.figures import style, tiles

    if weights.ndim == 4:
        low = weights.min(axis=(1, 2, 3), keepdims=True)
        span = np.maximum(weights.max(axis=(1, 2, 3), keepdims=True) - low, 1e-12)
        planes = [tiles.combine_tiles(plane) for plane in np.moveaxis((weights - low) / span, -1, 0)]
        whole = np.nan_to_num(np.stack(planes, axis=-1), nan=1.0)
    else:
        whole = tiles.combine_tiles(weights)
    width, height = tiles.fit_size(whole.shape, 9, 7)
    figure, axes = style.make_figure(width + (0 if weights.ndim == 4 else 0.9), height + 0.9)
    if weights.ndim == 4:
        axes.imshow(whole, interpolation="nearest", aspect="auto")
    else:
        reach = float(np.nanmax(np.abs(whole))) or 1.0
        image = axes.imshow(
            whole, cmap=tiles.make_grey_with_gaps(), vmin=-reach, vmax=reach, interpolation="nearest", aspect="auto"
        )
        figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02, label="weight")
    style.remove_ticks(axes)
    style.set_title(figure, title)
    return style.save(figure, path, origin)
