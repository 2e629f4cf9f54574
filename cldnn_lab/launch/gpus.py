"""The GPUs of this machine, asked of its driver: the libraries that compute are not imported to tell."""

from __future__ import annotations

import os
import re
import subprocess

VISIBLE = "CUDA_VISIBLE_DEVICES"
# A second process on one GPU finds memory there only if the first has not taken all of it at its start.
SHARED = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


def list_gpus() -> list[str]:
    """Name of each NVIDIA GPU that this process may use, as ``CUDA_VISIBLE_DEVICES`` takes it; empty without any."""
    if (visible := os.environ.get(VISIBLE)) is not None:
        names = [name.strip() for name in visible.split(",")]
        return [name for name in names if name not in ("", "-1")]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    # A GPU that is cut into parts is listed before them, and only the parts can be used.
    return re.findall(r"UUID: (MIG-[^)]+)\)", listed) or re.findall(r"UUID: (GPU-[^)]+)\)", listed)
