"""What all launchers share."""

from __future__ import annotations

from collections.abc import Callable

import hydra.plugins.launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict


class Launcher(hydra.plugins.launcher.Launcher):
    """Runs the jobs of a sweep in the order that it is given them, and says nothing itself.

    A job that fails is the affair of its run directory; the others run on.

    Attributes:
        on_wait: called in the main thread of the sweep's process: after each job, and about every second while jobs run
            in other processes.
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

    def compose(self, overrides: list[str], number: int) -> DictConfig:
        """The config of a job, with its ``hydra`` node."""
        config = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = number
        return config
