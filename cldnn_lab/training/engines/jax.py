"""JAX: a ``fori_loop`` over batches, with the model's variables as its state."""

from __future__ import annotations

from typing import Any

import jax
import keras
import numpy as np

from cldnn_lab.training.engines.base import Engine
from cldnn_lab.training.kernels import recurrent


class JaxEngine(Engine):
    """Batches in a ``jax.lax.fori_loop`` around Keras's stateless steps; JAX always compiles with XLA."""

    def __init__(self, model: Any, **options: Any) -> None:
        super().__init__(model, **options)
        self._train_loop = jax.jit(self._make_loop(model.train_step), donate_argnums=0)
        self._test_loop = jax.jit(self._make_loop(model.test_step))

    def rearrange(self) -> None:
        recurrent.rearrange(self.model, jax.lax.scan)

    def _make_loop(self, step: Any) -> Any:
        def run(state: Any, data: Any, order: Any, start: Any, stop: Any) -> Any:
            def one_batch(i: Any, state: Any) -> Any:
                rows = order[i]
                state = self._forget(state)
                for window in self.cut_windows([array[rows] for array in data]):
                    _, new = step(state, window)
                    # A loop's state keeps its types; a step may hand back weaker ones.
                    state = jax.tree.map(lambda a, b: b.astype(a.dtype), state, new)
                return state

            return jax.lax.fori_loop(start, stop, one_batch, state)

        return run

    def _forget(self, state: Any) -> Any:
        """``state`` with the memory of stateful layers set to what ``reset_state`` sets it to."""
        memory = [v for layer in self.model.layers if getattr(layer, "stateful", False) for v in layer.states]
        if not memory:
            return state
        variables = self.model.non_trainable_variables
        with keras.StatelessScope(state_mapping=list(zip(variables, state[1], strict=True))) as scope:
            self.reset_state()
        kept = [scope.get_current_value(v) for v in variables]
        return (
            state[0],
            [old if new is None else new for old, new in zip(state[1], kept, strict=True)],
            *state[2:],
        )

    def _variables(self, *, optimizer: bool) -> list[Any]:
        model = self.model
        groups = [model.trainable_variables, model.non_trainable_variables]
        return [*groups, *([model.optimizer.variables] if optimizer else []), model.metrics_variables]

    def _advance(self, loop: Any, optimizer: bool, *arguments: Any) -> None:
        groups = self._variables(optimizer=optimizer)
        state = tuple([v.value for v in group] for group in groups)
        for group, values in zip(groups, loop(state, *arguments), strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)

    def _place(self, array: np.ndarray) -> Any:
        return jax.device_put(array)

    def _train(self, data: tuple[Any, ...], order: np.ndarray, start: int, stop: int) -> None:
        self._advance(self._train_loop, True, data, order, start, stop)

    def _test(self, data: tuple[Any, ...], order: np.ndarray, start: int, stop: int) -> None:
        self._advance(self._test_loop, False, data, order, start, stop)
