"""What computes: its name, its memory and what it multiplies, asked of the backend that Keras runs on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

# From here on an NVIDIA GPU multiplies bfloat16 itself (Ampere); a T4, of 7.5, does not.
_CAPABILITY = 8


def describe_device() -> str:
    """What computes, in words: ``CPU, 2 threads`` or the accelerators' names."""
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        found = [d.device_kind for d in jax.devices() if d.platform != "cpu"]
    elif backend == "torch":
        import torch

        found = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    else:
        found = [name for name in keras.distribution.list_devices() if "cpu" not in name.lower()]
    if found:
        return ", ".join(found)
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"CPU, {threads} thread{'' if threads == 1 else 's'}"


def get_memory() -> int | None:
    """Bytes of the accelerator; None for a processor, which computes where the data lies, and for TensorFlow, which
    does not say."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        return (jax.devices()[0].memory_stats() or {}).get("bytes_limit")  # a processor keeps no statistics
    if keras.backend.backend() == "torch":
        import torch

        return torch.cuda.mem_get_info()[1] if torch.cuda.is_available() else None
    return None


def has_bfloat16() -> bool:
    """Whether all that computes multiplies bfloat16 natively: a TPU, an NVIDIA GPU of compute capability 8.0 or more,
    a processor with instructions for it. A GPU that does not say counts as one that does not."""
    found = _list_accelerators()
    return (
        all(kind == "tpu" or _parse_major(capability) >= _CAPABILITY for kind, capability in found)
        if found
        else _check_processor()
    )


def _list_accelerators() -> list[tuple[str, Any]]:
    """Kind (``gpu``, ``tpu``) and compute capability of each, as the backend says it; None where it does not."""
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return [(d.platform, getattr(d, "compute_capability", None)) for d in jax.devices() if d.platform != "cpu"]
    if backend == "torch":
        import torch

        return [("gpu", torch.cuda.get_device_capability(i)) for i in range(torch.cuda.device_count())]
    import tensorflow as tf

    details = tf.config.experimental.get_device_details
    return [
        (device.device_type.lower(), details(device).get("compute_capability") if device.device_type == "GPU" else None)
        for device in tf.config.list_physical_devices()
        if device.device_type in ("GPU", "TPU")
    ]


def _parse_major(capability: Any) -> int:
    """8 of the (8, 6) of TensorFlow and PyTorch and of JAX's "8.6"; 0 of what is neither."""
    if isinstance(capability, tuple):
        return int(capability[0])
    first = str(capability).split(".")[0]
    return int(first) if first.isdigit() else 0


def _check_processor() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags
