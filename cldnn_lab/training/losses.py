"""Keras losses, the metric shown as accuracy, and the targets they compare with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from cldnn_lab.data.dataset import Task


def make_loss(name: str, output_activation: str | None, task: Task, threshold: float) -> tuple[Any, Any]:
    """The Keras loss and the metric shown as ``accuracy`` (None for regression).

    Args:
        name: what :func:`~cldnn_lab.config.loss.choose_loss` gave.
        threshold: probability above which a binary example counts as class 1.
    """
    import keras

    loss = _loss(name, output_activation, task)
    if task == "regression":
        return loss, None
    if task == "binary":
        logit = math.log(threshold / (1 - threshold))
        return loss, keras.metrics.BinaryAccuracy(
            "accuracy", threshold=logit if getattr(loss, "from_logits", False) else threshold
        )
    if name == "crossentropy":
        return loss, keras.metrics.SparseCategoricalAccuracy("accuracy")
    return loss, keras.metrics.CategoricalAccuracy("accuracy")


def _loss(name: str, output_activation: str | None, task: Task) -> Any:
    import keras

    from cldnn_lab.training.crossentropy import NormalisedCrossentropy

    if name == "mse":
        return keras.losses.MeanSquaredError()
    if name == "mae":
        return keras.losses.MeanAbsoluteError()
    logits = output_activation == "linear"
    if name == "binary_crossentropy" or task == "binary":
        return keras.losses.BinaryCrossentropy(from_logits=logits)
    if logits or output_activation == "softmax":
        return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    return NormalisedCrossentropy()


def make_targets(name: str, task: Task, y: np.ndarray, outputs: int) -> np.ndarray:
    """Targets in the form the loss compares with: class indices (n,), one-hot float32 (n, classes), a float32
    column (n, 1) for a binary task, or the regression targets as they are."""
    import keras
    import numpy as np

    if task == "regression":
        return y
    if task == "binary":
        return y.astype(np.float32).reshape(-1, 1)
    if name == "crossentropy":
        return y
    return np.asarray(keras.utils.to_categorical(y, outputs), dtype=np.float32)
