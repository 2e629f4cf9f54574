"""The confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.ticker import PercentFormatter

from cldnn_lab.figures import style


def draw_confusion(counts: np.ndarray, classes: Sequence[str], path: Path, *, title: str, origin: str | None) -> Path:
    """Confusion matrix: counts as numbers, shading by the share of the true class; the title ends in their sum.

    Args:
        counts: (classes, classes), true class by row, predicted by column.
    """
    number = len(classes)
    counts = np.asarray(counts)
    totals = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    cell = 1.0 if number <= 3 else 0.62 if number <= 12 else 0.46
    names = [style.shorten(name, 22) for name in classes]
    longest = max((len(name) for name in names), default=0)
    side = max(cell * number, 2.6)
    figure, axes = style.make_figure(side + 0.085 * longest + 1.7, side + 0.075 * longest + 1.3)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    digits = len(str(int(counts.max()))) if counts.size else 1
    # A digit is about 0.6 of the font size wide; a cell is 72 * cell points.
    size = float(np.clip(72 * cell * 0.85 / (0.6 * digits), 4.5, 11 if number <= 3 else 8.5))
    for row in range(number):
        for column in range(number):
            value = int(counts[row, column])
            colour = "white" if share[row, column] > 0.55 else style.BLACK if value else "#A0A0A0"
            text = axes.text(column, row, str(value), ha="center", va="center", fontsize=size, color=colour)
            # They lie inside the cells; measuring hundreds of them would take most of the drawing time.
            text.set_in_layout(False)
    font = 9 if number <= 12 else 7.5
    tilt = 0 if longest <= 3 or (number <= 3 and longest <= 9) else 45 if number <= 12 else 90
    axes.set_xticks(
        range(number), names, fontsize=font, rotation=tilt, ha="right" if tilt == 45 else "center",
        rotation_mode="anchor" if tilt == 45 else "default",
    )  # fmt: skip
    axes.set_yticks(range(number), names, fontsize=font)
    axes.set_xticks(np.arange(number + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(number + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#D8D8D8", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.02, format=PercentFormatter(1))
    bar.set_label("share of the true class", fontsize=style.SMALL + 1)
    bar.ax.tick_params(labelsize=style.SMALL)
    style.set_title(figure, f"{title} ({counts.sum():,} examples)")
    return style.save(figure, path, origin)
