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
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Losses (n,) of class indices (n,) and outputs (n, classes)."""
        outputs = ops.maximum(y_pred, keras.config.epsilon())
        classes = ops.expand_dims(ops.cast(y_true, "int32"), -1)
        chosen = ops.squeeze(ops.take_along_axis(outputs, classes, axis=-1), -1)
        return ops.log(ops.sum(outputs, axis=-1)) - ops.log(chosen)
