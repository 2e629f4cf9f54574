"""The run directory: what is in it, written whole, read back by the same names."""

from cldnn_lab.runs.directory import (
    CONFIG,
    DIAGNOSTICS,
    ENVIRONMENT,
    HISTORY,
    LAYERS,
    METRICS,
    MODEL,
    NAMES,
    PREDICTOR,
    Run,
    describe_environment,
    open,
)

__all__ = [
    "CONFIG",
    "DIAGNOSTICS",
    "ENVIRONMENT",
    "HISTORY",
    "LAYERS",
    "METRICS",
    "MODEL",
    "NAMES",
    "PREDICTOR",
    "Run",
    "describe_environment",
    "open",
]
