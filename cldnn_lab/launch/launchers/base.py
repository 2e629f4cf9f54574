"""What all launchers share."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import pkgutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import hydra.plugins.launcher
from hydra._internal.callbacks import Callbacks
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.launch.job import describe_end, record_death
from cldnn_lab.launch.preflight import Refused
from cldnn_lab.runs import lock
from cldnn_lab.runs.directory import Run
from cldnn_lab.runs.state import State


@dataclass(frozen=True)
class Job:
    """A job of the sweep that is ready to run.

    Attributes:
        number: among the jobs of the sweep, from 0.
        config: with its ``hydra`` node.
        run: its directory, which need not exist yet.
        before: the state that the directory held before, if any.
    """

    number: int
    config: DictConfig
    run: Run
    before: State | None


class Launcher(hydra.plugins.launcher.Launcher):
    """Runs the jobs of a sweep in the order that it is given them, and says nothing itself.

    A job that fails is the affair of its run directory; the others run on.

    Attributes:
        on_wait: called in the main thread of the sweep's process: after each job, and about every second while jobs run
            in other processes.
        compose_config: gives the config of a job from its overrides; by default Hydra's loader.
        returns_early: whether ``launch`` returns before its jobs have run, so that they have no results yet.
    """

    # Hydra takes plugins from this package alone.
    __module__ = "hydra_plugins.cldnn_lab"

    returns_early = False

    def __init__(self) -> None:
        self.on_wait: Callable[[], None] = lambda: None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Get to know the sweep, as Hydra has it."""
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config
        self.compose_config: Callable[[Sequence[str]], DictConfig] = lambda overrides: (
            hydra_context.config_loader.load_sweep_config(config, list(overrides))
        )

    @property
    def verbose(self) -> bool:
        """Whether the user wants to see what the jobs say."""
        return bool(OmegaConf.select(self.config, "verbose", default=False))

    def compose(self, overrides: Sequence[str], number: int) -> Job:
        """The job that ``overrides`` make of the sweep's config."""
        config = self.compose_config(overrides)
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = number
            folder = Path(config.hydra.sweep.dir, str(config.hydra.sweep.subdir)).absolute()
            config.hydra.runtime.output_dir = str(folder)
        run, before = Run(folder), None
        with contextlib.suppress(ConfigError):  # of a broken file, which the job will say
            before = run.state
        return Job(number, config, run, before)

    def end(self, job: Job, returned: JobReturn) -> JobReturn:
        """Tell Hydra's callbacks, which stay in this process wherever the jobs are, that a job has ended."""
        self.hydra_context.callbacks.on_job_end(config=job.config, job_return=returned)
        return strip(returned)


def perform(task: str, config: DictConfig, place: str) -> JobReturn:
    """Run a job in this process, which is not the sweep's.

    Args:
        task: Hydra's task function, by the name to import it by: ``module:function``.
        config: of the job, with its ``hydra`` node.
        place: the folder in which the command was given, to which its names of files are relative.

    Raises:
        KeyboardInterrupt: if the user stopped it.
    """
    os.chdir(place)
    setup_globals()
    try:
        return run_job(
            # Nothing is composed here any more.
            hydra_context=HydraContext(config_loader=None, callbacks=Callbacks()),  # type: ignore[arg-type]
            task_function=pkgutil.resolve_name(task),
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
    finally:
        lock.release_all()


def strip(returned: JobReturn) -> JobReturn:
    """Without the job's config: sweepers keep what they are given, and configs of many jobs would fill the memory."""
    returned.cfg = returned.hydra_cfg = None
    return returned


def bury(job: Job, how: str | int) -> JobReturn:
    """Record that the process of a job is gone; to a sweeper it is a job like any that failed.

    Args:
        how: it ended: an exit status, or the end of a sentence about the process.
    """
    record_death(job.run, describe_end(how) if isinstance(how, int) else how, job.before, tell=lambda sentence: None)
    returned = JobReturn(overrides=list(job.config.hydra.overrides.task), status=JobStatus.COMPLETED)
    returned.return_value = math.nan
    return returned


@contextlib.contextmanager
def stop_on_sigterm() -> Iterator[None]:
    """Inside, a batch system's SIGTERM stops the sweep as Ctrl-C does: jobs write what they have."""
    if threading.current_thread() is not threading.main_thread():  # which alone can say what a signal does
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def refuse(sentence: str) -> Refused:
    """What to raise where the config of a launcher has a mistake."""
    return Refused(ConfigError(sentence))


def check_installed(package: str, extra: str) -> None:
    """Refuse a launcher whose package is not there.

    Args:
        extra: of this project, that brings it.

    Raises:
        Refused: naming what to install.
    """
    if importlib.util.find_spec(package) is None:
        raise refuse(f"launcher: {package} is not installed: pip install 'cldnn-lab[{extra}]'.")
