"""The run directory: what is in it, written whole, read back by the same names."""

from cldnn_lab.runs.directory import (
    CHECKPOINT,
    CONFIG,
    CONFUSION,
    DIAGNOSTICS,
    ENVIRONMENT,
    HISTORY,
    LAYERS,
    METRICS,
    MODEL,
    NAMES,
    PREDICTIONS,
    PREDICTOR,
    Run,
    open,
    take_directory,
)
from cldnn_lab.runs.environment import describe_environment
from cldnn_lab.runs.state import STATE, State

__all__ = [
    "CHECKPOINT",
    "CONFIG",
    "CONFUSION",
    "DIAGNOSTICS",
    "ENVIRONMENT",
    "HISTORY",
    "LAYERS",
    "METRICS",
    "MODEL",
    "NAMES",
    "PREDICTIONS",
    "PREDICTOR",
    "STATE",
    "Run",
    "State",
    "describe_environment",
    "open",
    "take_directory",
]
