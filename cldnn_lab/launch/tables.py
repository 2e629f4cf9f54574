"""The runs that the tables of a report lack, trained as sweeps."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from cldnn_lab import data
from cldnn_lab.launch.command import make_sweep_command, run_sweep
from cldnn_lab.launch.estimate import estimate_seconds
from cldnn_lab.launch.monitor import format_seconds
from cldnn_lab.reporting.tables.plan import Planned
from cldnn_lab.reporting.tables.records import find_runs

# A row with a seed; and what that is known by, the fingerprint of its config and whether its data are generated.
_Job = tuple[Planned, int]
_Key = tuple[str, bool | None]


def train_missing(
    plan: Sequence[Sequence[Planned]], records: pd.DataFrame, runs: Path, launcher: str, *, estimate: bool
) -> list[int]:
    """Train each row of a table with each seed that has no run yet, in sweep directories named after the table; one
    for each kind of data, since the same configs may stand for several.

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
    missing = _leave_out_recorded(jobs, plan, records)
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
    jobs: Mapping[_Key, _Job], plan: Sequence[Sequence[Planned]], records: pd.DataFrame
) -> list[_Job]:
    """The jobs that have no run yet."""
    recorded: set[_Key] = set()
    for one in itertools.chain.from_iterable(plan):
        recorded |= {(fingerprint, one.synthetic) for fingerprint in find_runs(records, [one])["config_fingerprint"]}
    return [job for key, job in jobs.items() if key not in recorded]


def _announce(table: str, kinds: Mapping[str, Sequence[_Job]], recorded: int, launcher: str, *, estimate: bool) -> str:
    """What is going to be trained, and how long that will take."""
    jobs = [one for kind in kinds.values() for one, _ in kind]
    sentence = f"Table {table}: {len(jobs)} runs to train, {recorded} recorded"
    if not estimate:
        return f"{sentence}."
    seconds = estimate_seconds(Counter(one.overrides for one in jobs), launcher)
    return f"{sentence}: about {format_seconds(seconds)} with launcher={launcher}."


def _has_files(one: Planned) -> bool:
    """Whether the published files of a row's data are at hand."""
    return not data.load(one.config.data, Path(one.config.settings.data_root), prefers=one.config.prefers).synthetic
