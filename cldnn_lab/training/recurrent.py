"""Keras's recurrent layers, the same arithmetic in an order that a processor gets through faster.

Keras multiplies the inputs by the kernel at every time step and leaves the gradient to be traced through the loop. Here
all time steps' inputs go through the kernel in one product before the loop, and the loop that runs backwards keeps each
step's gradient, so that those of the weights are one product after it (Appleyard et al. 2016, arXiv:1604.01946,
sections 3.1 and 3.3). The layers, their weights and what is saved stay Keras's own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
from keras import ops

Tensor = Any
# step(carry, x) -> (carry, (outputs, kept)) over the first axis of xs, from its end with reverse -> (last carry,
# (outputs, kept)): the outputs stacked, what is kept in whatever form the scan itself takes as xs.
Scan = Callable[..., tuple[tuple[Tensor, ...], tuple[tuple[Tensor, ...], Any]]]

# A processor's vectors run along the last axis. With so many examples to a unit, that is better the examples': measured
# with XLA on AVX-512, the loop over 20 units is 1.4 times as fast on 128 examples and alike on 32.
_FEW_UNITS = 2

# Derivative of each activation, from its output.
_SLOPES: Mapping[Any, Callable[[Tensor], Tensor]] = {
    keras.activations.tanh: lambda y: 1 - y * y,
    keras.activations.sigmoid: lambda y: y * (1 - y),
    keras.activations.relu: lambda y: ops.cast(y > 0, y.dtype),
    keras.activations.linear: ops.ones_like,
}


@dataclass(frozen=True)
class _Cell(ABC):
    """One time step and its gradient; ``u`` is the recurrent kernel (units, gates).

    States are (batch, units) and gates (batch, gates), or with ``columns`` the other way round.
    """

    activation: Any
    recurrent_activation: Any
    columns: bool

    @abstractmethod
    def forward(self, inputs: Tensor, state: tuple[Tensor, ...], u: Tensor, bias: Tensor) -> tuple[Any, Any]:
        """From the projected inputs, the state and the bias of the state's gates to the new state and what the
        gradient needs of this step; the first part of a state is the output."""

    @abstractmethod
    def backward(self, grads: tuple[Tensor, ...], kept: tuple[Tensor, ...], u: Tensor) -> tuple[Any, Any]:
        """From the gradient of the new state to that of the old one and those of the gates, in parts."""

    def gates(self, parts: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """The parts of all time steps, (time, batch, units) whatever the layout, as the gradients of the projected
        inputs and of the product of the old states with ``u``: the same, where a cell adds the two."""
        return parts[0], parts[0]

    def times(self, a: Tensor, kernel: Tensor) -> Tensor:
        """``a`` by ``kernel`` (n, m), in this cell's layout."""
        return ops.matmul(ops.transpose(kernel), a) if self.columns else ops.matmul(a, kernel)

    @property
    def gate_axis(self) -> int:
        return 0 if self.columns else 1

    @property
    def batch_axis(self) -> int:
        return 1 - self.gate_axis


class _Simple(_Cell):
    def forward(self, inputs: Tensor, state: tuple[Tensor, ...], u: Tensor, bias: Tensor) -> tuple[Any, Any]:
        h = self.activation(inputs + self.times(state[0], u))
        return (h,), (h,)

    def backward(self, grads: tuple[Tensor, ...], kept: tuple[Tensor, ...], u: Tensor) -> tuple[Any, Any]:
        d = grads[0] * _SLOPES[self.activation](kept[0])
        return (self.times(d, ops.transpose(u)),), (d,)


class _GRU(_Cell):
    def forward(self, inputs: Tensor, state: tuple[Tensor, ...], u: Tensor, bias: Tensor) -> tuple[Any, Any]:
        (h,) = state
        from_state = self.times(h, u) + bias
        in_z, in_r, in_n = ops.split(inputs, 3, axis=self.gate_axis)
        st_z, st_r, st_n = ops.split(from_state, 3, axis=self.gate_axis)
        z, r = self.recurrent_activation(in_z + st_z), self.recurrent_activation(in_r + st_r)
        n = self.activation(in_n + r * st_n)
        new = z * h + (1 - z) * n
        return (new,), (h, z, r, n, st_n)

    def backward(self, grads: tuple[Tensor, ...], kept: tuple[Tensor, ...], u: Tensor) -> tuple[Any, Any]:
        (d,), (h, z, r, n, st_n) = grads, kept
        gate = _SLOPES[self.recurrent_activation]
        d_z = d * (h - n) * gate(z)
        d_n = d * (1 - z) * _SLOPES[self.activation](n)
        d_r = d_n * st_n * gate(r)
        d_st = d_n * r
        from_state = ops.concatenate([d_z, d_r, d_st], axis=self.gate_axis)
        return (d * z + self.times(from_state, ops.transpose(u)),), (d_z, d_r, d_n, d_st)

    def gates(self, parts: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        d_z, d_r, d_n, d_st = parts
        return ops.concatenate([d_z, d_r, d_n], axis=-1), ops.concatenate([d_z, d_r, d_st], axis=-1)


class _LSTM(_Cell):
    def forward(self, inputs: Tensor, state: tuple[Tensor, ...], u: Tensor, bias: Tensor) -> tuple[Any, Any]:
        h, c = state
        i, f, g, o = ops.split(inputs + self.times(h, u), 4, axis=self.gate_axis)
        i, f, o = self.recurrent_activation(i), self.recurrent_activation(f), self.recurrent_activation(o)
        g = self.activation(g)
        new = f * c + i * g
        squashed = self.activation(new)
        return (o * squashed, new), (c, i, f, g, o, squashed)

    def backward(self, grads: tuple[Tensor, ...], kept: tuple[Tensor, ...], u: Tensor) -> tuple[Any, Any]:
        (d_h, d_c), (c, i, f, g, o, squashed) = grads, kept
        gate, slope = _SLOPES[self.recurrent_activation], _SLOPES[self.activation]
        d_c = d_c + d_h * o * slope(squashed)
        d = ops.concatenate(
            [d_c * g * gate(i), d_c * c * gate(f), d_c * i * slope(g), d_h * squashed * gate(o)], axis=self.gate_axis
        )
        return (self.times(d, ops.transpose(u)), d_c * f), (d,)


_CELLS: Mapping[type, type[_Cell]] = {keras.layers.SimpleRNN: _Simple, keras.layers.GRU: _GRU, keras.layers.LSTM: _LSTM}


def rearrange(model: keras.Model, scan: Scan) -> None:
    """Let the recurrent layers of ``model`` compute in this module's order.

    A layer that does something else than its plain equations (recurrent dropout, unrolling, an activation without a
    slope here, a GRU that resets before the product) keeps Keras's own loop; so does a call with a mask.

    Args:
        scan: the backend's loop over time.
    """
    for layer in filter(_fits, model._flatten_layers()):
        layer.inner_loop = partial(_inner_loop, layer, scan)


def _fits(layer: keras.Layer) -> bool:
    if type(layer) not in _CELLS or layer.dropout or layer.recurrent_dropout or layer.unroll:
        return False
    activations = {layer.activation, getattr(layer, "recurrent_activation", layer.activation)}
    return activations <= _SLOPES.keys() and getattr(layer, "reset_after", True)


def _inner_loop(
    layer: Any, scan: Scan, sequences: Tensor, initial_state: Any, mask: Any = None, training: bool = False
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """What Keras's ``inner_loop`` gives: the last output, all outputs (batch, time, units) and the last states."""
    if mask is not None:
        return type(layer).inner_loop(layer, sequences, initial_state, mask, training=training)
    # The steps are in float32 under mixed precision too: sums over many of them, too small for bfloat16 to gain.
    state = [ops.cast(s, "float32") for s in (initial_state if isinstance(initial_state, list) else [initial_state])]
    x = ops.flip(sequences, axis=1) if layer.go_backwards else sequences
    batch = sequences.shape[0]
    cell = _CELLS[type(layer)](
        layer.activation,
        getattr(layer, "recurrent_activation", None),
        columns=batch is not None and batch > _FEW_UNITS * layer.units,
    )
    kernels = [ops.cast(ops.convert_to_tensor(w), "float32") for w in (layer.cell.kernel, layer.cell.recurrent_kernel)]
    outputs, *last = _recurrence(cell, scan)(x, *kernels, *_biases(layer, kernels[0]), *state)
    last = [ops.cast(s, sequences.dtype) for s in last]
    return last[0], ops.cast(outputs, sequences.dtype), last


def _biases(layer: Any, kernel: Tensor) -> tuple[Tensor, Tensor]:
    """The bias of the inputs and that of the state, which the GRU alone has apart."""
    none = ops.zeros_like(kernel[0])
    if layer.cell.bias is None:
        return none, none
    bias = ops.cast(ops.convert_to_tensor(layer.cell.bias), "float32")
    return (bias[0], bias[1]) if len(bias.shape) == 2 else (bias, none)


def _recurrence(cell: _Cell, scan: Scan) -> Callable[..., tuple[Tensor, ...]]:
    """The whole sequence as one function with a gradient of its own.

    It takes the inputs (batch, time, features), kernel, recurrent kernel, both biases and the initial states (batch,
    units), and gives the outputs (batch, time, units) and the last states. The products over all time steps are done
    in the inputs' dtype, everything else in float32.
    """

    def turn(values: Tensor) -> Tensor:
        """(..., batch, n) as the cell has it, or back."""
        return ops.swapaxes(values, -1, -2) if cell.columns else values

    @ops.custom_gradient
    def forward(x: Tensor, w: Tensor, u: Tensor, b_in: Tensor, b_state: Tensor, *first: Tensor) -> Any:
        product = partial(_product, x.dtype)
        x = ops.transpose(x, (1, 0, 2))
        bias = ops.expand_dims(b_state, cell.batch_axis)

        def step(state: tuple[Tensor, ...], z: Tensor) -> tuple[Any, Any]:
            state, kept = cell.forward(z, state, u, bias)
            return state, (state[:1], kept)

        last, ((outputs,), kept) = scan(step, tuple(map(turn, first)), turn(product(x, w) + b_in))
        outputs = turn(outputs)

        def gradient(*upstream: Any) -> tuple[Tensor, ...]:
            d_outputs, *d_last = upstream if len(upstream) > 1 else upstream[0]

            def step_back(grads: tuple[Tensor, ...], at: tuple[Tensor, ...]) -> tuple[Any, Any]:
                d_output, *values = at
                old, parts = cell.backward((grads[0] + d_output, *grads[1:]), tuple(values), u)
                return old, (parts, ())

            along = (turn(ops.transpose(d_outputs, (1, 0, 2))), *kept)
            d_first, (parts, _) = scan(step_back, tuple(map(turn, d_last)), along, reverse=True)
            d_in, d_state = cell.gates(tuple(map(turn, parts)))
            before = ops.concatenate([ops.expand_dims(first[0], 0), outputs[:-1]], axis=0)
            return (
                ops.cast(ops.transpose(product(d_in, ops.transpose(w)), (1, 0, 2)), x.dtype),
                product(ops.transpose(_rows(x)), _rows(d_in)),
                product(ops.transpose(_rows(before)), _rows(d_state)),
                ops.sum(d_in, axis=(0, 1)),
                ops.sum(d_state, axis=(0, 1)),
                *map(turn, d_first),
            )

        return (ops.transpose(outputs, (1, 0, 2)), *map(turn, last)), gradient

    return forward


def _product(dtype: Any, a: Tensor, b: Tensor) -> Tensor:
    """The matrix product of ``a`` and ``b`` as ``dtype``, in float32."""
    return ops.cast(ops.matmul(ops.cast(a, dtype), ops.cast(b, dtype)), "float32")


def _rows(values: Tensor) -> Tensor:
    """(time, batch, n) as (time * batch, n)."""
    return ops.reshape(values, (-1, values.shape[2]))
