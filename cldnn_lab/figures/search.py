"""How the objective of a search depends on its parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from cldnn_lab.figures import style

_COLUMNS = 3


@dataclass(frozen=True)
class Slice:
    """A parameter and its value in each trial.

    Attributes:
        name: of the parameter.
        values: numbers, or words.
        log: it was searched on a log scale.
    """

    name: str
    values: Sequence[Any]
    log: bool = False


def draw_slices(
    slices: Sequence[Slice],
    objectives: Sequence[float],
    numbers: Sequence[int],
    path: Path,
    *,
    title: str,
    measure: str,
    lower: bool,
    origin: str | None,
) -> Path:
    """The objective of each trial over each parameter, darker the later the trial, and a ring around the best.

    Args:
        objectives: of each trial.
        numbers: of each trial.
        measure: what the objective is, in words.
        lower: less of it is better.
    """
    columns = min(len(slices), _COLUMNS)
    rows = math.ceil(len(slices) / columns)
    figure = Figure(figsize=(max(3.4 * columns + 0.9, 5), 3 * rows + 0.6), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    best = int(np.argmin(objectives) if lower else np.argmax(objectives))
    dots = None
    for index, axes in enumerate(panels.flat):
        if index >= len(slices):
            axes.remove()
            continue
        at = _place(axes, slices[index])
        dots = axes.scatter(at, objectives, c=numbers, cmap="Blues", vmin=min(numbers) - 0.5 * (1 + np.ptp(numbers)),
                            edgecolors=style.BLACK, linewidths=0.6, s=34)  # fmt: skip
        axes.scatter(at[best], objectives[best], s=150, facecolors="none", edgecolors=style.VERMILLION, linewidths=1.8,
                     label=f"best: trial {numbers[best]}")  # fmt: skip
        axes.set_xlabel(style.shorten(slices[index].name, 40))
        if index % columns == 0:
            axes.set_ylabel(measure)
        style.add_grid(axes)
    panels[0, 0].legend(fontsize=style.SMALL)
    if dots is not None and len(numbers) > 1:
        figure.colorbar(dots, ax=panels, label="trial", ticks=MaxNLocator(6, integer=True)).ax.set_ylim(
            min(numbers), max(numbers)
        )
    style.set_title(figure, title)
    return style.save(figure, path, origin)


def draw_importance(importance: Mapping[str, float], path: Path, *, title: str, origin: str | None) -> Path:
    """A bar for each parameter, the most important on top.

    Args:
        importance: shares of 1.
    """
    ordered = sorted(importance.items(), key=lambda item: item[1])
    figure, axes = style.make_figure(7, 1.1 + 0.42 * len(ordered))
    shares = [share for _, share in ordered]
    axes.barh(range(len(ordered)), shares, color=style.BLUE, height=0.6)
    axes.set_yticks(range(len(ordered)), [style.shorten(name, 40) for name, _ in ordered])
    for place, share in enumerate(shares):
        axes.text(share, place, f" {share:.2f}", va="center", fontsize=style.SMALL + 1)
    axes.set_xlim(0, max(1.12 * max(shares), 0.1))
    axes.set_xlabel("importance (share of the variance)")
    style.add_grid(axes)
    style.set_title(figure, title)
    return style.save(figure, path, origin)


def _place(axes: Axes, parameter: Slice) -> np.ndarray:
    """Where the values of a parameter are on the horizontal axis, which is made for them."""
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in parameter.values):
        if parameter.log:
            axes.set_xscale("log")
            if max(parameter.values) < 30 * min(parameter.values):  # powers of ten alone would be few
                axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
        return np.asarray(parameter.values, float)
    try:
        known = sorted(set(parameter.values), key=float)
    except ValueError:
        known = sorted(set(map(str, parameter.values)))
    axes.set_xticks(range(len(known)), [style.shorten(one, 16) for one in known], rotation=0 if len(known) < 5 else 40)
    axes.set_xlim(-0.5, len(known) - 0.5)
    return np.asarray([known.index(str(value)) for value in parameter.values], float)
