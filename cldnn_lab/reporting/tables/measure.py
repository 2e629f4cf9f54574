"""The runs of a section, folded to what its table prints: published beside measured, and the conclusions tested."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from cldnn_lab.reporting.tables.definition import Budget, Check, Section, Table, split_item
from cldnn_lab.reporting.tables.statistics import (
    Comparison,
    Summary,
    compare,
    compare_rankings,
    find_test_interval,
    summarize,
)
from cldnn_lab.runs.objective import is_lower_better

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "cannot be told"
# A difference of more than so much of a share is to be explained.
POINTS = 0.02
# The data of a section that names none.
ONLY = ""

_SHARES = ("accuracy", "sensitivity", "specificity", "precision", "recall", "f1", "roc_auc")
_COUNTS = ("parameters", "layers", "epochs", "steps")


def find_kind(figure: str) -> str:
    """What a metric is: ``time``, ``count``, ``share`` (in 0..1, of examples) or ``number``."""
    if "seconds" in figure:
        return "time"
    if figure in _COUNTS:
        return "count"
    return "share" if any(name in figure for name in _SHARES) else "number"


@dataclass(frozen=True)
class Measurement:
    """One figure of a row, on one kind of data.

    Attributes:
        row, figure, variant: their names; ``variant`` is empty in a section without variants.
        published: what the document prints; None if nothing, and of all variants but the first.
        values: of the completed runs, by seed.
        summary: of these.
        test_interval: of an accuracy on the test set, what so many examples can tell (Wilson); else None.
    """

    row: str
    figure: str
    variant: str
    published: float | None
    values: Mapping[int, float]
    summary: Summary
    test_interval: tuple[float, float] | None

    @property
    def difference(self) -> float | None:
        """Measured mean less published figure."""
        if self.published is None or self.summary.mean is None:
            return None
        return self.summary.mean - self.published

    @property
    def is_inside(self) -> bool | None:
        """Whether the published figure lies in the prediction interval of the runs; a count has to be equal, and a time
        of another machine says nothing."""
        kind = find_kind(self.figure)
        if self.published is None or self.summary.mean is None or kind == "time":
            return None
        return self.summary.mean == self.published if kind == "count" else self.summary.predicts(self.published)

    @property
    def is_off(self) -> bool:
        """Whether it differs by more than 2 points."""
        return find_kind(self.figure) == "share" and self.difference is not None and abs(self.difference) > POINTS


@dataclass(frozen=True)
class Conclusion:
    """What the document concludes, and what the runs say to it.

    Attributes:
        check: the conclusion.
        comparisons: of each neighbouring pair of its order: better item, worse item, and the test.
    """

    check: Check
    comparisons: Sequence[tuple[str, str, Comparison]]

    @property
    def verdict(self) -> str:
        """:data:`HOLDS` if each pair does, :data:`FAILS` if one is the other way round, else :data:`UNKNOWN`."""
        verdicts = [comparison.verdict for *_, comparison in self.comparisons]
        if False in verdicts:
            return FAILS
        return HOLDS if all(verdicts) else UNKNOWN


@dataclass(frozen=True)
class Agreement:
    """How two budgets of a section agree in the order of its rows by their means of the first figure.

    Attributes:
        budget: name of the other.
        tau: Kendall's.
        rows: how many have runs at both.
    """

    budget: str
    tau: float
    rows: int


@dataclass(frozen=True)
class Measured:
    """A section with all that its table prints.

    Attributes:
        table, section: whose runs they are.
        budget_name, budget: that the runs had.
        runs: a row for each run: ``row``, ``variant``, and what :mod:`~cldnn_lab.reporting.tables.records` has of it.
        measurements: a line for each row, figure and variant, in the order of the section.
        conclusions: tested on the first variant that has runs.
        agreement: with another budget in the order of the rows; None where there is nothing to compare.
    """

    table: Table
    section: Section
    budget_name: str
    budget: Budget
    runs: pd.DataFrame
    measurements: Sequence[Measurement]
    conclusions: Sequence[Conclusion]
    agreement: Agreement | None = None

    @property
    def variants(self) -> list[str]:
        """Names of the kinds of data; one that is empty for a section without."""
        return list(self.section.variants) or [ONLY]

    @property
    def tested_variant(self) -> str:
        """The first kind of data that has completed runs: the conclusions are tested on it."""
        return find_tested_variant(self.variants, self.runs)

    def find(self, row: str, figure: str, variant: str) -> Measurement:
        """The measurement of one cell."""
        return next(one for one in self.measurements if (one.row, one.figure, one.variant) == (row, figure, variant))


def find_agreement(measured: Measured, other: Measured) -> Agreement | None:
    """How two budgets of one section agree in the order of its rows."""
    figure = next(iter(measured.section.figures))
    means = [
        tuple(one.find(row, figure, measured.variants[0]).summary.mean for one in (measured, other))
        for row in measured.section.rows
    ]
    both = [(first, second) for first, second in means if first is not None and second is not None]
    tau = compare_rankings([first for first, _ in both], [second for _, second in both])
    return None if tau is None else Agreement(other.budget_name, tau, len(both))


def measure(table: Table, section: Section, budget_name: str, runs: pd.DataFrame) -> Measured:
    """Fold the runs of a section.

    Args:
        runs: those of its rows at this budget, a line for each row, variant and seed: ``row``, ``variant``, ``seed``,
            ``status``, ``test_examples`` and the metrics.
    """
    completed = runs[runs["status"] == "completed"]
    variants = list(section.variants) or [ONLY]
    measurements = [
        _measure(completed, section, row, figure, variant, first=variant == variants[0])
        for row in section.rows
        for figure in section.figures
        for variant in variants
    ]
    tested = find_tested_variant(variants, runs)
    conclusions = _conclude(section, {(m.row, m.figure): m.values for m in measurements if m.variant == tested})
    budget = section.budgets[budget_name]
    return Measured(table, section, budget_name, budget, runs, measurements, conclusions)


def find_tested_variant(variants: Sequence[str], runs: pd.DataFrame) -> str:
    """The first kind of data that has completed runs; the first of all if none has."""
    have = set(runs["variant"][runs["status"] == "completed"])
    return next((one for one in variants if one in have), variants[0])


def _measure(runs: pd.DataFrame, section: Section, row: str, figure: str, variant: str, *, first: bool) -> Measurement:
    own = runs[(runs["row"] == row) & (runs["variant"] == variant)]
    known = own.dropna(subset=[figure]) if figure in own else own.iloc[:0]
    values = {int(seed): float(value) for seed, value in zip(known["seed"], known.get(figure, ()), strict=True)}
    summary = summarize(list(values.values()), _find_bounds(figure, values.values()))
    interval = None
    if figure == "test_accuracy" and summary.mean is not None:
        interval = find_test_interval(summary.mean, int(known["test_examples"].iloc[0]))
    published = section.rows[row].published.get(figure) if first else None
    return Measurement(row, figure, variant, published, values, summary, interval)


def _find_bounds(figure: str, values: Iterable[float]) -> tuple[float, float]:
    """Beyond which no run can come; a loss that some run has below 0, as Poisson's can be, has no bounds."""
    if find_kind(figure) == "share":
        return 0.0, 1.0
    costs = is_lower_better(figure) and all(value >= 0 for value in values)
    return 0.0 if costs else -math.inf, math.inf


def _conclude(section: Section, values: Mapping[tuple[str, str], Mapping[int, float]]) -> list[Conclusion]:
    pairs = [(check, *pair) for check in section.checks for pair in zip(check.order, check.order[1:], strict=False)]
    tested = iter(compare([_subtract(check, better, worse, values) for check, better, worse in pairs]))
    return [
        Conclusion(
            check, [(one, other, next(tested)) for one, other in zip(check.order, check.order[1:], strict=False)]
        )
        for check in section.checks
    ]


def _subtract(
    check: Check, better: str, worse: str, values: Mapping[tuple[str, str], Mapping[int, float]]
) -> list[float]:
    """By seed, how much better the one is."""
    first, second = (values[split_item(item, check)] for item in (better, worse))
    figure = split_item(better, check)[1]
    lower = check.better == "lower" or (check.better == "auto" and is_lower_better(figure))
    sign = -1 if lower else 1
    return [sign * (first[seed] - second[seed]) for seed in sorted(first.keys() & second.keys())]
