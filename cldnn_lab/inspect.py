"""Run diagnostics on a network that was trained before.

    python -m cldnn_lab.inspect outputs/2026-01-31/12-00-00 diagnostics=feature_maps
    python -m cldnn_lab.inspect RUN diagnostics=[filters,predictions] data_root=/data
    python -m cldnn_lab.inspect RUN diagnostics.feature_maps.images=[0,3] diagnostics.feature_maps.stage=after
    python -m cldnn_lab.inspect diagnostics=loss_function

The files go to RUN/diagnostics, or to the folder that folder= names. The data are read where the run read them; if they
have moved, data_root= or data.path= says where to. Other data than the run's are refused.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from cldnn_lab import runs
from cldnn_lab.config.commands import parse_arguments, run_command
from cldnn_lab.config.diagnostics import choose_diagnostics
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.diagnostics import find_diagnostic, list_diagnostics, needs_network
from cldnn_lab.launch.inspection import inspect_run, inspect_subject

_KEYS = ("diagnostics", "data_root", "data.path", "folder", "backend")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 when every diagnostic was run, 2 with one sentence for a mistake, 130 after Ctrl-C."""
    return run_command(arguments, inspect, _write_help)


def inspect(arguments: Sequence[str]) -> list[Path]:
    """Run the diagnostics that the command line asks for; the files that they left.

    Raises:
        ConfigError: for a wrong argument, run directory, network or data set.
    """
    run_folder, settings = parse_arguments(arguments, _KEYS)
    chosen = choose_diagnostics(settings.get("diagnostics"))
    if not chosen:
        known = ", ".join(list_diagnostics())
        raise ConfigError(f"say which diagnostic to run with diagnostics=<name>; there are {known}.")
    if run_folder is not None:
        run = runs.open(run_folder)
        told = {key: settings[key] for key in ("backend", "data_root", "data") if key in settings}
        return inspect_run(run, chosen, Path(str(settings.get("folder", run.folder / runs.DIAGNOSTICS))), told)
    needy = [name for name in chosen if needs_network(name)]
    if needy:
        raise ConfigError(
            f"diagnostics={needy[0]} needs a run directory: python -m cldnn_lab.inspect RUN diagnostics=..."
        )
    return inspect_subject(None, chosen, Path(str(settings.get("folder", "outputs/diagnostics"))))


def _write_help() -> str:
    lines = [(__doc__ or "").strip(), "", "Diagnostics, with their options and defaults:", ""]
    for name in list_diagnostics():
        kind = find_diagnostic(name).Options
        lines.append(f"  {name:<17} {(kind.__doc__ or '').strip().splitlines()[0]}")
        options = dataclasses.asdict(kind())
        if options:
            lines.append(f"  {'':<17} " + ", ".join(f"{key}={_format_yaml(value)}" for key, value in options.items()))
    return "\n".join([*lines, "", "Also: data_root=DIR, data.path=PATH, folder=DIR, backend=NAME"])


def _format_yaml(value: object) -> str:
    return "null" if value is None else str(value).replace(" ", "")


if __name__ == "__main__":
    sys.exit(main())
