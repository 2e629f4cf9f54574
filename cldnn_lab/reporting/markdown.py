"""The settings as a Markdown table that goes into a report as it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from cldnn_lab.reporting.settings import format_value
from cldnn_lab.runs.table import Runs

# Shown beside the objective, as far as the runs have them.
_SHOWN = ("test_accuracy", "test_normalised_error", "test_loss", "test_f1_macro", "test_f1", "parameters", "seconds")
# What a run costs: its mean says enough.
_COSTS = ("parameters", "seconds")
_LONGEST_LIST = 50
_INTERVAL = (
    "The 95 % interval is that of the mean over seeds (Student's t): of many repetitions of the whole sweep with other "
    "seeds, 95 % would give intervals that hold the mean over all seeds."
)


def write_markdown(runs: Runs, settings: pd.DataFrame) -> str:
    """The text of results.md.

    Args:
        settings: the same runs by :func:`~cldnn_lab.reporting.settings.fold_seeds`.
    """
    objective, direction = runs.objective
    best = "highest" if direction == "max" else "lowest"
    head = f"# Results\n\n{describe_counts(runs)} Best first: {best} {_name(objective)}."
    origins = list_origins(runs)
    parts = [head, _write_settings(runs, settings), *_write_notes(runs, settings)]
    if origins:
        parts.append(f"Data: {'; '.join(origins)}.")
    parts.extend(_list_failures(runs))
    return "\n\n".join(parts) + "\n"


def describe_counts(runs: Runs) -> str:
    """How many jobs came to what, in a sentence."""
    counts = runs.table["status"].value_counts()
    others = ", ".join(f"{count} {status}" for status, count in counts.items() if status != "completed")
    jobs = f"{len(runs.table)} job{'' if len(runs.table) == 1 else 's'}"
    return f"{counts.get('completed', 0)} of {jobs} completed{f' ({others})' if others else ''}."


def list_origins(runs: Runs) -> list[str]:
    """What the runs say of where their data came from."""
    if "data_source" not in runs.metrics:
        return []
    return [str(one) for one in runs.table["data_source"].dropna().unique()]


def describe_runs(runs: Runs) -> pd.Series:
    """The overrides of each run that differ among them, such as ``optimizer=adam seed=1``."""
    names = [*runs.swept, *(["seed"] if "seed" in runs.overrides else [])]
    rows = runs.table[names].to_dict("records") if names else [{}] * len(runs.table)
    described = (
        " ".join(f"{name}={format_value(value)}" for name, value in row.items() if value is not None) for row in rows
    )
    return pd.Series(list(described), index=runs.table.index, dtype=object)


def _write_settings(runs: Runs, settings: pd.DataFrame) -> str:
    objective, _ = runs.objective
    columns: dict[str, list[str]] = {}
    numbers: set[str] = set()
    for name in runs.swept:
        columns[name] = [format_value(value) for value in settings[name]]
        if pd.api.types.is_numeric_dtype(settings[name]) and not pd.api.types.is_bool_dtype(settings[name]):
            numbers.add(name)
    shown = [objective, *(name for name in _SHOWN if name != objective)]
    for name in shown:
        if f"{name}_mean" not in settings or (name == "parameters" and settings[f"{name}_mean"].nunique() < 2):
            continue
        digits = _choose_decimals(settings[f"{name}_mean"])
        means = [_format(value, digits) for value in settings[f"{name}_mean"]]
        deviations = [_format(value, digits) for value in settings[f"{name}_std"]]
        pairs = zip(means, deviations, strict=True)
        columns[_name(name)] = means if name in _COSTS else [f"{m} ± {sd}" if sd else m for m, sd in pairs]
        if name == objective:
            bounds = [[_format(value, digits) for value in settings[f"{name}_{part}"]] for part in ("low", "high")]
            pairs = zip(*bounds, strict=True)
            columns["95 % interval"] = [f"{low} to {high}" if low else "" for low, high in pairs]
            columns["n"] = [str(count) for count in settings["n"]]
            if settings["failed"].any():
                columns["failed"] = [str(count) for count in settings["failed"]]
    if "n" not in columns:
        columns["n"] = [str(count) for count in settings["n"]]
    words = [name for name in runs.swept if name not in numbers]
    return format_table(columns, words)


def format_table(columns: dict[str, list[str]], left: Sequence[str] = ()) -> str:
    """A Markdown table whose columns are aligned in plain text, too: to the right but for those in ``left``."""
    lines: list[list[str]] = []
    for name, cells in columns.items():
        column = [_escape(cell) for cell in (name, *cells)]
        width = max(3, *map(len, column))
        rule = f":{'-' * (width - 1)}" if name in left else f"{'-' * (width - 1)}:"
        padded = [cell.ljust(width) if name in left else cell.rjust(width) for cell in column]
        lines.append([padded[0], rule, *padded[1:]])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in zip(*lines, strict=True))


def _write_notes(runs: Runs, settings: pd.DataFrame) -> list[str]:
    objective, _ = runs.objective
    counts = set(settings["n"])
    notes = []
    if max(counts, default=0) > 1:
        notes.append(f"Figures are the mean ± the standard deviation over the n runs of a setting. {_INTERVAL}")
    if 1 in counts:
        which = "Each setting was" if counts == {1} else "Where n is 1, a setting was"
        notes.append(f"{which} run with one seed: an anecdote, which has no deviation and no interval.")
    if runs.swept and settings[runs.swept].astype(str).duplicated().any():
        notes.append("Rows with the same values differ in the rest of their configs, or in their data.")
    if f"{objective}_mean" not in settings:
        notes.append(f"No completed run has {_name(objective)} yet.")
    return notes


def _list_failures(runs: Runs) -> list[str]:
    """Which jobs were not completed, and why."""
    over = runs.table[~runs.table["status"].isin(("completed", "started", "training", "waiting"))]
    if over.empty:
        return []
    described = describe_runs(runs)[over.index]
    lines = []
    for row, what in zip(over.head(_LONGEST_LIST).to_dict("records"), described, strict=False):
        what = f" ({what})" if what else ""
        reason = f": {' '.join(str(row['reason']).split())}" if pd.notna(row["reason"]) else ""
        lines.append(f"- {row['run']}{what}, {row['status']}{reason}")
    if len(over) > _LONGEST_LIST:
        lines.append(f"- and {len(over) - _LONGEST_LIST} more, which results.csv lists")
    return ["## Not completed", "\n".join(lines)]


def _name(metric: str) -> str:
    return metric.replace("_", " ")


def _choose_decimals(values: pd.Series) -> int | None:
    """Decimals that give the largest value four significant digits; None where the values span too much for one."""
    sizes = values.abs().replace([0, math.inf], math.nan).dropna()
    if sizes.empty:
        return 4
    if sizes.max() > 1000 * sizes.min():
        return None
    return min(max(0, 3 - math.floor(math.log10(sizes.max()))), 8)


def _format(value: float, decimals: int | None) -> str:
    if not math.isfinite(value):
        return "" if math.isnan(value) else str(value)
    return f"{value:.4g}" if decimals is None else f"{value:.{decimals}f}"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
