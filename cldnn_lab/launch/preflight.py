"""Before Hydra starts a job: the config is checked and the run directory is taken, or nothing happens at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.schema import Config, parse
from cldnn_lab.launch.backend import check_threads
from cldnn_lab.runs import lock
from cldnn_lab.runs.directory import Run, take_directory
from cldnn_lab.runs.resume import find_resumable
from cldnn_lab.runs.state import State


class Refused(SystemExit):
    """A command that ends before it began. Hydra would turn an ordinary exception of a callback into a warning.

    Attributes:
        mistake: what the user has to mend.
    """

    def __init__(self, mistake: ConfigError) -> None:
        super().__init__(2)
        self.mistake = mistake


class Completed(SystemExit):
    """A command that has nothing to do: the run that it resumes is completed.

    Attributes:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(0)
        self.folder = folder


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


def take_run(run: Run, config: Config) -> State | None:
    """Hold a run directory and record that a run begins there; nothing is recorded of a run that is resumed and
    completed.

    Returns:
        The state of the run that ``config`` resumes, None for a new run.

    Raises:
        ConfigError: if another process works there, a file that no run wrote is in the way, or the run to resume has
            another config.
    """
    lock.hold(run.folder)
    try:
        run.check()
        before = None
        if config.settings.resume:
            before = find_resumable(run, config, lambda run: check_config(run.config, run.choices))
    except ConfigError:
        lock.release(run.folder)
        raise
    if before is None or before.state != "completed":
        run.start(config, before)
    return before


class Preflight(Callback):
    """A Hydra callback: a mistake in the config of a run, or of any job of a sweep, ends the program before
    the first directory is made; then a directory is taken that nobody else has.

    At the end, the states of the jobs that ran decide what the program exits with.
    """

    def __init__(self) -> None:
        self.folders: list[Path] = []

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the config and take the run directory."""
        try:
            parsed = check_config(config)
            _check_named(config, parsed, "hydra.run.dir")
            run = Run(Path(_take(config, "hydra.run.dir")))
            before = take_run(run, parsed)
        except ConfigError as mistake:
            raise Refused(mistake) from None
        if before is not None and before.state == "completed":
            lock.release(run.folder)
            raise Completed(run.folder)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check every job of the sweep, where Hydra's own sweeper says beforehand what the jobs are, and take the
        sweep's directory."""
        jobs = _jobs(config)
        for job, composed in jobs:
            try:
                parsed = check_config(composed)
                _check_named(config, parsed, "hydra.sweep.dir")
            except ConfigError as mistake:
                raise Refused(_name_job(job, mistake)) from None
        try:
            taken = _take(config, "hydra.sweep.dir")
            lock.hold(Path(taken))
        except ConfigError as mistake:
            raise Refused(mistake) from None
        for job, composed in jobs:
            try:
                _check_job(Run(Path(taken, str(OmegaConf.select(composed, "hydra.sweep.subdir")))), composed)
            except ConfigError as mistake:
                raise Refused(_name_job(job, mistake)) from None
        # Hydra composes each job anew, from the overrides alone.
        escaped = taken.replace("\\", "\\\\").replace("'", "\\'")
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir='{escaped}'")

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Note where the job ran, and let others work there."""
        self.folders.append(Path(config.hydra.runtime.output_dir))
        lock.release(self.folders[-1])

    def on_run_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Exit with what the run's state means."""
        self._exit()

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Exit with what the states of the jobs mean: of the first that was not completed."""
        lock.release(Path(str(config.hydra.sweep.dir)))
        self._exit()

    def _exit(self) -> None:
        states = [Run(folder).state for folder in self.folders]
        status = next((state.exit_status for state in states if state is not None and state.exit_status), 0)
        if status:
            raise SystemExit(status)


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
        composed = [loader.load_sweep_config(config, list(job)) for job in jobs]
        for number, one in enumerate(composed):
            with open_dict(one):  # as Hydra's launcher does, so that hydra.sweep.subdir can be read
                one.hydra.job.num = one.hydra.job.id = number
        return list(zip(jobs, composed, strict=True))
    except Exception:
        return []  # what Hydra itself cannot compose, it says itself, next


def _check_job(run: Run, composed: DictConfig) -> None:
    """Refuse a job whose directory is in use, or holds a run that it cannot resume, before Hydra writes there."""
    if not run.folder.is_dir():
        return
    lock.check_free(run.folder)
    parsed = check_config(composed)
    if parsed.settings.resume:
        find_resumable(run, parsed, lambda run: check_config(run.config, run.choices))


def _name_job(job: list[str], mistake: ConfigError) -> ConfigError:
    return ConfigError(f"in the run with {' '.join(job) or 'no overrides'}: {mistake} No run was started.")


def _is_named(config: DictConfig, key: str) -> bool:
    """Whether the user gave the directory its name."""
    return any(override.startswith(f"{key}=") for override in config.hydra.overrides.hydra)


def _check_named(config: DictConfig, parsed: Config, key: str) -> None:
    if parsed.settings.resume and not _is_named(config, key):
        raise ConfigError(f"resume: say which run to resume, with {key}=<its folder>.")


def _take(config: DictConfig, key: str) -> str:
    """Take the directory that ``config`` has under ``key``, and write its name there."""
    taken = take_directory(str(OmegaConf.select(config, key)), key, ours=_is_named(config, key))
    OmegaConf.update(config, key, taken)
    return taken
