"""Where a run is logged beside its own directory, each logger with its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cldnn_lab.config.errors import ConfigError, suggest
from cldnn_lab.config.typed import parse_dataclass


@dataclass
class TensorBoardOptions:
    """Event files in the folder ``tensorboard`` of the run directory."""


@dataclass
class MlflowOptions:
    """A run of an MLflow experiment.

    Attributes:
        tracking_uri: of the store: a folder, ``sqlite:///...`` or a server's address; None for ``outputs/mlruns``.
        experiment: its name; made where there is none.
        run_name: None for the name of the run directory.
    """

    tracking_uri: str | None = None
    experiment: str = "cldnn_lab"
    run_name: str | None = None


LoggerOptions = TensorBoardOptions | MlflowOptions
LOGGERS: dict[str, type[LoggerOptions]] = {"tensorboard": TensorBoardOptions, "mlflow": MlflowOptions}
"""Each is the module of ``cldnn_lab.training.listeners`` with its name."""


def parse_loggers(logger: Any) -> dict[str, LoggerOptions]:
    """The ``logger`` setting: the options of each logger, by name; None and an empty mapping for none.

    Raises:
        ConfigError: for a logger that there is not, or an option that it does not have.
    """
    if not logger:
        return {}
    if not isinstance(logger, Mapping):
        raise ConfigError(f"logger: {logger!r} must be a mapping; choose with logger=<name>: {', '.join(LOGGERS)}.")
    for name in logger:
        if name not in LOGGERS:
            raise ConfigError(f"logger.{name}: there is no such logger; {suggest(name, LOGGERS)}.")
    return {name: parse_dataclass(LOGGERS[name], options or {}, f"logger.{name}") for name, options in logger.items()}
