"""What is said of single rows below a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cldnn_lab.reporting.tables.measure import POINTS, Measured, find_kind


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
    """Which published figures of a row are far from the measured ones, and what was tried about that."""
    own = [one for one in measured.measurements if one.row == row]
    far = [one.figure for one in own if one.is_off]
    outside = [
        one.figure
        for one in own
        if one.is_inside is False and not one.is_off and find_kind(one.figure) != "count"  # which has no interval
    ]
    if not far and not outside:
        return None
    names = [", ".join(measured.section.figures[figure] for figure in figures) for figures in (far, outside)]
    parts = [f"more than {100 * POINTS:g} points from the published {names[0]}"] if far else []
    parts += [f"outside the prediction interval: the published {names[1]}"] if outside else []
    text = "; ".join(parts)
    why = [] if measured.budget.is_published else ["This budget is smaller than the published one."]
    if tried := measured.section.rows[row].tried:
        why.append(f"Tried: {end_sentence(tried)}")
    return " ".join([f"{text[0].upper()}{text[1:]}.", *(why or ["Not looked into yet."])])
