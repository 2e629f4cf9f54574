"""What only TensorFlow can do: a graph that loops over batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from cldnn_lab.training.engine import Engine


def forget_graphs() -> None:
    """Let go of the graphs of earlier runs in this process.

    TensorFlow registers a gradient for every custom gradient it traces (one lies in Keras's optimizers), never takes
    it back, and each holds its whole graph: some 4 MB a run, without end in a sweep.
    """
    from tensorflow.python.framework import ops

    registry = getattr(getattr(ops, "gradient_registry", None), "_registry", {})
    for name in [name for name in registry if name.startswith("CustomGradient-")]:
        del registry[name]


class TensorFlowEngine(Engine):
    """Batches in a ``tf.while_loop`` inside one ``tf.function``."""

    def __init__(self, model: Any, *, window: int | None = None, xla: bool = False) -> None:
        super().__init__(model, window=window, xla=xla)
        compiled = tf.function(jit_compile=xla or None, autograph=False, reduce_retracing=True)
        self._train = compiled(self._loop(model.train_step))
        self._test = compiled(self._loop(model.test_step))

    def _loop(self, step: Any) -> Any:
        def run(x: Any, y: Any, order: Any, start: Any, stop: Any) -> Any:
            def one_batch(i: Any) -> Any:
                rows = order[i]
                self.reset_state()
                for data in self.windows(tf.gather(x, rows), tf.gather(y, rows)):
                    step(data)
                return i + 1

            # One batch at a time: each needs the weights the one before it left.
            return tf.while_loop(lambda i: i < stop, one_batch, [start], parallel_iterations=1)

        return run

    def place(self, array: np.ndarray) -> Any:
        return tf.convert_to_tensor(array)

    def train(self, x: Any, y: Any, order: np.ndarray, start: int, stop: int) -> None:
        self._train(x, y, tf.constant(order), tf.constant(start), tf.constant(stop))

    def test(self, x: Any, y: Any, order: np.ndarray, start: int, stop: int) -> None:
        self._test(x, y, tf.constant(order), tf.constant(start), tf.constant(stop))
