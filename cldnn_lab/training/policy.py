"""What suits a network on a device: backend, XLA and precision, by what its layers are.

Measured on two cores with AVX-512 and AMX: TensorFlow's convolutions are several times faster without XLA, and than
JAX's; recurrent networks spend their time between small operations, which XLA fuses, and JAX runs them faster still;
bfloat16 nearly doubles convolutions where the processor multiplies it natively and gains recurrent steps nothing.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cldnn_lab.targets import walk

_RECURRENT = ("GRU", "LSTM", "SimpleRNN", "RNN", "Bidirectional", "recurrent")


def backend(wanted: str, model: Mapping[str, Any]) -> str:
    """The Keras backend for a network; nothing is imported to tell.

    Args:
        wanted: a backend, or ``auto``: JAX for a recurrent network without convolutions where JAX is
            installed, else TensorFlow.
        model: the model's config.
    """
    if wanted != "auto":
        return wanted
    return "jax" if recurrent_only(model) and importlib.util.find_spec("jax") else "tensorflow"


def recurrent_only(model: Mapping[str, Any]) -> bool:
    """Whether recurrent layers do the work: there are some and no convolution."""
    names = _layer_names(model)
    return any(name.startswith(_RECURRENT) for name in names) and not any("Conv" in name for name in names)


def precision(wanted: str, model: Mapping[str, Any], device: str) -> str:
    """The Keras dtype policy for a run.

    Args:
        wanted: ``float32``, ``mixed_bfloat16`` or ``auto``: bfloat16 where the hardware multiplies it
            natively and convolutions do the work.
        model: the model's config.
        device: as :func:`cldnn_lab.training.backend.device` describes it.
    """
    if wanted != "auto":
        return wanted
    convolutions = any("Conv" in name for name in _layer_names(model))
    return "mixed_bfloat16" if convolutions and _bfloat16(device) else "float32"


def _layer_names(model: Mapping[str, Any]) -> list[str]:
    plain = OmegaConf.to_container(model, resolve=True) if isinstance(model, DictConfig) else model
    return [str(node["_target_"]).rsplit(".", 1)[-1] for _, node in walk(plain, "model") if "_target_" in node]


def _bfloat16(device: str) -> bool:
    if not device.startswith("CPU"):
        return True
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags
