"""``table.tex``: a document's tables in LaTeX, to be compiled alone or pasted into a report."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence

from cldnn_lab.reporting.tables.digits import DIGIT_SPACE, POINT_SPACE
from cldnn_lab.reporting.tables.footnotes import list_footnotes
from cldnn_lab.reporting.tables.layout import Cell, Grid, lay_out, lay_out_conclusions
from cldnn_lab.reporting.tables.measure import Measured
from cldnn_lab.reporting.tables.wording import describe_picture, list_remarks, write_command

_PREAMBLE = r"""\documentclass[a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{textcomp,amsmath,amssymb,array,booktabs,longtable,graphicx}
\usepackage[landscape,margin=15mm]{geometry}
\setlength{\parindent}{0pt}
\setlength{\LTleft}{0pt}
\sloppy
\begin{document}
% A report that takes what is between here and the end needs the packages above.
"""
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "|": r"\ensuremath{|}",
    '"': r"\textquotedbl{}",
    "−": r"\ensuremath{-}",
    "±": r"\ensuremath{\pm}",
    "×": r"\ensuremath{\times}",
    "·": r"\ensuremath{\cdot}",
    "√": r"\ensuremath{\surd}",
    "≤": r"\ensuremath{\le}",
    "≥": r"\ensuremath{\ge}",
    "≈": r"\ensuremath{\approx}",
    "→": r"\ensuremath{\rightarrow}",
    "∞": r"\ensuremath{\infty}",
    "²": r"\textsuperscript{2}",
    "³": r"\textsuperscript{3}",
    "–": "--",
    "—": "---",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "…": r"\dots{}",
    DIGIT_SPACE: r"\phantom{0}",
    POINT_SPACE: r"\phantom{.}",
    "\u00a0": "~",
    "\n": " ",
}
# Characters of a line at each size of type, beside the first column.
_SIZES = ((118, r"\small", 50), (136, r"\footnotesize", 45), (160, r"\scriptsize", 40))
_SMALLEST = (r"\tiny", 40)
# Tables of so few lines are not broken over pages.
_SHORT = 15
# Characters of a line of a head, and of a label.
_HEAD, _LABEL_LINE = 11, 26


def write_tex(sections: Sequence[Measured], pictures: Mapping[str, Sequence[str]]) -> str:
    """The text of table.tex, which pdflatex compiles.

    Args:
        sections: of one document, in its order.
        pictures: files beside table.tex, by the name of the section that they belong to.
    """
    table = sections[0].table
    parts = [
        rf"\section*{{{escape(table.title)}}}",
        f"Published figures: {escape(table.source)}",
        rf"Made by \texttt{{{escape(write_command(sections))}}}",
    ]
    for place, measured in enumerate(sections):
        # A heading stays with its table.
        parts += [r"\clearpage"] if place else []
        parts += _write_section(measured, pictures.get(measured.section.name, ()))
    return _PREAMBLE + "\n\n".join(parts) + "\n\n\\end{document}\n"


def write_grid(grid: Grid) -> str:
    """A longtable, its heads repeated on each page."""
    size, first = next(((size, first) for most, size, first in _SIZES if grid.width <= most), _SMALLEST)
    columns = "".join(
        rf">{{\raggedright\arraybackslash}}p{{{first}mm}}" if grid.wraps(place) else "l" if column.left else "r"
        for place, column in enumerate(grid.columns)
    )
    heads = " & ".join(_write_head(column.head, column.left) for column in grid.columns)
    # A page does not end between the lines of one row.
    between = " \\\\*\n" if len(grid.rows) <= _SHORT else " \\\\\n"
    between += "\\addlinespace[2pt]\n" if len(grid.rows) > len(grid.blocks) else ""
    blocks = between.join(" \\\\*\n".join(_write_block(block, first)) for block in grid.blocks)
    return (
        f"{{{size}\\setlength{{\\tabcolsep}}{{3pt}}\n\\begin{{longtable}}{{@{{}}{columns}@{{}}}}\n\\toprule\n"
        f"{_write_groups(grid)}{heads} \\\\\n\\midrule\n\\endhead\n\\bottomrule\n\\endlastfoot\n"
        f"{blocks} \\\\\n\\end{{longtable}}}}"
    )


def escape(text: str) -> str:
    """The text as LaTeX prints it. Greek letters and what else pdflatex lacks are spelled out."""
    return "".join(_SPECIAL.get(character) or _spell(character) for character in text)


def _spell(character: str) -> str:
    if character.isascii() or unicodedata.normalize("NFD", character)[0].isascii():
        return character
    name = unicodedata.name(character, "")
    greek = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", name)
    if greek:
        return f"{greek[2].lower() if greek[1] == 'SMALL' else greek[2].capitalize()}"
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return escape(plain) if plain else f"[{name.lower()}]"


def _write_section(measured: Measured, pictures: Sequence[str]) -> list[str]:
    parts = [rf"\subsection*{{{escape(measured.section.title)}}}", write_grid(lay_out(measured))]
    footnotes = [
        rf"\textsuperscript{{{number}}} {escape(footnote.text)}"
        for number, footnote in enumerate(list_footnotes(measured), start=1)
    ]
    if footnotes:
        parts.append("{\\footnotesize\n" + "\\\\\n".join(footnotes) + "\\par}")
    conclusions = lay_out_conclusions(measured)
    if conclusions is not None:
        parts += [r"\subsubsection*{Conclusions}", write_grid(conclusions)]
    remarks = "\n".join(rf"\item {escape(remark)}" for remark in list_remarks(measured))
    parts.append(f"{{\\footnotesize\n\\begin{{itemize}}\\setlength{{\\itemsep}}{{0pt}}\n{remarks}\n\\end{{itemize}}}}")
    for name in pictures:
        # Underscores of a file name are its own: detokenized, they are no subscripts.
        parts.append(
            "\\begin{center}\n"
            f"% {describe_picture(measured, name)}\n"
            "\\includegraphics[width=\\linewidth,height=.8\\textheight,keepaspectratio]"
            f"{{\\detokenize{{{name}}}}}\n\\end{{center}}"
        )
    return parts


def _write_groups(grid: Grid) -> str:
    """The line over the heads that names the groups of columns, and a rule below each."""
    cells, rules, place = [], [], 1
    for name, width in grid.groups:
        cells.append(rf"\multicolumn{{{width}}}{{c}}{{{escape(name)}}}" if name else " & ".join([""] * width))
        if name:
            rules.append(rf"\cmidrule(lr){{{place}-{place + width - 1}}}")
        place += width
    return f"{' & '.join(cells)} \\\\\n{''.join(rules)}\n" if cells else ""


def _write_block(block: Sequence[Sequence[Cell]], width: int) -> list[str]:
    """Rows that belong together; a long label may reach down beside the later ones instead of pushing them down."""
    rows = [[_write_cell(cell) for cell in row] for row in block]
    label = block[0][0].text
    if _LABEL_LINE < len(label) <= _LABEL_LINE * len(block):
        rows[0][0] = rf"\smash{{\parbox[t]{{{width}mm}}{{\raggedright {rows[0][0]}}}}}"
    return [" & ".join(row) for row in rows]


def _write_head(head: str, left: bool) -> str:
    lines = [escape(line) for line in textwrap.wrap(head, _HEAD, break_long_words=False)]
    if len(lines) == 1:
        return lines[0]
    side = "l" if left else "r"
    return rf"\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}" + r" \\ ".join(lines) + r"\end{tabular}"


def _write_cell(cell: Cell) -> str:
    marks = rf"\textsuperscript{{{', '.join(map(str, cell.marks))}}}" if cell.marks else ""
    return escape(cell.text) + marks
