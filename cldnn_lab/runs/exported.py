"""Tables of runs that travel: all of their rows, curves and configs in one CSV file, which is read like a directory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.runs.record import FIRST, IDENTITY, Record, parse_override
from cldnn_lab.storage.tables import keep_whole, write_table

if TYPE_CHECKING:
    from cldnn_lab.runs.table import Runs

# The columns that hold the history and the config of each run, as JSON.
HISTORY_COLUMN, CONFIG_COLUMN = "history", "config"


def export_runs(runs: Runs, path: Path) -> Path:
    """Write one table of all runs, each with its history and its config, that
    :func:`~cldnn_lab.runs.table.read_runs` reads like a directory."""
    table = runs.table.copy()
    histories = [runs.read_history(run) for run in table["run"]]
    table[HISTORY_COLUMN] = [None if one is None else _write_history(one) for one in histories]
    configs = [runs.read_config(run) for run in table["run"]]
    table[CONFIG_COLUMN] = [json.dumps(one, default=str) if one else None for one in configs]
    return write_table(path, keep_whole(table))


def import_table(path: Path, name: str) -> Iterator[Record]:
    """The runs of a table that was exported.

    Raises:
        ConfigError: if it is none.
    """
    try:
        table = pd.read_csv(path, dtype=object, keep_default_na=False, na_values=[""])
        first, last = len(FIRST), list(table.columns).index(IDENTITY[0])
        if tuple(table.columns[:first]) != FIRST or table[["run", "status"]].isna().any(axis=None):
            raise ValueError
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is no table of runs; write one with --export.") from error
    overrides = list(table.columns[first:last])
    for column in table.columns[last:]:
        if column not in (*IDENTITY, HISTORY_COLUMN, CONFIG_COLUMN):
            table[column] = _read_numbers(table[column])
    for row in table.to_dict("records"):
        values = {str(key): value for key, value in row.items() if key not in overrides and not pd.isna(value)}
        history, config = values.pop(HISTORY_COLUMN, None), values.pop(CONFIG_COLUMN, None)
        run = values.pop("run")
        cells = {key: parse_override(f"{key}={row[key]}")[1] for key in overrides if not pd.isna(row[key])}
        yield Record(
            f"{name}/{run}", str(path), None, cells, values, None, _parse_history(history), _parse_config(config)
        )


def _read_numbers(column: pd.Series) -> pd.Series:
    """A column of text as numbers or truth values, if all of it is."""
    known = column.dropna()
    if known.isin(["True", "False"]).all():
        return column.map({"True": True, "False": False})
    try:
        return column.astype(float)  # as exactly as they were written
    except ValueError:
        return column


def _write_history(history: pd.DataFrame) -> str:
    return history.to_json(orient="split", index=False, double_precision=15)


def _parse_config(text: str | None) -> dict[str, Any]:
    try:
        return {} if text is None else dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"a config in an exported table is not what --export wrote: {error}.") from error


def _parse_history(text: str | None) -> pd.DataFrame | None:
    if text is None:
        return None
    try:
        return pd.DataFrame(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"a history in an exported table is not what --export wrote: {error}.") from error
