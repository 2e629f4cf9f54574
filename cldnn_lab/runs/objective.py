"""The one figure of a run that a sweeper is given."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.names import list_keras_names
from cldnn_lab.runs.directory import Run

_COSTS = ("mse", "mae", "msle", "mape", "rmse", "crossentropy", "seconds", "parameters", "logcosh")
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
    if part in ("train", "val", "test") and metric in list_keras_names("metrics"):
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
    chosen = find_objective(metrics, name)
    if chosen not in metrics:
        raise _unknown(chosen, metrics)
    value = metrics[chosen]
    return float(value) if isinstance(value, (int, float)) else math.nan


def find_objective(metrics: Mapping[str, Any], name: str | None) -> str:
    """The figure of ``metrics`` that is the objective: ``name``, or where that is None the accuracy or the error of a
    regression, on the test set."""
    return name or next((known for known in _BY_DEFAULT if known in metrics), "test_loss")


def is_lower_better(name: str) -> bool:
    """Whether a run is better for less of this figure: of losses, errors and what a run costs."""
    words = name.lower().split("_")
    return any(word in _COSTS for word in words) or any(
        word.endswith(("loss", "error", "divergence")) for word in words
    )


def _unknown(name: str, metrics: Mapping[str, Any]) -> ConfigError:
    figures = [known for known, value in metrics.items() if not isinstance(value, str)]
    known = [one for one in _BY_DEFAULT if one in figures]
    near = difflib.get_close_matches(name, figures, n=5, cutoff=0.5) or known
    return ConfigError(f"objective: metrics.json has no {name}; figures like it are {', '.join(near)}.")
