"""``table.md``: a document's tables as Markdown, which goes into a report as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cldnn_lab.reporting.tables.footnotes import list_footnotes
from cldnn_lab.reporting.tables.layout import Cell, Grid, lay_out, lay_out_conclusions
from cldnn_lab.reporting.tables.measure import Measured
from cldnn_lab.reporting.tables.wording import describe_picture, list_remarks, write_command


def write_markdown(sections: Sequence[Measured], pictures: Mapping[str, Sequence[str]]) -> str:
    """The text of table.md.

    Args:
        sections: of one document, in its order.
        pictures: files beside table.md, by the name of the section that they belong to.
    """
    table = sections[0].table
    parts = [
        f"# {escape(table.title)}",
        f"Published figures: {escape(table.source)}",
        f"Made by\n\n```\n{write_command(sections)}\n```",
    ]
    for measured in sections:
        parts += _write_section(measured, pictures.get(measured.section.name, ()))
    return "\n\n".join(parts) + "\n"


def write_grid(grid: Grid) -> str:
    """A table that is aligned in plain text, too."""
    lines = []
    for place, (head, column) in enumerate(zip(_write_heads(grid), grid.columns, strict=True)):
        cells = [head, *(_write_cell(row[place]) for row in grid.rows)]
        width = max(3, *map(len, cells))
        padded = [cell.ljust(width) if column.left else cell.rjust(width) for cell in cells]
        lines.append([padded[0], f":{'-' * (width - 1)}" if column.left else f"{'-' * (width - 1)}:", *padded[1:]])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in zip(*lines, strict=True))


def escape(text: str) -> str:
    """The text as Markdown shows it, in a cell or outside; dollars would begin a formula."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|$~])", r"\\\1", text).replace("\n", " ")


def _write_section(measured: Measured, pictures: Sequence[str]) -> list[str]:
    section = measured.section
    parts = [f'<a id="{section.name}"></a>\n\n## {escape(section.title)}', write_grid(lay_out(measured))]
    footnotes = [
        f"<sup>{number}</sup> {escape(footnote.text)}"
        for number, footnote in enumerate(list_footnotes(measured), start=1)
    ]
    if footnotes:
        parts.append("<br>\n".join(footnotes))
    conclusions = lay_out_conclusions(measured)
    if conclusions is not None:
        parts += ["### Conclusions", write_grid(conclusions)]
    parts += ["### Remarks", "\n".join(f"- {escape(remark)}" for remark in list_remarks(measured))]
    return parts + [f"![{escape(describe_picture(measured, name))}]({name})" for name in pictures]


def _write_heads(grid: Grid) -> list[str]:
    """Markdown has no head over several columns: a group stands in the first of its columns."""
    heads, before = [], ""
    for column in grid.columns:
        shown = column.group and column.group != before
        heads.append(f"{escape(column.group)}<br>{escape(column.head)}" if shown else escape(column.head))
        before = column.group
    return heads


def _write_cell(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.link:
        text = f"[{text}]({cell.link})"
    return f"{text}<sup>{', '.join(map(str, cell.marks))}</sup>" if cell.marks else text
