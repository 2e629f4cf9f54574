"""The runs that the tables of a report lack, trained as sweeps, and the diagnostics that their runs lack."""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cldnn_lab import data
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.launch.command import make_sweep_command, run_sweep
from cldnn_lab.launch.estimate import estimate_seconds
from cldnn_lab.launch.inspection import inspect_run
from cldnn_lab.launch.monitor import format_seconds
from cldnn_lab.reporting.tables.plan import Planned
from cldnn_lab.reporting.tables.provenance import count
from cldnn_lab.reporting.tables.records import find_runs
from cldnn_lab.runs import DIAGNOSTICS, MODEL
from cldnn_lab.runs import open as open_run
from cldnn_lab.runs.table import read_runs

# A row with a seed; and what that is known by, the fingerprint of its config and whether its data are generated.
_Job = tuple[Planned, int]
_Key = tuple[str, bool | None]
# A row that a run belongs to, and the diagnostics that the run lacks, with their options.
_Lacking = tuple[Planned, dict[str, Any]]


def train_missing(
    plan: Sequence[Sequence[Planned]], records: pd.DataFrame, runs: Path, launcher: str, *, estimate: bool
) -> list[int]:
    """Train each row of a table with each seed that has no run yet, or one without a diagnostic that is printed and
    whose network is not at hand, in sweep directories named after the table; one for each kind of data, since the same
    configs may stand for several.

    Args:
        plan: the rows of each section.
        runs: the folder of the sweep directories.
        launcher: an option of conf/launcher.
        estimate: whether to measure, and say, how long it will take.

    Returns:
        The exit statuses of the sweeps; none if there was nothing to train.

    Raises:
        KeyboardInterrupt: if the user stopped it.
    """
    jobs = _list_jobs(plan)
    missing = _leave_out_recorded(jobs, plan, records, runs)
    kinds: dict[str, list[_Job]] = {}
    for one, seed in missing:
        if one.synthetic is False and not _has_files(one):
            continue
        kinds.setdefault(one.variant, []).append((one, seed))
    if not kinds:
        return []
    table = plan[0][0].table
    print(_announce(table, kinds, len(jobs) - len(missing), launcher, estimate=estimate), flush=True)
    statuses = []
    for kind, listed in kinds.items():
        folder = runs / "-".join(part for part in (table, kind) if part)
        overrides = [[*one.overrides, f"seed={seed}"] for one, seed in listed]
        statuses.append(run_sweep(make_sweep_command(overrides, folder, launcher)))
    return statuses


def inspect_saved(plan: Sequence[Sequence[Planned]], records: pd.DataFrame, runs: Path) -> int:
    """Run the diagnostics that are printed on the networks of those runs that were trained without them.

    Returns:
        How many runs were inspected.
    """
    lacking = _list_lacking(plan, records)
    saved = _find_saved(runs) if lacking else {}
    inspected = 0
    for fingerprint in [one for one in lacking if one in saved]:
        (row, diagnostics), folder = lacking[fingerprint], saved[fingerprint]
        told = {"data_root": row.config.settings.data_root}
        try:
            inspect_run(open_run(folder), diagnostics, folder / DIAGNOSTICS, told)
            inspected += 1
        except ConfigError as mistake:
            print(f"note: {mistake}", file=sys.stderr)
    return inspected


def _list_jobs(plan: Sequence[Sequence[Planned]]) -> dict[_Key, _Job]:
    """Each row of a table with each seed, by the config and the kind of data; those of one config once, with the most
    diagnostics."""
    jobs: dict[_Key, _Job] = {}
    for planned in plan:
        for one in planned:
            for seed, fingerprint in one.fingerprints.items():
                known = jobs.setdefault((fingerprint, one.synthetic), (one, seed))[0]
                if len(one.config.diagnostics) > len(known.config.diagnostics):
                    jobs[fingerprint, one.synthetic] = (one, seed)
    return jobs


def _leave_out_recorded(
    jobs: Mapping[_Key, _Job], plan: Sequence[Sequence[Planned]], records: pd.DataFrame, runs: Path
) -> list[_Job]:
    """The jobs that have no run yet, or one without a diagnostic and without a network."""
    lacking = _list_lacking(plan, records)
    useless = lacking.keys() - _find_saved(runs).keys() if lacking else set()
    recorded: set[_Key] = set()
    for one in itertools.chain.from_iterable(plan):
        found = find_runs(records, [one])
        useful = found["config_fingerprint"][~found["fingerprint"].isin(useless)]
        recorded |= {(fingerprint, one.synthetic) for fingerprint in useful}
    return [job for key, job in jobs.items() if key not in recorded]


def _list_lacking(plan: Sequence[Sequence[Planned]], records: pd.DataFrame) -> dict[str, _Lacking]:
    """The runs without a diagnostic that is printed, by fingerprint."""
    lacking: dict[str, _Lacking] = {}
    for one in itertools.chain.from_iterable(plan):
        for _, run in find_runs(records, [one]).iterrows():
            if diagnostics := one.find_lacking(run):
                lacking.setdefault(str(run["fingerprint"]), (one, {}))[1].update(diagnostics)
    return lacking


def _find_saved(runs: Path) -> dict[str, Path]:
    """The directories of completed runs with a network, by fingerprint."""
    found = read_runs([runs], runs).table if runs.is_dir() else pd.DataFrame()
    if found.empty:
        return {}
    found = found[found["status"] == "completed"]
    folders = zip(found["fingerprint"], map(Path, found["run"]), strict=True)
    return {fingerprint: runs / run for fingerprint, run in folders if (runs / run / MODEL).is_file()}


def _announce(table: str, kinds: Mapping[str, Sequence[_Job]], recorded: int, launcher: str, *, estimate: bool) -> str:
    """What is going to be trained, and how long that will take."""
    jobs = [one for kind in kinds.values() for one, _ in kind]
    sentence = f"Table {table}: {count(len(jobs), 'run')} to train, {recorded} recorded"
    if not estimate:
        return f"{sentence}."
    seconds = estimate_seconds(Counter(one.overrides for one in jobs), launcher)
    return f"{sentence}: about {format_seconds(seconds)} with launcher={launcher}."


def _has_files(one: Planned) -> bool:
    """Whether the published files of a row's data are at hand."""
    return not data.load(one.config.data, Path(one.config.settings.data_root), prefers=one.config.prefers).synthetic
