"""Before Hydra starts a job: the config is checked and the run directory is taken, or nothing happens at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.schema import Config, parse_composed
from cldnn_lab.launch.backend import check_threads
from cldnn_lab.runs import lock
from cldnn_lab.runs.directory import Run, take_directory
from cldnn_lab.runs.process import identify_process
from cldnn_lab.runs.resume import find_resumable
from cldnn_lab.runs.state import State
from cldnn_lab.runs.sweep import Sweep, find_latest, is_sweep

# Where Hydra is told that the plugins of this program are: it makes none of another package.
PLUGINS = "hydra_plugins.cldnn_lab."


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
    parsed = parse_composed(config, choices)
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
    """A Hydra callback: a mistake in the config of a run ends the program before the first directory is made; then a
    directory is taken that nobody else has. The sweepers of this program do the same for all their jobs.

    At the end, the states of the jobs decide what the program exits with.
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
        """Take the sweep's directory for a sweeper that knows nothing of it."""
        if str(config.hydra.sweeper._target_).startswith(PLUGINS):
            return
        try:
            take_sweep_directory(config)
        except ConfigError as mistake:
            raise Refused(mistake) from None

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Note where the job ran, and let others work there."""
        self.folders.append(Path(config.hydra.runtime.output_dir))
        lock.release(self.folders[-1])

    def on_run_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Exit with what the run's state means."""
        self._exit()

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Exit with what the states of the command's jobs mean: of the first that was not completed."""
        folder = Path(str(config.hydra.sweep.dir))
        lock.release(folder)
        if is_sweep(folder):
            sweep = Sweep(folder)
            self.folders = [sweep.get_run(job).folder for job in sweep.current]
        self._exit()

    def _exit(self) -> None:
        states = [Run(folder).state for folder in self.folders]
        own = identify_process()  # whose jobs are over, also where a full disk kept them from saying so
        ended = [state for state in states if state and (state.process == own or state.is_running is False)]
        status = next((state.exit_status for state in ended if state.exit_status), 0)
        if status:
            raise SystemExit(status)


def take_sweep_directory(config: DictConfig) -> Path:
    """Take the directory of a sweep, and write its name into ``config``: a new one, the one that the user named, or
    with ``resume=true`` that of the last sweep of the same command.

    Raises:
        ConfigError: if there is none to resume, it cannot be written, or another process works there.
    """
    key = "hydra.sweep.dir"
    if config.resume and not is_named(config, key):
        wanted = Path(str(OmegaConf.select(config, key)))
        latest = find_latest("*/*", wanted.parent.parent, list_command(config))
        if latest is None:
            raise ConfigError(
                f"resume: no sweep of this command is in {wanted.parent.parent}; say which to resume, with {key}=<its "
                "folder>."
            )
        OmegaConf.update(config, key, str(latest))
        taken = str(latest)
    else:
        taken = _take(config, key)
    lock.hold(Path(taken))
    # Hydra composes each job anew, from the overrides alone.
    escaped = taken.replace("\\", "\\\\").replace("'", "\\'")
    config.hydra.overrides.hydra.append(f"{key}='{escaped}'")
    return Path(taken)


def list_command(config: DictConfig) -> list[str]:
    """The overrides of a command as they were typed, without those that say how it is run."""
    typed = [str(override) for override in config.hydra.overrides.task]
    return [one for one in typed if one.lstrip("+~").split("=")[0] not in ("resume", "verbose")]


def is_named(config: DictConfig, key: str) -> bool:
    """Whether the user gave the directory its name."""
    return any(override.startswith(f"{key}=") for override in config.hydra.overrides.hydra)


def _check_named(config: DictConfig, parsed: Config, key: str) -> None:
    if parsed.settings.resume and not is_named(config, key):
        raise ConfigError(f"resume: say which run to resume, with {key}=<its folder>.")


def _take(config: DictConfig, key: str) -> str:
    """Take the directory that ``config`` has under ``key``, and write its name there."""
    taken = take_directory(str(OmegaConf.select(config, key)), key, ours=is_named(config, key))
    OmegaConf.update(config, key, taken)
    return taken
