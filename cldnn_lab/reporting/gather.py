"""Gather what runs came to: tables, pictures and the page, all written into one folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cldnn_lab.figures import comparison, response
from cldnn_lab.reporting.markdown import describe_counts, list_origins, write_markdown
from cldnn_lab.reporting.page import write_page
from cldnn_lab.reporting.page.contents import find_validated_on
from cldnn_lab.reporting.settings import fold_seeds, is_number, label_settings, number_settings, shorten_names
from cldnn_lab.runs.sweep import Sweep, is_sweep
from cldnn_lab.runs.table import Runs
from cldnn_lab.storage import manifest
from cldnn_lab.storage.tables import keep_whole, write_table

RESULTS, SETTINGS, MARKDOWN, PAGE = "results.csv", "settings.csv", "results.md", "index.html"
COMPARISON, RESPONSE = "comparison.png", "response.png"
# Every name under which this module writes.
NAMES = (RESULTS, SETTINGS, MARKDOWN, COMPARISON, RESPONSE, PAGE)
# So many words may tell lines apart; more make a heat map.
_MOST_LINES = 5


def gather(runs: Runs, into: Path) -> list[Path]:
    """Write results.csv, settings.csv, results.md, the pictures that the runs allow, and index.html.

    Args:
        runs: finished or not.
        into: the folder; it keeps a list of what this program wrote.

    Returns:
        What was written.

    Raises:
        ConfigError: if somebody else's file has one of the names.
        OSError: if a file cannot be written.
    """
    settings = fold_seeds(runs)
    written = [
        write_table(into / RESULTS, keep_whole(runs.table)),
        write_table(into / SETTINGS, settings),
        manifest.write(into / MARKDOWN, lambda path: path.write_text(write_markdown(runs, settings), encoding="utf-8")),
    ]
    for name, draw in ((COMPARISON, draw_curves), (RESPONSE, draw_answers)):
        if (path := draw(runs, settings, into / name)) is not None:
            written.append(path)
        elif name in manifest.list_names(into):  # of fewer runs, which it no longer fits
            (into / name).unlink(missing_ok=True)
    page = write_page(
        into / PAGE,
        runs,
        settings,
        title=f"Results of {into.resolve().name}",
        command=" ".join(Sweep(into).command) if is_sweep(into) else None,
        pictures=[path for path in written if path.suffix == ".png"],
    )
    return [*written, page]


def summarize(runs: Runs) -> str:
    """What the runs came to, in a sentence or two: how many were completed, and which setting is best."""
    settings, (objective, _) = fold_seeds(runs), runs.objective
    told = describe_counts(runs)
    if f"{objective}_mean" not in settings or settings[f"{objective}_mean"].isna().all():
        return told
    best = settings.iloc[0]
    mean, deviation, n = best[f"{objective}_mean"], best[f"{objective}_std"], int(best["n"])
    figure = f"{mean:.4g} ± {deviation:.2g} ({n} seeds)" if n > 1 else f"{mean:.4g} (one seed)"
    label = label_settings(settings, runs.swept).iloc[0]
    return f"{told} Best {objective.replace('_', ' ')}: {figure}{f' with {label}' if runs.swept else ''}."


def draw_curves(runs: Runs, settings: pd.DataFrame, path: Path) -> Path | None:
    """Draw the curves of all settings; None if no run has any."""
    objective, _ = runs.objective
    histories = {run: runs.read_history(run) for run in runs.table["run"]}
    known = {run: history for run, history in histories.items() if history is not None and len(history)}
    measure = _choose_curve(objective, list(known.values()))
    if measure is None:
        return None
    x = (
        "step"
        if any(history["epoch"].duplicated().any() for history in known.values() if "epoch" in history)
        else "epoch"
    )
    numbers, labels = number_settings(runs), label_settings(settings, runs.swept, keys=False)
    curves = []
    for number in settings.index:
        rows = runs.table[numbers == number]
        # Of a setting with completed runs those that are not would end its curve where they do.
        rows = rows[rows["status"] == "completed"] if (rows["status"] == "completed").any() else rows
        series = [_get_series(known[run], x, measure) for run in rows["run"] if run in known]
        drawn = [one for one in series if len(one)]  # a regression has no accuracy, say
        together = pd.concat(drawn, axis="columns", join="inner") if drawn else None
        if together is not None and len(together):
            values = together.to_numpy(float).T
            curves.append(comparison.Curves(labels[number], together.index.to_numpy(float), values))
    if not curves:
        return None
    return comparison.draw_comparison(
        curves,
        path,
        title=_name_comparison(len(curves), len(settings)),
        measure=_name_curve(measure, runs),
        x=x,
        best=objective.replace("_", " "),
        names=", ".join(shorten_names(runs.swept).values()),
        origin=_join_origins(runs),
    )


def draw_answers(runs: Runs, settings: pd.DataFrame, path: Path) -> Path | None:
    """Draw the objective over one or two swept overrides; None for none, for more, and for values without order that
    hardly ever meet."""
    (objective, direction), swept = runs.objective, runs.swept
    if not 1 <= len(swept) <= 2 or f"{objective}_mean" not in settings or not (settings["n"] > 0).any():
        return None
    short = shorten_names(swept)
    numeric = [name for name in swept if is_number(settings[name])]
    x, y = (*numeric, *(name for name in swept if name not in numeric), None)[:2]
    assert x is not None
    if y is not None and settings[x].nunique() * settings[y].nunique() > 2 * len(settings):
        return None
    completed = runs.table[runs.table["status"] == "completed"]
    seeds = completed[objective].groupby(number_settings(runs)[completed.index]).apply(list)
    heat = y is not None and (y in numeric or x not in numeric or settings[y].nunique() > _MOST_LINES)
    answers = []
    for number, row in settings.sort_index().iterrows():
        mean, low, high = (float(row[f"{objective}_{part}"]) for part in ("mean", "low", "high"))
        line = "" if y is None else row[y] if heat else str(row[y])
        answers.append(response.Answer(row[x], line, seeds.get(number, []), mean, low, high))
    measure = objective.replace("_", " ")
    title, origin = f"{measure} by {' and '.join(swept)}", _join_origins(runs)
    if heat and y is not None:
        return response.draw_heat_map(
            answers, path, title=title, x=short[x], y=short[y], measure=measure, lower=direction == "min", origin=origin
        )
    return response.draw_response(
        answers, path, title=title, x=short[x], measure=measure, line=short.get(y or "", ""), origin=origin
    )


def _name_comparison(drawn: int, settings: int) -> str:
    number = str(settings) if drawn == settings else f"{drawn} of {settings}"
    return f"{number} settings compared" if settings > 1 else "Runs of one setting"


def _choose_curve(objective: str, histories: Sequence[pd.DataFrame]) -> str | None:
    """The column of the histories that is nearest to the objective."""
    columns = {str(column) for history in histories for column in history}
    name = re.sub("^(test|val|train)_", "", objective)
    wanted = [name] if objective.startswith("train_") else [f"val_{name}", name]
    return next((column for column in [*wanted, "val_loss", "loss"] if column in columns), None)


def _get_series(history: pd.DataFrame, x: str, measure: str) -> pd.Series:
    """The finite values of a curve, by ``x``."""
    if measure not in history or x not in history:
        return pd.Series(dtype=float)
    values = pd.to_numeric(history[measure], errors="coerce").replace([np.inf, -np.inf], np.nan)
    series = values.set_axis(history[x]).dropna()
    return series[~series.index.duplicated(keep="last")]


def _name_curve(measure: str, runs: Runs) -> str:
    """``val_accuracy`` as validation accuracy, or as test accuracy if the test set validated."""
    if not measure.startswith("val_"):
        return f"training {measure.replace('_', ' ')}"
    return f"{find_validated_on(runs.table)} {measure[4:].replace('_', ' ')}"


def _join_origins(runs: Runs) -> str | None:
    return "; ".join(list_origins(runs)) or None
