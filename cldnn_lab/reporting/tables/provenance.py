"""Where the figures of a table come from: data, machines, versions, dates, and the runs themselves."""

from __future__ import annotations

import hashlib

import pandas as pd

from cldnn_lab.reporting.tables.footnotes import end_sentence
from cldnn_lab.reporting.tables.measure import Measured

# Columns of the runs, and what each is called below a table.
_MACHINE = {
    "device": "Device",
    "processor": "Processor",
    "backend": "Backend",
    "precision": "Precision",
    "versions": "Versions",
    "date": "Date",
}


def digest_runs(runs: pd.DataFrame) -> str | None:
    """Twelve digits that the same runs give in any order, and others do not; None where no run has a fingerprint."""
    fingerprints = sorted(read_column(runs, "fingerprint").astype(str))
    if not fingerprints:
        return None
    return hashlib.blake2b("\n".join(fingerprints).encode(), digest_size=6).hexdigest()


def describe_data(measured: Measured) -> list[str]:
    """Where the data of each variant came from."""
    found = []
    for name in measured.variants:
        runs = measured.runs[measured.runs["variant"] == name]
        label = f", {measured.section.variants[name].label}" if name else ""
        sources = count_values(read_column(runs, "data_source"))
        if sources:
            found.append(end_sentence(f"Data{label}: {_join(sources)}"))
        synthetic = read_column(runs, "synthetic_data").astype(str).str.lower()
        made = int(synthetic.isin(("true", "1", "1.0")).sum())
        if made > 0:
            which = "all runs" if made == len(runs) else f"{made} of {count(len(runs), 'run')}"
            found.append(f"Generated data{label}: {which}.")
    return found


def describe_machines(measured: Measured) -> list[str]:
    """Device, processor, versions and dates; where there are several, how many runs each has."""
    found = []
    for column, name in _MACHINE.items():
        values = count_values(read_column(measured.runs, column))
        if values:
            found.append(f"{name}: {_join(dict(sorted(values.items())) if column == 'date' else values)}.")
    return found


def count_values(column: pd.Series) -> dict[str, int]:
    """How often each value is there, the most frequent first."""
    return {str(value): int(number) for value, number in column.astype(str).value_counts().items()}


def read_column(runs: pd.DataFrame, name: str) -> pd.Series:
    """What the runs have in a column that may be missing or have gaps, without the gaps."""
    if name not in runs:
        return pd.Series(dtype=object)
    column = runs[name].dropna()
    return column[column.astype(str) != ""]


def count(number: int, noun: str) -> str:
    """A number and its noun, in the plural unless it is one."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _join(values: dict[str, int]) -> str:
    if len(values) == 1:
        return next(iter(values))
    return "; ".join(f"{value} ({count(number, 'run')})" for value, number in values.items())
