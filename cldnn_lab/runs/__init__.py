"""The run directory: what is in it, written whole, read back by the same names."""

from cldnn_lab.runs.directory import (
    CONFIG,
    ENVIRONMENT,
    HISTORY,
    LAYERS,
    LOOKS,
    METRICS,
    MODEL,
    NAMES,
    Run,
    describe_environment,
    open,
)

__all__ = [
    "CONFIG",
    "ENVIRONMENT",
    "HISTORY",
    "LAYERS",
    "LOOKS",
    "METRICS",
    "MODEL",
    "NAMES",
    "Run",
    "describe_environment",
    "open",
]
