"""What a listener is: a Keras callback that many batches at once can tell."""

from __future__ import annotations

from typing import Any

import keras


class Listener(keras.callbacks.Callback):
    """A Keras callback that is also told after every call of the engine, which trains many batches.

    An epoch, to a callback, is what ends with an evaluation: the row of the history that it adds. ``on_epoch_end`` gets
    its number, from 0, and its figures; where evaluations do not fall on epochs (``validate_every``), the number still
    counts evaluations. A callback that overrides ``on_train_batch_begin`` or ``on_train_batch_end`` gets every batch, one
    call of the engine each, which is slower.
    """

    def on_batches_end(self, step: int, logs: dict[str, float]) -> None:
        """A call of the engine has ended.

        Args:
            step: batches trained since training began, over all epochs.
            logs: running means since the last evaluation.
        """

    def get_state(self) -> dict[str, Any]:
        """What a checkpoint must keep of this listener, as arrays and plain values; nothing unless overridden."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`get_state` gave."""
