"""The training and validation curve of a metric."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cldnn_lab.figures import style


def draw_curves(
    history: pd.DataFrame,
    metric: str,
    path: Path,
    *,
    title: str,
    origin: str,
    validation_label: str = "validation",
    x: str = "epoch",
) -> Path:
    """Training and validation curve of one metric.

    Args:
        history: a row an epoch (or a point in steps), with columns ``metric`` and ``val_<metric>``; either
            may be missing, and rows without a value (NaN) are skipped. Without a column ``x`` rows count
            from 1.
        metric: ``accuracy``, ``loss``, ... A loss whose peaks would flatten the rest is drawn on a log scale.
        validation_label: ``test`` where the test set validates.
        x: the column along the horizontal axis: ``epoch`` or ``step``.
    """
    at = history[x].to_numpy(float) if x in history else np.arange(1, len(history) + 1, dtype=float)
    columns = [
        (metric, "train", style.BLUE, "-", "o"),
        (f"val_{metric}", validation_label, style.VERMILLION, "--", "s"),
    ]
    figure, axes = style.make_figure(7, 4.3)
    drawn: list[np.ndarray] = []
    broken: list[float] = []
    for column, label, colour, dashes, marker in columns:
        if column not in history:
            continue
        values = pd.to_numeric(history[column], errors="coerce").to_numpy(float)
        finite = np.isfinite(values)
        if column == metric and len(values) and not finite[-1]:
            # Only a tail without values is a divergence; gaps are epochs on which nothing was measured.
            broken.append(at[np.flatnonzero(finite)[-1] + 1] if finite.any() else at[0])
        if not finite.any():
            continue
        drawn.append(values[finite])
        axes.plot(
            at[finite],
            values[finite],
            color=colour,
            linestyle=dashes,
            marker=marker,
            markersize=5,
            markevery=max(1, int(np.ceil(finite.sum() / 12))),
            linewidth=1.7,
            label=f"{label} (last {values[finite][-1]:.4g})",
        )
    values = np.concatenate(drawn) if drawn else np.zeros(0)
    name = metric.replace("_", " ")
    if not len(values):
        axes.text(0.5, 0.5, "no finite value to show", transform=axes.transAxes, ha="center", va="center")
    scale = _scale_value_axis(axes, metric, values)
    for where in broken if len(values) else []:
        axes.axvline(where, color=style.GREY, linestyle=":", linewidth=1.5, label=f"not finite from {x} {where:g}")
    axes.set_xlabel(x)
    axes.set_ylabel(name + scale)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(at) == 1:
        axes.set_xlim(at[0] - 1, at[0] + 1)
    style.add_grid(axes)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    style.set_title(figure, title)
    return style.save(figure, path, origin)


def _scale_value_axis(axes: Axes, metric: str, values: np.ndarray) -> str:
    """Limits and scale of the vertical axis; returns what to add to its label."""
    if not len(values):
        return ""
    low, high = float(values.min()), float(values.max())
    if "accuracy" in metric:
        margin = max(0.05 * (high - low), 0.02)
        axes.set_ylim(max(0.0, low - margin), min(1.0, high + margin) + (0.005 if high > 0.99 else 0))
        return ""
    if low > 0 and high > 30 * float(np.median(values)):
        axes.set_yscale("log")
        return " (log scale)"
    if low >= 0:
        axes.set_ylim(bottom=0, top=1.06 * high if high > 0 else 1)
    return ""
