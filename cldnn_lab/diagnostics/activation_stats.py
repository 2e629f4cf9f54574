"""Mean, standard deviation and variance of each layer's outputs (report 002, part 1c)."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pandas as pd

from cldnn_lab import figures
from cldnn_lab.data.dataset import Dataset
from cldnn_lab.diagnostics import forward
from cldnn_lab.diagnostics.options import ActivationStats
from cldnn_lab.runs.directory import Run

# Layers that pass values on, or only move them, have no activity of their own.
_PASSING = (
    *forward.DROPOUTS, keras.layers.Flatten, keras.layers.Reshape, keras.layers.Permute, keras.layers.Embedding,
)  # fmt: skip


def run(model: keras.Model, dataset: Dataset, folder: Path, options: ActivationStats, title: str) -> list[Path]:
    """Write ``activation_stats.csv`` and ``.png`` over some examples of a split, in test mode.

    Columns: layer, kind, values (how many were seen), mean, standard_deviation, variance, minimum, maximum,
    zero_share (how many are exactly 0).
    """
    layers = [layer for layer in forward.list_layers(model, "activation_stats") if not isinstance(layer, _PASSING)]
    split = forward.get_split(dataset, options.split)
    x = split.x[forward.draw_examples(split, options.examples)]
    counts = np.zeros(len(layers))
    means, squares, zeros = np.zeros(len(layers)), np.zeros(len(layers)), np.zeros(len(layers))
    lows, highs = np.full(len(layers), np.inf), np.full(len(layers), -np.inf)
    for values in forward.compute_outputs(model, [layer.output for layer in layers], x):
        for i, value in enumerate(values):
            # Chan's update of mean and squared deviations, which loses no digits where means are large.
            size, mean = value.size, float(value.mean(dtype=np.float64))
            shift = mean - means[i]
            squares[i] += float(value.var(dtype=np.float64)) * size
            squares[i] += shift**2 * counts[i] * size / (counts[i] + size)
            means[i] += shift * size / (counts[i] + size)
            counts[i] += size
            zeros[i] += size - np.count_nonzero(value)
            lows[i], highs[i] = min(lows[i], value.min()), max(highs[i], value.max())
    variance = squares / counts
    table = pd.DataFrame(
        {
            "layer": [layer.name for layer in layers],
            "kind": [type(layer).__name__ for layer in layers],
            "values": counts.astype(np.int64),
            "mean": means,
            "standard_deviation": np.sqrt(variance),
            "variance": variance,
            "minimum": lows,
            "maximum": highs,
            "zero_share": zeros / counts,
        }
    )
    picture = figures.activation_stats(
        table,
        folder / "activation_stats.png",
        title=f"{title}: activations over {len(x):,} {options.split} examples",
        origin=dataset.origin,
    )
    Run(folder).write_table("activation_stats.csv", table)
    return [folder / "activation_stats.csv", picture]
