"""``table.csv``: what a table prints, in full digits, for who goes on computing."""

from __future__ import annotations

import pandas as pd

from cldnn_lab.reporting.tables.definition import split_item
from cldnn_lab.reporting.tables.measure import Measured


def to_frame(measured: Measured) -> pd.DataFrame:
    """A line for each row, figure and variant, in the order of the table."""
    return pd.DataFrame(
        {
            "section": measured.section.name,
            "row": one.row,
            "label": measured.section.rows[one.row].label,
            "figure": one.figure,
            "variant": one.variant,
            "budget": measured.budget_name,
            "published": one.published,
            "n": one.summary.n,
            "mean": one.summary.mean,
            "std": one.summary.std,
            "low": one.summary.low,
            "high": one.summary.high,
            "predicted_low": one.summary.predicted_low,
            "predicted_high": one.summary.predicted_high,
            "difference": one.difference,
            "inside": one.is_inside,
            "test_low": one.test_interval[0] if one.test_interval else None,
            "test_high": one.test_interval[1] if one.test_interval else None,
        }
        for one in measured.measurements
    )


def to_conclusions_frame(measured: Measured) -> pd.DataFrame:
    """A line for each pair that a conclusion compares, as ``row:metric``."""
    columns = ("section", "conclusion", "better", "worse", "n", "in_favour", "difference", "low", "high")
    rows = [
        (
            measured.section.name,
            conclusion.check.says,
            ":".join(split_item(better, conclusion.check)),
            ":".join(split_item(worse, conclusion.check)),
            one.n,
            one.better,
            one.difference,
            one.low,
            one.high,
            one.p,
            one.p_holm,
            one.needed,
            conclusion.verdict,
        )
        for conclusion in measured.conclusions
        for better, worse, one in conclusion.comparisons
    ]
    return pd.DataFrame(rows, columns=pd.Index([*columns, "p", "p_holm", "needed_seeds", "verdict"]))
