"""Keras losses, and the targets that they compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cldnn_lab.config.loss import check_label_smoothing

if TYPE_CHECKING:
    import numpy as np

    from cldnn_lab.data.dataset import Task


def make_loss(name: str, output_activation: str | None, task: Task, label_smoothing: float = 0.0) -> Any:
    """The Keras loss.

    Args:
        name: what :func:`~cldnn_lab.config.loss.choose_loss` gave.
        label_smoothing: share of the target that is spread evenly over all classes.

    Raises:
        ConfigError: for smoothed labels and a loss that is no cross-entropy.
    """
    import keras

    from cldnn_lab.training.crossentropy import NormalisedCrossentropy

    check_label_smoothing(label_smoothing, name)
    if name == "mse":
        return keras.losses.MeanSquaredError()
    if name == "mae":
        return keras.losses.MeanAbsoluteError()
    logits = output_activation == "linear"
    if name == "binary_crossentropy" or task == "binary":
        return keras.losses.BinaryCrossentropy(from_logits=logits, label_smoothing=label_smoothing)
    if not logits and output_activation != "softmax":
        return NormalisedCrossentropy(label_smoothing)
    if label_smoothing:  # the sparse form of it does not smooth
        return keras.losses.CategoricalCrossentropy(from_logits=logits, label_smoothing=label_smoothing)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)


def takes_indices(loss: Any) -> bool:
    """Whether the targets of a Keras loss are class indices (n,)."""
    import keras

    from cldnn_lab.training.crossentropy import NormalisedCrossentropy

    return isinstance(loss, keras.losses.SparseCategoricalCrossentropy | NormalisedCrossentropy)


def find_link(loss: Any) -> str | None:
    """The activation that makes probabilities of the logits that a Keras loss takes, ``softmax`` or ``sigmoid``; None
    where it takes outputs as they are."""
    import keras

    if not getattr(loss, "from_logits", False):
        return None
    return "sigmoid" if isinstance(loss, keras.losses.BinaryCrossentropy) else "softmax"


def make_targets(loss: Any, task: Task, y: np.ndarray, outputs: int) -> np.ndarray:
    """Targets in the form that a Keras loss compares with: class indices (n,), one-hot float32 (n, classes), a float32
    column (n, 1) for a binary task, or the regression targets as they are."""
    import keras
    import numpy as np

    if task == "regression":
        return y
    if task == "binary":
        return y.astype(np.float32).reshape(-1, 1)
    if takes_indices(loss):
        return y
    return np.asarray(keras.utils.to_categorical(y, outputs), dtype=np.float32)
