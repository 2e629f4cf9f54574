"""The few layers Keras lacks; import this before ``keras.saving.load_model`` reads a model that has them.

Branches and skips hold ordinary Keras layers, so a network that is not a plain row of layers is still a list in
YAML: its ``branches`` and ``layers`` are lists of ``_target_`` entries like the model's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

Shape = tuple[int | None, ...]

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

    def compute_output_spec(self, inputs: Any) -> Any:
        ids = len(inputs.shape) == 2 and inputs.dtype.startswith(("int", "uint"))
        if not ids and (len(inputs.shape) != 3 or inputs.shape[-1] != self.size):
            raise ValueError(f"reads ids (length,) or one-hot vectors (length, {self.size})")
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape if len(input_shape) == 3 else (*input_shape, self.size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


class _Holder(keras.layers.Layer):
    """A layer whose one argument ``field`` is layers, or a list of layers, or a list of lists of them."""

    field: str

    def get_config(self) -> dict[str, Any]:
        layers = keras.saving.serialize_keras_object(self._list_held())
        return {**super().get_config(), self.field: layers}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        held = keras.saving.deserialize_keras_object(config[cls.field])
        return cls(**{**config, cls.field: held})

    def _list_held(self) -> Any:
        raise NotImplementedError


@_register
class Chain(_Holder):
    """Layers one after another as one layer; none at all passes the input on.

    Args:
        layers: Keras layers.

    Example:
        >>> Chain([keras.layers.Dense(3), keras.layers.Dropout(0.5)]).compute_output_shape((None, 7))
        (None, 3)
    """

    field = "layers"

    def __init__(self, layers: Sequence[keras.layers.Layer], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layers = list(layers)

    def build(self, input_shape: Shape) -> None:
        for layer in self.layers:
            if not layer.built:
                layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs: Any) -> Any:
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def _list_held(self) -> Any:
        return list(self.layers)


@_register
class Residual(_Holder):
    """A skip connection: ``activation(layers(x) + x)``, as in arXiv:1512.03385.

    The sum broadcasts, so input of one channel may skip layers that make many. Anything else that changes the
    shape on the way is refused.

    Args:
        layers: what the skip goes around.
        activation: of the sum.
    """

    field = "layers"

    def __init__(self, layers: Sequence[keras.layers.Layer], activation: Any = "relu", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.body = Chain(layers, name="body", dtype=self.dtype_policy)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: Shape) -> None:
        self.body.build(input_shape)
        after = self.body.compute_output_shape(input_shape)
        if len(after) != len(input_shape) or any(
            skipped not in (1, made) for skipped, made in zip(input_shape[1:], after[1:], strict=True)
        ):
            raise ValueError(f"the skip carries {input_shape[1:]}, which cannot be added to {after[1:]}")
        self.built = True

    def call(self, inputs: Any) -> Any:
        return self.activation(ops.add(self.body(inputs), inputs))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.body.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": keras.activations.serialize(self.activation)}

    def _list_held(self) -> Any:
        return list(self.body.layers)


@_register
class Branches(_Holder):
    """The same input through several rows of layers, their outputs joined along the channels.

    An inception block (arXiv:1409.4842) is one of these; so is a dense connection (arXiv:1608.06993), with an empty
    branch that carries the input itself.

    Args:
        branches: a list of layers for each branch.
    """

    field = "branches"

    def __init__(self, branches: Sequence[Sequence[keras.layers.Layer]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.chains = [
            Chain(layers, name=f"branch{number}", dtype=self.dtype_policy)
            for number, layers in enumerate(branches, start=1)
        ]

    def build(self, input_shape: Shape) -> None:
        for chain in self.chains:
            chain.build(input_shape)
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return ops.concatenate([chain(inputs) for chain in self.chains], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shapes = [tuple(chain.compute_output_shape(input_shape)) for chain in self.chains]
        if len({shape[:-1] for shape in shapes}) > 1:
            listing = ", ".join(str(shape[1:]) for shape in shapes)
            raise ValueError(f"the branches give shapes that cannot be joined along the channels: {listing}")
        return (*shapes[0][:-1], sum(shape[-1] or 0 for shape in shapes))

    def _list_held(self) -> Any:
        return [list(chain.layers) for chain in self.chains]


@_register
class PerRow(_Holder):
    """Each row of an image through a layer of its own: (batch, rows, time, channels), one layer per row.

    Row i goes as a sequence (batch, time, channels) through layer i; the outputs become the rows of the result.

    Args:
        layers: one layer for each row.
    """

    field = "layers"

    def __init__(self, layers: Sequence[keras.layers.Layer], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layers = list(layers)

    def build(self, input_shape: Shape) -> None:
        if input_shape[1] != len(self.layers):
            raise ValueError(f"{len(self.layers)} layers for {input_shape[1]} rows")
        for layer in self.layers:
            if not layer.built:
                layer.build((input_shape[0], *input_shape[2:]))
        self.built = True

    def call(self, inputs: Any) -> Any:
        return ops.stack([layer(inputs[:, row]) for row, layer in enumerate(self.layers)], axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *rest = self.layers[0].compute_output_shape((input_shape[0], *input_shape[2:]))
        return (batch, len(self.layers), *rest)

    def _list_held(self) -> Any:
        return list(self.layers)


class _KeepsState(keras.layers.Layer):
    """What a stateful recurrent layer of Keras lacks on JAX and on PyTorch.

    Its state is a variable of the model, since a compiled step on JAX keeps nothing else; and it reads a copy of the
    state it is about to overwrite, since PyTorch's autograd refuses a tensor changed after it was read.
    """

    states: Any

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        super().build(sequences_shape)
        self.kept = list(self.states)

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        if initial_state is None:
            initial_state = [ops.copy(state) for state in self.states]
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


@_register
class StatefulSimpleRNN(_KeepsState, keras.layers.SimpleRNN):
    """``keras.layers.SimpleRNN`` for ``stateful=True`` on every backend."""


@_register
class StatefulGRU(_KeepsState, keras.layers.GRU):
    """``keras.layers.GRU`` for ``stateful=True`` on every backend."""


@_register
class StatefulLSTM(_KeepsState, keras.layers.LSTM):
    """``keras.layers.LSTM`` for ``stateful=True`` on every backend."""
