"""How many ReLU units are active, in training mode and in test mode (report 000, part 5, bonus b).

A unit is active where its output is above zero, after the dropout that follows it if any: a unit that dropout
silences gives the next layer nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from cldnn_lab import figures
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.dataset import Dataset
from cldnn_lab.diagnostics import forward
from cldnn_lab.diagnostics.options import ActiveUnits
from cldnn_lab.runs.directory import Run

_STEPS = (1, 1.5, 2, 3, 5, 7)


def check(model: keras.Model, dataset: Dataset, options: ActiveUnits) -> None:
    """Refuse a network without ReLU, and images that are not there."""
    _find_relu_outputs(model)
    _take_images(dataset, options)


def run(model: keras.Model, dataset: Dataset, folder: Path, options: ActiveUnits, title: str) -> list[Path]:
    """Count in a trained network: one point a layer; the curve over the epochs needs :func:`watcher`.

    Writes ``active_units_trained.csv`` (epoch, which is empty here, layer, units, training, test: active units
    per example) and ``.png``.

    Raises:
        ConfigError: if no layer of the network has a ReLU activation.
    """
    images = _take_images(dataset, options)
    rows = [(None, *row) for row in count_active_units(model, images)]
    said = f"{title}: active ReLU units of the trained network on {len(images)} fixed {options.split} examples"
    return _write(rows, dataset, folder, "active_units_trained", said)


def watcher(
    dataset: Dataset, folder: Path, options: ActiveUnits, title: str, epoch_of: Callable[[int], float]
) -> keras.callbacks.Callback:
    """A callback that counts while the network trains and leaves ``active_units.csv`` and ``.png``."""
    images = _take_images(dataset, options)
    said = f"{title}: active ReLU units on {len(images)} fixed {options.split} examples"
    return Watcher(images, dataset, folder, options.epochs, said, epoch_of)


class Watcher(keras.callbacks.Callback):
    """Counts active units at the first row of the history at or after each chosen epoch.

    Counting draws from no random state that training uses and leaves every variable as it was, so that a
    watched run ends like an unwatched one.
    """

    def __init__(
        self,
        images: np.ndarray,
        dataset: Dataset,
        folder: Path,
        epochs: Sequence[int],
        title: str,
        epoch_of: Callable[[int], float],
    ) -> None:
        super().__init__()
        self.images, self.dataset, self.folder, self.title = images, dataset, folder, title
        self.epochs, self.epoch_of = set(epochs), epoch_of
        self.rows: list[tuple[Any, ...]] = []
        self.epoch = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        """Refuse a network that cannot be counted before anything is trained."""
        if self.model.inputs[0].shape[0] is not None:
            raise ConfigError(
                "diagnostics=active_units: a network trained in windows of a fixed batch cannot be watched; count "
                "in the trained one with python -m cldnn_lab.inspect RUN diagnostics=active_units."
            )
        _find_relu_outputs(self.model)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count if a chosen epoch has ended since the row before; ``epoch`` is the row's number, from 0."""
        before, self.epoch = self.epoch, self.epoch_of(epoch)
        ended = range(math.floor(before) + 1, math.floor(self.epoch) + 1)
        if any(number in self.epochs if self.epochs else _is_round(number) for number in ended):
            self._count()

    def on_train_end(self, logs: Any = None) -> None:
        """Count once more if the last row was not a chosen one, and write the files."""
        if self.epoch and (not self.rows or self.rows[-1][0] != self.epoch):
            self._count()
        if self.rows:
            _write(self.rows, self.dataset, self.folder, "active_units", self.title)

    def _count(self) -> None:
        epoch = int(self.epoch) if self.epoch == int(self.epoch) else self.epoch
        self.rows += [(epoch, *row) for row in count_active_units(self.model, self.images)]


def count_active_units(model: keras.Model, images: np.ndarray) -> list[tuple[str, int, float, float]]:
    """For each ReLU layer: its name, its units, and the average number active per example in training mode
    and in test mode.

    Raises:
        ConfigError: if there is no such layer.
    """
    outputs = _find_relu_outputs(model)
    tensors = list(outputs.values())
    active = np.zeros((2, len(tensors)))
    for values in forward.compute_outputs(model, tensors, images):
        active[1] += [np.count_nonzero(value > 0) for value in values]
    inner = forward.make_part(model, tensors)
    # Training mode moves dropout's random state and batch normalisation's averages; they are put back.
    kept = [(variable, keras.ops.convert_to_numpy(variable)) for variable in model.non_trainable_variables]
    try:
        with _fork_random_state():
            for start in range(0, len(images), 16):
                values = keras.tree.flatten(inner(images[start : start + 16], training=True))
                active[0] += [np.count_nonzero(forward.convert_to_array(value) > 0) for value in values]
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
    if keras.backend.backend() != "torch":
        return nullcontext()
    import torch

    return torch.random.fork_rng()


def _find_relu_outputs(model: keras.Model) -> dict[str, Any]:
    """The output of each ReLU layer by name, taken after the dropout layers right behind it."""
    layers = forward.list_layers(model, "active_units")
    found = {}
    for layer in layers:
        if isinstance(layer, keras.layers.ReLU) or getattr(layer, "activation", None) is keras.activations.relu:
            end = layer
            for follower in layers:
                if isinstance(follower, forward.DROPOUTS) and forward.find_source(follower) is end:
                    end = follower
            if None not in end.output.shape[1:]:
                found[layer.name] = end.output
    if not found:
        raise ConfigError("diagnostics=active_units: no layer of this network has a ReLU activation.")
    return found


def _take_images(dataset: Dataset, options: ActiveUnits) -> np.ndarray:
    split = forward.get_split(dataset, options.split)
    return forward.take_examples(split, options.images, "diagnostics.active_units.images").x


def _is_round(epoch: int) -> bool:
    """Whether ``epoch`` is one of 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, ..."""
    power = 10 ** (len(str(epoch)) - 1)
    return epoch / power in _STEPS


def _write(rows: Sequence[tuple[Any, ...]], dataset: Dataset, folder: Path, name: str, title: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(list(rows), columns=["epoch", "layer", "units", "training", "test"])
    picture = figures.active_units(table, folder / f"{name}.png", title=title, origin=dataset.origin)
    Run(folder).write_table(f"{name}.csv", table)
    return [folder / f"{name}.csv", picture]
