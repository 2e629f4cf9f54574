"""Cross-entropy of outputs that are no softmax; import this before ``keras.saving.load_model`` reads a run with it."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="cldnn_lab")
class NormalisedCrossentropy(keras.losses.Loss):
    """The negative log-likelihood of the true class, the outputs divided by their sum taken as probabilities.

    Keras's own ``sparse_categorical_crossentropy`` means the same, but on TensorFlow it goes back to the logits of a
    sigmoid and takes their softmax, so that a sigmoid output trains as a softmax one; and outputs below zero, as of a
    tanh, it clips before it divides or after, as the backend has it. Here an output counts for 1e-7 at least, and all
    are divided by their sum: there is no largest output, so that a relu, softplus or exponential goes on learning.

    Args:
        label_smoothing: share of the target that is spread evenly over all classes, as in ``CategoricalCrossentropy``.
    """

    def __init__(self, label_smoothing: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Losses (n,) of class indices (n,) and outputs (n, classes)."""
        outputs = ops.maximum(y_pred, keras.config.epsilon())
        classes = ops.expand_dims(ops.cast(y_true, "int32"), -1)
        chosen = ops.squeeze(ops.take_along_axis(outputs, classes, axis=-1), -1)
        total = ops.log(ops.sum(outputs, axis=-1))
        loss = total - ops.log(chosen)
        if not self.label_smoothing:
            return loss
        even = total - ops.mean(ops.log(outputs), axis=-1)
        return (1 - self.label_smoothing) * loss + self.label_smoothing * even

    def get_config(self) -> dict[str, Any]:
        """What ``keras.saving`` needs to make this loss again."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
