"""The runs behind the tables: one line for each, from any number of machines, in one CSV file.

Every printed figure is computed from these lines, which are known by the fingerprints of their configs and data: a
table is printed again from them alone, on a machine that trained none of them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.reporting.tables.plan import Planned
from cldnn_lab.runs import state as states
from cldnn_lab.runs.directory import Run
from cldnn_lab.runs.record import read_values, stamp_run
from cldnn_lab.runs.table import read_runs
from cldnn_lab.storage.tables import keep_whole, write_table

RECORDS = "runs.csv"
# What a line begins with; the metrics follow, and the curves close it.
COLUMNS = (
    "experiment", "seed", "budget", "status", "fingerprint", "config_fingerprint", "setting_fingerprint", "device",
    "processor", "backend", "precision", "versions", "date", "data_source", "synthetic_data", "train_examples",
    "test_examples", "epochs", "steps", "validated_on", "seconds", "train_seconds",
)  # fmt: skip
# Without these a line cannot be told from others; what else is missing is empty.
_NEEDED = ("seed", "status", "fingerprint", "config_fingerprint", "setting_fingerprint")
# Of a run more than a figure, as JSON.
CONFUSION, HISTORY = _LAST = ("confusion", "history")
# How a run may end that counts.
_OVER = ("completed", "diverged")
# Points of a curve that are kept.
_MOST_POINTS = 50
_PACKAGES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch", "keras": "Keras", "cldnn-lab": "cldnn_lab"}


def collect_records(
    folder: Path, figures: Collection[str], curves: Collection[str] = (), *, confusion: bool = False
) -> pd.DataFrame:
    """Every finished run in a folder of runs and sweeps.

    Args:
        figures: the metrics to keep, and figures of diagnostics, such as ``metrics.train_sensitivity``.
        curves: metrics whose curves to keep, such as ``loss``.
        confusion: whether to keep the confusion matrices.
    """
    found = read_runs([folder], folder) if folder.is_dir() else None
    if found is None or found.table.empty:
        return _order(pd.DataFrame(columns=[*COLUMNS, *_LAST]))
    names = list(dict.fromkeys([*COLUMNS, *figures]))
    lines = []
    for name in found.table["run"][found.table["status"].isin(_OVER)]:
        run = folder / str(name)
        # In a table of runs an override hides the metric of its name, such as epochs, which a run of steps ignores.
        values, _ = read_values(run, stamp_run(run))
        state, environment = states.read(run), Run(run).environment
        if state is None or state.fingerprint is None:
            continue  # of before runs had fingerprints
        line = {column: values.get(column) for column in names}
        line |= {
            "experiment": None,
            "budget": None,
            "processor": environment.get("processor"),
            "versions": _list_versions(environment, str(values.get("backend"))),
            "date": str(state.ended or state.updated)[:10],
            CONFUSION: _read_confusion(run) if confusion else None,
            HISTORY: _thin(found.read_history(str(name)), curves),
        }
        lines.append(line)
    return _order(pd.DataFrame(lines, columns=[*names, *_LAST]))


def read_records(path: Path) -> pd.DataFrame:
    """The lines of a file; none if it is not there.

    Raises:
        ConfigError: if it is no file of runs.
    """
    if not path.exists():
        return _order(pd.DataFrame(columns=[*COLUMNS, *_LAST]))
    try:
        table = pd.read_csv(path, dtype={name: str for name in ("fingerprint", "config_fingerprint")})
        missing = [name for name in _NEEDED if name not in table]
        if missing:
            raise ValueError(f"it has no column {missing[0]}")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} holds no runs of tables ({str(error).splitlines()[0]}).") from error
    return _order(table)


def merge_records(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All runs of several files, each once.

    Of two lines of one run the one with more figures counts, of equals the first, with its machine and date: a run that
    was trained once more, for a diagnostic, has all its figures from that training. What a line lacks is filled from
    the other.
    """
    known = [table for table in tables if len(table)]
    if not known:
        return tables[0]
    together = pd.concat([table.astype(object) for table in known], ignore_index=True)
    together = together[together["fingerprint"].notna()].infer_objects()
    figures = together.drop(columns=[*COLUMNS, *_LAST], errors="ignore").notna().sum(axis=1)
    together = together.loc[figures.sort_values(ascending=False, kind="stable").index]
    return _order(together.groupby("fingerprint", sort=False, as_index=False).first())


def write_records(path: Path, records: pd.DataFrame) -> Path:
    """Write the lines, in the order of the tables."""
    ordered = records.sort_values(["experiment", "seed", "fingerprint"], kind="stable")
    filled = ordered.dropna(axis="columns", how="all").columns
    kept = [name for name in ordered if name in filled or name in COLUMNS]
    return write_table(path, keep_whole(ordered[kept]))


def find_runs(records: pd.DataFrame, planned: Sequence[Planned]) -> pd.DataFrame:
    """The runs of rows, a line for each row, kind of data and seed that has one, with ``row`` and ``variant``.

    Where runs of one row had different data, those with the most seeds are taken.
    """
    parts = []
    for one in planned:
        seeds = {fingerprint: seed for seed, fingerprint in one.fingerprints.items()}
        own = records[_is_of(records, one)]
        if own.empty:
            continue
        digests = own["setting_fingerprint"].fillna("")
        own = own[digests == digests.value_counts().index[0]].drop_duplicates("config_fingerprint")
        parts.append(own.assign(row=one.row, variant=one.variant, seed=own["config_fingerprint"].map(seeds)))
    if not parts:
        return records.iloc[:0].assign(row="", variant="")
    return pd.concat(parts, ignore_index=True).sort_values(["row", "variant", "seed"], kind="stable")


def name_records(records: pd.DataFrame, planned: Sequence[Planned]) -> pd.DataFrame:
    """The same lines, those of these rows with the names of their rows and of their budget."""
    named = records.copy()
    named[["experiment", "budget"]] = named[["experiment", "budget"]].astype(object)
    names: dict[int, list[str]] = {}
    for one in planned:
        for index in named.index[_is_of(named, one)]:
            names.setdefault(index, []).append(one.name)
            named.loc[index, "budget"] = one.budget
    for index, rows in names.items():
        before = named.loc[index, "experiment"]
        kept = before.split(" ") if isinstance(before, str) else []
        named.loc[index, "experiment"] = " ".join(dict.fromkeys([*kept, *rows]))
    return named


def _is_of(records: pd.DataFrame, one: Planned) -> pd.Series:
    """Which lines are runs of a row, by their configs and whether their data are generated."""
    own = records["config_fingerprint"].isin(list(one.fingerprints.values()))
    return own if one.synthetic is None else own & (records["synthetic_data"].astype(str) == str(one.synthetic))


def _order(table: pd.DataFrame) -> pd.DataFrame:
    metrics = [name for name in table if name not in (*COLUMNS, *_LAST)]
    return table.reindex(columns=[*COLUMNS, *metrics, *_LAST])


def _list_versions(environment: dict[str, Any], backend: str) -> str:
    """Of what computed the run: its backend, Keras, Python."""
    packages = [backend, "keras", "cldnn-lab"]
    known = [
        f"{_PACKAGES[name]} {environment[f'version.{name}']}" for name in packages if f"version.{name}" in environment
    ]
    return ", ".join([*known, f"Python {environment.get('python', 'unknown')}"])


def _read_confusion(run: Path) -> str | None:
    """The classes, and the test examples by true and predicted class."""
    found = Run(run).confusion
    if found is None:
        return None
    kept = {"classes": [str(name) for name in found.index], "counts": found.to_numpy().tolist()}
    return json.dumps(kept, separators=(",", ":"))


def _thin(history: pd.DataFrame | None, curves: Collection[str]) -> str | None:
    """So many points of the curves that a page shows them, as JSON by column."""
    if history is None or not curves or history.empty:
        return None
    names = [name for name in ("epoch", *curves, *(f"val_{curve}" for curve in curves)) if name in history]
    rows = np.unique(np.linspace(0, len(history) - 1, min(len(history), _MOST_POINTS)).round().astype(int))
    thinned = history.iloc[rows]
    points = {name: [float(f"{value:.4g}") for value in thinned[name]] for name in names}
    return json.dumps(points, separators=(",", ":")).replace("NaN", "null")
