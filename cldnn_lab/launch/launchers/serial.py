"""One job after the other, in this process."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.utils import JobReturn, configure_log, run_job

from cldnn_lab.launch.launchers.base import Launcher, strip


class SerialLauncher(Launcher):
    """Runs one job after the other in this process."""

    __module__ = Launcher.__module__

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        """Run each job.

        Args:
            job_overrides: those of each.
            initial_job_idx: number of the first.

        Raises:
            KeyboardInterrupt: if the user stopped it.
        """
        returns = []
        for number, overrides in enumerate(job_overrides, initial_job_idx):
            returned = run_job(
                hydra_context=self.hydra_context,
                task_function=self.task_function,
                config=self.compose(overrides, number).config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
            )
            returns.append(strip(returned))
            # What is said from here on is not the job's, and does not belong into its log.
            configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
            self.on_wait()
        return returns
