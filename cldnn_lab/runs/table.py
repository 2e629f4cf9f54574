"""A table of runs: a row for each, read from run directories, sweep directories and exported tables.

A run is over once run.json says so, or if it is of before there was a run.json; what is over is read once by a
:class:`RunReader`. Of a sweep the jobs that have no run directory yet are rows too.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.runs import state as states
from cldnn_lab.runs.directory import CONFIG, ENVIRONMENT, HISTORY, METRICS
from cldnn_lab.runs.objective import find_objective, is_lower_better
from cldnn_lab.runs.state import STATE
from cldnn_lab.runs.sweep import Sweep, is_sweep
from cldnn_lab.storage.tables import write_table

if TYPE_CHECKING:
    import pandas as pd

# The columns before and behind the overrides; the metrics follow.
FIRST = ("run", "status", "reason")
IDENTITY = ("fingerprint", "config_fingerprint", "setting_fingerprint", "machine")
# In an exported table: the history of each run, as JSON.
_HISTORY_COLUMN = "history"
# Hydra's own file in the directory of a sweep.
_MULTIRUN = "multirun.yaml"
# Overrides of a command, not of what it computes.
_OF_THE_COMMAND = ("resume", "verbose", "sweep", "hydra")
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
        table: a row for each: :data:`FIRST`, a column for each override, :data:`IDENTITY`, the metrics. ``run`` is the
            run directory, relative to ``folder`` where it is inside; that of an imported run begins with the name of
            the table that it came from. ``status`` is a state of :data:`cldnn_lab.runs.state.STATES`, ``killed`` (not
            over, and its process is gone) or ``waiting`` (planned by a sweep).
        overrides: which columns are overrides.
        folder: what ``run`` is relative to.
        wanted_objective: what the config of the runs names; None for the default.
        imported: the histories of imported runs, by ``run``.
    """

    table: pd.DataFrame
    overrides: tuple[str, ...]
    folder: Path
    wanted_objective: str | None = None
    imported: Mapping[str, pd.DataFrame] = field(default_factory=dict)

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
        return self.imported[run] if run in self.imported else read_history(self.folder / run)


def read_runs(folders: Iterable[str | os.PathLike[str]], folder: Path) -> Runs:
    """Read every run in ``folders``.

    Args:
        folders: run directories, sweep directories, directories that hold such ones, and exported tables (``.csv``).
        folder: what the names of the runs are relative to.

    Raises:
        ConfigError: if one of them is missing or broken.
    """
    return RunReader(folders, folder).read()


def read_history(run: Path) -> pd.DataFrame | None:
    """What history.csv in a run directory says; None if the run has none that can be read."""
    import pandas as pd

    try:
        state = states.read(run)
        if state is not None and state.step is None:
            return None  # it is of an earlier run, until this one trains
        return pd.read_csv(run / HISTORY)
    except (OSError, ValueError, ConfigError):
        return None


def export_runs(runs: Runs, path: Path) -> Path:
    """Write one table of all runs, each with its history, that :func:`read_runs` reads like a directory."""
    table = runs.table.copy()
    histories = [runs.read_history(run) for run in table["run"]]
    table[_HISTORY_COLUMN] = [None if one is None else _write_history(one) for one in histories]
    return write_table(path, keep_whole(table))


def keep_whole(table: pd.DataFrame) -> pd.DataFrame:
    """The table to be written: whole numbers as such, beside empty cells too."""
    numbers = table.select_dtypes("float")
    whole = [name for name in numbers if (numbers[name].dropna() % 1 == 0).all()]
    return table.astype(dict.fromkeys(whole, "Int64"))


def is_sweep_directory(folder: Path) -> bool:
    """Whether a sweep made ``folder``, also one of before there was a sweep.json."""
    return is_sweep(folder) or (folder / _MULTIRUN).is_file()


def find_root(folders: Iterable[str | os.PathLike[str]]) -> Path:
    """The innermost directory that the parents of all ``folders`` have in common."""
    return Path(os.path.commonpath([os.path.dirname(os.path.abspath(one)) for one in folders]))


@dataclass
class _Record:
    """One run, as it was read last.

    Attributes:
        name: in the table.
        source: what it was found in; a run has one record for each source.
        folder: its directory; None of an imported run.
        overrides, values: by column.
        stamp: of the file that says what has become of it, if it is over.
    """

    name: str
    source: str
    folder: Path | None
    overrides: dict[str, Any]
    values: dict[str, Any]
    stamp: tuple[Any, ...] | None = None
    history: pd.DataFrame | None = None

    def fill(self, names: Sequence[str]) -> None:
        """Take what was not overridden from the run's config."""
        missing = [name for name in names if name not in self.overrides]
        if missing:
            found = {} if self.folder is None else _find_values(self.folder, missing)
            self.overrides |= {name: found.get(name) for name in missing}


class RunReader:
    """Reads the same runs again and again; what is over is read once.

    Args:
        folders, folder: as :func:`read_runs` has them.
    """

    def __init__(self, folders: Iterable[str | os.PathLike[str]], folder: Path) -> None:
        self.folders = [Path(one) for one in folders]
        self.folder = folder
        self._known: dict[Path, _Record] = {}
        self._imported: dict[Path, list[_Record]] = {}

    def read(self) -> Runs:
        """The runs as they are now.

        Raises:
            ConfigError: if a folder or a table is missing or broken.
        """
        records = _drop_repeated(list(self._find()))
        self._tell_sweeps_apart(records)
        names = list(dict.fromkeys(name for record in records for name in record.overrides))
        for record in records:
            record.fill(names)
        return Runs(
            _make_table(records, names),
            tuple(names),
            self.folder,
            self._find_objective(records),
            {record.name: record.history for record in records if record.history is not None},
        )

    def _find(self) -> Iterator[_Record]:
        seen: set[Path] = set()
        for path in self.folders:
            if path.suffix == ".csv" and path.is_file():
                if path not in self._imported:
                    self._imported[path] = list(_import_table(path, _name(path, self.folder)))
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

    def _walk(self, folder: Path, source: Path) -> Iterator[_Record]:
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
        with os.scandir(folder) as entries:
            inside = [one.name for one in entries if one.is_dir(follow_symlinks=False) and one.name not in done]
        for name in sorted(inside, key=lambda name: (len(name), name) if name.isdecimal() else (0, name)):
            if not name.startswith("."):
                yield from self._walk(folder / name, source)

    def _read(self, folder: Path, source: Path, overrides: Sequence[str] | None = None) -> _Record | None:
        """The run in ``folder``; None if there is none."""
        stamp = _stamp(folder)
        known = self._known.get(folder)
        if known is not None and stamp is not None and known.stamp == stamp:
            return known
        values, over = _read_values(folder, stamp)
        if not values:
            return None
        record = self._make(folder, source, _read_overrides(folder) if overrides is None else overrides, values)
        if over:
            record.stamp = stamp
        self._known[folder] = record
        return record

    def _make(self, folder: Path, source: Path, overrides: Sequence[str], values: dict[str, Any]) -> _Record:
        return _Record(_name(folder, self.folder), str(source), folder, _parse_overrides(overrides), values)

    def _tell_sweeps_apart(self, records: Sequence[_Record]) -> None:
        """Add the sweep to the overrides where those of two sweeps are the same and their configs are not."""
        if len({record.source for record in records}) < 2:
            return
        alike: dict[tuple[Any, ...], list[_Record]] = {}
        for record in records:
            values = sorted((name, str(one)) for name, one in record.overrides.items() if name not in _NOT_SWEPT)
            alike.setdefault(tuple(values), []).append(record)
        if _SWEEP in {name for record in records for name in record.overrides} or any(map(_differ, alike.values())):
            for record in records:
                record.overrides = {_SWEEP: _name(Path(record.source), self.folder), **record.overrides}

    def _find_objective(self, records: Sequence[_Record]) -> str | None:
        for record in records:
            if record.folder is not None and (record.folder / CONFIG).is_file():
                value = record.overrides.get("objective") or _find_values(record.folder, ["objective"]).get("objective")
                return None if value in (None, "null") else str(value)
        return None


def _stamp(folder: Path) -> tuple[Any, ...] | None:
    """What changes with the file that says what has become of the run; None if there is none."""
    for name in (STATE, METRICS):
        try:
            stat = os.stat(folder / name)
        except OSError:
            continue
        return name, stat.st_mtime_ns, stat.st_size, stat.st_ino
    return None


def _read_values(folder: Path, stamp: tuple[Any, ...] | None) -> tuple[dict[str, Any], bool]:
    """What is known of a run by its columns, and whether it is over; nothing if ``folder`` holds no run."""
    if stamp is None:
        if not _is_run_config(folder / CONFIG):
            return {}, False
        return {"status": "killed", "reason": f"it left no {METRICS}, and is of before there was a {STATE}."}, False
    try:
        state = states.read(folder)
        if state is None:
            metrics = _read_json(folder / METRICS)
            machine = _read_json(folder / ENVIRONMENT).get("processor")
            return {"status": "completed", "machine": machine, **metrics}, True
        # Before it trains, what an earlier run left is still there.
        metrics = _read_json(folder / METRICS) if state.step is not None else {}
    except ConfigError as error:
        return {"status": "failed", "reason": str(error)}, False
    killed = state.is_running is False and not state.is_over
    where = f" at step {state.step} of {state.steps}" if state.step is not None else ""
    return {
        **metrics,
        "status": "killed" if killed else state.state,
        "reason": f"{state.process} is gone{where}." if killed else state.reason,
        "fingerprint": state.fingerprint,
        "config_fingerprint": state.config_fingerprint,
        "setting_fingerprint": state.setting_fingerprint,
        "machine": state.process.host,
    }, state.is_over


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path} is not valid JSON: {error}.") from error


def _read_overrides(folder: Path) -> list[str]:
    """The overrides of a run, as Hydra kept them."""
    found = _read_yaml(folder / ".hydra" / "overrides.yaml")
    return [str(one) for one in found] if isinstance(found, list) else []


def _read_yaml(path: Path) -> Any:
    """What a YAML file holds; None if it is missing or broken. By libyaml where it is there: configs are many."""
    import yaml

    try:
        return yaml.load(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, yaml.YAMLError):
        return None


def _is_run_config(path: Path) -> bool:
    """Whether it is a config of this program: Hydra's directories look alike."""
    config = _read_yaml(path)
    return isinstance(config, dict) and {"data", "model", "optimizer"} <= set(config)


def _find_values(folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """What a run's config has under the names of overrides: the option of a group, or a value."""
    config = _read_yaml(folder / CONFIG)
    if not isinstance(config, dict):
        return {}
    hydra = _read_yaml(folder / ".hydra" / "hydra.yaml")
    choices = hydra["hydra"]["runtime"]["choices"] if isinstance(hydra, dict) else {}
    found = {}
    for name in names:
        if name in choices:
            found[name] = _tidy(choices[name])
            continue
        node: Any = config
        for part in name.split("."):
            node = node.get(part, _MISSING) if isinstance(node, dict) else _MISSING
        if isinstance(node, str) and "${" in node:
            node = _resolve(config, name)
        if node is not _MISSING and not isinstance(node, dict):
            found[name] = _tidy(node)
    return found


_MISSING = object()


def _resolve(config: dict[str, Any], name: str) -> Any:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return OmegaConf.select(OmegaConf.create(config), name)
    except OmegaConfBaseException:
        return _MISSING


def _parse_overrides(overrides: Iterable[str]) -> dict[str, Any]:
    """The values of overrides by their keys, without those of the command."""
    parsed = (_parse_override(one) for one in overrides)
    return {key: value for key, value in parsed if key.split(".")[0].split("/")[0] not in _OF_THE_COMMAND}


@functools.lru_cache(maxsize=65536)
def _parse_override(override: str) -> tuple[str, Any]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        parsed = OverridesParser.create().parse_override(override)
    except HydraException:
        key, _, text = override.partition("=")
        return key.lstrip("+"), text
    key = parsed.get_key_element().lstrip("+")
    if parsed.is_delete():
        return key, "deleted"
    text = parsed.get_value_element_as_str()
    return key, text if parsed.is_sweep_override() else _tidy(parsed.value(), text)


def _tidy(value: Any, text: str | None = None) -> Any:
    """A value as a cell of a table holds it: a number, a truth value, or text."""
    if value is None:
        return "null"
    if isinstance(value, (bool, int, float, str)):
        return value
    return json.dumps(value, separators=(",", ":"), default=str).replace('"', "") if text is None else text


def _import_table(path: Path, name: str) -> Iterator[_Record]:
    """The runs of a table that was exported.

    Raises:
        ConfigError: if it is none.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=object, keep_default_na=False, na_values=[""])
        first, last = len(FIRST), list(table.columns).index(IDENTITY[0])
        if tuple(table.columns[:first]) != FIRST:
            raise ValueError
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is no table of runs; write one with --export.") from error
    overrides = list(table.columns[first:last])
    for column in table.columns[last:]:
        if column not in (*IDENTITY, _HISTORY_COLUMN):
            table[column] = _read_numbers(table[column])
    for row in table.to_dict("records"):
        values = {str(key): value for key, value in row.items() if key not in overrides and not pd.isna(value)}
        history = values.pop(_HISTORY_COLUMN, None)
        run = values.pop("run")
        cells = {key: _parse_override(f"{key}={row[key]}")[1] for key in overrides if not pd.isna(row[key])}
        yield _Record(f"{name}/{run}", str(path), None, cells, values, None, _parse_history(history))


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


def _parse_history(text: str | None) -> pd.DataFrame | None:
    import pandas as pd

    if text is None:
        return None
    try:
        return pd.DataFrame(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"a history in an exported table is not what --export wrote: {error}.") from error


def _drop_repeated(records: Sequence[_Record]) -> list[_Record]:
    """Keep one record of a run that several sources have, the one that got furthest.

    Runs are the same by their fingerprints, those that never got as far as their data by that of their config. A
    sweep may well have two jobs with one fingerprint, which differ in how they were computed.
    """
    seen: dict[str, str] = {}
    kept: set[int] = set()
    for index in sorted(range(len(records)), key=lambda index: _RANK.get(records[index].values["status"], 2)):
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


def _differ(alike: Sequence[_Record]) -> bool:
    """Whether runs with the same overrides but for the seed, of several sweeps, are not repeats of one setting."""
    if len({record.source for record in alike}) < 2:
        return False
    if len({digest for record in alike if (digest := record.values.get("setting_fingerprint"))}) > 1:
        return True
    seeds: dict[Any, str] = {}
    return any(seeds.setdefault(one.overrides.get("seed"), one.source) != one.source for one in alike)


def _make_table(records: Sequence[_Record], overrides: Sequence[str]) -> pd.DataFrame:
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
