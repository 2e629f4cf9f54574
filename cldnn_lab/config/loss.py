"""Which loss a run minimises: the names a config may give, and which outputs each fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cldnn_lab.config.errors import ConfigError

if TYPE_CHECKING:
    from cldnn_lab.data.dataset import Task

LOSSES = ("auto", "crossentropy", "binary_crossentropy", "mse", "mae")
"""``crossentropy`` is the negative log-likelihood of the true class (of class 1 or 0 in a binary task); outputs that
are neither a softmax nor logits are divided by their sum first. ``binary_crossentropy`` counts each output unit as its
own yes or no; ``mse`` and ``mae`` are the mean squared and absolute error, for classes against one-hot targets.

Linear outputs are logits to both cross-entropies: of a softmax to the first, of a sigmoid each to the second. Whether
the outputs are linear, a softmax or something else, the layers of the built network say
(:func:`cldnn_lab.models.ending.find_output_activation`); what cannot be read there counts as neither."""


def check_loss(loss: str, output_activation: str | None, task: Task | None = None) -> None:
    """Refuse a loss that cannot fit the output, as far as is known before (``task=None``) or after the data.

    Cross-entropy on a tanh output is let through: it is what report 000, part 5, asks to see fail.

    Args:
        output_activation: of the network; None where it is not known.

    Raises:
        ConfigError: naming the loss, the output and a loss that fits.
    """
    fits = f"use loss={_choose_automatically(output_activation, task)} or loss=auto"
    if loss == "binary_crossentropy" and output_activation == "softmax":
        raise ConfigError(
            f"loss: binary_crossentropy needs independent outputs (sigmoid), but the model's output activation is "
            f"softmax; {fits}."
        )
    if task == "regression" and loss in ("crossentropy", "binary_crossentropy"):
        raise ConfigError(f"loss: {loss} compares class probabilities, but this task is a regression; {fits}.")
    if task == "regression" and output_activation == "softmax":
        raise ConfigError(
            "The model's output activation softmax makes class probabilities, but this task is a regression."
        )


def check_label_smoothing(label_smoothing: float, loss: str) -> None:
    """Refuse smoothed labels for a loss that is no cross-entropy.

    Raises:
        ConfigError: naming the loss.
    """
    if label_smoothing and loss in ("mse", "mae"):
        raise ConfigError(
            f"label_smoothing: only the cross-entropies take it, and the loss is {loss}; set label_smoothing=0."
        )


def choose_loss(loss: str, output_activation: str | None, task: Task) -> str:
    """The loss's own name where the config says ``auto``: cross-entropy where the outputs can be probabilities
    (or logits), the mean squared error for regression and for outputs that can be negative, such as tanh."""
    check_loss(loss, output_activation, task)
    return _choose_automatically(output_activation, task) if loss == "auto" else loss


def _choose_automatically(output_activation: str | None, task: Task | None) -> str:
    probabilities = output_activation in ("softmax", "sigmoid", "hard_sigmoid", "linear")
    return "crossentropy" if task != "regression" and probabilities else "mse"
