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
        wanted: a backend, or ``auto``: JAX for a recurrent network without convolutions where JAX is
            installed, else TensorFlow.
        model: the model's config.
    """
    if wanted != "auto":
        return wanted
    return "jax" if is_recurrent(model) and importlib.util.find_spec("jax") else "tensorflow"


def is_recurrent(model: Mapping[str, Any]) -> bool:
    """Whether recurrent layers do the work: there are some and no convolution."""
    names = layer_names(model)
    return any(name.startswith(_RECURRENT) for name in names) and not any("Conv" in name for name in names)


def layer_names(model: Mapping[str, Any]) -> list[str]:
    plain = OmegaConf.to_container(model, resolve=True) if isinstance(model, DictConfig) else model
    return [str(node["_target_"]).rsplit(".", 1)[-1] for _, node in walk(plain, "model") if "_target_" in node]
