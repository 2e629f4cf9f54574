"""The one figure of a run that a sweeper is given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cldnn_lab.config.errors import ConfigError, suggest
from cldnn_lab.config.names import keras_names
from cldnn_lab.runs.directory import Run

_BY_DEFAULT = ("test_accuracy", "test_normalised_error", "test_mse", "test_loss")


def check_objective(name: str | None, expected: Mapping[str, Any]) -> None:
    """Refuse, before training, an objective that metrics.json will not have.

    Args:
        name: of the figure; None for the default.
        expected: what metrics.json will hold, the values as far as they are known.

    Raises:
        ConfigError: naming what is close to it.
    """
    if name is None:
        return
    part, _, metric = name.partition("_")
    if part in ("train", "val", "test") and metric in keras_names("metrics"):
        return  # one that may be watched besides
    if name not in expected:
        raise _unknown(name, expected)
    if isinstance(expected[name], str):
        raise ConfigError(f"objective: {name} is text; name a figure, such as test_accuracy.")


def read_objective(run: Run, name: str | None) -> float:
    """The objective of the run; NaN if it was not completed, or its figure is not a number.

    Raises:
        ConfigError: if a completed run has no such figure.
    """
    state = run.state
    if state is None or state.state != "completed":
        return math.nan
    metrics = run.metrics
    chosen = name or next((known for known in _BY_DEFAULT if known in metrics), "test_loss")
    if chosen not in metrics:
        raise _unknown(chosen, metrics)
    value = metrics[chosen]
    return float(value) if isinstance(value, (int, float)) else math.nan


def _unknown(name: str, metrics: Mapping[str, Any]) -> ConfigError:
    figures = [known for known, value in metrics.items() if not isinstance(value, str)]
    return ConfigError(f"objective: metrics.json has no {name}; {suggest(name, figures)}.")
