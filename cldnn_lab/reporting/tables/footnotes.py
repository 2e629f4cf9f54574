"""What is said of single rows below a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cldnn_lab.reporting.tables.measure import POINTS, Measured


@dataclass(frozen=True)
class Footnote:
    """Attributes:
    rows: names of those that it is of.
    text: one or more sentences.
    """

    rows: Sequence[str]
    text: str


def list_footnotes(measured: Measured) -> list[Footnote]:
    """The notes of the rows and what was tried where a row is off, in the order of their numbers, 1, 2, ...

    Rows of which the same is to be said share a footnote.
    """
    rows_of: dict[str, list[str]] = {}
    for name, row in measured.section.rows.items():
        for text in (row.note, _explain(measured, name)):
            if text:
                rows_of.setdefault(text, []).append(name)
    return [Footnote(rows, text) for text, rows in rows_of.items()]


def end_sentence(text: str) -> str:
    """The text with a full stop, if it has none."""
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _explain(measured: Measured, row: str) -> str | None:
    off = [one.figure for one in measured.measurements if one.row == row and one.is_off]
    if not off:
        return None
    figures = ", ".join(measured.section.figures[figure] for figure in off)
    tried = measured.section.rows[row].tried
    found = f"tried: {tried}" if tried else "not looked into yet"
    return end_sentence(f"More than {100 * POINTS:g} points from the published {figures}; {found}")
