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
from typing import TYPE_CHECKING, Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from cldnn_lab import runs
from cldnn_lab.config.diagnostics import choose_diagnostics
from cldnn_lab.config.errors import ConfigError, suggest
from cldnn_lab.config.schema import parse
from cldnn_lab.diagnostics import Subject, find_diagnostic, list_diagnostics, needs_network, run_diagnostics
from cldnn_lab.evaluation.predictor import Predictor

if TYPE_CHECKING:
    from cldnn_lab.data.dataset import Dataset

_KEYS = ("diagnostics", "data_root", "data.path", "folder", "backend")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 when every diagnostic was run, 2 with one sentence for a mistake, 130 after Ctrl-C."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or {"-h", "--help"} & set(arguments):
        print(_write_help())
        return 0
    try:
        for path in inspect(arguments):
            print(path)
    except ConfigError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def inspect(arguments: Sequence[str]) -> list[Path]:
    """Run the diagnostics that the command line asks for; the files that they left.

    Raises:
        ConfigError: for a wrong argument, run directory, network or data set.
    """
    folders = [argument for argument in arguments if "=" not in argument]
    settings = _parse_settings([argument for argument in arguments if "=" in argument])
    chosen = choose_diagnostics(settings.get("diagnostics"))
    if not chosen:
        raise ConfigError(
            f"say which diagnostic to run with diagnostics=<name>; there are {', '.join(list_diagnostics())}."
        )
    if len(folders) > 1:
        raise ConfigError(f"give one run directory, not {len(folders)}: {' '.join(folders)}.")
    if folders:
        return _inspect_run(runs.open(folders[0]), settings)
    needy = [name for name in chosen if needs_network(name)]
    if needy:
        raise ConfigError(
            f"diagnostics={needy[0]} needs a run directory: python -m cldnn_lab.inspect RUN diagnostics=..."
        )
    return _run(chosen, None, Path(str(settings.get("folder", "outputs/diagnostics"))))


def _inspect_run(run: runs.Run, settings: DictConfig) -> list[Path]:
    told = {key: settings[key] for key in ("backend", "data_root", "data") if key in settings}
    config = parse(cast(DictConfig, OmegaConf.merge(run.config, told)), run.choices)
    if not (run.folder / runs.MODEL).is_file():
        raise ConfigError(f"{run.folder / runs.MODEL} is missing: the run saved no model.")
    folder = Path(str(settings.get("folder", run.folder / runs.DIAGNOSTICS)))
    chosen = choose_diagnostics(settings.get("diagnostics"))
    predictor = Predictor.load(run.folder)

    from cldnn_lab import data
    from cldnn_lab.launch import backend

    backend.load(config.backend)
    dataset = data.load(config.data, Path(config.settings.data_root), prefers=config.prefers)
    compared = _compare_data(run, dataset)
    title = f"{config.choices.get('model', 'model')} on {dataset.name}"
    left = _run(chosen, Subject(run.model(), dataset, predictor, title), folder)
    if not compared:
        print(
            f"note: the run has no fingerprint of its data in {runs.ENVIRONMENT}, so whether they were these "
            f"({dataset.provenance}) was not checked.",
            file=sys.stderr,
        )
    return left


def _compare_data(run: runs.Run, dataset: Dataset) -> bool:
    """Whether the data could be compared with those that the run was trained and judged on.

    Raises:
        ConfigError: if they are others.
    """
    from cldnn_lab.data import fingerprint

    then = run.environment
    if "data_fingerprint" not in then:
        return False
    if then["data_fingerprint"] != fingerprint(dataset):
        source, folder = then.get("data_source"), then.get("data_folder")
        raise ConfigError(
            f"{run.folder}: the run had other data ({source}{f' in {folder}' if folder else ''}) than are found now "
            f"({dataset.provenance}): say where its own are with data_root=<folder> or data.path=<file or folder>, or "
            "train again if they, or what the lab makes of them, have changed."
        )
    return True


def _run(chosen: dict[str, Any], subject: Subject | None, folder: Path) -> list[Path]:
    try:
        return run_diagnostics(chosen, subject, folder)
    except OSError as error:
        raise ConfigError(
            f"cannot write to {folder} ({error.strerror}); choose another with folder=<folder>."
        ) from error


def _parse_settings(overrides: list[str]) -> DictConfig:
    for override in overrides:
        key = override.split("=", 1)[0]
        if not {key, key.split(".", 1)[0]} & set(_KEYS):
            raise ConfigError(f"{key}: unknown key; {suggest(key, _KEYS)}.")
    try:
        return OmegaConf.from_dotlist(overrides)
    except (OmegaConfBaseException, YAMLError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"{' '.join(overrides)} cannot be read as key=value settings: {reason}.") from error


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
