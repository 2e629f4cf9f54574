"""Gather what runs came to: tables, pictures and a page, from the directories of finished or unfinished runs.

    python -m cldnn_lab.results outputs/2026-01-31/12-00-00-multirun
    python -m cldnn_lab.results SWEEP ANOTHER_SWEEP output=comparison
    python -m cldnn_lab.results outputs/2026-01-31
    python -m cldnn_lab.results SWEEP --export runs.csv
    python -m cldnn_lab.results SWEEP runs.csv

Any number of run directories, sweep directories and directories that hold such ones may be given, of whatever age.
--export writes one table of all their runs, with their curves, and nothing else. Such a table is read like a
directory, so that the runs of several machines come together; a run that several of them have is one run.

Of one sweep, everything is written into its directory, as the sweep itself does. Otherwise it goes to the folder that
output= names, or to outputs/<date>/<time>-results.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cldnn_lab.config.commands import parse_arguments, run_command
from cldnn_lab.config.errors import ConfigError, suggest
from cldnn_lab.config.paths import make_absolute
from cldnn_lab.reporting import gather
from cldnn_lab.runs import lock
from cldnn_lab.runs.directory import take_directory
from cldnn_lab.runs.exported import export_runs
from cldnn_lab.runs.table import Runs, find_root, is_sweep_directory, read_runs
from cldnn_lab.storage import manifest

_EXPORT = "--export"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 when everything was written, 2 with one sentence for a mistake, 130 after Ctrl-C."""
    return run_command(arguments, gather_results, lambda: (__doc__ or "").strip())


def gather_results(arguments: Sequence[str]) -> list[Path]:
    """Gather what the command line names; the files that were written.

    Raises:
        ConfigError: for a wrong argument, for folders that hold no run, and where nothing can be written.
    """
    arguments, export = _take_export(arguments)
    # A sweep may have named its directories by their overrides.
    folders = [Path(one) for one in arguments if "=" not in one or Path(one).exists()]
    _, settings = parse_arguments([one for one in arguments if Path(one) not in folders], ("output",))
    if not folders:
        raise ConfigError("give run or sweep directories: python -m cldnn_lab.results <dir>...")
    output = settings.get("output")
    alone = output is None and len(folders) == 1 and is_sweep_directory(folders[0])
    runs = read_runs(folders, folders[0] if alone else find_root(folders))
    if runs.table.empty:
        raise ConfigError(f"there is no run in {' '.join(map(str, folders))}; give run or sweep directories.")
    try:
        if export is not None:
            return [_export(runs, Path(make_absolute(export)))]
        into = folders[0] if alone else _take_output(None if output is None else str(output))
        lock.hold(into)
        try:
            manifest.check(into, gather.NAMES)
            manifest.begin_list(into)
            print(gather.summarize(runs))
            return gather.gather(runs, into)
        finally:
            lock.release(into)
    except OSError as error:
        raise ConfigError(
            f"cannot write {error.filename or 'there'} ({error.strerror}); choose another folder with output=<folder>."
        ) from error


def _take_export(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    """The arguments without ``--export FILE``, and the file."""
    rest, export = [], None
    given = iter(arguments)
    for one in given:
        name, _, value = one.partition("=")
        if name == _EXPORT:
            export = value or next(given, None)
            if export is None or not export.endswith(".csv"):
                raise ConfigError(f"{_EXPORT}: name the table to write: {_EXPORT} runs.csv.")
        elif one.startswith("-"):
            raise ConfigError(f"{one}: unknown option; {suggest(one, [_EXPORT])}.")
        else:
            rest.append(one)
    return rest, export


def _export(runs: Runs, place: Path) -> Path:
    if place.exists():
        raise ConfigError(f"{_EXPORT}: {place} is there already: move it away, or name another file.")
    place.parent.mkdir(parents=True, exist_ok=True)
    return export_runs(runs, place)


def _take_output(output: str | None) -> Path:
    if output is None:
        return Path(take_directory(f"outputs/{datetime.now():%Y-%m-%d/%H-%M-%S}-results", "output", ours=False))
    return Path(take_directory(make_absolute(output), "output", ours=True))


if __name__ == "__main__":
    sys.exit(main())
