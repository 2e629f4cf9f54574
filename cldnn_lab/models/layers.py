"""The few layers Keras lacks; import this module before ``keras.saving.load_model`` reads a model with them."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

_register = keras.saving.register_keras_serializable(package="cldnn_lab")


@_register
class OneHot(keras.layers.Layer):
    """Ids to one-hot vectors: (batch, length) integers to (batch, length, size) floats.

    Input that is one-hot already, (batch, length, size), passes unchanged: one network reads both forms.

    Args:
        size: number of ids.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, inputs: Any) -> Any:
        if len(inputs.shape) == 3:
            return inputs
        return ops.one_hot(ops.cast(inputs, "int32"), self.size, dtype=self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape if len(input_shape) == 3 else (*input_shape, self.size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}
