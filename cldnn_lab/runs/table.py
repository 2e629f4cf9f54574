"""A table of runs: a row for each, read from run directories, sweep directories and exported tables.

A run is over once run.json says so, or if it is of before there was a run.json; what is over is read once by a
:class:`RunReader`. Of a sweep the jobs that have no run directory yet are rows too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.runs.directory import CONFIG
from cldnn_lab.runs.objective import find_objective, is_lower_better
from cldnn_lab.runs.record import (
    FIRST,
    IDENTITY,
    Record,
    find_values,
    parse_overrides,
    read_config,
    read_history,
    read_overrides,
    read_values,
    stamp_run,
)
from cldnn_lab.runs.sweep import Sweep, is_sweep

if TYPE_CHECKING:
    import pandas as pd

# Hydra's own file in the directory of a sweep.
_MULTIRUN = "multirun.yaml"
# Overrides that tell no settings apart.
_NOT_SWEPT = ("seed", "data_root")
# Where the same overrides mean different configs, the sweep is one more of them.
_SWEEP = "sweep"
# Which of two records of one run is kept.
_RANK = {"completed": 0, "diverged": 1, "waiting": 3}


@dataclass(frozen=True)
class Runs:
    """A table of runs.

    Attributes:
        table: a row for each: :data:`FIRST`, a column for each override, :data:`IDENTITY`, the metrics and the figures
            of diagnostics, each as ``<diagnostic>.<name>``. ``run`` is the run directory, relative to ``folder`` where
            it is inside; that of an imported run begins with the name of the table that it came from. ``status`` is a
            state of :data:`cldnn_lab.runs.state.STATES`, ``killed`` (not over, and its process is gone) or ``waiting``
            (planned by a sweep).
        overrides: which columns are overrides.
        folder: what ``run`` is relative to.
        wanted_objective: what the config of the runs names; None for the default.
        imported: the imported runs, by ``run``.
    """

    table: pd.DataFrame
    overrides: tuple[str, ...]
    folder: Path
    wanted_objective: str | None = None
    imported: Mapping[str, Record] = field(default_factory=dict)
    _read: dict[str, pd.DataFrame | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def swept(self) -> list[str]:
        """The overrides that differ among the runs, without the seed and the place of the data."""
        return [
            name for name in self.overrides if name not in _NOT_SWEPT and self.table[name].astype(str).nunique() > 1
        ]

    @property
    def metrics(self) -> list[str]:
        """The columns that hold metrics."""
        return list(self.table.columns[len(FIRST) + len(self.overrides) + len(IDENTITY) :])

    @property
    def objective(self) -> tuple[str, str]:
        """The figure that says which run is best, and whether ``max`` or ``min`` is."""
        known = self.table[self.metrics].dropna(axis="columns", how="all")
        name = find_objective({str(column): None for column in known}, self.wanted_objective)
        return name, "min" if is_lower_better(name) else "max"

    def read_history(self, run: str) -> pd.DataFrame | None:
        """The history of the run with this name in the table; None if it has none."""
        if run in self.imported:
            return self.imported[run].history
        if run not in self._read:
            self._read[run] = read_history(self.folder / run)
        return self._read[run]

    def read_config(self, run: str) -> dict[str, Any]:
        """The config of the run with this name in the table, as :func:`~cldnn_lab.runs.record.read_config` has it."""
        return self.imported[run].config if run in self.imported else read_config(self.folder / run)


def read_runs(folders: Iterable[str | os.PathLike[str]], folder: Path) -> Runs:
    """Read every run in ``folders``.

    Args:
        folders: run directories, sweep directories, directories that hold such ones, and exported tables (``.csv``).
        folder: what the names of the runs are relative to.

    Raises:
        ConfigError: if one of them is missing or broken.
    """
    return RunReader(folders, folder).read()


def is_sweep_directory(folder: Path) -> bool:
    """Whether a sweep made ``folder``, also one of before there was a sweep.json."""
    return is_sweep(folder) or (folder / _MULTIRUN).is_file()


def find_root(folders: Iterable[str | os.PathLike[str]]) -> Path:
    """The innermost directory that the parents of all ``folders`` have in common."""
    return Path(os.path.commonpath([os.path.dirname(os.path.abspath(one)) for one in folders]))


class RunReader:
    """Reads the same runs again and again; what is over is read once.

    Args:
        folders, folder: as :func:`read_runs` has them.
    """

    def __init__(self, folders: Iterable[str | os.PathLike[str]], folder: Path) -> None:
        self.folders = [Path(one) for one in folders]
        self.folder = folder
        self._known: dict[Path, Record] = {}
        self._imported: dict[Path, list[Record]] = {}

    def read(self) -> Runs:
        """The runs as they are now.

        Raises:
            ConfigError: if a folder or a table is missing or broken.
        """
        records = _drop_repeated(list(self._find()))
        names = list(dict.fromkeys(name for record in records for name in record.overrides))
        for record in records:
            record.fill(names)
        if _SWEEP in names or _must_be_told_apart(records):
            names = [_SWEEP, *(name for name in names if name != _SWEEP)]
            for record in records:
                record.overrides[_SWEEP] = record.overrides.get(_SWEEP) or _name(Path(record.source), self.folder)
        return Runs(
            _make_table(records, names),
            tuple(names),
            self.folder,
            self._find_objective(records),
            {record.name: record for record in records if record.folder is None},
        )

    def _find(self) -> Iterator[Record]:
        from cldnn_lab.runs.exported import import_table

        seen: set[Path] = set()
        for path in dict.fromkeys(self.folders):
            if path.suffix == ".csv" and path.is_file():
                if path not in self._imported:
                    self._imported[path] = list(import_table(path, _name(path, self.folder)))
                yield from self._imported[path]
            elif path.is_dir():
                for record in self._walk(path, path):
                    assert record.folder is not None
                    key = record.folder.resolve()
                    if key not in seen:
                        seen.add(key)
                        yield record
            else:
                raise ConfigError(f"there is no {path}; give run or sweep directories, or exported .csv tables.")

    def _walk(self, folder: Path, source: Path) -> Iterator[Record]:
        """The runs in ``folder``, those of a sweep as it planned them; nothing inside a run is looked at."""
        done: set[str] = set()
        if is_sweep(folder):
            source, sweep = folder, Sweep(folder)
            done |= set(sweep.about.get("replaced", ()))
            for job in sweep.jobs:
                done.add(job.folder)
                record = self._read(folder / job.folder, source, job.overrides)
                if record is None:
                    values = {"status": "waiting", "config_fingerprint": job.config_fingerprint}
                    record = self._make(folder / job.folder, source, job.overrides, values)
                yield record
        elif (record := self._read(folder, source)) is not None:
            yield record
            return
        elif is_sweep_directory(folder):
            source = folder
        try:
            with os.scandir(folder) as entries:
                inside = [one.name for one in entries if one.is_dir(follow_symlinks=False) and one.name not in done]
        except OSError as error:
            raise ConfigError(f"{folder} cannot be read ({error.strerror}).") from error
        for name in sorted(inside, key=lambda name: (len(name), name) if name.isdecimal() else (0, name)):
            if not name.startswith("."):
                yield from self._walk(folder / name, source)

    def _read(self, folder: Path, source: Path, overrides: Sequence[str] | None = None) -> Record | None:
        """The run in ``folder``; None if there is none."""
        stamp = stamp_run(folder)
        known = self._known.get(folder)
        if known is not None and stamp is not None and known.stamp == stamp:
            return known
        values, over = read_values(folder, stamp)
        if not values:
            return None
        record = self._make(folder, source, read_overrides(folder) if overrides is None else overrides, values)
        if over:
            record.stamp = stamp
        self._known[folder] = record
        return record

    def _make(self, folder: Path, source: Path, overrides: Sequence[str], values: dict[str, Any]) -> Record:
        return Record(_name(folder, self.folder), str(source), folder, parse_overrides(overrides), values)

    def _find_objective(self, records: Sequence[Record]) -> str | None:
        for record in records:
            if record.folder is not None and (record.folder / CONFIG).is_file():
                known = find_values(read_config(record.folder), ["objective"])
                value = record.overrides.get("objective") or known.get("objective")
                return None if value in (None, "null") else str(value)
        return None


def _drop_repeated(records: Sequence[Record]) -> list[Record]:
    """Keep one record of a run that several sources have, the one that got furthest; of those that got as far, the one
    that says most, since of equal runs one may have had diagnostics.

    Runs are the same by their fingerprints, those that never got as far as their data by that of their config. A
    sweep may well have two jobs with one fingerprint, which differ in how they were computed.
    """
    seen: dict[str, str] = {}
    kept: set[int] = set()
    for index in sorted(range(len(records)), key=lambda index: _rank(records[index].values)):
        record = records[index]
        digests = [record.values.get("fingerprint"), record.values.get("config_fingerprint")]
        own = next((digest for digest in digests if digest), None)
        if own is not None and seen.get(own, record.source) != record.source:
            continue
        kept.add(index)
        for digest in digests:
            if digest:
                seen.setdefault(digest, record.source)
    return [record for index, record in enumerate(records) if index in kept]


def _rank(values: Mapping[str, Any]) -> tuple[int, int]:
    """The lower, the sooner a record is kept."""
    return _RANK.get(values["status"], 2), -sum(value is not None for value in values.values())


def _must_be_told_apart(records: Sequence[Record]) -> bool:
    """Whether the same overrides stand for different configs in different sweeps."""
    if len({record.source for record in records}) < 2:
        return False
    alike: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        values = sorted((name, str(one)) for name, one in record.overrides.items() if name not in _NOT_SWEPT)
        alike.setdefault(tuple(values), []).append(record)
    return any(map(_differ, alike.values()))


def _differ(alike: Sequence[Record]) -> bool:
    """Whether runs with the same overrides but for the seed, of several sweeps, are not repeats of one setting."""
    if len({record.source for record in alike}) < 2:
        return False
    if len({digest for record in alike if (digest := record.values.get("setting_fingerprint"))}) > 1:
        return True
    seeds: dict[Any, str] = {}
    return any(seeds.setdefault(one.overrides.get("seed"), one.source) != one.source for one in alike)


def _make_table(records: Sequence[Record], overrides: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    taken = {*FIRST, *IDENTITY, *overrides}
    metrics = list(dict.fromkeys(key for record in records for key in record.values if key not in taken))
    columns: dict[str, Any] = {"run": [record.name for record in records]}
    columns |= {name: [record.values.get(name) for record in records] for name in FIRST[1:]}
    for name in overrides:
        # A whole number stays one beside a cell that is empty.
        columns[name] = pd.Series([record.overrides[name] for record in records], dtype=object).infer_objects()
    columns |= {name: [record.values.get(name) for record in records] for name in (*IDENTITY, *metrics)}
    return pd.DataFrame(columns)


def _name(path: Path, folder: Path) -> str:
    """``path`` as the table has it."""
    absolute, root = Path(os.path.abspath(path)), Path(os.path.abspath(folder))
    return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else absolute.as_posix()
