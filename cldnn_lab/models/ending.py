"""What a built network ends in: the activation that its outputs went through, read from its layers."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from cldnn_lab.models import layers as own

_NAMED = {
    layers.Softmax: "softmax", layers.ReLU: "relu", layers.LeakyReLU: "leaky_relu", layers.PReLU: "prelu",
    layers.ELU: "elu",
}  # fmt: skip
# What leaves these may be any real number, whatever came in.
_ANY_NUMBER = (
    layers.BatchNormalization, layers.GroupNormalization, layers.LayerNormalization, layers.Normalization,
    layers.Rescaling, layers.Embedding,
)  # fmt: skip
# These hand on their input's values, or means of them along other axes than the last: a distribution stays one.
_KEEPING = (
    layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D, layers.AlphaDropout,
    layers.GaussianDropout, layers.GaussianNoise, layers.ActivityRegularization, layers.Identity, layers.Masking,
    layers.RepeatVector, layers.Cropping1D, layers.Cropping2D, layers.Cropping3D, layers.AveragePooling1D,
    layers.AveragePooling2D, layers.AveragePooling3D, layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D,
    layers.GlobalAveragePooling3D,
)  # fmt: skip
# These pick, move or pad values one by one: each keeps its range, but not its company.
_REARRANGING = (
    layers.Flatten, layers.Reshape, layers.Permute, layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D,
    layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D, layers.ZeroPadding1D,
    layers.ZeroPadding2D, layers.ZeroPadding3D,
)  # fmt: skip
# Activations that look at all values along the last axis.
_JOINT = ("softmax", "log_softmax", "sparsemax")


def find_output_activation(model: keras.Model) -> str | None:
    """The name, as in ``keras.activations``, of the activation that the outputs of ``model`` went through.

    It is sought behind whatever hands values on: ``Flatten``, dropout, pooling, ``TimeDistributed``, the project's
    blocks. ``linear`` means that an output may be any real number, as behind a normalisation; ``softmax`` that the
    outputs along the last axis are a distribution.

    Returns:
        The name; None where it cannot be read (branches that differ, a layer that is not known here).
    """
    return _follow_layers(model.layers, "linear")


def _follow_layers(stack: Sequence[keras.layers.Layer], before: str | None) -> str | None:
    """The activation behind ``stack``, whose input went through ``before``."""
    for layer in stack:
        before = _follow_layer(layer, before)
    return before


def _follow_layer(layer: keras.layers.Layer, before: str | None) -> str | None:
    if type(layer) in _NAMED:
        return _NAMED[type(layer)]
    if isinstance(layer, _ANY_NUMBER):
        return "linear"
    if isinstance(layer, (layers.InputLayer, *_KEEPING)):
        return before
    if isinstance(layer, _REARRANGING):
        return before if before not in _JOINT or _keeps_last_axis(layer) else None
    if isinstance(layer, own.Chain):
        return _follow_layers(layer.layers, before)
    if isinstance(layer, own.Branches):
        return _find_common(
            [_follow_layers(chain.layers, before) for chain in layer.chains], joined=len(layer.chains) > 1
        )
    if isinstance(layer, own.PerRow):
        return _find_common([_follow_layer(row, before) for row in layer.layers])
    if isinstance(layer, layers.Bidirectional):
        ends = [_follow_layer(half, before) for half in (layer.forward_layer, layer.backward_layer)]
        return _find_common(ends, joined=True) if layer.merge_mode in ("concat", "ave") else None
    if isinstance(layer, layers.Wrapper):
        return _follow_layer(layer.layer, before)
    activation = _name_activation(layer, before)
    if isinstance(layer, (layers.GRU, layers.LSTM)):
        return None if activation in _JOINT else activation  # the gates come after it and keep its range alone
    if activation == "linear" and isinstance(layer, layers.Activation):
        return before
    return activation


def _name_activation(layer: keras.layers.Layer, before: str | None) -> str | None:
    """What the layer's own ``activation`` does; None where it has none."""
    activation = getattr(layer, "activation", None)
    if isinstance(activation, keras.layers.Layer):
        return _follow_layer(activation, before)
    return getattr(activation, "__name__", None)


def _find_common(ends: Sequence[str | None], *, joined: bool = False) -> str | None:
    """What all of ``ends`` are; joined along the last axis, distributions are no longer one."""
    first = ends[0]
    return None if set(ends) != {first} or (joined and first in _JOINT) else first


def _keeps_last_axis(layer: keras.layers.Layer) -> bool:
    if not isinstance(layer, (layers.Flatten, layers.Reshape)):
        return False
    try:
        return bool(layer.input.shape[-1] == layer.output.shape[-1])
    except (AttributeError, ValueError):  # inside a block, where layers have no tensors of their own
        return False
