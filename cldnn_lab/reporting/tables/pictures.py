"""The pictures of a section, drawn from what its table prints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from cldnn_lab.config.diagnostics import choose_diagnostics
from cldnn_lab.diagnostics import run_diagnostics
from cldnn_lab.figures.confusion import draw_confusion
from cldnn_lab.figures.published import Bar, draw_published
from cldnn_lab.figures.table_curves import draw_table_curves
from cldnn_lab.reporting.page.contents import find_validated_on
from cldnn_lab.reporting.tables.digits import UNITS
from cldnn_lab.reporting.tables.layout import name_figure
from cldnn_lab.reporting.tables.measure import Measured, Measurement, find_kind
from cldnn_lab.reporting.tables.provenance import count, count_values, read_column
from cldnn_lab.reporting.tables.records import CONFUSION, HISTORY
from cldnn_lab.reporting.tables.wording import CONFUSION_PICTURE, CURVES_PICTURE, PUBLISHED_PICTURE


def draw_pictures(measured: Measured, folder: Path) -> list[str]:
    """Draw into ``folder`` and return the names of the files: published beside measured, and the section's curves as
    far as its runs have histories."""
    section = measured.section
    drawn = run_diagnostics(choose_diagnostics(section.draws), None, folder) if section.draws else []
    panels, labels = arrange_bars(measured)
    if panels:
        path = folder / f"{section.name}{PUBLISHED_PICTURE}"
        drawn.append(draw_published(panels, labels, path, title=section.title, origin=_find_origin(measured)))
    histories = _read_histories(measured)
    tested = find_validated_on(measured.runs)
    for metric in section.curves:
        if any(metric in history or f"val_{metric}" in history for _, own in histories for history in own):
            path = folder / f"{section.name}_{metric}{CURVES_PICTURE}"
            title = f"{section.title}: {metric.replace('_', ' ')}"
            drawn.append(
                draw_table_curves(
                    histories, metric, path, title=title, origin=_find_origin(measured), test_label=tested
                )
            )
    drawn += _draw_confusions(measured, folder) if section.confusion else []
    return [path.name for path in drawn]


def arrange_bars(measured: Measured) -> tuple[dict[str, list[Bar]], list[str]]:
    """Panels, and the labels of their lines: a panel for each figure and a line for each row; of a single row whose
    figures are all shares, one panel and a line for each figure."""
    rows, figures = measured.section.rows, _choose_figures(measured)

    def make_bar(row: str, figure: str) -> Bar:
        return _make_bar(measured.find(row, figure, measured.variants[0]))

    if len(rows) == 1 < len(figures) and {find_kind(one) for one in figures} == {"share"}:
        (name, row), headings = next(iter(rows.items())), measured.section.figures
        shown = [one for one in headings if one in figures]
        panels = {f"{row.label}, {UNITS['share']}": [make_bar(name, one) for one in shown]}
        return panels, [headings[one] for one in shown]
    panels = {name_figure(measured, one): [make_bar(row, one) for row in rows] for one in figures}
    return panels, [row.label for row in rows.values()]


def _choose_figures(measured: Measured) -> list[str]:
    """Those that were published, first; counts and times are for the table alone."""
    section = measured.section
    published = {figure for row in section.rows.values() for figure in row.published}
    known = [
        figure
        for figure in section.figures
        if find_kind(figure) not in ("count", "time")
        and (figure in published or any(one.values for one in measured.measurements if one.figure == figure))
    ]
    return sorted(known, key=lambda figure: figure not in published)


def _make_bar(one: Measurement) -> Bar:
    scale = 100 if find_kind(one.figure) == "share" else 1
    summary = one.summary

    def pair(low: float | None, high: float | None) -> tuple[float, float] | None:
        return None if low is None or high is None else (scale * low, scale * high)

    return Bar(
        published=None if one.published is None else scale * one.published,
        mean=None if summary.mean is None else scale * summary.mean,
        interval=pair(summary.low, summary.high),
        prediction=pair(summary.predicted_low, summary.predicted_high),
    )


def _draw_confusions(measured: Measured, folder: Path) -> list[Path]:
    """The confusion matrix of each row on the first kind of data, summed over its runs."""
    runs = measured.runs[measured.runs["variant"] == measured.variants[0]]
    drawn = []
    for name, row in measured.section.rows.items():
        found = [json.loads(text) for text in read_column(runs[runs["row"] == name], CONFUSION).astype(str)]
        if found:
            path = folder / f"{measured.section.name}_{name}{CONFUSION_PICTURE}"
            counts = np.sum([one["counts"] for one in found], axis=0)
            title = f"{row.label}: confusion on the test set, {count(len(found), 'run')}"
            drawn.append(draw_confusion(counts, found[0]["classes"], path, title=title, origin=_find_origin(measured)))
    return drawn


def _read_histories(measured: Measured) -> list[tuple[str, list[pd.DataFrame]]]:
    """The label of each row, and the histories of its runs on the first kind of data."""
    runs = measured.runs[measured.runs["variant"] == measured.variants[0]]
    found = []
    for name, row in measured.section.rows.items():
        texts = read_column(runs[runs["row"] == name], HISTORY).astype(str)
        found.append((row.label, [pd.DataFrame(json.loads(text)) for text in texts]))
    return found


def _find_origin(measured: Measured) -> str | None:
    """Where the data of the first variant came from; None without runs."""
    runs = measured.runs[measured.runs["variant"] == measured.variants[0]]
    return "; ".join(count_values(read_column(runs, "data_source"))) or None
