"""The printed tables as one structure, which every format prints: so they cannot say different things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cldnn_lab.reporting.tables.definition import split_item
from cldnn_lab.reporting.tables.digits import (
    NOTHING,
    UNITS,
    align,
    choose_decimals,
    format_interval,
    format_number,
    format_p,
    format_published,
)
from cldnn_lab.reporting.tables.footnotes import list_footnotes
from cldnn_lab.reporting.tables.measure import Conclusion, Measured, Measurement, find_kind
from cldnn_lab.reporting.tables.statistics import Comparison

MEAN, INTERVAL, SEEDS = "mean", "95 % interval", "n"
PUBLISHED, DIFFERENCE, PREDICTION, INSIDE, TEST_SET = (
    "published",
    "difference",
    "prediction interval",
    "published inside?",
    "test-set interval",
)
# Characters of a column of words that is not broken into lines.
_LONGEST_WORDS = 28


@dataclass(frozen=True)
class Column:
    """Attributes:
    head: over its cells.
    group: over the heads of neighbouring columns; empty for none.
    left: whether it is set to the left, as words are.
    """

    head: str
    group: str = ""
    left: bool = False


@dataclass(frozen=True)
class Cell:
    """Attributes:
    text: as it is read, not yet escaped for any format.
    marks: numbers of footnotes.
    link: where it leads.
    """

    text: str
    marks: Sequence[int] = ()
    link: str | None = None


@dataclass(frozen=True)
class Grid:
    """A table to be printed.

    Attributes:
        columns: their heads.
        rows: a cell for each column. A row whose first cell is empty belongs to the one before it.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]] = field(default_factory=tuple)

    @property
    def groups(self) -> list[tuple[str, int]]:
        """The groups from left to right, and how many columns each is over; none if no column has one."""
        found: list[tuple[str, int]] = []
        for column in self.columns:
            if found and found[-1][0] == column.group:
                found[-1] = (column.group, found[-1][1] + 1)
            else:
                found.append((column.group, 1))
        return found if any(name for name, _ in found) else []

    @property
    def blocks(self) -> list[list[Sequence[Cell]]]:
        """The rows, those that belong together in one list."""
        found: list[list[Sequence[Cell]]] = []
        for row in self.rows:
            if found and not row[0].text:
                found[-1].append(row)
            else:
                found.append([row])
        return found

    @property
    def width(self) -> int:
        """Characters of its longest lines, without the first column."""
        return sum(
            _LONGEST_WORDS if self.wraps(place) else self._measure(place) + 2 for place in range(1, len(self.columns))
        )

    def wraps(self, place: int) -> bool:
        """Whether a column has words that are better broken into lines."""
        return place == 0 or (self.columns[place].left and self._measure(place) > _LONGEST_WORDS)

    def _measure(self, place: int) -> int:
        texts = [*self.columns[place].head.split(), *(row[place].text for row in self.rows)]
        return max(map(len, texts))


def lay_out(measured: Measured) -> Grid:
    """The table of a section: a line for each row and figure, published beside measured; columns that nothing would
    stand in are left out."""
    section = measured.section
    several = len(section.figures) > 1
    compared = [PUBLISHED, MEAN, INTERVAL, SEEDS, DIFFERENCE, PREDICTION, INSIDE, TEST_SET]
    if not section.has_published:
        compared = [head for head in compared if head not in (PUBLISHED, DIFFERENCE, INSIDE)]
    if not any(one.test_interval for one in measured.measurements):
        compared.remove(TEST_SET)
    heads = {variant: [MEAN, INTERVAL, SEEDS] if place else compared for place, variant in enumerate(measured.variants)}
    columns = [Column("row", left=True), *([Column("figure", left=True)] if several else [])]
    columns += [Column(head, _name_group(measured, variant)) for variant in heads for head in heads[variant]]
    marks: dict[str, list[int]] = {name: [] for name in section.rows}
    for number, footnote in enumerate(list_footnotes(measured), start=1):
        for name in footnote.rows:
            marks[name].append(number)
    rows = []
    for name, row in section.rows.items():
        for place, figure in enumerate(_list_figures(measured, name)):
            cells = [Cell("") if place else Cell(row.label, marks[name])]
            cells += [Cell(name_figure(measured, figure))] if several else []
            for variant in heads:
                texts = _write_cells(measured, measured.find(name, figure, variant))
                cells += [Cell(texts[head]) for head in heads[variant]]
            rows.append(cells)
    return _align(Grid(columns, rows))


def lay_out_conclusions(measured: Measured) -> Grid | None:
    """The document's conclusions and what the runs say to them; None if it draws none."""
    if not measured.conclusions:
        return None
    words = ("conclusion", "pair", "figure")
    heads = (*words, "mean difference", "95 % BCa interval", "seeds in favour", "p (sign-flip)", "p (Holm)", "verdict")
    columns = [Column(head, left=head in (*words, "verdict")) for head in heads]
    rows = []
    for conclusion in measured.conclusions:
        for place, (better, worse, comparison) in enumerate(conclusion.comparisons):
            first = place == 0
            rows.append(
                [
                    Cell(conclusion.check.says if first else ""),
                    Cell(
                        f"{_name_item(measured, conclusion, better)} against {_name_item(measured, conclusion, worse)}"
                    ),
                    Cell(name_figure(measured, split_item(better, conclusion.check)[1])),
                    *map(Cell, _write_comparison(find_kind(split_item(better, conclusion.check)[1]), comparison)),
                    Cell(conclusion.verdict if first else ""),
                ]
            )
    return _align(Grid(columns, rows))


def name_figure(measured: Measured, figure: str) -> str:
    """The heading of a figure with its unit."""
    heading = measured.section.figures[figure]
    unit = UNITS.get(find_kind(figure))
    return heading if unit is None or heading.endswith(f", {unit}") else f"{heading}, {unit}"


def _list_figures(measured: Measured, row: str) -> list[str]:
    """The figures of a row that has any; of one that has none the first, as one line is enough to say so."""
    figures = list(measured.section.figures)
    known = {
        one.figure for one in measured.measurements if one.row == row and (one.published is not None or one.values)
    }
    return [figure for figure in figures if figure in known] or figures[:1]


def _name_group(measured: Measured, variant: str) -> str:
    """What is over the columns of a kind of data: its label, and the figure if there is but one."""
    names = [measured.section.variants[variant].label] if variant else []
    figures = list(measured.section.figures)
    return ": ".join([*names, *([name_figure(measured, figures[0])] if len(figures) == 1 else [])])


def _write_cells(measured: Measured, one: Measurement) -> dict[str, str]:
    kind, summary = find_kind(one.figure), one.summary
    published = [row.published[one.figure] for row in measured.section.rows.values() if one.figure in row.published]
    decimals = choose_decimals(kind, summary.mean, published)
    low, high = one.test_interval or (None, None)
    if kind == "count":  # which all runs have in common
        summary = replace(summary, low=None, high=None, predicted_low=None, predicted_high=None)
    return {
        PUBLISHED: format_published(kind, one.published),
        MEAN: format_number(kind, summary.mean, decimals),
        INTERVAL: format_interval(kind, summary.low, summary.high, decimals),
        SEEDS: str(summary.n),
        DIFFERENCE: format_number(kind, one.difference, decimals, signed=True),
        PREDICTION: format_interval(kind, summary.predicted_low, summary.predicted_high, decimals),
        INSIDE: NOTHING if one.is_inside is None else "yes" if one.is_inside else "no",
        TEST_SET: format_interval(kind, low, high, decimals),
    }


def _name_item(measured: Measured, conclusion: Conclusion, item: str) -> str:
    """A row by its label, and by its figure where the conclusion compares several."""
    row, figure = split_item(item, conclusion.check)
    label = measured.section.rows[row].label
    return f"{label}, {measured.section.figures[figure]}" if ":" in item else label


def _write_comparison(kind: str, comparison: Comparison) -> list[str]:
    # Differences are smaller than what is compared: shares have a digit more than in the table.
    decimals = 2 if kind == "share" else choose_decimals(kind, comparison.difference)
    return [
        format_number(kind, comparison.difference, decimals, signed=True),
        format_interval(kind, comparison.low, comparison.high, decimals),
        f"{comparison.better} of {comparison.n}" if comparison.n else NOTHING,
        format_p(comparison.p),
        format_p(comparison.p_holm),
    ]


def _align(grid: Grid) -> Grid:
    """The same grid, its numbers padded."""
    aligned = [
        [row[place].text for row in grid.rows] if column.left else align([row[place].text for row in grid.rows])
        for place, column in enumerate(grid.columns)
    ]
    return replace(
        grid,
        rows=[
            [replace(cell, text=texts[number]) for cell, texts in zip(row, aligned, strict=True)]
            for number, row in enumerate(grid.rows)
        ],
    )
