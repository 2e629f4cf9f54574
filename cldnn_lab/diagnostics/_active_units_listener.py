"""Counting active ReLU units while a network trains, for the diagnostic ``active_units``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.diagnostics.active_units import count_active_units, find_relu_outputs
from cldnn_lab.training.listeners.base import Listener

_STEPS = (1, 1.5, 2, 3, 5, 7)


class ActiveUnitsListener(Listener):
    """Counts active units at the first evaluation at or after the end of each chosen epoch.

    Counting draws from no random state that training uses and leaves every variable as it was, so that a
    network that is listened to ends like any other.

    Args:
        images: the fixed examples.
        epochs: after which to count; none for 1, 2, 3, 5, 7, 10, 15 and so on.
        find_epoch: how many epochs are over at evaluation number n, from 0.
        write: is given everything that was counted when training ends: epoch, layer, units, active in training mode,
            active in test mode.
    """

    def __init__(
        self,
        images: np.ndarray,
        epochs: Iterable[int],
        find_epoch: Callable[[int], float],
        write: Callable[[Sequence[tuple[Any, ...]]], object],
    ) -> None:
        super().__init__()
        self.images, self.epochs, self.find_epoch, self.write = images, set(epochs), find_epoch, write
        self.rows: list[tuple[Any, ...]] = []
        self.epoch = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        """Refuse a network that cannot be counted before anything is trained."""
        if self.model.inputs[0].shape[0] is not None:
            raise ConfigError(
                "diagnostics=active_units: the units of a network trained in windows of a fixed batch cannot be "
                "counted during training; count in the trained one with python -m cldnn_lab.inspect RUN "
                "diagnostics=active_units."
            )
        find_relu_outputs(self.model)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count if a chosen epoch has ended since the last evaluation; ``epoch`` is the number of this one, from 0."""
        before, self.epoch = self.epoch, self.find_epoch(epoch)
        ended = range(math.floor(before) + 1, math.floor(self.epoch) + 1)
        if any(number in self.epochs if self.epochs else _is_round(number) for number in ended):
            self._count()

    def on_train_end(self, logs: Any = None) -> None:
        """Count once more if the last evaluation was not at a chosen epoch, and write the files."""
        if self.epoch and (not self.rows or self.rows[-1][0] != self.epoch):
            self._count()
        if self.rows:
            self.write(self.rows)

    def get_state(self) -> dict[str, Any]:
        """What was counted so far."""
        return {"rows": [list(row) for row in self.rows], "epoch": self.epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what was counted before."""
        self.rows, self.epoch = [tuple(row) for row in state["rows"]], float(state["epoch"])

    def _count(self) -> None:
        epoch = int(self.epoch) if self.epoch == int(self.epoch) else self.epoch
        self.rows += [(epoch, *row) for row in count_active_units(self.model, self.images)]


def _is_round(epoch: int) -> bool:
    """Whether ``epoch`` is one of 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, ..."""
    power = 10 ** (len(str(epoch)) - 1)
    return epoch / power in _STEPS
