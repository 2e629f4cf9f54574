"""Many batches in one call of the backend.

``model.fit`` returns to Python after every batch, which costs a small network more than its arithmetic.
An engine keeps the data on the device and walks through a given order of examples inside one compiled
loop, around Keras's own ``train_step`` and ``test_step``; the epochs, the curves and the callbacks around
it are the same for every backend.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np


class Engine(ABC):
    """Trains and tests a compiled Keras model on arrays, many batches per call.

    Args:
        model: built and compiled; a stateful one is reset at the start of every batch of sequences.
        window: time steps a training step sees: each batch is cut along axis 1 into windows trained one
            after the other, state kept between them (truncated back-propagation through time); None for
            whole examples.
        xla: compile with XLA where the backend leaves a choice.
        fast_layers: let recurrent and dropout layers, and the updates of many weights, compute the same in an order
            that suits the processor.
        data_on_device: keep all data on the device; otherwise each call sends the batches that it needs.
    """

    def __init__(
        self,
        model: Any,
        *,
        window: int | None = None,
        xla: bool = False,
        fast_layers: bool = False,
        data_on_device: bool = True,
    ) -> None:
        self.model = model
        self.window = window
        self.xla = xla
        self.data_on_device = data_on_device
        if fast_layers:
            self.rearrange()

    @abstractmethod
    def rearrange(self) -> None:
        """Give the model's layers and updates a faster order of the same arithmetic, where this backend has one."""

    def prepare(self, batch: Sequence[np.ndarray]) -> None:
        """Create the optimizer's and the metrics' variables from a first batch, before anything is compiled."""
        self.model.optimizer.build(self.model.trainable_variables)
        self.model._symbolic_build(data_batch=self.cut_windows(batch)[0])

    def cut_windows(self, batch: Sequence[Any]) -> list[tuple[Any, ...]]:
        """One batch as the windows it is trained in: all of it, or slices of ``window`` steps along axis 1."""
        if self.window is None:
            return [tuple(batch)]
        starts = range(0, batch[0].shape[1], self.window)
        return [tuple(array[:, s : s + self.window] for array in batch) for s in starts]

    def reset_state(self) -> None:
        """Forget what stateful recurrent layers remember of the batch before."""
        for layer in self.model.layers:
            if getattr(layer, "stateful", False):
                layer.reset_state()

    def average(self) -> None:
        """Put the optimizer's moving average of the weights in their place, where it keeps one (``use_ema``)."""
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)

    @contextmanager
    def use_average(self) -> Iterator[None]:
        """A context in which :meth:`average` holds; after it training goes on from the weights as they were."""
        if not self.model.optimizer.use_ema:
            yield
            return
        variables = self.model.trainable_variables
        own = [keras.ops.convert_to_numpy(variable) for variable in variables]
        self.average()
        try:
            yield
        finally:
            for variable, value in zip(variables, own, strict=True):
                variable.assign(value)

    def is_finite(self) -> bool:
        """Whether every weight is a finite number."""
        return all(np.isfinite(keras.ops.convert_to_numpy(weight)).all() for weight in self.model.weights)

    def logs(self) -> dict[str, float]:
        """The running means of the loss and the metrics since :meth:`reset_metrics`."""
        return {name: float(value) for name, value in self.model.get_metrics_result().items()}

    def reset_metrics(self) -> None:
        """Start the running means anew."""
        self.model.reset_metrics()

    def keep(self, array: np.ndarray) -> Any:
        """Examples, targets or weights as :meth:`train` wants them: on the device, if they stay there."""
        return self._place(array) if self.data_on_device else array

    def train(self, data: Sequence[Any], order: np.ndarray, start: int, stop: int) -> None:
        """Train on batches ``start`` to ``stop`` of ``order``.

        Args:
            data: what :meth:`keep` gave for examples, targets and, where examples weigh differently, their weights.
            order: indices of examples, int32 (batches, batch size).
        """
        self._train(*self._bring_to_device(data, order, start, stop))

    def test(self, data: Sequence[Any], order: np.ndarray, start: int, stop: int) -> None:
        """Update the running means with batches ``start`` to ``stop`` of ``order``, without training."""
        self._test(*self._bring_to_device(data, order, start, stop))

    def _bring_to_device(self, data: Sequence[Any], order: np.ndarray, start: int, stop: int) -> Any:
        """The arguments with the data on the device: as they are, or the examples of these batches alone."""
        if self.data_on_device:
            return tuple(data), order, start, stop
        rows = order[start:stop]
        batches = np.arange(rows.size, dtype=np.int32).reshape(rows.shape)
        return tuple(self._place(array[rows.ravel()]) for array in data), batches, 0, len(rows)

    @abstractmethod
    def _place(self, array: np.ndarray) -> Any:
        """``array`` where the backend computes."""

    @abstractmethod
    def _train(self, data: tuple[Any, ...], order: np.ndarray, start: int, stop: int) -> None:
        """:meth:`train` with the data on the device."""

    @abstractmethod
    def _test(self, data: tuple[Any, ...], order: np.ndarray, start: int, stop: int) -> None:
        """:meth:`test` with the data on the device."""


def make_engine(model: Any, **options: Any) -> Engine:
    """The engine of the backend that Keras runs on; the options are those of :class:`Engine`."""
    kinds = {"tensorflow": "TensorFlowEngine", "jax": "JaxEngine", "torch": "TorchEngine"}
    backend = keras.backend.backend()
    module = importlib.import_module(f"cldnn_lab.training.engines.{backend}")
    engine: Engine = getattr(module, kinds[backend])(model, **options)
    return engine
