"""What every convolution and pooling layer makes of an image (report 001, question 3; report 003, part A 1b)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.dataset import Dataset, Split
from cldnn_lab.diagnostics import _examples, _layers
from cldnn_lab.diagnostics._subject import PredictionOptions, Subject

if TYPE_CHECKING:
    import keras

FILES = ("feature_maps_[0-9]*.png",)


@dataclass
class Options(PredictionOptions):
    """Maps of every convolution and pooling layer for chosen images.

    Attributes:
        images: indices of the examples, a picture each.
        stage: ``before`` pooling (convolutions), ``after`` it (pooling layers), or ``both``.
        layers: names of layers to show instead of those ``stage`` picks.
        limit: maps of a layer to show.
    """

    images: list[int] = field(default_factory=lambda: [0, 1], metadata={"min": 0})
    stage: str = field(default="both", metadata={"choices": ("both", "before", "after")})
    layers: list[str] = field(default_factory=list)
    limit: int = field(default=64, metadata={"min": 1})


@dataclass(frozen=True)
class LayerMaps:
    """One layer's maps, for :func:`draw`.

    Attributes:
        title: what stands above them.
        maps: (maps, height, width), or (height, width, 3) for one colour picture in [0, 1].
        note: a few words after the title, such as how many maps are not shown.
    """

    title: str
    maps: np.ndarray
    note: str = ""


def check(subject: Subject, options: Options) -> None:
    """Refuse a network without such layers, and images that are not there."""
    _choose_layers(subject.model, options)
    _take_images(subject.dataset, options)


def run(subject: Subject, folder: Path, options: Options) -> list[Path]:
    """Draw ``feature_maps_<index>.png`` for each image: the input, then each layer's maps below each other.

    Raises:
        ConfigError: if the network has no such layer, or the data no such image.
    """
    model, dataset = subject.model, subject.dataset
    layers, images = _choose_layers(model, options), _take_images(dataset, options)
    paths = []
    for position, index in enumerate(options.images):
        example = images.x[position]
        (values,) = _layers.compute_outputs(
            model, [*(layer.output for layer in layers), model.outputs[0]], example[None]
        )
        shown = [LayerMaps("input", _show_input(dataset, example))]
        for layer, value in zip(layers, values[:-1], strict=True):
            maps = _stack_maps(value[0])
            size = "x".join(map(str, maps.shape[1:])) if maps.shape[1] > 1 else str(maps.shape[2])
            count = f"{len(maps)} maps of {size}"
            if len(maps) > options.limit:
                count = f"first {options.limit} of {count}"
            shown.append(LayerMaps(f"{layer.name} ({type(layer).__name__})", maps[: options.limit], count))
        said = _examples.describe_prediction(subject.predictor, images.y[position], values[-1][0])
        paths.append(
            draw(
                shown,
                folder / f"feature_maps_{index}.png",
                title=f"{subject.title}: feature maps of {options.split} example {index}"
                + (f", {said}" if said else ""),
                origin=dataset.origin,
            )
        )
    return paths


def _list_kinds() -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Keras's convolutions and its pooling layers."""
    from keras import layers

    return (
        layers.Conv1D, layers.Conv2D, layers.SeparableConv1D, layers.SeparableConv2D, layers.DepthwiseConv1D,
        layers.DepthwiseConv2D,
    ), (layers.MaxPooling1D, layers.MaxPooling2D, layers.AveragePooling1D, layers.AveragePooling2D)  # fmt: skip


def _take_images(dataset: Dataset, options: Options) -> Split:
    split = _examples.get_split(dataset, options.split)
    return _examples.take_examples(split, options.images, "diagnostics.feature_maps.images")


def _choose_layers(model: keras.Model, options: Options) -> list[keras.layers.Layer]:
    if options.layers:
        layers = [_layers.find_layer(model, name, "feature_maps.layers") for name in options.layers]
        flat = [layer.name for layer in layers if len(layer.output.shape) not in (3, 4)]
        if flat:
            raise ConfigError(f"diagnostics.feature_maps.layers: {flat[0]} has no maps, only a vector of outputs.")
        return layers
    convolutions, pools = _list_kinds()
    kinds = {"before": convolutions, "after": pools, "both": convolutions + pools}[options.stage]
    found = [layer for layer in _layers.list_layers(model, "feature_maps") if isinstance(layer, kinds)]
    if not found:
        what = {"before": "convolution", "after": "pooling", "both": "convolution or pooling"}[options.stage]
        raise ConfigError(
            f"diagnostics=feature_maps: this network has no {what} layer; name others with "
            "diagnostics.feature_maps.layers=[...]."
        )
    return found


def _stack_maps(value: np.ndarray) -> np.ndarray:
    """One example's output (height, width, maps) or (time, maps) as (maps, height, width)."""
    return value.T[:, None, :] if value.ndim == 2 else np.moveaxis(value, -1, 0)


def _show_input(dataset: Dataset, example: np.ndarray) -> np.ndarray:
    """The input as one tile, as a colour picture in [0, 1], or as one row per feature with time across."""
    if example.ndim == 3 and example.shape[-1] == 3:
        low, high = float(example.min()), float(example.max())
        return example if low >= 0 and high <= 1 else (example - low) / max(high - low, 1e-12)
    if example.ndim == 3:
        return np.moveaxis(example, -1, 0)
    return _examples.make_sequence(dataset, example).T[None]


def draw(layers: Sequence[LayerMaps], path: Path, *, title: str, origin: str) -> Path:
    """Maps of several layers below each other, each layer on a scale of its own (a bar says which).

    Maps one row high, as a convolution along time makes them, are shown as lines of one picture.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    from cldnn_lab.figures import style, tiles

    pictures = []
    for layer in layers:
        colour = layer.maps.ndim == 3 and layer.maps.shape[-1] == 3 and layer.title == "input"
        picture = layer.maps if colour else _combine_maps(layer.maps)
        pictures.append((layer, picture, colour))
    sizes = [tiles.fit_size(picture.shape, 9, 1.7 if layer.title == "input" else 4.2) for layer, picture, _ in pictures]
    heights = [height + 0.45 for _, height in sizes]
    figure = Figure(figsize=(10, sum(heights) + 0.8), layout="constrained")
    grid = figure.add_gridspec(len(pictures), 1, height_ratios=heights)
    for row, ((layer, picture, colour), (width, _)) in enumerate(zip(pictures, sizes, strict=True)):
        # Narrow pictures keep their shape: the rest of the row stays empty.
        inner = grid[row].subgridspec(1, 2, width_ratios=[width, max(9 - width, 1e-3)])
        axes = figure.add_subplot(inner[0])
        if colour:
            axes.imshow(np.clip(picture, 0, 1), interpolation="nearest", aspect="auto")
        else:
            image = axes.imshow(picture, cmap=tiles.make_grey_with_gaps(), interpolation="nearest", aspect="auto")
            bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.015)
            bar.ax.tick_params(labelsize=style.SMALL - 1)
            bar.ax.yaxis.set_major_locator(MaxNLocator(3))
        style.remove_ticks(axes)
        axes.set_title(f"{layer.title}  {layer.note}".strip(), fontsize=9, loc="left")
    figure.suptitle(textwrap.fill(title, 95), fontsize=11)
    return style.save(figure, path, origin)


def _combine_maps(maps: np.ndarray) -> np.ndarray:
    from cldnn_lab.figures import tiles

    if maps.shape[1:] == (1, 1):
        return tiles.combine_tiles(maps)
    if maps.ndim == 3 and maps.shape[1] == 1 and len(maps) > 1:
        return maps[:, 0, :]
    if maps.ndim == 3 and maps.shape[2] == 1 and len(maps) > 1:
        return maps[:, :, 0]
    return tiles.combine_tiles(maps)
