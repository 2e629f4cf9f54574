"""Seeds folded: a row for each setting, with what its runs have in common and how far they differ."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from cldnn_lab.runs.table import Runs

# How a run ends that ought to have been completed.
FAILURES = ("failed", "diverged", "killed")
CONFIDENCE = 0.95
# Metrics that are no figures of the run, but settings of it.
_NOT_MEASURED = ("seed", "batch_size", "learning_rate")


def number_settings(runs: Runs) -> pd.Series:
    """Which setting each run has, as a number, by row of ``runs.table``.

    Runs have one setting if their swept overrides are equal and, as far as it was recorded, the rest of their configs
    and their data, too: all but the seed.
    """
    digests = runs.table["setting_fingerprint"].astype(object)
    values = pd.Series("", index=runs.table.index)
    for name in runs.swept:
        values = values + "\n" + runs.table[name].astype(str)
    # A run that never trained has no digest; it goes with those that were given the same overrides.
    digests = digests.fillna(digests.groupby(values).transform("first")).fillna("")
    return pd.Series(pd.factorize(values + "\n" + digests.astype(str))[0], index=runs.table.index, name="setting")


def fold_seeds(runs: Runs) -> pd.DataFrame:
    """A row for each setting, best first by the objective, indexed by its number in :func:`number_settings`.

    The columns are the swept overrides, ``n`` (completed runs), ``jobs``, ``failed``, and for each metric that is a
    number, over the completed runs: ``_mean``; ``_std``, the standard deviation (n - 1); ``_low`` and ``_high``, the
    95 % confidence interval of the mean by Student's t distribution (Student, "The probable error of a mean", 1908).
    Those of a single run are empty but for the mean.
    """
    table, numbers = runs.table, number_settings(runs)
    folded = table.groupby(numbers)[runs.swept].first() if runs.swept else pd.DataFrame(index=numbers.unique())
    completed = table["status"] == "completed"
    folded["n"] = completed.groupby(numbers).sum()
    folded["jobs"] = numbers.groupby(numbers).size()
    folded["failed"] = table["status"].isin(FAILURES).groupby(numbers).sum()
    figures = table.loc[completed, list_figures(runs)].groupby(numbers[completed])
    means, deviations, counts = figures.mean(), figures.std(ddof=1), figures.count()
    with np.errstate(invalid="ignore", divide="ignore"):
        half = deviations / np.sqrt(counts) * stats.t.ppf((1 + CONFIDENCE) / 2, (counts - 1).where(counts > 1))
    parts: dict[str, pd.DataFrame] = {"mean": means, "std": deviations, "low": means - half, "high": means + half}
    columns = {f"{name}_{part}": frame[name] for name in means for part, frame in parts.items()}
    folded = pd.concat([folded, pd.DataFrame(columns, index=means.index).reindex(folded.index)], axis="columns")
    objective, direction = runs.objective
    if f"{objective}_mean" in folded:
        folded = folded.sort_values(f"{objective}_mean", ascending=direction == "min", kind="stable")
    return folded


def list_figures(runs: Runs) -> list[str]:
    """The metrics that are numbers, in their order."""
    numbers = runs.table[runs.metrics].select_dtypes("number")
    return [str(name) for name in numbers.dropna(axis="columns", how="all") if name not in _NOT_MEASURED]


def is_number(values: pd.Series) -> bool:
    """Whether all values of an override are numbers; true and false are none."""
    return bool(pd.api.types.is_numeric_dtype(values.infer_objects()) and not pd.api.types.is_bool_dtype(values))


def shorten_names(names: Sequence[str]) -> dict[str, str]:
    """Each key without its group, where that tells it from the others: ``units`` for ``model.units``."""
    short = {name: name.split(".", 1)[-1] for name in names}
    return {name: end if list(short.values()).count(end) == 1 else name for name, end in short.items()}


def label_settings(settings: pd.DataFrame, swept: Sequence[str], *, keys: bool = True) -> pd.Series:
    """What each setting is called: ``optimizer=adam units=32``, or without its keys ``adam, 32``."""
    short = shorten_names(swept)
    labels = []
    for row in settings.to_dict("records"):
        values = {short[name]: format_value(row[name]) for name in swept}
        label = " ".join(f"{name}={value}" for name, value in values.items()) if keys else ", ".join(values.values())
        labels.append(label or "all runs")
    return pd.Series(labels, index=settings.index, dtype=object)


def format_value(value: Any) -> str:
    """The value of an override as it would be typed; empty if it has none."""
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else re.sub(r"e([+-])0*", r"e\1", f"{value:.6g}").replace("e+", "e")
    return "" if value is None else str(value)
