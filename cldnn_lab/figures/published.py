"""Published figures beside measured ones."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from cldnn_lab.figures import style

MOST_PANELS = 3
_LABEL, _HEIGHT = 34, 0.34


@dataclass(frozen=True)
class Bar:
    """One row of one figure; None for what it does not have.

    Attributes:
        published: a single figure.
        mean: of the runs.
        interval: confidence interval of the mean.
        prediction: prediction interval of one more run.
    """

    published: float | None = None
    mean: float | None = None
    interval: tuple[float, float] | None = None
    prediction: tuple[float, float] | None = None


def draw_published(
    panels: Mapping[str, Sequence[Bar]], labels: Sequence[str], path: Path, *, title: str, origin: str | None
) -> Path:
    """Published and measured figures, a line for each row.

    Args:
        panels: for each figure, named with its unit, a bar for each row; at most :data:`MOST_PANELS` are drawn.
        labels: of the rows, from top to bottom.
    """
    shown = dict(list(panels.items())[:MOST_PANELS])
    names = [textwrap.fill(style.shorten(label, 3 * _LABEL), _LABEL) for label in labels]
    height = 1.7 + _HEIGHT * sum(max(1, 0.75 * (name.count("\n") + 1)) for name in names)
    figure = Figure(figsize=(5 + 2.9 * len(shown), height), layout="constrained")
    every = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, (name, bars) in zip(every, shown.items(), strict=True):
        _draw_panel(axes, bars)
        axes.set_xlabel(textwrap.fill(name, 36))
    every[0].set_yticks(range(len(names)), names, fontsize=8.5)
    every[0].set_ylim(len(names) - 0.5, -0.5)
    handles = {label: handle for axes in every for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside right center", fontsize=8, frameon=False)
    style.set_title(figure, title)
    return style.save(figure, path, origin)


def _draw_panel(axes: Axes, bars: Sequence[Bar]) -> None:
    """The thin line is longer than the bar, and the bar than the mark: each shows behind the other, in grey, too."""
    lines: tuple[tuple[Any, str, dict[str, Any]], ...] = (
        (
            [bar.prediction for bar in bars],
            "95 % prediction interval",
            {"color": style.GREY, "linewidth": 1},
        ),
        ([bar.interval for bar in bars], "95 % interval of the mean", {"color": style.SKY, "linewidth": 6}),
    )
    for intervals, label, look in lines:
        found = [(place, interval) for place, interval in enumerate(intervals) if interval]
        if found:
            places, ends = zip(*found, strict=True)
            lows, highs = np.transpose(ends)
            axes.hlines(places, lows, highs, label=label, **look)
    marks: tuple[tuple[Any, str, dict[str, Any]], ...] = (
        ([bar.mean for bar in bars], "measured mean", {"marker": "|", "color": style.BLACK, "markersize": 11}),
        (
            [bar.published for bar in bars],
            "published",
            {"marker": "D", "color": style.VERMILLION, "markersize": 6, "markerfacecolor": "none"},
        ),
    )
    for values, label, look in marks:
        known = [(value, place) for place, value in enumerate(values) if value is not None]
        if known:
            axes.plot(*zip(*known, strict=True), linestyle="", markeredgewidth=1.6, label=label, zorder=3, **look)
    if not axes.get_legend_handles_labels()[0]:
        axes.text(0.5, 0.5, "nothing measured yet", transform=axes.transAxes, ha="center", va="center")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    style.add_grid(axes)
