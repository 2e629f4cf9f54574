"""Before Hydra starts a job: the config is checked and the run directory is taken, or nothing happens at all."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.schema import Config, parse
from cldnn_lab.launch.backend import check_threads
from cldnn_lab.runs.directory import Run


def check_config(config: DictConfig, choices: Mapping[str, Any] | None = None) -> Config:
    """A composed config with or without its ``hydra`` node, parsed, for a run on this machine.

    Args:
        choices: Hydra's choice for each config group; read from the ``hydra`` node where that is there.

    Raises:
        ConfigError: for anything wrong in it.
    """
    choices = choices or OmegaConf.select(config, "hydra.runtime.choices") or {}
    own = config.copy()
    with open_dict(own):
        own.pop("hydra", None)
    parsed = parse(own, choices)
    check_threads(parsed.settings.threads)
    return parsed


class Preflight(Callback):
    """A Hydra callback: a mistake in the config of a run, or of any run of a sweep, ends the program before
    the first directory is made; then a directory is taken that nobody else has."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the config and take the run directory."""
        try:
            check_config(config)
            Run(Path(_take(config, "hydra.run.dir"))).check()
        except ConfigError as mistake:
            refuse(mistake)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check every job of the sweep, where Hydra's own sweeper says beforehand what the jobs are, and take the
        sweep's directory."""
        for job, composed in _jobs(config):
            try:
                check_config(composed)
            except ConfigError as mistake:
                refuse(ConfigError(f"in the run with {' '.join(job) or 'no overrides'}: {mistake} No run was started."))
        try:
            taken = _take(config, "hydra.sweep.dir")
        except ConfigError as mistake:
            refuse(mistake)
        # Hydra composes each job anew, from the overrides alone.
        escaped = taken.replace("\\", "\\\\").replace("'", "\\'")
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir='{escaped}'")


def _jobs(config: DictConfig) -> list[tuple[list[str], DictConfig]]:
    """The overrides and the config of every job of a sweep; none where another sweeper makes them as it goes on."""
    if not str(config.hydra.sweeper._target_).endswith(".BasicSweeper"):
        return []
    try:
        loader = GlobalHydra.instance().config_loader()
        parameters = [f"{k}={v}" for k, v in (config.hydra.sweeper.params or {}).items()]
        parser = OverridesParser.create(config_loader=loader)
        overrides = parser.parse_overrides([*parameters, *config.hydra.overrides.task])
        jobs = BasicSweeper.split_arguments(overrides, None)[0]
        return [(job, loader.load_sweep_config(config, list(job))) for job in jobs]
    except Exception:
        return []  # what Hydra itself cannot compose, it says itself, next


def _take(config: DictConfig, key: str) -> str:
    """Take the directory that ``config`` has under ``key``, and write its name there."""
    ours = any(override.startswith(f"{key}=") for override in config.hydra.overrides.hydra)
    taken = take_directory(str(OmegaConf.select(config, key)), key, ours=ours)
    OmegaConf.update(config, key, taken)
    return taken


def take_directory(wanted: str, key: str, *, ours: bool) -> str:
    """Make the directory of a run or of a sweep and return its name.

    Args:
        wanted: the name.
        key: under which the config has it.
        ours: the user gave the name, so an existing directory is meant; otherwise, where another that
            began in the same second has it, ``-2``, ``-3``, ... is added.

    Raises:
        ConfigError: if it cannot be written.
    """
    number, name = 1, wanted
    while True:
        path = Path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(exist_ok=ours)
            probe = path / ".writable"
            probe.touch()
            probe.unlink()
            return name
        except FileExistsError as error:
            if ours or not path.is_dir():
                raise ConfigError(f"{key}: {error.filename or name} is a file, not a directory.") from error
            number += 1
            name = f"{wanted}-{number}"
        except OSError as error:
            raise ConfigError(
                f"{key}: cannot write to {error.filename or name} ({error.strerror}); "
                f"choose another folder with {key}=<folder>."
            ) from error


def refuse(mistake: ConfigError) -> NoReturn:
    """Say what is wrong and end the program; Hydra would turn an ordinary exception here into a warning."""
    print(f"error: {mistake}", file=sys.stderr)
    raise SystemExit(2)
