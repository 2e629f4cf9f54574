"""Every picture. Each function takes values and a path and writes one whole PNG file.

Figures are matplotlib ``Figure`` objects without pyplot, so nothing is kept between pictures however many
runs one process makes. Series differ by line style and marker as well as by colour (Okabe and Ito's, which
colour-blind readers can tell apart), and shading is even in lightness, so that a grey print still reads.
Every picture that shows data says at its foot where the data came from.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cldnn_lab.storage import manifest

# Okabe and Ito's palette (Color Universal Design, 2008) without its yellow, which is lost on white.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, GREY = "#E69F00", "#56B4E9", "#000000", "#767676"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "h")
DPI = 130
SMALL = 7.5


@dataclass(frozen=True)
class Layer:
    """One layer's maps, for :func:`stack`.

    Attributes:
        title: what stands above them.
        maps: (maps, height, width), or (height, width, 3) for one colour picture in [0, 1].
        note: a few words after the title, such as how many maps are not shown.
    """

    title: str
    maps: np.ndarray
    note: str = ""


def style(index: int) -> dict[str, Any]:
    """Colour, line style and marker of series ``index``: no two of the first 385 are alike."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": DASHES[index % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)],
    }


# ----------------------------------------------------------------------------- training and evaluation


def curves(
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
    columns = [(metric, "train", BLUE, "-", "o"), (f"val_{metric}", validation_label, VERMILLION, "--", "s")]
    figure, axes = _figure(7, 4.3)
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
    scale = _value_axis(axes, metric, values)
    for where in broken if len(values) else []:
        axes.axvline(where, color=GREY, linestyle=":", linewidth=1.5, label=f"not finite from {x} {where:g}")
    axes.set_xlabel(x)
    axes.set_ylabel(name + scale)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(at) == 1:
        axes.set_xlim(at[0] - 1, at[0] + 1)
    _grid(axes)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    _title(figure, title)
    return _save(figure, path, origin)


def _value_axis(axes: Axes, metric: str, values: np.ndarray) -> str:
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


def confusion(counts: np.ndarray, classes: Sequence[str], path: Path, *, title: str, origin: str) -> Path:
    """Confusion matrix: counts as numbers, shading by the share of the true class; the title ends in their sum.

    Args:
        counts: (classes, classes), true class by row, predicted by column.
    """
    number = len(classes)
    counts = np.asarray(counts)
    totals = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    cell = 1.0 if number <= 3 else 0.62 if number <= 12 else 0.46
    names = [_shorten(name, 22) for name in classes]
    longest = max((len(name) for name in names), default=0)
    side = max(cell * number, 2.6)
    figure, axes = _figure(side + 0.085 * longest + 1.7, side + 0.075 * longest + 1.3)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    digits = len(str(int(counts.max()))) if counts.size else 1
    # A digit is about 0.6 of the font size wide; a cell is 72 * cell points.
    size = float(np.clip(72 * cell * 0.85 / (0.6 * digits), 4.5, 11 if number <= 3 else 8.5))
    for row in range(number):
        for column in range(number):
            value = int(counts[row, column])
            colour = "white" if share[row, column] > 0.55 else BLACK if value else "#A0A0A0"
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
    bar.set_label("share of the true class", fontsize=SMALL + 1)
    bar.ax.tick_params(labelsize=SMALL)
    _title(figure, f"{title} ({counts.sum():,} examples)")
    return _save(figure, path, origin)


def accuracy_by_snr(table: pd.DataFrame, path: Path, *, title: str, origin: str) -> Path:
    """Accuracy against the signal-to-noise ratio: all classes together in bold, each class thin.

    Args:
        table: columns snr (dB), count, accuracy, then one a class, as ``evaluation.evaluate`` makes it.
    """
    classes = [column for column in table.columns if column not in ("snr", "count", "accuracy")]
    figure, axes = _figure(8.6, 4.8 if len(classes) <= 16 else 5.8)
    snr = table["snr"].to_numpy(float)
    for index, name in enumerate(classes):
        values = table[name].to_numpy(float)
        known = np.isfinite(values)
        axes.plot(snr[known], values[known], linewidth=1, markersize=3.8, label=_shorten(name, 24), **style(index))
    axes.plot(snr, table["accuracy"], color=BLACK, linewidth=3.2, marker="o", markersize=6, label="all classes")
    if classes:
        chance = 1 / len(classes)
        axes.axhline(chance, color=GREY, linestyle=(0, (1, 1.5)), linewidth=1.6, label=f"chance (1 in {len(classes)})")
    axes.set_ylim(-0.02, 1.02)
    if len(snr) == 1:
        axes.set_xlim(snr[0] - 2, snr[0] + 2)
        axes.set_xticks(snr)
    axes.set_xlabel("signal-to-noise ratio (dB)")
    axes.set_ylabel("accuracy")
    _grid(axes)
    handles, labels = axes.get_legend_handles_labels()
    order = [len(classes), *range(len(classes)), *range(len(classes) + 1, len(handles))]
    figure.legend(
        [handles[i] for i in order],
        [labels[i] for i in order],
        loc="outside right upper",
        fontsize=SMALL + 0.5,
        handlelength=3.4,
    )
    figure.suptitle(textwrap.fill(f"{title} ({table['count'].sum():,} examples)", 72), fontsize=11, x=0.37)
    return _save(figure, path, origin)


# ------------------------------------------------------------------------------------------ looks inside


def mosaic(tiles: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Tiles (count, height, width) side by side in one array, NaN between them.

    Without ``columns`` the whole comes out about three times as wide as it is high.
    """
    count, height, width = tiles.shape
    if columns is None:
        ideal = float(np.clip(np.sqrt(3 * count * (height + 1) / (width + 1)), 1, count))
        # A number that fills every row is worth a somewhat other shape.
        even = [n for n in range(1, count + 1) if count % n == 0 and ideal / 1.5 <= n <= 1.5 * ideal]
        columns = min(even, key=lambda n: abs(n - ideal), default=round(ideal))
    rows = -(-count // columns)
    whole = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for index, tile in enumerate(tiles):
        top, left = index // columns * (height + 1), index % columns * (width + 1)
        whole[top : top + height, left : left + width] = tile
    return whole


def filters(weights: np.ndarray, path: Path, *, title: str, origin: str) -> Path:
    """First-layer weights as a grid.

    Args:
        weights: (filters, height, width) on one shared scale, mid-grey at zero, or (filters, height,
            width, 3) for colour inputs: each filter then fills [0, 1] for itself, so hues count and
            strengths do not.
    """
    if weights.ndim == 4:
        low = weights.min(axis=(1, 2, 3), keepdims=True)
        span = np.maximum(weights.max(axis=(1, 2, 3), keepdims=True) - low, 1e-12)
        planes = [mosaic(plane) for plane in np.moveaxis((weights - low) / span, -1, 0)]
        whole = np.nan_to_num(np.stack(planes, axis=-1), nan=1.0)
    else:
        whole = mosaic(weights)
    width, height = _fit(whole.shape, 9, 7)
    figure, axes = _figure(width + (0 if weights.ndim == 4 else 0.9), height + 0.9)
    if weights.ndim == 4:
        axes.imshow(whole, interpolation="nearest", aspect="auto")
    else:
        reach = float(np.nanmax(np.abs(whole))) or 1.0
        image = axes.imshow(
            whole, cmap=_grey_with_gaps(), vmin=-reach, vmax=reach, interpolation="nearest", aspect="auto"
        )
        figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02, label="weight")
    _bare(axes)
    _title(figure, title)
    return _save(figure, path, origin)


def stack(layers: Sequence[Layer], path: Path, *, title: str, origin: str) -> Path:
    """Maps of several layers below each other, each layer on a scale of its own (a bar says which).

    Maps one row high, as a convolution along time makes them, are shown as lines of one picture.
    """
    pictures = []
    for layer in layers:
        colour = layer.maps.ndim == 3 and layer.maps.shape[-1] == 3 and layer.title == "input"
        picture = layer.maps if colour else _maps_picture(layer.maps)
        pictures.append((layer, picture, colour))
    sizes = [_fit(picture.shape, 9, 1.7 if layer.title == "input" else 4.2) for layer, picture, _ in pictures]
    heights = [height + 0.45 for _, height in sizes]
    figure = Figure(figsize=(10, sum(heights) + 0.8), layout="constrained")
    grid = figure.add_gridspec(len(pictures), 1, height_ratios=heights)
    for row, ((layer, picture, colour), (width, _)) in enumerate(zip(pictures, sizes, strict=True)):
        # Narrow pictures keep their shape: the rest of the row stays empty.
        inner = grid[row].subgridspec(1, 2, width_ratios=[width, max(9 - width, 1e-3)])
        axes = figure.add_subplot(inner[0])
        if colour:
            axes.imshow(np.clip(picture, 0, 1), interpolation="nearest", aspect="auto")
        else:
            image = axes.imshow(picture, cmap=_grey_with_gaps(), interpolation="nearest", aspect="auto")
            bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.015)
            bar.ax.tick_params(labelsize=SMALL - 1)
            bar.ax.yaxis.set_major_locator(MaxNLocator(3))
        _bare(axes)
        axes.set_title(f"{layer.title}  {layer.note}".strip(), fontsize=9, loc="left")
    figure.suptitle(textwrap.fill(title, 95), fontsize=11)
    return _save(figure, path, origin)


def activation_stats(table: pd.DataFrame, path: Path, *, title: str, origin: str) -> Path:
    """Mean and standard deviation of each layer's outputs, and the share of zeros.

    Args:
        table: columns layer, mean, standard_deviation, zero_share.
    """
    names = [_shorten(name, 26) for name in table["layer"]]
    place = np.arange(len(names))
    figure = Figure(figsize=(8.2, 0.36 * len(names) + 1.9), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    left.errorbar(
        table["mean"], place, xerr=table["standard_deviation"], fmt="o", color=BLUE, ecolor=GREY, capsize=3,
        label="mean ± standard deviation",
    )  # fmt: skip
    left.axvline(0, color=BLACK, linewidth=0.8)
    left.set_yticks(place, names, fontsize=SMALL + 0.5)
    left.set_ylim(len(names) - 0.5, -0.5)
    left.set_xlabel("activation")
    left.legend(fontsize=SMALL, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    right.barh(place, table["zero_share"], color=SKY, edgecolor=BLACK, linewidth=0.5, hatch="//")
    right.set_xlim(0, 1)
    right.set_xlabel("share of outputs that are exactly 0")
    for axes in (left, right):
        _grid(axes)
    figure.suptitle(textwrap.fill(title, 80), fontsize=11)
    return _save(figure, path, origin)


def active_units(table: pd.DataFrame, path: Path, *, title: str, origin: str) -> Path:
    """Average number of active ReLU units per layer over the epochs, training mode against test mode.

    Args:
        table: columns epoch (empty for one count of a trained network), layer, units, training, test (the last
            two in active units per example).
    """
    layers = list(dict.fromkeys(table["layer"]))
    columns = 2 if len(layers) == 4 else min(len(layers), 3)
    rows = -(-len(layers) // columns)
    figure = Figure(figsize=(max(3.3 * columns, 5.2), 2.5 * rows + 1.2), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat[len(layers) :]:
        axes.set_visible(False)
    for index, (axes, layer) in enumerate(zip(panels.flat, layers, strict=False)):
        part = table[table["layer"] == layer].sort_values("epoch")
        trained = bool(part["epoch"].isna().all())
        part = part.fillna({"epoch": 0}) if trained else part
        units = int(part["units"].iloc[0])
        for column, label, colour, dashes, marker in (
            ("training", "training mode", BLUE, "-", "o"),
            ("test", "test mode", VERMILLION, "--", "s"),
        ):
            axes.plot(
                part["epoch"],
                part[column],
                color=colour,
                linestyle=dashes,
                marker=marker,
                markersize=5,
                label=label,
            )
        top = float(part[["training", "test"]].to_numpy().max())
        axes.set_ylim(0, 1.12 * top if top > 0 else 1)
        axes.set_title(f"{_shorten(layer, 24)}: {units:,} units", fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        if len(part) == 1:
            axes.set_xlim(part["epoch"].iloc[0] - 1, part["epoch"].iloc[0] + 1)
        if trained:
            axes.set_xticks([])
        axes.tick_params(labelsize=SMALL)
        _grid(axes)
        if index % columns == 0:
            axes.set_ylabel("active units per example", fontsize=SMALL + 0.5)
        if index + columns >= len(layers):
            axes.set_xlabel("trained network" if trained else "epoch", fontsize=SMALL + 0.5)
    panels[0, 0].legend(fontsize=SMALL, loc="lower right")
    figure.suptitle(textwrap.fill(title, 70), fontsize=11)
    return _save(figure, path, origin)


def hidden_traces(
    sequence: np.ndarray,
    target: np.ndarray | None,
    prediction: np.ndarray | None,
    hidden: Mapping[str, np.ndarray],
    path: Path,
    *,
    title: str,
    origin: str,
) -> Path:
    """One sequence over time: input, target with prediction, and every hidden unit of each recurrent layer.

    Args:
        sequence: (time, features).
        target, prediction: (time, outputs), or None where the target is a class; then the title tells it.
        hidden: (time, units) of each layer by name; up to 12 units as lines, more as a picture
            with one row a unit.
    """
    panels = 1 + (target is not None) + len(hidden)
    figure = Figure(figsize=(9.5, 2.1 * panels + 0.9), layout="constrained")
    grid = figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0]
    _series(figure, grid[0], sequence, "input", "feature")
    row = 1
    if target is not None and prediction is not None:
        for output in range(target.shape[1]):
            tail = f" {output}" if target.shape[1] > 1 else ""
            grid[row].plot(target[:, output], color=BLACK, linewidth=2, label="target" + tail)
            grid[row].plot(
                prediction[:, output],
                color=VERMILLION,
                linestyle="--",
                linewidth=1.6,
                label="prediction" + tail,
            )
        grid[row].set_ylabel("target")
        grid[row].legend(fontsize=SMALL, loc="upper left", bbox_to_anchor=(1, 1))
        _grid(grid[row])
        row += 1
    for name, states in hidden.items():
        # Behind a convolution or a pooling the steps are no longer those of the input.
        own = "" if len(states) == len(sequence) else f"\n({len(states)} steps)"
        _series(figure, grid[row], states, _shorten(name, 20) + own, "unit")
        row += 1
    grid[-1].set_xlabel("time step")
    grid[-1].set_xlim(-0.5, len(sequence) - 0.5)
    figure.suptitle(textwrap.fill(title, 95), fontsize=11)
    return _save(figure, path, origin)


def _series(figure: Figure, axes: Axes, values: np.ndarray, name: str, each: str) -> None:
    """A few series as lines, many as a picture with time along it."""
    count = values.shape[1]
    axes.set_ylabel(name, fontsize=9)
    if count <= 12:
        for index in range(count):
            axes.plot(
                values[:, index], linewidth=1.3, markersize=3.5, markevery=max(1, len(values) // 10),
                label=f"{each} {index}", **style(index),
            )  # fmt: skip
        if count > 1:
            axes.legend(
                fontsize=SMALL - 0.5, ncols=1 if count <= 6 else 2, loc="upper left", bbox_to_anchor=(1, 1),
                handlelength=3,
            )  # fmt: skip
        _grid(axes)
        return
    image = axes.imshow(values.T, cmap="cividis", aspect="auto", interpolation="nearest")
    axes.set_ylabel(f"{name}\n{each}", fontsize=9)
    bar = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.01)
    bar.ax.tick_params(labelsize=SMALL - 1)


def gallery(
    examples: Sequence[np.ndarray], captions: Sequence[str], wrong: Sequence[bool], path: Path, *, title: str,
    origin: str, targets: Sequence[np.ndarray] | None = None, predictions: Sequence[np.ndarray] | None = None,
) -> Path:  # fmt: skip
    """Sample examples with what is true and what was predicted; wrong ones have a thick frame.

    Args:
        examples: pictures (height, width, 1 or 3) or sequences (time, features of a few).
        captions: the two or three short lines above each.
        wrong: which were predicted wrongly.
        targets, predictions: (time, outputs) drawn in place of the example, for sequences to sequences.
    """
    count = len(examples)
    sequences = examples[0].ndim == 2
    columns = min(count, 4 if sequences else 6)
    rows = -(-count // columns)
    width, height = (2.5, 1.9) if sequences else (1.6, 2.05)
    figure = Figure(figsize=(max(width * columns, 4.5), height * rows + 1.0), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=sequences, sharey=sequences)
    for axes in panels.flat[count:]:
        axes.set_visible(False)
    for index, axes in enumerate(panels.flat[:count]):
        if targets is not None and predictions is not None:
            axes.plot(targets[index], color=BLACK, linewidth=1.6, label="target")
            axes.plot(predictions[index], color=VERMILLION, linestyle="--", linewidth=1.2, label="prediction")
        elif sequences:
            for line in range(examples[index].shape[1]):
                axes.plot(
                    examples[index][:, line],
                    color=COLOURS[line % 7],
                    linestyle=DASHES[line % 5],
                    linewidth=0.9,
                )
        else:
            picture, options = _picture(examples[index])
            axes.imshow(picture, **options)
        if sequences:
            axes.tick_params(labelsize=SMALL - 1.5)
        else:
            _bare(axes)
        if wrong[index]:
            for spine in axes.spines.values():
                spine.set(visible=True, color=VERMILLION, linewidth=2.6)
        axes.set_title(captions[index], fontsize=SMALL - 0.3, linespacing=1.15)
    if targets is not None:
        panels[0, 0].legend(fontsize=SMALL - 1.5)
    figure.suptitle(textwrap.fill(title, int(max(width * columns, 4.5) * 9.5)), fontsize=10.5)
    return _save(figure, path, origin)


def projections(
    rows: Sequence[tuple[str, Sequence[np.ndarray], Sequence[np.ndarray]]],
    path: Path,
    *,
    title: str,
    origin: str,
) -> Path:
    """Activations projected back to the input (left) beside the inputs that caused them (right).

    Args:
        rows: a caption, the projections and the inputs, each (height, width, channels), of every map; signals
            of fewer than 4 rows are drawn as lines.
    """
    number = max(len(images) for _, images, _ in rows)
    figure = Figure(figsize=(max(0.9 * 2 * number + 1.6, 5.5), 0.95 * len(rows) + 1.2), layout="constrained")
    panels = figure.subplots(
        len(rows), 2 * number + 1, squeeze=False, width_ratios=[1] * number + [0.15] + [1] * number
    )
    for line, (caption, projected, inputs) in zip(panels, rows, strict=True):
        for axes in line:
            _bare(axes)
            for spine in axes.spines.values():
                spine.set_visible(False)
        for index, (shape, cause) in enumerate(zip(projected, inputs, strict=True)):
            if len(shape) < 4:
                # A signal of two rows is read as lines, not as a picture of two pixels' height.
                for axes, rows_ in ((line[index], shape), (line[number + 1 + index], cause)):
                    for row, values in enumerate(rows_):
                        axes.plot(values[:, 0], color=COLOURS[row], linestyle=DASHES[row], linewidth=0.9)
                continue
            reach = float(np.abs(shape).max()) or 1.0
            if shape.shape[-1] == 3:
                line[index].imshow(np.clip(0.5 + shape / (2 * reach), 0, 1), interpolation="nearest")
            else:
                flat = shape.sum(axis=-1)
                reach = float(np.abs(flat).max()) or 1.0
                line[index].imshow(flat, cmap="gray", vmin=-reach, vmax=reach, interpolation="nearest")
            picture, options = _picture(cause)
            line[number + 1 + index].imshow(picture, **options)
        line[0].set_ylabel(caption, fontsize=SMALL, rotation=0, ha="right", va="center")
    panels[0, (number - 1) // 2].set_title("projected back", fontsize=9)
    panels[0, number + 1 + (number - 1) // 2].set_title("input", fontsize=9)
    figure.suptitle(textwrap.fill(title, int(figure.get_figwidth() * 10)), fontsize=10.5)
    return _save(figure, path, origin)


def negative_log_likelihood(path: Path) -> Path:
    """The loss of one example, -ln p, against the probability p that the network gives to its true class."""
    probability = np.linspace(0.001, 1, 2000)
    figure, axes = _figure(7, 4.5)
    axes.plot(probability, -np.log(probability), color=BLUE, linewidth=2.2, label="−ln p")
    for marked, marker in ((0.1, "s"), (0.5, "^"), (0.9, "D")):
        value = -np.log(marked)
        axes.plot(marked, value, marker=marker, color=VERMILLION, linestyle="none", markersize=7,
                  label=f"p = {marked:g}: {value:.3f}")  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 7)
    axes.set_xlabel("probability p of the true class")
    axes.set_ylabel("negative log-likelihood −ln p (nats)")
    axes.legend()
    _grid(axes)
    _title(figure, "Negative log-likelihood against the probability of the true class")
    return _save(figure, path, None)


# ------------------------------------------------------------------------------------------------- parts


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _title(figure: Figure, title: str) -> None:
    """A title over the whole figure's width, wrapped to it."""
    figure.suptitle(textwrap.fill(title, int(figure.get_figwidth() * 10)), fontsize=11)


def _save(figure: Figure, path: Path, origin: str | None) -> Path:
    """Add the foot, draw, and put the whole file in its place; the file's own metadata repeat both."""
    about = {"Title": " ".join(figure.get_suptitle().split())}
    if origin is not None:
        lines = textwrap.wrap(f"data: {origin}", int(figure.get_figwidth() * 17)) or ["data: not stated"]
        about["Source"] = f"data: {origin}"
        figure.text(
            0.01, 0.008, "\n".join(lines), fontsize=6.5, color="#555555", va="bottom", ha="left", parse_math=False
        )
        share = (0.13 * len(lines) + 0.05) / figure.get_figheight()
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.set(rect=(0, share, 1, 1 - share), w_pad=0.07, h_pad=0.07)  # type: ignore[call-arg]
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"font.family": "DejaVu Sans"}):
        FigureCanvasAgg(figure)
        return manifest.write(path, lambda beside: figure.savefig(beside, format="png", dpi=DPI, metadata=about))


def _grid(axes: Axes) -> None:
    axes.grid(True, color="#DDDDDD", linewidth=0.7)
    axes.set_axisbelow(True)


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])


def _shorten(name: object, length: int) -> str:
    text = str(name).replace("$", r"\$")
    return text if len(text) <= length else text[: length - 1] + "…"


def _fit(shape: tuple[int, ...], width: float, height: float) -> tuple[float, float]:
    """Inches for a picture of that many pixels with square pixels, within bounds."""
    scale = min(width / shape[1], height / shape[0], 0.35)
    return max(shape[1] * scale, 1.6), max(shape[0] * scale, 0.5)


def _maps_picture(maps: np.ndarray) -> np.ndarray:
    if maps.shape[1:] == (1, 1):
        return mosaic(maps)
    if maps.ndim == 3 and maps.shape[1] == 1 and len(maps) > 1:
        return maps[:, 0, :]
    if maps.ndim == 3 and maps.shape[2] == 1 and len(maps) > 1:
        return maps[:, :, 0]
    return mosaic(maps)


def _grey_with_gaps() -> Any:
    """Grey, with the gaps between tiles (NaN) in a tint that no value has."""
    return matplotlib.colormaps["gray"].with_extremes(bad="#FFE8B0")


def _picture(example: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """What imshow needs to show an example (height, width, channels) at its own range."""
    if example.shape[-1] == 3:
        low, high = float(example.min()), float(example.max())
        if low < 0 or high > 1:
            example = (example - low) / max(high - low, 1e-12)
        return example, {"interpolation": "nearest"}
    return example[..., 0], {"cmap": "gray", "interpolation": "nearest"}
