"""What every sweeper does: check its jobs before the first starts, find those that are finished, run the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from cldnn_lab.config.composer import Composer
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.launch.preflight import check_config, is_named, list_command, take_sweep_directory
from cldnn_lab.runs import lock
from cldnn_lab.runs.fingerprint import compute_config_fingerprint
from cldnn_lab.runs.objective import read_objective
from cldnn_lab.runs.sweep import SWEEP, Job, Sweep
from cldnn_lab.storage import manifest

if TYPE_CHECKING:
    from cldnn_lab.launch.monitor import Monitor

# Overrides of the command, not of its jobs.
_OF_THE_COMMAND = ("resume", "verbose", "sweep", "sweeper", "launcher")
# Of these a job is composed with those of Hydra's keys that the others may set.
_GROUPS = ("sweeper", "launcher")


class BaseSweeper(Sweeper):
    """A Hydra sweeper whose jobs keep their directories, however often the sweep is taken up again.

    Attributes:
        directory: of the sweep, once :meth:`begin` took it.
        config: the config that the jobs have in common, with Hydra's own.
    """

    directory: Sweep
    config: DictConfig
    hydra_context: HydraContext
    _groups: list[str]  # what the command chose of launchers and sweepers
    launcher: Any  # ours is told what to do while it waits; Hydra's own and those of other plugins do not

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra hands over, and make the launcher."""
        from hydra.core.plugins import Plugins

        self.config, self.hydra_context = config, hydra_context
        self.composer = Composer(hydra_context.config_loader, config)
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def parse(self, arguments: Sequence[str]) -> list[Override]:
        """The overrides of the command that its jobs have, those in ``hydra.sweeper.params`` first."""
        fixed = [f"{key}={value}" for key, value in (self.config.hydra.sweeper.get("params") or {}).items()]
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = {one.get_key_element(): one for one in parser.parse_overrides([*fixed, *arguments])}
        self._groups = [str(one.input_line) for key, one in overrides.items() if key in _GROUPS]
        return [one for one in overrides.values() if not is_of_the_command(one)]

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The config of one job, as the launcher will compose it."""
        return self.composer.compose([*self._groups, *overrides])

    def plan(self, number: int, overrides: Sequence[str], composed: DictConfig, trial: int | None = None) -> Job:
        """A job of the sweep, checked.

        Args:
            number: of the job in this command, from 0.

        Raises:
            ConfigError: for what is wrong in its config, with its overrides.
        """
        try:
            parsed = check_config(composed)
        except ConfigError as mistake:
            what = " ".join(overrides) or "no overrides"
            raise ConfigError(f"in the run with {what}: {mistake} No run was started.") from None
        folder = self._get_named_folder(number, composed)
        return Job(tuple(overrides), compute_config_fingerprint(parsed), trial, folder, parsed.generates)

    def begin(self, **about: Any) -> None:
        """Take the sweep directory, a new one or that of the sweep that goes on.

        Args:
            about: what sweep.json is to say besides its jobs.

        Raises:
            ConfigError: if another process works there, or a file that no sweep wrote is in the way.
        """
        from cldnn_lab.reporting import gather

        self.directory = Sweep(take_sweep_directory(self.config))
        manifest.check(self.directory.folder, [SWEEP, *gather.NAMES])
        self.about = {"command": list_command(self.config), **about}

    def run(self, planned: Sequence[Job]) -> list[Job]:
        """Give the jobs their directories, and run those that are not finished.

        Returns:
            The jobs, with their directories.
        """
        jobs, todo = self.place(planned)
        with self.watch(jobs, todo) as monitor:
            self.launch(todo, monitor)
        return jobs

    def place(self, planned: Sequence[Job]) -> tuple[list[Job], list[Job]]:
        """Give the jobs their directories.

        Returns:
            The jobs, with their directories, and those of them that are not finished.
        """
        jobs = self.directory.place(planned)
        todo = [job for job in jobs if not self._is_finished(job)]
        for job in todo:
            lock.check_free(self.directory.get_run(job).folder)
        self.directory.add(jobs, **self.about)
        return jobs, todo

    def watch(self, jobs: Sequence[Job] = (), todo: Sequence[Job] = (), **expected: Any) -> Monitor:
        """What tells the user of the jobs, and gathers their results.

        Args:
            expected: of jobs that are not known yet, as :class:`~cldnn_lab.launch.monitor.Monitor` takes it.
        """
        from cldnn_lab.launch.monitor import Monitor

        verbose = bool(self.config.verbose)
        return Monitor(self.directory, jobs, todo, objective=self.config.objective, verbose=verbose, **expected)

    def launch(self, todo: Sequence[Job], monitor: Monitor) -> None:
        """Run jobs that have their directories."""
        self.launcher.on_wait, self.launcher.compose_config = monitor.update, self.composer.compose
        if todo:
            self.launcher.launch([self._make_overrides(job) for job in todo], initial_job_idx=0)

    def read_objective(self, job: Job) -> float:
        """The objective of a job; NaN if it was not completed."""
        run = self.directory.get_run(job)
        return read_objective(run, self.config.objective) if run.folder.is_dir() else math.nan

    def _is_finished(self, job: Job) -> bool:
        state = self.directory.get_run(job).state
        return state is not None and state.is_finished and state.config_fingerprint == job.config_fingerprint

    def _make_overrides(self, job: Job) -> list[str]:
        """What the launcher composes the job's config from."""
        state = self.directory.get_run(job).state
        resumes = state is not None and state.config_fingerprint == job.config_fingerprint
        return [
            *self._groups,
            *job.overrides,
            f"hydra.sweep.subdir='{job.folder}'",
            *(["resume=true"] if resumes else []),
            *(["verbose=true"] if self.config.verbose else ["hydra.job_logging.root.handlers=[file]"]),
        ]

    def _get_named_folder(self, number: int, composed: DictConfig) -> str:
        """The name that the user gave the job's directory; empty if the sweep is to choose it."""
        if not is_named(self.config, "hydra.sweep.subdir"):
            return ""
        with open_dict(composed):  # as launchers do
            composed.hydra.job.num = composed.hydra.job.id = number
        return str(OmegaConf.select(composed, "hydra.sweep.subdir"))


def is_of_the_command(override: Override) -> bool:
    """Whether an override says how a command runs its jobs, and so is none of theirs."""
    return override.get_key_element().lstrip("+~").split(".")[0] in _OF_THE_COMMAND
