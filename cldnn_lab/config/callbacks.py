"""The Keras callbacks that a config may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.targets import check_targets

FILES = {"ModelCheckpoint": "filepath", "CSVLogger": "filename"}
"""The argument of a callback that names a file."""


def check_callbacks(callbacks: Any, schedule: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The ``callbacks`` setting, checked as far as is known before the data.

    Args:
        callbacks: a ``_target_`` node for each name; None for none.
        schedule: the resolved ``schedule`` node, None for a constant rate.

    Raises:
        ConfigError: for what is no callback that a config may name, or one that the rest of the config rules out.
    """
    if not callbacks:
        return {}
    if not isinstance(callbacks, Mapping):
        raise ConfigError(
            f"callbacks: {callbacks!r} must be a mapping of names to callbacks; choose some with "
            "callbacks=[early_stopping,reduce_lr] (--help lists them)."
        )
    for name, node in callbacks.items():
        where = f"callbacks.{name}"
        target = str(node.get("_target_", "")) if isinstance(node, Mapping) else ""
        if not target.startswith("keras.callbacks."):
            raise ConfigError(f"{where}: must name a callback in _target_, such as keras.callbacks.EarlyStopping.")
        check_targets(node, where)
        kind = target.rpartition(".")[2]
        if kind == "ReduceLROnPlateau" and schedule and schedule.get("_target_") is not None:
            raise ConfigError(
                f"{where}: the learning rate cannot follow a schedule and be lowered on a plateau too; set "
                "schedule=constant, or leave the callback out."
            )
        file = node.get(FILES.get(kind, ""))
        if kind in FILES and (not isinstance(file, str) or not file or _leads_out(file)):
            raise ConfigError(
                f"{where}.{FILES[kind]}: {file!r} must be the name of a file, which is written to the folder callbacks "
                "of the run directory."
            )
    return {str(name): dict(node) for name, node in callbacks.items()}


def _leads_out(file: str) -> bool:
    path = PurePath(file)
    return path.is_absolute() or ".." in path.parts or "\\" in file or "://" in file or file.startswith("~")
