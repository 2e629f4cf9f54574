"""What a listener is: a Keras callback that many batches at once can tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from cldnn_lab.training.fit import Training


class Listener(keras.callbacks.Callback):
    """A Keras callback that is also told after every call of the engine, which trains many batches.

    An epoch, to a callback, is what ends with an evaluation: the row of the history that it adds. ``on_epoch_end`` gets
    its number, from 0, and its figures; where evaluations do not fall on epochs (``validate_every``), the number still
    counts evaluations. A plain Keras callback with a hook for batches gets every batch, one call of the engine each,
    which is slower.

    Attributes:
        training: what is trained, from before ``on_train_begin`` on.
    """

    training: Training

    def on_batches_end(self, step: int, logs: dict[str, float]) -> None:
        """A call of the engine has ended.

        Args:
            step: batches trained since training began, over all epochs.
            logs: running means since the last evaluation.
        """

    def on_interrupt(self) -> None:
        """The user stops the training; the model is as the last batch left it."""

    def on_run_end(self, metrics: Mapping[str, Any]) -> None:
        """The run's results are in its directory.

        Args:
            metrics: what metrics.json holds.
        """

    def get_state(self) -> dict[str, Any]:
        """What a checkpoint must keep of this listener: plain values, arrays, and lists of either; nothing unless
        overridden."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Training goes on from a checkpoint: ``training.outcome`` is as it was then, ``state`` what :meth:`get_state`
        gave. Called after ``on_train_begin``."""
