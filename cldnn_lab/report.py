"""Reproduce the tables of a report, published figure beside measured: train what is missing, and print.

    python -m cldnn_lab.report table=001
    python -m cldnn_lab.report table=003 budget=quick
    python -m cldnn_lab.report table=003 sections=words
    python -m cldnn_lab.report table=all budget=quick budget.epochs=20 budget.data=0.2 seeds=6
    python -m cldnn_lab.report table=my_table.yaml launcher=serial
    python -m cldnn_lab.report table=all budget=recorded train=false

table     a file of conf/table, all of them, or a YAML file of your own
sections  of one table, those to train and print, such as words or '[words,cells]'; by default all
budget    published; quick; or another that the table has; recorded: of each section the largest for which every row
          has runs. budget.epochs= and budget.training= (a share of each row's own), and budget.data= (a share of the
          training examples) change it
seeds     runs of each row; by default as many as the budget says
launcher  how the runs are trained: joblib (side by side, the default), serial, or another of conf/launcher
estimate  false: do not measure, on the first steps of each row, how long the training will take
train     false: print what was trained before, and train nothing
output    where the tables go: <output>/<table>/table.md, .csv, .tex, .html, the figures, and for all a contents page;
          outputs/report by default
runs      where the runs are kept, and looked for: outputs/report/runs by default
data_root, backend   as of python -m cldnn_lab.train

What was trained stays: the same command goes on where it was stopped, and another table or budget takes the runs that
it shares. <output>/runs.csv has a line for each run behind the tables; those of another machine can be given with
records=<runs.csv>, and count like one's own.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from cldnn_lab.config.commands import parse_arguments, run_command
from cldnn_lab.config.errors import ConfigError, suggest
from cldnn_lab.config.groups import list_options
from cldnn_lab.config.paths import make_absolute
from cldnn_lab.reporting.tables.definition import (
    PUBLISHED,
    Section,
    Table,
    choose_sections,
    find_other_budget,
    list_tables,
    read_table,
)
from cldnn_lab.runs import lock
from cldnn_lab.runs.directory import take_directory
from cldnn_lab.storage import manifest

if TYPE_CHECKING:
    import pandas as pd

    from cldnn_lab.reporting.tables.measure import Measured
    from cldnn_lab.reporting.tables.plan import Planned

ALL = "all"
_OUTPUT = "outputs/report"
# What there is to set, and its defaults.
_DEFAULTS: dict[str, Any] = {
    "table": None, "sections": None, "budget": {"name": PUBLISHED, "epochs": None, "training": None, "data": None},
    "seeds": None, "launcher": "joblib", "estimate": True, "train": True, "output": _OUTPUT, "runs": f"{_OUTPUT}/runs",
    "records": None, "data_root": None, "backend": None,
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 when everything was printed, 2 with one sentence for a mistake, 130 after Ctrl-C; where runs
    failed, the tables are printed without them, and the status is that of the sweep."""
    failed: list[int] = []
    status = run_command(arguments, lambda given: report(given, failed), lambda: (__doc__ or "").strip())
    return status or next(iter(failed), 0)


def report(arguments: Sequence[str], failed: list[int]) -> list[Path]:
    """Train what is missing, and write the tables; the files that were written.

    Args:
        failed: takes the exit status of each sweep that did not end well.

    Raises:
        ConfigError: for a mistake in an argument or a table, before anything is trained.
        KeyboardInterrupt: if the user stopped the training.
    """
    settings = _read_arguments(arguments)
    from cldnn_lab.reporting.tables.budgets import plan_at_budget

    tables = _read_tables(settings)
    output, runs = Path(make_absolute(settings.output)), Path(make_absolute(settings.runs))
    known = _read_known(output, settings)
    records = _collect(known, runs, tables)
    name, changes, common = str(settings.budget.name), _list_changes(settings), _list_common(settings)
    plan = {
        table.name: [
            plan_at_budget(table, section, name, changes, records, common) for section in table.sections.values()
        ]
        for table in tables
    }
    take_directory(str(output), "output", ours=True)
    if settings.train:
        from cldnn_lab.launch.tables import inspect_saved, train_missing

        for table in tables:
            rows, how = plan[table.name], str(settings.launcher)
            if statuses := train_missing(rows, records, runs, how, estimate=bool(settings.estimate)):
                failed.extend(status for status in statuses if status)
                records = _collect(known, runs, tables)  # which the next table may share
            if inspect_saved(rows, records, runs):
                records = _collect(known, runs, tables)
    lock.hold(output)
    try:
        return _print(tables, plan, records, output, settings)
    finally:
        lock.release(output)


def _read_tables(settings: DictConfig) -> list[Table]:
    """What is to be trained and printed."""
    if settings.table != ALL:
        table = read_table(str(settings.table))
        return [table if settings.sections is None else choose_sections(table, _list(settings.sections))]
    if settings.sections is not None:
        raise ConfigError("sections: these are of one table, such as table=003 sections=words.")
    return [read_table(name) for name in list_tables()]


def _print(
    tables: Sequence[Table],
    plan: dict[str, list[list[Planned]]],
    records: pd.DataFrame,
    output: Path,
    settings: DictConfig,
) -> list[Path]:
    """Write the tables, and the runs that they stand on."""
    from cldnn_lab.reporting.tables.plan import plan_section
    from cldnn_lab.reporting.tables.records import RECORDS, name_records, write_records
    from cldnn_lab.reporting.tables.write import CONTENTS, CONTENTS_PAGE, write_book, write_table_files

    contents = settings.table == ALL
    manifest.check(output, [RECORDS, *([CONTENTS, CONTENTS_PAGE] if contents else [])])
    manifest.begin_list(output)
    written: list[Path] = []
    book: list[list[Measured]] = []
    for table in tables:
        sections = []
        for planned in plan[table.name]:
            section = table.sections[planned[0].section]
            other = find_other_budget(section, planned[0].budget)
            compared = (
                []
                if other is None
                else plan_section(table, section, other, section.budgets[other], _list_common(settings))
            )
            records = name_records(name_records(records, compared), planned)
            sections.append(_measure(table, section, planned, compared, records))
        book.append(sections)
        written += write_table_files(sections, output / table.name)
    records_file = write_records(output / RECORDS, records[records["experiment"].notna()])
    print(_summarize(book))
    return [*(write_book(book, output) if contents else written), records_file]


def _summarize(book: Sequence[Sequence[Measured]]) -> str:
    """A line for each section: how much of it stands."""
    import pandas as pd

    from cldnn_lab.reporting.tables.book import summarize_section

    lines = [
        {"table": f"{measured.table.name}/{measured.section.name}", **summarize_section(measured)}
        for sections in book
        for measured in sections
    ]
    return pd.DataFrame(lines).to_string(index=False)


def _read_known(output: Path, settings: DictConfig) -> pd.DataFrame:
    """The runs that were recorded before, in the folder of the tables and in files of other machines."""
    from cldnn_lab.reporting.tables.records import RECORDS, merge_records, read_records

    others = [Path(make_absolute(one)) for one in _list(settings.records)]
    for path in others:
        if not path.is_file():
            raise ConfigError(f"records: there is no {path}.")
    return merge_records([read_records(path) for path in [output / RECORDS, *others]])


def _read_arguments(arguments: Sequence[str]) -> DictConfig:
    """The settings of the command line, with their defaults, checked."""
    named = [f"budget.name={one.removeprefix('budget=')}" if one.startswith("budget=") else one for one in arguments]
    folder, given = parse_arguments(named, list(_DEFAULTS))
    if folder is not None:
        raise ConfigError(f"{folder}: write key=value, such as table={folder}.")
    for key in given.get("budget", {}):
        if key not in _DEFAULTS["budget"]:
            raise ConfigError(f"budget.{key}: unknown key; {suggest(key, _DEFAULTS['budget'])}.")
    settings = OmegaConf.merge(_DEFAULTS, given)
    assert isinstance(settings, DictConfig)
    if settings.table is None:
        raise ConfigError(f"table: say which, such as table=001; known: {', '.join([ALL, *list_tables()])}.")
    for key in ("estimate", "train"):
        if not isinstance(settings[key], bool):
            raise ConfigError(f"{key}: {settings[key]!r} must be true or false.")
    if settings.seeds is not None and not (isinstance(settings.seeds, int) and settings.seeds >= 1):
        raise ConfigError(f"seeds: {settings.seeds!r} must be a number of runs, 1 or more.")
    if settings.launcher not in (launchers := list_options("launcher")):
        raise ConfigError(f"launcher: {settings.launcher}: no such launcher; {suggest(settings.launcher, launchers)}.")
    settings.table = f"{settings.table:03d}" if isinstance(settings.table, int) else str(settings.table)
    return settings


def _collect(known: pd.DataFrame, runs: Path, tables: Sequence[Table]) -> pd.DataFrame:
    """What was recorded, and what is in the folder of runs."""
    from cldnn_lab.reporting.tables.records import collect_records, merge_records

    sections = [section for table in tables for section in table.sections.values()]
    figures = list(dict.fromkeys(figure for section in sections for figure in section.figures))
    curves = list(dict.fromkeys(curve for section in sections for curve in section.curves))
    confusion = any(section.confusion for section in sections)
    return merge_records([known, collect_records(runs, figures, curves, confusion=confusion)])


def _measure(
    table: Table, section: Section, planned: Sequence[Planned], compared: Sequence[Planned], records: pd.DataFrame
) -> Measured:
    """A section measured, and how another budget agrees with it.

    Args:
        compared: the rows at the other budget; none if there is no other.
    """
    from cldnn_lab.reporting.tables.measure import find_agreement, measure
    from cldnn_lab.reporting.tables.records import find_runs

    found = measure(table, section, planned[0].budget, find_runs(records, planned))
    if not compared:
        return found
    other = measure(table, section, compared[0].budget, find_runs(records, compared))
    return replace(found, agreement=find_agreement(found, other))


def _list_changes(settings: DictConfig) -> dict[str, Any]:
    """What the user has a budget differ in."""
    changes = {key: value for key, value in settings.budget.items() if key != "name"} | {"seeds": settings.seeds}
    return {str(key): value for key, value in changes.items() if value is not None}


def _list_common(settings: DictConfig) -> list[str]:
    """The overrides of every row that the whole command has."""
    return [f"{key}={settings[key]}" for key in ("data_root", "backend") if settings[key] is not None]


def _list(value: Any) -> list[str]:
    return [] if value is None else [str(one) for one in value] if OmegaConf.is_list(value) else [str(value)]


if __name__ == "__main__":
    sys.exit(main())
