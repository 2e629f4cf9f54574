"""Numbers as a report prints them: three digits, shares in per cent, in columns aligned on the decimal point."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

NOTHING = "–"
TO = " to "
UNITS = {"share": "%", "time": "s"}
# As wide as a digit and as a point: an aligned column stays aligned where ordinary spaces are trimmed.
DIGIT_SPACE, POINT_SPACE = "\u2007", "\u2008"
_DIGITS = 3
_SHARE_DECIMALS = (1, 2)
# Smaller numbers would be mostly zeros.
_SMALLEST = 1e-6
_NUMBER = re.compile(r"([+−]?[\d,]+)(\.\d+)?")


def choose_decimals(kind: str, mean: float | None, published: Iterable[float] = ()) -> int | None:
    """Decimals of a measured figure and of the intervals around it; None for scientific notation.

    Args:
        kind: as :func:`~cldnn_lab.reporting.tables.measure.find_kind` says.
        mean: what is printed; shares do not depend on it, so that a column of them has the same decimals.
        published: all published figures of the metric: shares have two decimals where these have them.
    """
    if kind == "share":
        fewest, most = _SHARE_DECIMALS
        return min(most, max([fewest, *(_count_decimals(_scale(kind, value)) for value in published)]))
    if mean is None or mean == 0 or not math.isfinite(mean):
        return 0 if kind == "count" else _DIGITS - 1
    if kind == "count":
        return 0 if mean == round(mean) else 1
    return max(0, _DIGITS - 1 - math.floor(math.log10(abs(mean)))) if abs(mean) >= _SMALLEST else None


def format_number(kind: str, value: float | None, decimals: int | None, *, signed: bool = False) -> str:
    """A measured number; a dash for none."""
    if value is None or math.isnan(value):
        return NOTHING
    scaled = 100 * value if kind == "share" else value
    sign = "+" if signed else ""
    text = f"{scaled:{sign}.{_DIGITS - 1}e}" if decimals is None else f"{scaled:{sign},.{decimals}f}"
    if not text.strip("+-0.,"):
        text = text.lstrip("+-")
    return text.replace("-", "−")


def format_interval(kind: str, low: float | None, high: float | None, decimals: int | None) -> str:
    """``low to high``; a dash if either is missing."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return NOTHING
    return f"{format_number(kind, low, decimals)}{TO}{format_number(kind, high, decimals)}"


def format_published(kind: str, value: float | None) -> str:
    """A published figure with the digits it was published with."""
    if value is None:
        return NOTHING
    scaled = _scale(kind, value)
    return f"{scaled:,.{_count_decimals(scaled)}f}".replace("-", "−")


def format_p(value: float | None) -> str:
    """A probability of a test, to three decimals."""
    if value is None:
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def align(cells: Sequence[str]) -> list[str]:
    """Pad numbers, and intervals of numbers, so that their points are below each other in a column set to the right."""
    split = [_split(cell) for cell in cells]
    places = range(max(map(len, split), default=0))
    columns = [[parts[place] for parts in split if len(parts) > place] for place in places]
    widest = [max((whole for whole, _ in column), key=len) for column in columns]
    decimals = [max(len(fraction) for _, fraction in column) for column in columns]
    if len(columns) > 1 and any(len({len(fraction) for _, fraction in column}) > 1 for column in columns):
        return _align_words(cells)
    # What is left of the first number is free: the column is set to the right.
    widest[:1] = [""]
    padded = [
        TO.join(_pad(*part, widest[place], decimals[place]) for place, part in enumerate(parts)) for parts in split
    ]
    return [new or cell for new, cell in zip(padded, cells, strict=True)]


def _align_words(cells: Sequence[str]) -> list[str]:
    """Intervals of different figures: the word between their numbers is aligned, since gaps in them would be wide."""
    split = [cell.split(TO) for cell in cells]
    widest = max((parts[1] for parts in split if len(parts) == 2), key=len)
    return [
        cell + _pad_to(parts[1], widest) if len(parts) == 2 else cell for cell, parts in zip(cells, split, strict=True)
    ]


def _pad_to(text: str, widest: str) -> str:
    """What makes the text as wide as the widest one, where commas and points are narrower than digits."""
    narrow = max(0, sum(widest.count(mark) - text.count(mark) for mark in ",."))
    return POINT_SPACE * narrow + DIGIT_SPACE * (len(widest) - len(text) - narrow)


def _split(cell: str) -> list[tuple[str, str]]:
    """What is before and behind the point of each number of the cell; nothing if it has other words."""
    matches = [_NUMBER.fullmatch(part) for part in cell.split(TO)]
    found = [(match[1], match[2] or "") for match in matches if match]
    return found if len(found) == len(matches) else []


def _pad(whole: str, fraction: str, widest: str, decimals: int) -> str:
    """``decimals`` counts the point, as ``fraction`` has it."""
    before = _pad_to(whole, widest) if widest else ""
    after = DIGIT_SPACE * (decimals - max(1, len(fraction))) if decimals else ""
    point = POINT_SPACE if decimals and not fraction else ""
    return before + whole + fraction + point + after


def _scale(kind: str, value: float) -> Decimal:
    """The number as it was written, in per cent if it is a share: without the last digits of a binary product."""
    return Decimal(repr(value)) * (100 if kind == "share" else 1)


def _count_decimals(value: Decimal) -> int:
    return max(0, -int(value.normalize().as_tuple().exponent))
