"""The Keras callbacks and the loggers that a config asks for."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from cldnn_lab.config.callbacks import FILES
from cldnn_lab.config.errors import ConfigError, suggest
from cldnn_lab.config.schema import Config
from cldnn_lab.config.targets import instantiate
from cldnn_lab.training.listeners.files import ListFiles
from cldnn_lab.training.plan import Plan

FOLDER = "callbacks"
"""The folder of the run directory into which callbacks write their files."""


def make_loggers(config: Config, folder: Path, plan: Plan) -> list[keras.callbacks.Callback]:
    """The listeners of the loggers, for the run directory ``folder``.

    Raises:
        ConfigError: if a package that one of them needs is not installed, or its store cannot be opened.
    """
    made: list[keras.callbacks.Callback] = []
    for name, options in config.loggers.items():
        made += importlib.import_module(f"cldnn_lab.training.listeners.{name}").make(options, config, folder, plan)
    return made


def make_callbacks(
    nodes: Mapping[str, Mapping[str, Any]],
    folder: Path,
    metrics: Sequence[keras.metrics.Metric],
    derived: Iterable[str] = (),
) -> list[keras.callbacks.Callback]:
    """The callbacks of a config, for the run directory ``folder``.

    Args:
        nodes: what :func:`~cldnn_lab.config.callbacks.check_callbacks` gave.
        metrics: those that are watched beside the loss.
        derived: names of further figures of an evaluation.

    Raises:
        ConfigError: for a figure that will not be there, an argument that Keras refuses, or a file of somebody else's
            where a callback would write.
    """
    made = [_make(f"callbacks.{name}", node, folder / FOLDER, metrics, derived) for name, node in nodes.items()]
    if not any(_find_kind(node) in FILES for node in nodes.values()):
        return made
    files = ListFiles(folder, folder / FOLDER)
    if files.foreign:
        raise ConfigError(
            f"{min(files.foreign)} could be overwritten by a callback, and no run that kept a list wrote it: move it "
            "away, or choose another folder."
        )
    return [*made, files]


def find_restored(listeners: Iterable[keras.callbacks.Callback]) -> int | None:
    """The number of the evaluation, from 0, whose weights a callback has put back at the end; None if none did."""
    restored = None
    for listener in listeners:
        if getattr(listener, "restore_best_weights", False) and listener.best_weights is not None:
            restored = int(listener.best_epoch)
    return restored


def _make(
    where: str,
    node: Mapping[str, Any],
    folder: Path,
    metrics: Sequence[keras.metrics.Metric],
    derived: Iterable[str],
) -> keras.callbacks.Callback:
    extra: dict[str, Any] = {}
    file = FILES.get(_find_kind(node))
    if file is not None:
        extra[file] = str(folder / node[file])
    callback = instantiate(node, where, **extra)
    monitor = getattr(callback, "monitor", None)
    if monitor is None:
        return callback
    figures = ["loss", *(metric.name for metric in metrics), *derived]
    known = [*(f"val_{name}" for name in figures), *figures]
    if monitor not in known:
        raise ConfigError(f"{where}.monitor: {monitor!r} is not measured; {suggest(monitor, known)}.")
    if node.get("mode", "auto") == "auto" and not _has_direction(monitor.removeprefix("val_"), metrics):
        raise ConfigError(f"{where}.mode: say min or max: whether more or less of {monitor} is better is not known.")
    return callback


def _has_direction(name: str, metrics: Sequence[keras.metrics.Metric]) -> bool:
    """Whether Keras knows which way a figure gets better."""
    return name == "loss" or any(metric.name == name and hasattr(metric, "_direction") for metric in metrics)


def _find_kind(node: Mapping[str, Any]) -> str:
    return str(node["_target_"]).rpartition(".")[2]
