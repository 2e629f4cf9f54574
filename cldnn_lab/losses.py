"""Which loss a run minimises: the names a config may give, and which outputs each fits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from cldnn_lab.errors import Mistake

if TYPE_CHECKING:
    import numpy as np

    from cldnn_lab.data.dataset import Task

LOSSES = ("auto", "crossentropy", "binary_crossentropy", "mse", "mae")
"""``crossentropy`` is the negative log-likelihood of the true class (of class 1 or 0 in a binary task); outputs that
are neither a softmax nor logits are divided by their sum first. ``binary_crossentropy`` counts each output unit as its
own yes or no; ``mse`` and ``mae`` are the mean squared and absolute error, for classes against one-hot targets.

Linear outputs are logits to both cross-entropies: of a softmax to the first, of a sigmoid each to the second. Whether
the outputs are linear, a softmax or something else, the layers of the built network say
(:func:`cldnn_lab.models.ending.output_activation`); what cannot be read there counts as neither."""


def check_loss(loss: str, output_activation: str | None, task: Task | None = None) -> None:
    """Refuse a loss that cannot fit the output, as far as is known before (``task=None``) or after the data.

    Cross-entropy on a tanh output is let through: it is what report 000, part 5, asks to see fail.

    Args:
        output_activation: of the network; None where it is not known.

    Raises:
        Mistake: naming the loss, the output and a loss that fits.
    """
    fits = f"use loss={_automatic(output_activation, task)} or loss=auto"
    if loss == "binary_crossentropy" and output_activation == "softmax":
        raise Mistake(
            f"loss: binary_crossentropy needs independent outputs (sigmoid), but the model's output activation is "
            f"softmax; {fits}."
        )
    if task == "regression" and loss in ("crossentropy", "binary_crossentropy"):
        raise Mistake(f"loss: {loss} compares class probabilities, but this task is a regression; {fits}.")
    if task == "regression" and output_activation == "softmax":
        raise Mistake("The model's output activation softmax makes class probabilities, but this task is a regression.")


def choose(loss: str, output_activation: str | None, task: Task) -> str:
    """The loss's own name where the config says ``auto``: cross-entropy where the outputs can be probabilities
    (or logits), the mean squared error for regression and for outputs that can be negative, such as tanh."""
    check_loss(loss, output_activation, task)
    return _automatic(output_activation, task) if loss == "auto" else loss


def _automatic(output_activation: str | None, task: Task | None) -> str:
    probabilities = output_activation in ("softmax", "sigmoid", "hard_sigmoid", "linear")
    return "crossentropy" if task != "regression" and probabilities else "mse"


def scores(loss: Any, outputs: np.ndarray) -> np.ndarray:
    """Outputs (examples, outputs) as a network's Keras loss reads them: logits as the probabilities that they stand
    for, those of a softmax or of a sigmoid each, and all others as they are."""
    import keras

    if not getattr(loss, "from_logits", False):
        return outputs
    link = keras.ops.sigmoid if isinstance(loss, keras.losses.BinaryCrossentropy) else keras.ops.softmax
    return keras.ops.convert_to_numpy(link(keras.ops.convert_to_tensor(outputs)))


def make(name: str, output_activation: str | None, task: Task, threshold: float) -> tuple[Any, Any]:
    """The Keras loss and the metric shown as ``accuracy`` (None for regression).

    Args:
        name: what :func:`choose` gave.
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

    from cldnn_lab.likelihood import NormalisedCrossentropy

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


def targets(name: str, task: Task, y: np.ndarray, outputs: int) -> np.ndarray:
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
