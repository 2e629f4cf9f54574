"""What the page of a sweep says, as values that JSON knows."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from cldnn_lab.figures import style
from cldnn_lab.reporting.settings import label_settings, number_settings
from cldnn_lab.runs.directory import CONFIG, ENVIRONMENT
from cldnn_lab.runs.state import STATE
from cldnn_lab.runs.table import Runs

# Of the log of a job that was not completed.
LOG, LOG_CHARACTERS = "train.log", 3000
_VERSIONS = ("cldnn-lab", "keras", "tensorflow", "jax", "torch")
# The pictures that a reader looks at first.
_FIRST = ("accuracy.png", "loss.png", "normalised_error.png", "confusion_matrix.png")


def collect(runs: Runs, settings: pd.DataFrame, beside: Path, *, title: str, command: str | None) -> dict[str, Any]:
    """All that the page shows but its curves and what is in its pictures.

    Args:
        beside: the folder of the page, to which its links are relative.
    """
    table = runs.table
    states = [_read_json(runs.folder / run / STATE) for run in table["run"]]
    return {
        "title": title,
        "command": command,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "began": min((state["started"] for state in states if state.get("started")), default=None),
        "changed": max((state["updated"] for state in states if state.get("updated")), default=None),
        "environment": _describe_environment(runs),
        "objective": list(runs.objective),
        "validated_on": find_validated_on(table),
        "overrides": list(runs.overrides),
        "swept": list(runs.swept),
        "metrics": runs.metrics,
        "jobs": _list_columns(table),
        "settings": _list_columns(settings),
        "names": list(label_settings(settings, runs.swept)),
        "setting_of": _find_settings(runs, settings),
        "files": [
            _describe_files(runs.folder / run, beside, status)
            for run, status in zip(table["run"], table["status"], strict=True)
        ],
        "colours": style.COLOURS,
    }


def list_pictures(contents: dict[str, Any], beside: Path, pictures: Sequence[Path]) -> dict[str, Path]:
    """The pictures of the sweep, then those of the jobs, the best setting's first, by their links; notes the former's
    in ``contents``."""
    contents["pictures"] = [_link(path, beside) for path in pictures]
    places = [math.inf if setting is None else setting for setting in contents["setting_of"]]
    order = sorted(range(len(places)), key=places.__getitem__)
    links = [*contents["pictures"], *(link for job in order for link in contents["files"][job].get("pictures", []))]
    return {link: beside / link for link in links}


def clean(value: Any) -> Any:
    """A cell of a table as JSON knows it: None where it is empty or not finite, a float with six digits."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < 2**53 else float(f"{value:.6g}")
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return None if value is pd.NA or value is pd.NaT else str(value)


def _list_columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    return {str(name): [clean(value) for value in table[name]] for name in table}


def _find_settings(runs: Runs, settings: pd.DataFrame) -> list[int | None]:
    """The row in ``settings`` of each job; None where there is none."""
    rows = {number: row for row, number in enumerate(settings.index)}
    return [rows.get(number) for number in number_settings(runs)]


def _describe_files(folder: Path, beside: Path, status: str) -> dict[str, Any]:
    """What is in a run directory, with links relative to ``beside``; nothing if there is no such directory."""
    if not folder.is_dir():
        return {}
    pictures = sorted(folder.rglob("*.png"), key=lambda path: (path.name not in _FIRST, path))
    return {
        "folder": _link(folder, beside),
        "pictures": [_link(path, beside) for path in pictures],
        "config": _read(folder / CONFIG),
        "log": None if status == "completed" else _read(folder / LOG)[-LOG_CHARACTERS:],
    }


def _describe_environment(runs: Runs) -> list[str]:
    """What the jobs ran on, each different answer once."""
    described = []
    for run in runs.table["run"]:
        if found := _read_json(runs.folder / run / ENVIRONMENT):
            versions = [f"{name} {found[f'version.{name}']}" for name in _VERSIONS if found.get(f"version.{name}")]
            parts = [*versions, f"Python {found.get('python')}", found.get("processor"), found.get("device")]
            described.append(", ".join(str(part) for part in parts if part))
    return list(dict.fromkeys(described))


def find_validated_on(table: pd.DataFrame) -> str:
    """``test`` if the test set validated in all runs."""
    found = set(table["validated_on"].dropna()) if "validated_on" in table else set()
    return "test" if found == {"test"} else "validation"


def _link(path: Path, beside: Path) -> str:
    return Path(os.path.relpath(path, beside)).as_posix()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_read(path) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
