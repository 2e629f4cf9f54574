"""Training and test curves of the rows of a table."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cldnn_lab.figures import style

# More rows than these are drawn side by side, each in its own axes.
MOST_IN_ONE = 6
_PANELS_ACROSS = 4
_MARKS = 8
# A loss that falls to so small a share of where it began is drawn on a log scale.
_FLAT = 1 / 30


def draw_table_curves(
    histories: Sequence[tuple[str, Sequence[pd.DataFrame]]],
    metric: str,
    path: Path,
    *,
    title: str,
    origin: str | None,
    test_label: str = "test",
) -> Path:
    """The mean over seeds of a metric, over the epochs: test solid, training dashed.

    Args:
        histories: for each row its label, and one for each seed, with the columns ``epoch``, ``metric`` and
            ``val_<metric>``; either of these may be missing.
        test_label: what ``val_`` was measured on.
    """
    means = [(label, (_average(own, f"val_{metric}"), _average(own, metric))) for label, own in histories]
    means = [(label, pair) for label, pair in means if any(len(curve) for curve in pair)]
    name = metric.replace("_", " ")
    if len(means) > MOST_IN_ONE:
        figure, every = _split(len(means))
    else:
        figure, axes = style.make_figure(9.5, 4.6)
        every = [axes] * max(1, len(means))
    looks = []
    for place, (axes, (label, pair)) in enumerate(zip(every, means, strict=False)):
        alone = len(means) > MOST_IN_ONE
        look: dict[str, Any] = {"color": style.BLUE} if alone else _get_look(place)
        for curve, dashes, width in zip(pair, ("-", "--"), (1.8, 1.2), strict=True):
            step = max(1, math.ceil(len(curve) / _MARKS))
            marks: dict[str, Any] = {"markersize": 4.5, "markevery": (place % step, step)}
            axes.plot(curve.index, curve, linestyle=dashes, linewidth=width, **look, **marks)
        if alone:
            axes.set_title(textwrap.fill(style.shorten(label, 90), 32), fontsize=8.5)
        looks.append(Line2D([], [], label=textwrap.fill(style.shorten(label, 90), 36), **look))
    kinds = [
        Line2D([], [], color=style.BLACK, linestyle="-", label=test_label),
        Line2D([], [], color=style.BLACK, linestyle="--", label="training"),
    ]
    scale = _scale_value_axes(every, metric, [curve for _, pair in means for curve in pair])
    for axes in dict.fromkeys(every):
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        style.add_grid(axes)
    if not means:
        every[0].text(0.5, 0.5, "no curve to show", transform=every[0].transAxes, ha="center", va="center")
    if len(means) > MOST_IN_ONE:
        figure.supxlabel("epoch", fontsize=9)
        figure.supylabel(name + scale, fontsize=9)
        every[0].legend(handles=kinds, fontsize=7.5)
    else:
        every[0].set_xlabel("epoch")
        every[0].set_ylabel(name + scale)
        if means:
            figure.legend(handles=[*looks, *kinds], loc="outside right center", fontsize=8, frameon=False)
    style.set_title(figure, title)
    return style.save(figure, path, origin)


def _average(histories: Sequence[pd.DataFrame], column: str) -> pd.Series:
    """The mean over the runs that have a value at an epoch, by epoch."""
    found = []
    for history in histories:
        if column in history:
            epochs = history["epoch"] if "epoch" in history else pd.Series(np.arange(1, len(history) + 1))
            values = pd.to_numeric(history[column], errors="coerce").replace([np.inf, -np.inf], np.nan)
            found.append(pd.Series(values.to_numpy(float), index=epochs.to_numpy(float)).dropna())
    if not found:
        return pd.Series(dtype=float)
    return pd.concat(found).groupby(level=0).mean().sort_index()


def _get_look(place: int) -> dict[str, Any]:
    """Colour and marker; the dashes say training or test."""
    look = style.get_line_style(place)
    return {"color": look["color"], "marker": look["marker"]}


def _split(number: int) -> tuple[Figure, list[Axes]]:
    """Small axes for each row, with common scales."""
    across = min(_PANELS_ACROSS, number)
    down = math.ceil(number / across)
    figure = Figure(figsize=(2.6 * across + 0.6, 2.1 * down + 1), layout="constrained")
    every = list(figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).flat)
    for axes in every[number:]:
        axes.set_visible(False)
    for axes in every[max(0, number - across) : number]:
        axes.tick_params(labelbottom=True)
    return figure, every[:number]


def _scale_value_axes(every: Sequence[Axes], metric: str, curves: Sequence[pd.Series]) -> str:
    """A log scale where the small values would lie on the axis; returns what to add to its label."""
    values = np.concatenate([curve.to_numpy(float) for curve in curves]) if curves else np.zeros(0)
    if "accuracy" in metric or not len(values) or values.min() <= 0 or values.min() > _FLAT * values.max():
        return ""
    for axes in every:
        axes.set_yscale("log")
    return " (log scale)"
