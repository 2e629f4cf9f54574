"""Precision by what the machine has and what the network is made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from cldnn_lab.targets import walk

_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D", "ConvBlock", "ResidualBlock", "InceptionBlock", "DenseBlock")


def precision(wanted: str, model: Mapping[str, Any], device: str) -> str:
    """The Keras dtype policy for a run.

    Args:
        wanted: ``float32``, ``mixed_bfloat16`` or ``auto``: bfloat16 where the hardware multiplies it
            natively and convolutions do the work (recurrent steps are too small to gain from it).
        model: the model's config.
        device: as :func:`cldnn_lab.training.backend.device` describes it.
    """
    if wanted != "auto":
        return wanted
    targets = [str(node.get("_target_", "")) for _, node in walk(OmegaConf.to_container(model), "model")]
    convolutions = any(target.endswith(_CONVOLUTIONS) for target in targets)
    return "mixed_bfloat16" if convolutions and _bfloat16(device) else "float32"


def _bfloat16(device: str) -> bool:
    if not device.startswith("CPU"):
        return True
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags
