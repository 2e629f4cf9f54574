"""PyTorch: batches one after the other, eagerly, from tensors that are already on the device."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from cldnn_lab.training.engines.base import Engine


class TorchEngine(Engine):
    """A Python loop; PyTorch's eager mode has no loop to compile."""

    def rearrange(self) -> None:
        """Nothing: PyTorch's own recurrent kernels are what Keras calls already."""

    def _place(self, array: np.ndarray) -> Any:
        return keras.ops.convert_to_tensor(array)

    def _train(self, data: tuple[Any, ...], order: np.ndarray, start: int, stop: int) -> None:
        self.model.train()
        self._walk(self.model.train_step, data, order[start:stop])

    def _test(self, data: tuple[Any, ...], order: np.ndarray, start: int, stop: int) -> None:
        import torch

        self.model.eval()
        with torch.no_grad():
            self._walk(self.model.test_step, data, order[start:stop])

    def _walk(self, step: Any, data: tuple[Any, ...], order: np.ndarray) -> None:
        for rows in keras.ops.convert_to_tensor(order):
            self.reset_state()
            for window in self.cut_windows([array[rows] for array in data]):
                step(window)
