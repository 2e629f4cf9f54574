"""What only TensorFlow can do: a graph that loops over batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from cldnn_lab.training.engines.base import Engine
from cldnn_lab.training.kernels import dropout, recurrent, update


def forget_graphs() -> None:
    """Let go of the graphs of earlier runs in this process.

    TensorFlow registers a gradient for every custom gradient it traces (one lies in Keras's optimizers), never takes
    it back, and each holds its whole graph: some 4 MB a run, without end in a sweep.
    """
    from tensorflow.python.framework import ops

    registry = getattr(getattr(ops, "gradient_registry", None), "_registry", {})
    for name in [name for name in registry if name.startswith("CustomGradient-")]:
        del registry[name]


def scan(step: Any, carry: tuple[Any, ...], xs: Any, reverse: bool = False) -> tuple[Any, Any]:
    """``jax.lax.scan`` of float32 tensors for :data:`recurrent.Scan`: what is kept stays in the arrays into which the
    loop wrote it, and another loop reads it there. What it computes has no gradient of its own."""
    steps = int(tf.nest.flatten(xs)[0].shape[0])
    inputs = tf.nest.map_structure(_as_array, xs)
    like = step(carry, tf.nest.map_structure(lambda array: array.read(0), inputs))[1]
    arrays = [_array(o.dtype, steps, o.shape) for o in tf.nest.flatten(like)]

    def one_step(i: Any, carry: Any, arrays: Any) -> Any:
        at = steps - 1 - i if reverse else i
        carry, out = step(carry, tf.nest.map_structure(lambda array: array.read(at), inputs))
        return i + 1, carry, [array.write(at, o) for array, o in zip(arrays, tf.nest.flatten(out), strict=True)]

    _, carry, arrays = tf.while_loop(
        lambda i, *_: i < steps, one_step, (0, tuple(carry), arrays), maximum_iterations=steps
    )
    outputs, kept = tf.nest.pack_sequence_as(like, arrays)
    return carry, (tuple(array.stack() for array in outputs), kept)


def _as_array(values: Any) -> tf.TensorArray:
    if isinstance(values, tf.TensorArray):
        return values
    return _array(values.dtype, values.shape[0], values.shape[1:]).unstack(values)


def _array(dtype: Any, steps: int, shape: Any) -> tf.TensorArray:
    # Outside graphs an array would forget what was read, and the first step is read once more for its shapes.
    return tf.TensorArray(dtype, steps, element_shape=shape, clear_after_read=False)


class TensorFlowEngine(Engine):
    """Batches in a ``tf.while_loop`` inside one ``tf.function`` for each batch size.

    Left to itself, ``tf.function`` traces a more general graph where a second batch size comes along, and which sizes a
    graph knows then depends on the order in which they came: a training that is resumed at the smaller last batch of an
    epoch would round differently.
    """

    def __init__(self, model: Any, **options: Any) -> None:
        super().__init__(model, **options)
        self._loops: dict[tuple[str, int, int], Any] = {}

    def rearrange(self) -> None:
        recurrent.rearrange(self.model, scan)
        dropout.rearrange(self.model)
        if not self.xla:
            update.rearrange(self.model)

    def _make_loop(self, step: Any) -> Any:
        def run(data: Any, order: Any, start: Any, stop: Any) -> Any:
            def one_batch(i: Any) -> Any:
                rows = order[i]
                self.reset_state()
                for window in self.cut_windows([tf.gather(array, rows) for array in data]):
                    step(window)
                return i + 1

            # One batch at a time: each needs the weights the one before it left.
            return tf.while_loop(lambda i: i < stop, one_batch, [start], parallel_iterations=1)

        return run

    def _place(self, array: np.ndarray) -> Any:
        return tf.convert_to_tensor(array)

    def _train(self, data: tuple[Any, ...], order: np.ndarray, start: int, stop: int) -> None:
        self._run("train_step", data, order, start, stop)

    def _test(self, data: tuple[Any, ...], order: np.ndarray, start: int, stop: int) -> None:
        self._run("test_step", data, order, start, stop)

    def _run(self, step: str, data: tuple[Any, ...], order: np.ndarray, start: int, stop: int) -> None:
        size = order.shape[1]
        key = step, len(data), size  # with the weights of examples or without
        if key not in self._loops:
            number = tf.TensorSpec([], tf.int32)
            arrays = tuple(tf.TensorSpec([None, *array.shape[1:]], array.dtype) for array in data)
            self._loops[key] = tf.function(
                self._make_loop(getattr(self.model, step)),
                input_signature=(arrays, tf.TensorSpec([None, size], tf.int32), number, number),
                jit_compile=self.xla or None,
                autograph=False,
            )
        self._loops[key](data, tf.constant(order), tf.constant(start), tf.constant(stop))
