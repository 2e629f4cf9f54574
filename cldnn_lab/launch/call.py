"""A run from Python: what the command line does, without its hold on the process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_automatic_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from cldnn_lab.config import explain
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.groups import CONFIGS
from cldnn_lab.launch.job import LOG, Train, run_job
from cldnn_lab.launch.logs import write_log
from cldnn_lab.launch.preflight import Completed, Refused
from cldnn_lab.runs import lock
from cldnn_lab.runs.directory import Run


def call(train: Train, overrides: Sequence[str], config_dir: str | Path | None = None) -> Run:
    """Compose, check and run a job as the command line does; the run, whatever its end.

    The caller's logging, signal handlers, working directory and use of Hydra are left as they are.

    Args:
        train: trains as a config says, in a run directory.
        overrides: as on the command line.
        config_dir: a folder of configs besides the project's.

    Raises:
        ConfigError: for a mistake, with the sentence that the command line would print.
        RuntimeError: if the run failed otherwise.
        KeyboardInterrupt: if the user stopped it.
    """
    for override in overrides:
        if override.startswith("-"):
            raise ConfigError(f"{override}: run() takes overrides alone; flags are for the command line.")
    folders: list[Path] = []

    def job(config: DictConfig) -> float:
        hydra = HydraConfig.get()
        folders.append(Path(hydra.runtime.output_dir))
        with write_log(folders[0], LOG):
            return run_job(train, config, hydra, tell=lambda sentence: None)  # it is raised below

    # The caller may be inside a context of Hydra's own.
    before = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        _make_hydra(config_dir).run(
            config_name="train",
            task_function=job,
            overrides=[*overrides, "hydra.mode=RUN"],
            with_log_configuration=False,  # which would replace the caller's handlers
        )
    except Refused as refused:
        raise refused.mistake from None
    except Completed as completed:
        return Run(completed.folder)
    except SystemExit:
        pass  # with the exit status of a run that was not completed
    except Exception as error:
        if not explain.is_users_error(error):
            raise
        raise ConfigError(explain.explain(error)) from error
    finally:
        GlobalHydra.instance().hydra = before
        for folder in folders:
            lock.release(folder)
    return _check(Run(folders[0]))


def _make_hydra(config_dir: str | Path | None) -> Hydra:
    path = create_automatic_config_search_path(None, None, str(CONFIGS))
    if config_dir is not None:
        if not Path(config_dir).is_dir():
            raise ConfigError(f"config_dir: there is no folder {config_dir}.")
        path.prepend("run", f"file://{Path(config_dir).resolve()}", anchor=SearchPathQuery(provider="schema"))
    return Hydra.create_main_hydra2("train", path)


def _check(run: Run) -> Run:
    """Raise what was recorded of a run that failed."""
    state = run.state
    if state is not None and state.error is not None:
        kind = ConfigError if state.error == ConfigError.__name__ else RuntimeError
        raise kind(state.reason or state.error)
    return run
