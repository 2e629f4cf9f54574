"""The curves of several settings in one picture."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cldnn_lab.figures import style

# So many settings are told apart; the rest is there to compare with.
NAMED = 8
_PALE = "#BDBDBD"


@dataclass(frozen=True)
class Curves:
    """The curves of one setting.

    Attributes:
        label: what the setting is called.
        x: where there is a value (points).
        values: of each seed (seeds, points).
    """

    label: str
    x: np.ndarray
    values: np.ndarray


def draw_comparison(
    curves: Sequence[Curves],
    path: Path,
    *,
    title: str,
    measure: str,
    x: str,
    best: str,
    names: str = "",
    origin: str | None,
) -> Path:
    """The mean over the seeds of each setting, with a band from the lowest to the highest of them.

    Args:
        curves: best first; the first :data:`NAMED` are drawn in colour and named, the others pale.
        measure: what the values are.
        x: what the horizontal axis counts.
        best: what they are ordered by.
        names: what the labels are values of.
    """
    figure, axes = style.make_figure(9, 4.8)
    counts = {len(one.values) for one in curves}
    for one in reversed(curves[NAMED:]):
        axes.plot(one.x, one.values.mean(axis=0), color=_PALE, linewidth=0.8, zorder=1.5)
    for rank, one in enumerate(curves[:NAMED]):
        line, order = style.get_line_style(rank), 3 - rank / NAMED
        if len(one.values) > 1:
            low, high = one.values.min(axis=0), one.values.max(axis=0)
            axes.fill_between(one.x, low, high, color=line["color"], alpha=0.13, linewidth=0, zorder=order - 1)
        every = max(1, len(one.x) // 10)
        # Markers of different curves stand at different places, so that none hides another.
        first = rank * every // NAMED
        seeds = f" (n = {len(one.values)})" if len(counts) > 1 else ""
        axes.plot(
            one.x, one.values.mean(axis=0), markevery=(first, every), markersize=4.5, linewidth=1.6, zorder=order,
            label=style.shorten(one.label, 36) + seeds, **line,
        )  # fmt: skip
    others = len(curves) - NAMED
    if others > 0:
        axes.plot([], [], color=_PALE, linewidth=0.8, label=f"{others} more setting{'s' if others > 1 else ''}")
    axes.set_xlabel(x)
    axes.set_ylabel(measure + _set_limits(axes, curves, measure))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if all(len(one.x) == 1 for one in curves):
        axes.set_xlim(curves[0].x[0] - 1, curves[0].x[0] + 1)
    style.add_grid(axes)
    how = "one seed each"
    if max(counts) > 1:
        how = (
            f"mean{f' over {max(counts)} seeds' if len(counts) == 1 else ' over n seeds'}\nband: lowest to highest seed"
        )
    axes.legend(
        title=f"best first by {best}\n{how}" + (f"\n\n{textwrap.fill(names, 40)}:" if names else ""),
        loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=style.SMALL, title_fontsize=style.SMALL,
        alignment="left", handlelength=3.6, frameon=False,
    )  # fmt: skip
    style.set_title(figure, title)
    return style.save(figure, path, origin)


def _set_limits(axes: Axes, curves: Sequence[Curves], measure: str) -> str:
    """Limits that show how the curves end: what only the first fifth of long ones needs is left out. Returns what to
    add to the label of the axis."""
    ends = [one.values[:, len(one.x) // 5 if len(one.x) > 10 else 0 :] for one in curves]
    values = np.concatenate([one.ravel() for one in ends])
    low, high = float(values.min()), float(values.max())
    if "accuracy" not in measure and low > 0 and high > 30 * float(np.median(values)):
        axes.set_yscale("log")
        return " (log scale)"
    margin = 0.06 * (high - low) or 0.02 * abs(high) or 0.01
    axes.set_ylim(low - margin, high + margin)
    return ""
