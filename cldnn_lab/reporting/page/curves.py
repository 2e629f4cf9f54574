"""The curves of all jobs, thin enough for the page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cldnn_lab.runs.table import Runs

# What a curve may be drawn over.
AXES = ("epoch", "step")


@dataclass(frozen=True)
class Curves:
    """Attributes:
    metrics: that at least one history has, the objective's first.
    axes: of :data:`AXES`, those that at least one history has.
    histories: of each job, the columns that may be drawn; None where there is no history.
    """

    metrics: list[str]
    axes: list[str]
    histories: list[dict[str, np.ndarray] | None]

    def thin(self, points: int) -> dict[str, Any]:
        """The curves as values that JSON knows: at most so many points a curve, the first and the last among them, and
        five digits a value."""
        return {
            "metrics": self.metrics,
            "axes": self.axes,
            "jobs": [None if history is None else _thin(history, points) for history in self.histories],
        }


def collect_curves(runs: Runs) -> Curves:
    """Read the histories of all jobs."""
    histories = [runs.read_history(run) for run in runs.table["run"]]
    names = list(dict.fromkeys(str(name) for history in histories if history is not None for name in history))
    metrics = [name.removeprefix("val_") for name in names if name.startswith("val_")]
    metrics = metrics or [name for name in names if name not in (*AXES, "seconds", "learning_rate")]
    first = runs.objective[0].removeprefix("test_").removeprefix("val_")
    metrics.sort(key=lambda name: name != first)
    axes = [axis for axis in AXES if axis in names]
    drawn = [*axes, *(part + metric for metric in metrics for part in ("", "val_"))]
    return Curves(metrics, axes, [_select(history, drawn) for history in histories])


def _select(history: pd.DataFrame | None, names: list[str]) -> dict[str, np.ndarray] | None:
    if history is None or history.empty:
        return None
    found = {name: history[name] for name in names if name in history}
    return {name: pd.to_numeric(column, errors="coerce").to_numpy(float) for name, column in found.items()}


def _thin(history: dict[str, np.ndarray], points: int) -> dict[str, list[float | None]]:
    length = len(next(iter(history.values()), ()))
    rows = np.unique(np.linspace(0, length - 1, min(points, length)).round().astype(int))
    return {name: [_shorten(value) for value in values[rows].tolist()] for name, values in history.items()}


def _shorten(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None
