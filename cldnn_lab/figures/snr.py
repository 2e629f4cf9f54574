"""Accuracy against the signal-to-noise ratio."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pandas as pd

from cldnn_lab.figures import style


def draw_accuracy_by_snr(table: pd.DataFrame, path: Path, *, title: str, origin: str) -> Path:
    """Accuracy against the signal-to-noise ratio: all classes together in bold, each class thin.

    Args:
        table: columns snr (dB), count, accuracy, then one a class, as ``evaluation.evaluate`` makes it.
    """
    classes = [column for column in table.columns if column not in ("snr", "count", "accuracy")]
    figure, axes = style.make_figure(8.6, 4.8 if len(classes) <= 16 else 5.8)
    snr = table["snr"].to_numpy(float)
    for index, name in enumerate(classes):
        values = table[name].to_numpy(float)
        known = np.isfinite(values)
        axes.plot(
            snr[known],
            values[known],
            linewidth=1,
            markersize=3.8,
            label=style.shorten(name, 24),
            **style.get_line_style(index),
        )
    axes.plot(snr, table["accuracy"], color=style.BLACK, linewidth=3.2, marker="o", markersize=6, label="all classes")
    if classes:
        chance = 1 / len(classes)
        axes.axhline(
            chance, color=style.GREY, linestyle=(0, (1, 1.5)), linewidth=1.6, label=f"chance (1 in {len(classes)})"
        )
    axes.set_ylim(-0.02, 1.02)
    if len(snr) == 1:
        axes.set_xlim(snr[0] - 2, snr[0] + 2)
        axes.set_xticks(snr)
    axes.set_xlabel("signal-to-noise ratio (dB)")
    axes.set_ylabel("accuracy")
    style.add_grid(axes)
    handles, labels = axes.get_legend_handles_labels()
    order = [len(classes), *range(len(classes)), *range(len(classes) + 1, len(handles))]
    figure.legend(
        [handles[i] for i in order],
        [labels[i] for i in order],
        loc="outside right upper",
        fontsize=style.SMALL + 0.5,
        handlelength=3.4,
    )
    figure.suptitle(textwrap.fill(f"{title} ({table['count'].sum():,} examples)", 72), fontsize=11, x=0.37)
    return style.save(figure, path, origin)
