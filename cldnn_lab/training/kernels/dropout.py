"""Dropout on TensorFlow from fewer random bits than Keras draws."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import tensorflow as tf


def rearrange(model: keras.Model) -> None:
    """Give every plain ``Dropout`` layer of ``model`` the faster draw; rates of 255/256 and more keep Keras's."""
    for layer in model._flatten_layers():
        if type(layer) is keras.layers.Dropout and layer.noise_shape is None and layer.rate < 255 / 256:
            layer.call = partial(drop, layer)


def drop(layer: Any, inputs: Any, training: bool = False) -> Any:
    """What a ``Dropout`` layer does, from random numbers of 8 bits.

    Keras draws a float32 for every unit, which takes longer than many a convolution. 256 times the rate is rounded up
    or down at random for each call, so that every unit is dropped with just the probability asked for.
    """
    if not training or not layer.rate:
        return inputs
    count = tf.size(inputs)
    seed = tf.cast(layer.seed_generator.next(), tf.int32)
    drawn = tf.random.stateless_uniform([(count + 3) // 4 + 1], seed, minval=None, maxval=None, dtype=tf.uint32)
    octets = tf.reshape(tf.reshape(tf.bitcast(drawn[:-1], tf.uint8), [-1])[:count], tf.shape(inputs))
    rounded = tf.floor(2**8 * layer.rate + 2.0**-32 * tf.cast(drawn[-1], tf.float32))
    kept = octets >= tf.cast(rounded, tf.uint8)
    return inputs * tf.where(kept, tf.cast(1 / (1 - layer.rate), inputs.dtype), tf.zeros([], inputs.dtype))
