"""The strongest activations of chosen maps projected back to the input.

After M. D. Zeiler and R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
arXiv:1311.2901, section 2.1: every other activation of the layer is set to zero; then, layer by layer
downwards, pooling is undone by putting each value back where the maximum was (the switches), negative values
are cut off, and the layer's own filters are applied transposed. Report 002, part 2 summarises the paper.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.diagnostics import _examples, _layers
from cldnn_lab.diagnostics._subject import ExampleOptions, Subject

if TYPE_CHECKING:
    import keras

FILES = ("deconvnet.png",)


@dataclass
class Options(ExampleOptions):
    """The strongest activations of chosen maps projected back to the input.

    Attributes:
        layer: name of the convolution; None for the last.
        maps: indices of its maps; empty for those with the strongest activations.
        top_maps: how many maps where ``maps`` is empty.
        top_images: strongest examples of each map.
        examples: how many examples to search, drawn evenly from the classes.
    """

    layer: str | None = None
    maps: list[int] = field(default_factory=list, metadata={"min": 0})
    top_maps: int = field(default=6, metadata={"min": 1, "max": 64})
    top_images: int = field(default=5, metadata={"min": 1, "max": 9})
    examples: int = field(default=1000, metadata={"min": 1})


def check(subject: Subject, options: Options) -> None:
    """Refuse a network without such a convolution or with layers on the way to it that cannot be undone."""
    layer = _find_target(subject.model, options)
    _chain_layers(subject.model, layer)
    _check_maps(layer, options)


def run(subject: Subject, folder: Path, options: Options) -> list[Path]:
    """Draw ``deconvnet.png``: for each map the examples that excite it most, and what of each does so.

    Raises:
        ConfigError: if there is no such convolution, or something other than convolutions, max pooling, batch
            normalisation and dropout lies between it and the input.
    """
    model, dataset = subject.model, subject.dataset
    layer = _find_target(model, options)
    chain = _chain_layers(model, layer)
    _check_maps(layer, options)
    split = _examples.get_split(dataset, options.split)
    x = split.x[_examples.draw_examples(split, options.examples)]
    peaks = np.concatenate([v[0].max(axis=(1, 2)) for v in _layers.compute_outputs(model, [layer.output], x)])
    maps = options.maps or np.argsort(-peaks.max(axis=0), kind="stable")[: options.top_maps].tolist()

    rows = []
    for map_ in maps:
        best = np.argsort(-peaks[:, map_], kind="stable")[: options.top_images]
        best = best[peaks[best, map_] > 0]
        projected = [project(model, chain, x[index], map_) for index in best]
        if projected:
            rows.append((f"map {map_}", projected, [x[index] for index in best]))
    if not rows:
        raise ConfigError(f"diagnostics=deconvnet: none of the chosen maps of {layer.name} is ever active.")
    path = draw(
        rows,
        folder / "deconvnet.png",
        title=f"{subject.title}: what excites {layer.name} most, of {len(x):,} {options.split} examples",
        origin=dataset.origin,
    )
    return [path]


def project(model: keras.Model, chain: list[keras.layers.Layer], example: np.ndarray, map_: int) -> np.ndarray:
    """The strongest activation of one map of the last layer of ``chain``, projected back to the input.

    Args:
        chain: the layers from the input up to the convolution.
        example: (height, width, channels).

    Returns:
        An array shaped like the example.
    """
    import keras

    (values,) = _layers.compute_outputs(model, [layer.output for layer in chain], example[None])
    inputs = [example, *(value[0] for value in values[:-1])]
    top = values[-1][0]
    place = np.unravel_index(np.argmax(top[..., map_]), top.shape[:2])
    signal = np.zeros_like(top)
    signal[(*place, map_)] = top[(*place, map_)]
    for layer, entered in zip(reversed(chain), reversed(inputs), strict=True):
        if isinstance(layer, keras.layers.Conv2D):
            kernel = _layers.convert_to_array(layer.kernel)
            signal = convolve_transposed(
                np.maximum(signal, 0), kernel, entered.shape, layer.strides, layer.padding, layer.dilation_rate
            )
        elif isinstance(layer, keras.layers.MaxPooling2D):
            signal = unpool(signal, entered, layer.pool_size, layer.strides, layer.padding)
        elif isinstance(layer, keras.layers.BatchNormalization):
            deviation = np.sqrt(_layers.convert_to_array(layer.moving_variance) + layer.epsilon)
            gain = _layers.convert_to_array(layer.gamma) if layer.scale else 1.0
            signal = signal * (gain / deviation)
    return signal


def convolve_transposed(
    signal: np.ndarray,
    kernel: np.ndarray,
    shape: tuple[int, ...],
    strides: tuple[int, int],
    padding: str,
    dilation: tuple[int, int],
) -> np.ndarray:
    """The adjoint of a 2-D convolution: what ``signal`` (rows, columns, maps) came from, of ``shape``.

    Args:
        kernel: (height, width, channels, maps), as the convolution holds it.
        shape: (height, width, channels) of the convolution's input.
    """
    extents = [(size - 1) * rate + 1 for size, rate in zip(kernel.shape[:2], dilation, strict=True)]
    first = [_pad(shape[i], extents[i], strides[i], padding) for i in (0, 1)]
    room = [(signal.shape[i] - 1) * strides[i] + extents[i] for i in (0, 1)]
    whole = np.zeros((max(room[0], shape[0] + first[0]), max(room[1], shape[1] + first[1]), shape[2]), np.float32)
    for row in range(kernel.shape[0]):
        for column in range(kernel.shape[1]):
            top, left = row * dilation[0], column * dilation[1]
            bottom = top + (signal.shape[0] - 1) * strides[0] + 1
            right = left + (signal.shape[1] - 1) * strides[1] + 1
            whole[top : bottom : strides[0], left : right : strides[1]] += signal @ kernel[row, column].T
    return whole[first[0] : first[0] + shape[0], first[1] : first[1] + shape[1]]


def unpool(
    signal: np.ndarray, entered: np.ndarray, size: tuple[int, int], strides: tuple[int, int], padding: str
) -> np.ndarray:
    """Put each value of ``signal`` back where its window of ``entered`` (the pool's input) had the maximum."""
    first = [_pad(entered.shape[i], size[i], strides[i], padding) for i in (0, 1)]
    room = [(signal.shape[i] - 1) * strides[i] + size[i] for i in (0, 1)]
    padded = np.full((*(max(room[i], entered.shape[i] + first[i]) for i in (0, 1)), entered.shape[2]), -np.inf)
    inside = (slice(first[0], first[0] + entered.shape[0]), slice(first[1], first[1] + entered.shape[1]))
    padded[inside] = entered
    windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1]][: signal.shape[0], : signal.shape[1]]
    switch = windows.reshape(*signal.shape, -1).argmax(axis=-1)
    rows, columns, maps = np.indices(signal.shape)
    whole = np.zeros(padded.shape, np.float32)
    # Windows may overlap, so values that meet are added.
    np.add.at(whole, (rows * strides[0] + switch // size[1], columns * strides[1] + switch % size[1], maps), signal)
    return whole[inside]


def _pad(length: int, extent: int, stride: int, padding: str) -> int:
    """Zeros that ``same`` padding puts before an axis: the smaller half of what the last window lacks."""
    if padding == "valid":
        return 0
    return max((-(-length // stride) - 1) * stride + extent - length, 0) // 2


def _find_target(model: keras.Model, options: Options) -> keras.layers.Layer:
    import keras

    if options.layer is not None:
        layer = _layers.find_layer(model, options.layer, "deconvnet.layer")
        if not isinstance(layer, keras.layers.Conv2D):
            raise ConfigError(f"diagnostics.deconvnet.layer: {layer.name} is a {type(layer).__name__}, not a Conv2D.")
        return layer
    found = [la for la in _layers.list_layers(model, "deconvnet") if isinstance(la, keras.layers.Conv2D)]
    if not found:
        raise ConfigError("diagnostics=deconvnet: this network has no 2-D convolution to project back from.")
    return found[-1]


def _check_maps(layer: keras.layers.Layer, options: Options) -> None:
    number = layer.output.shape[-1]
    if options.maps and max(options.maps) >= number:
        raise ConfigError(f"diagnostics.deconvnet.maps: {layer.name} has {number} maps, 0 to {number - 1}.")


def _chain_layers(model: keras.Model, layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The layers from the input up to ``layer``, each reading the one before."""
    import keras

    known = (
        keras.layers.Conv2D, keras.layers.MaxPooling2D, keras.layers.BatchNormalization, keras.layers.Activation,
        keras.layers.ReLU,
    )  # fmt: skip
    chain: list[keras.layers.Layer] = []
    current: keras.layers.Layer | None = layer
    while current is not None and not isinstance(current, keras.layers.InputLayer):
        odd = getattr(current, "data_format", "channels_last") != "channels_last" or getattr(current, "groups", 1) != 1
        if odd or not (isinstance(current, known) or _layers.is_dropout(current)):
            raise ConfigError(
                f"diagnostics=deconvnet: {current.name} ({type(current).__name__}) lies between {layer.name} and the "
                "input and cannot be undone; choose a lower convolution with diagnostics.deconvnet.layer=<name>."
            )
        chain.insert(0, current)
        current = _layers.find_source(current)
    return chain


def draw(
    rows: Sequence[tuple[str, Sequence[np.ndarray], Sequence[np.ndarray]]],
    path: Path,
    *,
    title: str,
    origin: str,
) -> Path:
    """Activations projected back to the input (left) beside the inputs that caused them (right).

    Args:
        rows: a caption, the projections and the inputs, each (height, width, channels), of every map; signals
            of fewer than 4 rows are drawn as lines.
    """
    from matplotlib.figure import Figure

    from cldnn_lab.figures import style, tiles

    number = max(len(images) for _, images, _ in rows)
    figure = Figure(figsize=(max(0.9 * 2 * number + 1.6, 5.5), 0.95 * len(rows) + 1.2), layout="constrained")
    panels = figure.subplots(
        len(rows), 2 * number + 1, squeeze=False, width_ratios=[1] * number + [0.15] + [1] * number
    )
    for line, (caption, projected, inputs) in zip(panels, rows, strict=True):
        for axes in line:
            style.remove_ticks(axes)
            for spine in axes.spines.values():
                spine.set_visible(False)
        for index, (shape, cause) in enumerate(zip(projected, inputs, strict=True)):
            if len(shape) < 4:
                # A signal of two rows is read as lines, not as a picture of two pixels' height.
                for axes, rows_ in ((line[index], shape), (line[number + 1 + index], cause)):
                    for row, values in enumerate(rows_):
                        axes.plot(values[:, 0], color=style.COLOURS[row], linestyle=style.DASHES[row], linewidth=0.9)
                continue
            reach = float(np.abs(shape).max()) or 1.0
            if shape.shape[-1] == 3:
                line[index].imshow(np.clip(0.5 + shape / (2 * reach), 0, 1), interpolation="nearest")
            else:
                flat = shape.sum(axis=-1)
                reach = float(np.abs(flat).max()) or 1.0
                line[index].imshow(flat, cmap="gray", vmin=-reach, vmax=reach, interpolation="nearest")
            picture, options = tiles.prepare_picture(cause)
            line[number + 1 + index].imshow(picture, **options)
        line[0].set_ylabel(caption, fontsize=style.SMALL, rotation=0, ha="right", va="center")
    panels[0, (number - 1) // 2].set_title("projected back", fontsize=9)
    panels[0, number + 1 + (number - 1) // 2].set_title("input", fontsize=9)
    figure.suptitle(textwrap.fill(title, int(figure.get_figwidth() * 10)), fontsize=10.5)
    return style.save(figure, path, origin)
