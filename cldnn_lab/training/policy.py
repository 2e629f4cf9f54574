"""What suits a network on a device: backend, precision, XLA, batches per call, the kernels of its layers.

Measured on two cores with AVX-512 and AMX (``benchmarks/results.md``): TensorFlow's convolutions are many times faster
without XLA, and than JAX's; recurrent networks spend their time between small operations, which XLA fuses, and JAX runs
them faster still; bfloat16 nearly doubles convolutions where the processor multiplies it natively and gains recurrent
steps nothing. What a key of the config says goes before all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cldnn_lab.config.backend import is_recurrent, list_layer_names

# Batches in a call that sends them: enough to hide the call, and always as many, since each number is compiled apart.
_BATCHES_SENT = 16


class Wanted(Protocol):
    """The keys of a config that choose for the policy; None, or ``auto``, leaves it the choice."""

    precision: str
    xla: bool | None
    batches_per_call: int | None
    fast_layers: bool | None
    data_on_device: bool | None


@dataclass(frozen=True)
class Policy:
    """How a network is computed.

    Attributes:
        backend: of Keras.
        device: in words.
        precision: Keras dtype policy.
        xla: whether XLA compiles the training loop.
        batches_per_call: batches in one compiled call; None for as many as half a second takes.
        fast_layers: whether recurrent and dropout layers and the updates of many weights are computed by the faster
            kernels of :mod:`cldnn_lab.training.kernels` instead of Keras's own.
        data_on_device: whether all data is kept on the device; otherwise each call sends its batches.
    """

    backend: str
    device: str
    precision: str
    xla: bool
    batches_per_call: int | None
    fast_layers: bool
    data_on_device: bool

    def __str__(self) -> str:
        portion = (
            "about half a second of batches" if self.batches_per_call is None else f"{self.batches_per_call} batches"
        )
        if self.backend == "torch":
            how = "batch by batch"
        else:
            how = f"{portion} per compiled call, {'with' if self.xla else 'without'} XLA"
        layers = "fast kernels for layers and updates" if self.fast_layers else "Keras's own kernels"
        data = "data kept there" if self.data_on_device else "data sent as it is needed"
        return f"{self.backend} on {self.device}, {self.precision}, {how}, {data}, {layers}"


def choose_policy(
    wanted: Wanted, backend: str, model: Mapping[str, Any], device: str, *, fits: bool = True, bfloat16: bool = False
) -> Policy:
    """The policy for a network.

    Args:
        wanted: what the config chooses itself.
        backend: as :func:`~cldnn_lab.config.backend.choose_backend` decided.
        model: the model's config.
        device: as :func:`cldnn_lab.launch.device.describe_device` describes it.
        fits: whether the data fits on the device beside the network.
        bfloat16: whether the device multiplies it natively.
    """
    resident = _or_default(wanted.data_on_device, fits)
    processor = device.startswith("CPU")
    # A GPU has recurrent kernels and random numbers of its own, which Keras uses; XLA cannot compile those kernels.
    fast, xla = processor and backend != "torch", processor and is_recurrent(model)
    return Policy(
        backend,
        device,
        choose_precision(wanted.precision, model, bfloat16),
        backend == "jax" or (backend == "tensorflow" and _or_default(wanted.xla, xla)),
        wanted.batches_per_call or (None if resident else _BATCHES_SENT),
        backend != "torch" and _or_default(wanted.fast_layers, fast),
        resident,
    )


def _or_default(wanted: bool | None, otherwise: bool) -> bool:
    return otherwise if wanted is None else wanted


def choose_precision(wanted: str, model: Mapping[str, Any], bfloat16: bool) -> str:
    """The Keras dtype policy for a run.

    Args:
        wanted: ``float32``, ``mixed_bfloat16`` or ``auto``: bfloat16 where the hardware multiplies it
            natively and convolutions do the work.
        model: the model's config.
        bfloat16: whether the hardware does.
    """
    if wanted != "auto":
        return wanted
    convolutions = any("Conv" in name for name in list_layer_names(model))
    return "mixed_bfloat16" if convolutions and bfloat16 else "float32"
