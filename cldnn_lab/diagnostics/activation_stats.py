"""Mean, standard deviation and variance of each layer's outputs (report 002, part 1c)."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cldnn_lab.diagnostics import _examples, _layers
from cldnn_lab.diagnostics._subject import ExampleOptions, Subject
from cldnn_lab.storage.tables import write_table

if TYPE_CHECKING:
    import keras
    import pandas as pd

FILES = ("activation_stats.csv", "activation_stats.png")
# What tables of runs show of each layer; a run has a column for each of them and each layer.
_FIGURES = ("mean", "standard_deviation", "variance", "zero_share")


@dataclass
class Options(ExampleOptions):
    """Mean, standard deviation and variance of each layer's outputs.

    Attributes:
        examples: how many examples to run, drawn evenly from the classes.
    """

    examples: int = field(default=1000, metadata={"min": 1})


def run(subject: Subject, folder: Path, options: Options) -> list[Path]:
    """Write ``activation_stats.csv`` and ``.png`` over some examples of a split, in test mode.

    Columns: layer, kind, values (how many were seen), mean, standard_deviation, variance, minimum, maximum,
    zero_share (how many are exactly 0).
    """
    import pandas as pd

    model = subject.model
    layers = [layer for layer in _layers.list_layers(model, "activation_stats") if not _passes_on(layer)]
    split = _examples.get_split(subject.dataset, options.split)
    x = split.x[_examples.draw_examples(split, options.examples)]
    counts = np.zeros(len(layers))
    means, squares, zeros = np.zeros(len(layers)), np.zeros(len(layers)), np.zeros(len(layers))
    lows, highs = np.full(len(layers), np.inf), np.full(len(layers), -np.inf)
    for values in _layers.compute_outputs(model, [layer.output for layer in layers], x):
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
    picture = draw(
        table,
        folder / "activation_stats.png",
        title=f"{subject.title}: activations over {len(x):,} {options.split} examples",
        origin=subject.dataset.origin,
    )
    return [write_table(folder / "activation_stats.csv", table), picture]


def read(folder: Path) -> dict[str, float]:
    """The statistics of each layer in ``folder``, such as ``<layer>.mean``; none where there are none."""
    import pandas as pd

    path = folder / FILES[0]
    if not path.is_file():
        return {}
    table = pd.read_csv(path, dtype={"layer": str})
    return {f"{row['layer']}.{name}": float(row[name]) for row in table.to_dict("records") for name in _FIGURES}


def _passes_on(layer: keras.layers.Layer) -> bool:
    """Whether a layer only passes values on, or moves them, so that it has no activity of its own."""
    import keras

    kinds = (keras.layers.Flatten, keras.layers.Reshape, keras.layers.Permute, keras.layers.Embedding)
    return _layers.is_dropout(layer) or isinstance(layer, kinds)


def draw(table: pd.DataFrame, path: Path, *, title: str, origin: str) -> Path:
    """Mean and standard deviation of each layer's outputs, and the share of zeros.

    Args:
        table: columns layer, mean, standard_deviation, zero_share.
    """
    from matplotlib.figure import Figure

    from cldnn_lab.figures import style

    names = [style.shorten(name, 26) for name in table["layer"]]
    place = np.arange(len(names))
    figure = Figure(figsize=(8.2, 0.36 * len(names) + 1.9), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    left.errorbar(
        table["mean"], place, xerr=table["standard_deviation"], fmt="o", color=style.BLUE, ecolor=style.GREY, capsize=3,
        label="mean ± standard deviation",
    )  # fmt: skip
    left.axvline(0, color=style.BLACK, linewidth=0.8)
    left.set_yticks(place, names, fontsize=style.SMALL + 0.5)
    left.set_ylim(len(names) - 0.5, -0.5)
    left.set_xlabel("activation")
    left.legend(fontsize=style.SMALL, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    right.barh(place, table["zero_share"], color=style.SKY, edgecolor=style.BLACK, linewidth=0.5, hatch="//")
    right.set_xlim(0, 1)
    right.set_xlabel("share of outputs that are exactly 0")
    for axes in (left, right):
        style.add_grid(axes)
    figure.suptitle(textwrap.fill(title, 80), fontsize=11)
    return style.save(figure, path, origin)
