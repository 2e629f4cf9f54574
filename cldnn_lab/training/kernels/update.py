"""The optimizer's update of many weights on TensorFlow, compiled by XLA."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import keras
import tensorflow as tf

# Below that, starting a compiled update takes longer than it saves.
_MANY_WEIGHTS = 1_000_000


def rearrange(model: keras.Model) -> None:
    """Compile the update of ``model``'s optimizer, where there are more than a million weights."""
    optimizer = model.optimizer
    if sum(math.prod(weight.shape) for weight in model.trainable_variables) > _MANY_WEIGHTS:
        optimizer.apply = partial(apply_compiled, optimizer.apply)


def apply_compiled(apply: Any, grads: Any, variables: Any = None) -> None:
    """``Optimizer.apply``, compiled by XLA: one pass over each weight instead of one for every term of the rule."""

    def update(grads: Any) -> None:
        apply(grads, variables)

    tf.function(update, jit_compile=True, autograph=False)(list(grads))
