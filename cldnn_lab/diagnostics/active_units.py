"""How many ReLU units are active, in training mode and in test mode (report 000, part 5, bonus b).

A unit is active where its output is above zero, after the dropout that follows it if any: a unit that dropout
silences gives the next layer nothing.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.dataset import Dataset
from cldnn_lab.diagnostics import _examples, _layers
from cldnn_lab.diagnostics._subject import ExampleOptions, Subject
from cldnn_lab.storage.tables import write_table

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from cldnn_lab.training.listeners.base import Listener

FILES = ("active_units.csv", "active_units.png", "active_units_trained.csv", "active_units_trained.png")


@dataclass
class Options(ExampleOptions):
    """Average number of active ReLU units, training mode against test mode, on fixed images.

    Attributes:
        images: indices of the fixed examples.
        epochs: after which epochs to count; empty for 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, ... The
            last epoch always counts.
    """

    images: list[int] = field(default_factory=lambda: list(range(16)), metadata={"min": 0})
    epochs: list[int] = field(default_factory=list, metadata={"min": 1})


def check(subject: Subject, options: Options) -> None:
    """Refuse a network without ReLU, and images that are not there."""
    find_relu_outputs(subject.model)
    _take_images(subject.dataset, options)


def run(subject: Subject, folder: Path, options: Options) -> list[Path]:
    """Count in a trained network: one point per layer; the curve over the epochs needs :func:`listen`.

    Writes ``active_units_trained.csv`` (epoch, which is empty here, layer, units, training, test: active units
    per example) and ``.png``.

    Raises:
        ConfigError: if no layer of the network has a ReLU activation.
    """
    images = _take_images(subject.dataset, options)
    rows = [(None, *row) for row in count_active_units(subject.model, images)]
    title = f"{subject.title}: active ReLU units of the trained network on {len(images)} fixed {options.split} examples"
    return write_files(rows, folder, "active_units_trained", title, subject.dataset.origin)


def listen(subject: Subject, folder: Path, options: Options, find_epoch: Callable[[int], float]) -> Listener:
    """A listener that counts while the network trains and leaves ``active_units.csv`` and ``.png``."""
    from cldnn_lab.diagnostics._active_units_listener import ActiveUnitsListener

    images = _take_images(subject.dataset, options)
    title = f"{subject.title}: active ReLU units on {len(images)} fixed {options.split} examples"

    def write(rows: Sequence[tuple[Any, ...]]) -> None:
        write_files(rows, folder, "active_units", title, subject.dataset.origin)

    return ActiveUnitsListener(images, options.epochs, find_epoch, write)


def count_active_units(model: keras.Model, images: np.ndarray) -> list[tuple[str, int, float, float]]:
    """For each ReLU layer: its name, its units, and the average number active per example in training mode
    and in test mode.

    Raises:
        ConfigError: if there is no such layer.
    """
    import keras

    outputs = find_relu_outputs(model)
    tensors = list(outputs.values())
    active = np.zeros((2, len(tensors)))
    for values in _layers.compute_outputs(model, tensors, images):
        active[1] += [np.count_nonzero(value > 0) for value in values]
    inner = _layers.make_part(model, tensors)
    # Training mode moves dropout's random state and batch normalisation's averages; they are put back.
    kept = [(variable, keras.ops.convert_to_numpy(variable)) for variable in model.non_trainable_variables]
    try:
        with _fork_random_state():
            for start in range(0, len(images), 16):
                values = keras.tree.flatten(inner(images[start : start + 16], training=True))
                active[0] += [np.count_nonzero(_layers.convert_to_array(value) > 0) for value in values]
    finally:
        for variable, value in kept:
            variable.assign(value)
    active /= len(images)
    units = [int(np.prod(tensor.shape[1:])) for tensor in tensors]
    return [
        (name, size, float(training), float(test))
        for name, size, training, test in zip(outputs, units, *active, strict=True)
    ]


def _fork_random_state() -> AbstractContextManager[Any]:
    """Within it random draws leave training's own sequence alone: on PyTorch, Keras draws dropout from
    PyTorch's global generator instead of a variable of the layer."""
    import keras

    if keras.backend.backend() != "torch":
        return nullcontext()
    import torch

    return torch.random.fork_rng()


def find_relu_outputs(model: keras.Model) -> dict[str, Any]:
    """The output of each ReLU layer by name, taken after the dropout layers right behind it."""
    import keras

    layers = _layers.list_layers(model, "active_units")
    found = {}
    for layer in layers:
        if isinstance(layer, keras.layers.ReLU) or getattr(layer, "activation", None) is keras.activations.relu:
            end = layer
            for follower in layers:
                if _layers.is_dropout(follower) and _layers.find_source(follower) is end:
                    end = follower
            if None not in end.output.shape[1:]:
                found[layer.name] = end.output
    if not found:
        raise ConfigError("diagnostics=active_units: no layer of this network has a ReLU activation.")
    return found


def _take_images(dataset: Dataset, options: Options) -> np.ndarray:
    split = _examples.get_split(dataset, options.split)
    return _examples.take_examples(split, options.images, "diagnostics.active_units.images").x


def write_files(rows: Sequence[tuple[Any, ...]], folder: Path, name: str, title: str, origin: str) -> list[Path]:
    """Write what was counted as ``<name>.csv`` and ``<name>.png``.

    Args:
        rows: epoch (None for a trained network), layer, units, active in training mode, active in test mode.
    """
    import pandas as pd

    table = pd.DataFrame(list(rows), columns=["epoch", "layer", "units", "training", "test"])
    picture = draw(table, folder / f"{name}.png", title=title, origin=origin)
    return [write_table(folder / f"{name}.csv", table), picture]


def read(folder: Path) -> dict[str, float]:
    """The active units of each layer that were counted last in ``folder``, as ``<layer>.training`` and
    ``<layer>.test``; none where there are none."""
    import pandas as pd

    paths = [path for path in (folder / name for name in FILES if name.endswith(".csv")) if path.is_file()]
    if not paths:
        return {}
    # The rows are in the order in which they were counted, so that those of the last epoch go before the others.
    rows = pd.read_csv(paths[0], dtype={"layer": str}).to_dict("records")
    return {f"{row['layer']}.{mode}": float(row[mode]) for row in rows for mode in ("training", "test")}


def draw(table: pd.DataFrame, path: Path, *, title: str, origin: str) -> Path:
    """Average number of active ReLU units per layer over the epochs, training mode against test mode.

    Args:
        table: columns epoch (empty for one count of a trained network), layer, units, training, test (the last
            two in active units per example).
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    from cldnn_lab.figures import style

    layers = list(dict.fromkeys(table["layer"]))
    columns = 2 if len(layers) == 4 else min(len(layers), 3)
    rows = -(-len(layers) // columns)
    figure = Figure(figsize=(max(3.3 * columns, 5.2), 2.5 * rows + 1.2), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat[len(layers) :]:
        axes.set_visible(False)
    for index, (axes, layer) in enumerate(zip(panels.flat, layers, strict=False)):
        part = table[table["layer"] == layer].sort_values("epoch")
        trained = bool(part["epoch"].isna().all())
        part = part.fillna({"epoch": 0}) if trained else part
        units = int(part["units"].iloc[0])
        for column, label, colour, dashes, marker in (
            ("training", "training mode", style.BLUE, "-", "o"),
            ("test", "test mode", style.VERMILLION, "--", "s"),
        ):
            axes.plot(
                part["epoch"],
                part[column],
                color=colour,
                linestyle=dashes,
                marker=marker,
                markersize=5,
                label=label,
            )
        top = float(part[["training", "test"]].to_numpy().max())
        axes.set_ylim(0, 1.12 * top if top > 0 else 1)
        axes.set_title(f"{style.shorten(layer, 24)}: {units:,} units", fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        if len(part) == 1:
            axes.set_xlim(part["epoch"].iloc[0] - 1, part["epoch"].iloc[0] + 1)
        if trained:
            axes.set_xticks([])
        axes.tick_params(labelsize=style.SMALL)
        style.add_grid(axes)
        if index % columns == 0:
            axes.set_ylabel("active units per example", fontsize=style.SMALL + 0.5)
        if index + columns >= len(layers):
            axes.set_xlabel("trained network" if trained else "epoch", fontsize=style.SMALL + 0.5)
    panels[0, 0].legend(fontsize=style.SMALL, loc="lower right")
    figure.suptitle(textwrap.fill(title, 70), fontsize=11)
    return style.save(figure, path, origin)
