"""The curves of several settings in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
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
    curves: Sequence[Curves], path: Path, *, title: str, measure: str, x: str, best: str, origin: str | None
) -> Path:
    """The mean over the seeds of each setting, with a band from the lowest to the highest of them.

    Args:
        curves: best first; the first :data:`NAMED` are drawn in colour and named, the others pale.
        measure: what the values are.
        x: what the horizontal axis counts.
        best: what they are ordered by.
    """
    figure, axes = style.make_figure(9, 4.8)
    for one in reversed(curves[NAMED:]):
        axes.plot(one.x, one.values.mean(axis=0), color=_PALE, linewidth=0.8, zorder=1.5)
    for rank, one in reversed(list(enumerate(curves[:NAMED]))):
        line = style.get_line_style(rank)
        mean, order = one.values.mean(axis=0), 3 - rank / NAMED
        if len(one.values) > 1:
            axes.fill_between(
                one.x,
                one.values.min(axis=0),
                one.values.max(axis=0),
                color=line["color"],
                alpha=0.13,
                linewidth=0,
                zorder=order - 1,
            )
        every = max(1, len(one.x) // 10)
        # Markers of different curves stand at different places, so that none hides another.
        first = int(rank * every / NAMED) if len(one.x) > every else 0
        axes.plot(
            one.x, mean, markevery=(first, every), markersize=4.5, linewidth=1.6, zorder=order, **line,
            label=f"{style.shorten(one.label, 46)} (n = {len(one.values)})",
        )  # fmt: skip
    others = len(curves) - NAMED
    if others > 0:
        axes.plot([], [], color=_PALE, linewidth=0.8, label=f"{others} more setting{'s' if others > 1 else ''}")
    _set_limits(axes, curves, measure)
    axes.set_xlabel(x)
    axes.set_ylabel(measure)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    style.add_grid(axes)
    several = any(len(one.values) > 1 for one in curves)
    band = "mean over seeds; band: lowest to highest seed" if several else "one seed each"
    axes.legend(
        title=f"best first by {best}\n{band}",
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        fontsize=style.SMALL,
        title_fontsize=style.SMALL,
        alignment="left",
        handlelength=3.6,
        frameon=False,
    )
    style.set_title(figure, title)
    return style.save(figure, path, origin)


def _set_limits(axes: style.Axes, curves: Sequence[Curves], measure: str) -> None:
    """Leave out what the first points alone would need, as far as the best end far from there."""
    values = np.concatenate([one.values.ravel() for one in curves])
    low, high = float(values.min()), float(values.max())
    if "accuracy" not in measure and low > 0 and high > 30 * float(np.median(values)):
        axes.set_yscale("log")
        axes.set_ylabel(f"{measure} (log scale)")
    elif "accuracy" in measure:
        margin = max(0.05 * (high - low), 0.01)
        axes.set_ylim(max(0.0, low - margin), min(1.0, high + margin) + (0.005 if high > 0.99 else 0))
