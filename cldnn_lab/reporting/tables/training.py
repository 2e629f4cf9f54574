"""The published training and the measured one, in words: which rows had how much of it.

A column may hold rows of different budgets, as those of the document may be; below the table it is said which.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import pandas as pd

from cldnn_lab.reporting.tables.definition import Budget
from cldnn_lab.reporting.tables.footnotes import end_sentence
from cldnn_lab.reporting.tables.measure import Measured
from cldnn_lab.reporting.tables.provenance import count, count_values, read_column


def describe_training(measured: Measured) -> list[str]:
    """Published and measured budget, rows that had another than most, and what the budget gives up."""
    found = []
    if measured.section.published:
        found.append(end_sentence(f"Published training: {measured.section.published}"))
    found += _describe_measured(measured)
    if measured.budget.is_published:
        found.append(f"Budget {measured.budget_name}: each run is trained as published.")
    else:
        found.append(end_sentence(f"Budget {measured.budget_name}: {'; '.join(_list_cuts(measured.budget))}"))
        found += _list_own_cuts(measured)
    if measured.budget.keeps:
        found.append(end_sentence(f"This budget keeps {measured.budget.keeps}"))
    if measured.budget.gives_up:
        found.append(end_sentence(f"It gives up {measured.budget.gives_up}"))
    return found


def _list_cuts(budget: Budget) -> list[str]:
    """How the budget differs from the published training."""
    cuts = []
    if budget.epochs:
        cuts.append(f"{count(budget.epochs, 'epoch')} a row")
    elif budget.training:
        cuts.append(f"{100 * budget.training:.3g} % of the published epochs or steps")
    if budget.data:
        cuts.append(f"{100 * budget.data:.3g} % of the training examples")
    if budget.overrides:
        cuts.append(f"other than published: {', '.join(budget.overrides)}")
    return cuts


def _list_own_cuts(measured: Measured) -> list[str]:
    """What single rows have besides, by what they have."""
    rows_of: dict[str, list[str]] = {}
    for row in measured.section.rows.values():
        if own := row.at.get(measured.budget_name.split()[0]):
            rows_of.setdefault(", ".join(own), []).append(row.label)
    return [f"With {own} besides: {list_labels(rows)}." for own, rows in rows_of.items()]


def _describe_measured(measured: Measured) -> list[str]:
    """What the runs were trained on, read from them: most rows first, then those that had another training."""
    section = measured.section
    labels = {name: row.label for name, row in section.rows.items()}
    said: dict[str, list[str]] = {}
    trainings: set[str] = set()
    for variant in measured.variants:
        trained = _describe_rows(measured, variant)
        trainings.update(trained.values())
        if trained:
            words = [_write_rows(trained, labels), _count_seeds(measured, variant)]
            label = section.variants[variant].label if variant else ""
            said.setdefault("; ".join(part for part in words if part), []).append(label)
    found = []
    for sentence, variants in said.items():
        named = f", {' and '.join(variants)}" if len(said) > 1 else ""
        found.append(f"Measured training{named}: {sentence}.")
    others = {
        name: number
        for name, number in count_values(read_column(measured.runs, "budget")).items()
        if name != measured.budget_name
    }
    if others:
        budgets = ", ".join(f"{name} ({count(number, 'run')})" for name, number in others.items())
        found.append(f"Runs of another budget than {measured.budget_name} are among them: {budgets}.")
    elif len(trainings) > 1 and not measured.budget.epochs:
        found.append("Rows that differ in it differ in the document, too.")
    return found


def _describe_rows(measured: Measured, variant: str) -> dict[str, str]:
    """The training of each row that has completed runs, by the row's name."""
    completed = measured.runs[(measured.runs["status"] == "completed") & (measured.runs["variant"] == variant)]
    found = {}
    for name in measured.section.rows:
        runs = completed[completed["row"] == name]
        if len(runs):
            found[name] = _describe_runs(runs)
    return found


def _count_seeds(measured: Measured, variant: str) -> str:
    """Completed runs of a row, from the fewest to the most."""
    runs = measured.runs[(measured.runs["status"] == "completed") & (measured.runs["variant"] == variant)]
    numbers = runs["row"].value_counts()
    low, high = int(numbers.min()), int(numbers.max())
    return f"{'' if low == high else f'{low} to '}{count(high, 'seed')} a row"


def _describe_runs(runs: pd.DataFrame) -> str:
    length = _write_range(runs, "epochs", "epoch") or _write_range(runs, "steps", "step")
    examples = _write_range(runs, "train_examples", "training example")
    return " of ".join(part for part in (length, examples) if part)


def _write_range(runs: pd.DataFrame, column: str, noun: str) -> str:
    numbers = pd.to_numeric(read_column(runs, column), errors="coerce").dropna()
    if numbers.empty:
        return ""
    if numbers.nunique() == 1 and numbers.iloc[0] % 1:
        return f"{numbers.iloc[0]:,.4g} {noun}s"
    low, high = math.floor(numbers.min()), math.ceil(numbers.max())
    return count(high, noun) if low == high else f"{low:,} to {count(high, noun)}"


def _write_rows(trained: Mapping[str, str], labels: Mapping[str, str]) -> str:
    rows_of: dict[str, list[str]] = {}
    for row, text in trained.items():
        rows_of.setdefault(text, []).append(labels[row])
    ordered = sorted(rows_of.items(), key=lambda item: -len(item[1]))
    (most, _), *others = ordered
    if not others:
        return most
    return f"{most}; but {'; '.join(f'{text} in {list_labels(rows)}' for text, rows in others)}"


def list_labels(labels: Iterable[str]) -> str:
    """Labels one behind the other, in quotation marks where a comma in one would be read as the next."""
    return ", ".join(f"“{label}”" if "," in label else label for label in labels)
