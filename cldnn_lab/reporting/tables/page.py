"""``table.html``: a document's tables as one file that works offline and prints on A4."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from cldnn_lab.reporting.page.pictures import embed
from cldnn_lab.reporting.tables.footnotes import list_footnotes
from cldnn_lab.reporting.tables.layout import Cell, Grid, lay_out, lay_out_conclusions
from cldnn_lab.reporting.tables.measure import Measured
from cldnn_lab.reporting.tables.wording import describe_picture, list_remarks, write_command

# Characters beside the first column that are printed in full size; a wider table in smaller type.
_WIDTH = 100
_SMALLEST = 0.55


def write_page(sections: Sequence[Measured], pictures: Mapping[str, Sequence[str]], folder: Path) -> str:
    """The text of table.html.

    Args:
        sections: of one document, in its order.
        pictures: files in ``folder``, by the name of the section that they belong to; the page holds them.
    """
    table = sections[0].table
    names = [name for measured in sections for name in pictures.get(measured.section.name, ())]
    embedded = embed({name: folder / name for name in names})
    parts = [
        f"<h1>{_escape(table.title)}</h1>",
        f"<p>Published figures: {_escape(table.source)}</p>",
        f"<p>Made by <code>{_escape(write_command(sections))}</code></p>",
    ]
    for measured in sections:
        parts += _write_section(measured, pictures.get(measured.section.name, ()), embedded)
    return wrap_page(table.title, parts)


def wrap_page(title: str, parts: Sequence[str]) -> str:
    """A whole page of so many parts."""
    style = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def write_grid(grid: Grid) -> str:
    """A table, its heads repeated on each printed page."""
    scale = max(_SMALLEST, min(1.0, _WIDTH / grid.width)) if grid.width else 1.0
    rows = []
    groups = [
        f'<th colspan="{width}"{_name_class("group" if name else "")}>{_escape(name)}</th>'
        for name, width in grid.groups
    ]
    if groups:
        rows.append(f"<tr>{''.join(groups)}</tr>")
    heads = [
        f'<th scope="col"{_name_class("left" if column.left else "")}>{_escape(column.head)}</th>'
        for column in grid.columns
    ]
    rows.append(f"<tr>{''.join(heads)}</tr>")
    blocks = [
        "<tbody>\n" + "\n".join(f"<tr>{cells}</tr>" for cells in _write_block(grid, block)) + "\n</tbody>"
        for block in grid.blocks
    ]
    return (
        f'<div class="scroll"><table style="--scale: {scale:.2f}">\n<thead>\n'
        + "\n".join([*rows, "</thead>", *blocks])
        + "\n</table></div>"
    )


def _write_section(measured: Measured, pictures: Sequence[str], embedded: Mapping[str, str]) -> list[str]:
    section = measured.section
    parts = [f'<h2 id="{_escape(section.name)}">{_escape(section.title)}</h2>', write_grid(lay_out(measured))]
    footnotes = [
        f"<p><sup>{number}</sup> {_escape(footnote.text)}</p>"
        for number, footnote in enumerate(list_footnotes(measured), start=1)
    ]
    if footnotes:
        parts.append(f'<div class="notes">{"".join(footnotes)}</div>')
    conclusions = lay_out_conclusions(measured)
    if conclusions is not None:
        parts += ["<h3>Conclusions</h3>", write_grid(conclusions)]
    remarks = "\n".join(f"<li>{_escape(remark)}</li>" for remark in list_remarks(measured))
    parts.append(f'<ul class="notes">\n{remarks}\n</ul>')
    for name in pictures:
        source = _escape(embedded.get(name, name))
        parts.append(f'<img src="{source}" alt="{_escape(describe_picture(measured, name))}">')
    return parts


def _write_block(grid: Grid, block: Sequence[Sequence[Cell]]) -> list[str]:
    """Rows that belong together: their first cell is over the height of all."""
    over = f' rowspan="{len(block)}"' if len(block) > 1 else ""
    rows = []
    for number, (first, *others) in enumerate(block):
        cells = [] if number else [f'<th scope="rowgroup" class="left"{over}>{_write_cell(first)}</th>']
        cells += [
            f"<td{_name_class(_choose_class(grid, place))}>{_write_cell(cell)}</td>"
            for place, cell in enumerate(others, start=1)
        ]
        rows.append("".join(cells))
    return rows


def _write_cell(cell: Cell) -> str:
    text = _escape(cell.text)
    if cell.link:
        text = f'<a href="{_escape(cell.link)}">{text}</a>'
    return f"{text}<sup>{', '.join(map(str, cell.marks))}</sup>" if cell.marks else text


def _choose_class(grid: Grid, place: int) -> str:
    if not grid.columns[place].left:
        return ""
    return "left words" if grid.wraps(place) else "left"


def _name_class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _escape(text: str) -> str:
    return html.escape(text)
