"""How a figure of the runs answers to one or two swept values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from cldnn_lab.figures import style

# More values than this along an axis are marked by the axis's own ticks.
_MARKED = 10


@dataclass(frozen=True)
class Answer:
    """What the runs of one setting came to.

    Attributes:
        x: the swept value: a number, or a word.
        line: the word that the setting belongs to; empty if there is one line.
        seeds: the figure of each completed run.
        mean, low, high: over the seeds; the bounds of the interval are NaN of a single one.
    """

    x: Any
    line: str
    seeds: Sequence[float]
    mean: float
    low: float
    high: float


def draw_response(
    answers: Sequence[Answer], path: Path, *, title: str, x: str, measure: str, line: str = "", origin: str | None
) -> Path:
    """A figure over one swept value: its mean with the 95 % interval, and a point for each seed.

    Args:
        answers: of all settings; their ``x`` are all numbers or all words.
        x, measure: what is swept, and what is measured.
        line: what tells the lines apart, if there are several.
    """
    figure, axes = style.make_figure(7.4, 4.5)
    numeric = all(isinstance(one.x, (int, float, np.number)) for one in answers)
    everything = _sort(one.x for one in answers)
    known = {one.x for one in answers if np.isfinite(one.mean)}
    # A rate at which every run diverged may be far away.
    values = [value for value in everything if value in known] if numeric else everything
    at = {value: float(value) if numeric else float(index) for index, value in enumerate(values)}
    logarithmic = numeric and wants_log_axis([float(value) for value in values])
    names = list(dict.fromkeys(one.line for one in answers))
    distance = _find_distance(list(at.values()), len(names), logarithmic)
    for index, name in enumerate(names):
        looks = style.get_line_style(index)
        shift = index - (len(names) - 1) / 2
        own = sorted((one for one in answers if one.line == name and np.isfinite(one.mean)), key=lambda one: at[one.x])
        places = [_shift(at[one.x], shift * distance, logarithmic) for one in own]
        beside = [_shift(at[one.x], (shift + 0.5) * distance, logarithmic) for one in own]
        for place, one in zip(beside, own, strict=True):
            axes.plot(
                [place] * len(one.seeds), one.seeds, linestyle="", marker=looks["marker"], markersize=3.6,
                markerfacecolor="white", markeredgecolor=looks["color"], markeredgewidth=0.8, alpha=0.75, zorder=2,
            )  # fmt: skip
        means = np.array([one.mean for one in own])
        spread = np.nan_to_num([[one.mean - one.low for one in own], [one.high - one.mean for one in own]])
        axes.errorbar(
            places, means, yerr=spread, capsize=4, markersize=6.5, linewidth=1.5, elinewidth=1.3, zorder=3,
            label=style.shorten(name, 30), **{**looks, "linestyle": looks["linestyle"] if numeric else ""},
        )  # fmt: skip
    if logarithmic:
        axes.set_xscale("log")
    _mark(axes, values, at, numeric)
    axes.set_xlabel(f"{x}{' (log scale)' if logarithmic else ''}")
    axes.set_ylabel(measure)
    style.add_grid(axes)
    if len(names) > 1:
        axes.legend(
            title=line, loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=style.SMALL + 0.5,
            title_fontsize=style.SMALL + 0.5, alignment="left", handlelength=3.4, frameon=False,
        )  # fmt: skip
    several = any(len(one.seeds) > 1 for one in answers)
    what = "large: mean, bar: its 95 % interval; small: each seed" if several else "one seed each: no interval"
    if _leave_out_long_bars(axes, [seed for one in answers for seed in one.seeds if np.isfinite(seed)]):
        what += "; bars that leave the frame are longer"
    missing = [_write(value) for value in everything if value not in known]
    if missing:
        what += f"\nno completed run: {style.shorten(', '.join(missing), 80)}"
    axes.set_title(what, fontsize=style.SMALL + 0.5, color="#444444", loc="left")
    style.set_title(figure, title)
    return style.save(figure, path, origin)


def draw_heat_map(
    answers: Sequence[Answer], path: Path, *, title: str, x: str, y: str, measure: str, lower: bool, origin: str | None
) -> Path:
    """A figure over two swept values, with the mean and the number of seeds in each cell.

    Args:
        answers: ``x`` along the horizontal axis, ``line`` along the vertical.
        lower: the best value is the lowest: dark is good either way.
    """
    columns, rows = _sort(one.x for one in answers), _sort(one.line for one in answers)
    means = np.full((len(rows), len(columns)), np.nan)
    seeds = np.zeros(means.shape, int)
    for one in answers:
        place = rows.index(one.line), columns.index(one.x)
        means[place], seeds[place] = one.mean, len(one.seeds)
    figure, axes = style.make_figure(min(3.4 + 0.85 * len(columns), 18), min(2.4 + 0.5 * len(rows), 18))
    axes.set_facecolor("#F2F2F2")
    # Numbers grow upwards, words are read downwards.
    upwards = all(isinstance(row, (int, float, np.number)) for row in rows)
    image = axes.imshow(
        np.ma.masked_invalid(means),
        cmap="viridis" if lower else "viridis_r",
        aspect="auto",
        interpolation="nearest",
        origin="lower" if upwards else "upper",
    )
    known = means[np.isfinite(means)]
    decimals = _choose_decimals(known)
    counts = {int(count) for count in seeds[np.isfinite(means)]}
    small = style.SMALL + 0.5 if max(len(columns), len(rows)) <= 16 else style.SMALL - 1.5
    best = None if not len(known) else np.nanargmin(means) if lower else np.nanargmax(means)
    for index, value in enumerate(means.flat):
        row, column = divmod(index, len(columns))
        text = "–" if np.isnan(value) else f"{value:.{decimals}f}"
        if np.isfinite(value) and len(counts) > 1:
            text += f"\nn = {seeds[row, column]}"
        red, green, blue, _ = image.to_rgba(value) if np.isfinite(value) else (0.95, 0.95, 0.95, 1)
        light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        axes.text(
            column, row, text, ha="center", va="center", fontsize=small, color="black" if light > 0.45 else "white",
            fontweight="bold" if index == best else "normal",
        )  # fmt: skip
    tilt = 45 if max(len(_write(value)) for value in columns) > 7 else 0
    axes.set_xticks(range(len(columns)), [style.shorten(_write(value), 20) for value in columns], rotation=tilt)
    if tilt:
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), [style.shorten(_write(value), 24) for value in rows])
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    figure.colorbar(image, ax=axes, label=measure)
    many = f"mean over {counts.pop()} seeds" if len(counts) == 1 and max(counts) > 1 else "mean over n seeds"
    axes.set_title(
        f"{'one seed each' if counts == {1} else many}; bold: best", fontsize=style.SMALL + 0.5, color="#444444",
        loc="left",
    )  # fmt: skip
    style.set_title(figure, title)
    return style.save(figure, path, origin)


def wants_log_axis(values: Sequence[float]) -> bool:
    """Whether values are spaced more evenly by their ratios than by their differences."""
    if len(values) < 2 or min(values) <= 0:
        return False
    if len(values) == 2:
        return max(values) >= 10 * min(values)
    gaps, ratios = np.diff(np.sort(values)), np.diff(np.log(np.sort(values)))
    return bool(np.std(ratios) / np.mean(ratios) < np.std(gaps) / np.mean(gaps))


def _find_distance(places: Sequence[float], lines: int, logarithmic: bool) -> float:
    """How far apart lines are drawn at one value, so that they neither cover each other nor reach the next value."""
    scaled = np.sort(np.log(places) if logarithmic else np.asarray(places))
    if len(scaled) < 2:
        return 0.03
    return float(min(0.018 * (scaled[-1] - scaled[0]), 0.7 * np.diff(scaled).min() / lines))


def _shift(place: float, distance: float, logarithmic: bool) -> float:
    """A place beside the one of a value."""
    return float(place * np.exp(distance)) if logarithmic else place + distance


def _leave_out_long_bars(axes: Axes, seeds: Sequence[float]) -> bool:
    """Keep the seeds themselves legible beside the interval of two, which may be many times as long; whether a bar
    leaves the frame."""
    if not seeds:
        return False
    margin = 0.6 * (max(seeds) - min(seeds)) or 0.02 * abs(max(seeds)) or 0.01
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, min(seeds) - margin), min(high, max(seeds) + margin))
    return axes.get_ylim() != (low, high)


def _mark(axes: Axes, values: Sequence[Any], at: dict[Any, float], numeric: bool) -> None:
    """Ticks at the values themselves, where they are not too many."""
    if numeric and len(values) > _MARKED:
        return
    labels = [style.shorten(_write(value), 24) for value in values]
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator([at[value] for value in values]))
    tilt = sum(map(len, labels)) > 60
    axes.set_xticks(
        [at[value] for value in values], labels, rotation=30 if tilt else 0, ha="right" if tilt else "center"
    )
    if not numeric:
        axes.set_xlim(-0.5, len(values) - 0.5)


def _sort(values: Any) -> list[Any]:
    known = list(dict.fromkeys(values))
    numeric = all(isinstance(value, (int, float, np.number)) for value in known)
    return sorted(known) if numeric else known


def _write(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)


def _choose_decimals(values: np.ndarray) -> int:
    """Decimals that give the largest value three or four significant digits."""
    sizes = np.abs(values[np.isfinite(values)])
    largest = float(sizes.max()) if len(sizes) else 1.0
    return int(np.clip(3 - np.floor(np.log10(largest)), 0, 6)) if largest > 0 else 2
