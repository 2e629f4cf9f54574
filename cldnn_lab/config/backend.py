"""Which Keras backend a config asks for, told without importing any."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cldnn_lab.config.targets import walk

BACKENDS = ("tensorflow", "jax", "torch", "auto")
_RECURRENT = ("GRU", "LSTM", "SimpleRNN", "RNN", "Bidirectional", "recurrent")


def choose_backend(wanted: str, model: Mapping[str, Any]) -> str:
    """The Keras backend for a network; nothing is imported to tell.

    Args:
        wanted: a backend, or ``auto``: JAX for a recurrent network without convolutions, else TensorFlow; where that is
            not installed, the first of :func:`list_installed`.
        model: the model's config.
    """
    if wanted != "auto":
        return wanted
    best, installed = "jax" if is_recurrent(model) else "tensorflow", list_installed()
    return best if best in installed or not installed else installed[0]


def list_installed() -> list[str]:
    """The backends that are installed, without importing them: TensorFlow, JAX, PyTorch, in this order."""
    return [name for name in BACKENDS if name != "auto" and importlib.util.find_spec(name)]


def is_recurrent(model: Mapping[str, Any]) -> bool:
    """Whether recurrent layers do the work: there are some and no convolution."""
    names = list_layer_names(model)
    return any(name.startswith(_RECURRENT) for name in names) and not any("Conv" in name for name in names)


def list_layer_names(model: Mapping[str, Any]) -> list[str]:
    plain = OmegaConf.to_container(model, resolve=True) if isinstance(model, DictConfig) else model
    return [str(node["_target_"]).rsplit(".", 1)[-1] for _, node in walk(plain, "model") if "_target_" in node]
