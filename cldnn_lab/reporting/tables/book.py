"""The contents page of all tables: for each, how much of the document stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cldnn_lab.reporting.tables.digits import NOTHING
from cldnn_lab.reporting.tables.layout import Cell, Column, Grid
from cldnn_lab.reporting.tables.markdown import escape
from cldnn_lab.reporting.tables.markdown import write_grid as write_markdown_grid
from cldnn_lab.reporting.tables.measure import FAILS, HOLDS, UNKNOWN, Measured
from cldnn_lab.reporting.tables.page import wrap_page
from cldnn_lab.reporting.tables.page import write_grid as write_page_grid

TITLE = "Published tables, measured again"
_LEGEND = (
    "A row is inside if all of its published figures that can be compared lie in the prediction interval of its runs. "
    "A conclusion cannot be told where the runs are too few, or their differences too small."
)
HEADS = ("budget", "n", "rows inside", *(f"conclusions: {verdict}" for verdict in (HOLDS, FAILS, UNKNOWN)))


def write_contents(tables: Sequence[Sequence[Measured]]) -> tuple[str, str]:
    """The texts of README.md and index.html, which link to ``<table>/table.md`` and ``<table>/table.html``."""
    markdown = [f"# {TITLE}"]
    page = [f"<h1>{TITLE}</h1>"]
    grid, linked = _lay_out(tables, "table.md"), _lay_out(tables, "table.html")
    markdown += [write_markdown_grid(grid), escape(_LEGEND)]
    page += [write_page_grid(linked), f'<p class="notes">{_LEGEND}</p>']
    return "\n\n".join(markdown) + "\n", wrap_page(TITLE, page)


def _lay_out(tables: Sequence[Sequence[Measured]], file: str) -> Grid:
    columns = [Column("table", left=True), Column("section", left=True), Column(HEADS[0], left=True)]
    columns += [Column(head) for head in HEADS[1:]]
    rows = []
    for sections in tables:
        for place, measured in enumerate(sections):
            table = measured.table
            rows.append(
                [
                    Cell("" if place else table.title, link=None if place else f"{table.name}/{file}"),
                    Cell(measured.section.title, link=f"{table.name}/{file}#{measured.section.name}"),
                    *map(Cell, summarize_section(measured).values()),
                ]
            )
    return Grid(columns, rows)


def summarize_section(measured: Measured) -> dict[str, str]:
    """How much of a section stands, by :data:`HEADS`."""
    first = [one for one in measured.measurements if one.variant == measured.variants[0]]
    tested = [one for one in measured.measurements if one.variant == measured.tested_variant]
    inside = {
        row: all(one.is_inside for one in first if one.row == row and one.is_inside is not None)
        for row in measured.section.rows
        if any(one.row == row and one.is_inside is not None for one in first)
    }
    seeds = [one.summary.n for one in tested if one.summary.n]
    low, high = min(seeds, default=0), max(seeds, default=0)
    verdicts = Counter(conclusion.verdict for conclusion in measured.conclusions)
    told = [
        measured.budget_name,
        str(low) if low == high else f"{low} to {high}",
        f"{sum(inside.values())} of {len(inside)}" if inside else NOTHING,
        *(str(verdicts[verdict]) for verdict in (HOLDS, FAILS, UNKNOWN)),
    ]
    return dict(zip(HEADS, told, strict=True))
