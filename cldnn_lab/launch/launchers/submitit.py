"""Jobs handed to a cluster: to Slurm through submitit, which can also run them here."""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from cldnn_lab.launch.backend import name_function
from cldnn_lab.launch.launchers.base import Job, Launcher, bury, check_installed, perform, refuse, stop_on_sigterm

FOLDER = ".submitit"  # of the sweep: scripts, pickles and output of submitit's


class SubmititLauncher(Launcher):
    """Submits all jobs at once, and waits for them or not.

    Args:
        cluster: ``slurm`` or ``local``.
        wait: until the jobs have run; false: return once they are submitted.
        parameters: of submitit's ``AutoExecutor.update_parameters``.
    """

    __module__ = Launcher.__module__

    def __init__(self, cluster: str, wait: bool = True, **parameters: Any) -> None:
        super().__init__()
        self.cluster = cluster
        self.returns_early = not wait
        self.parameters = parameters

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Make submitit ready.

        Raises:
            Refused: without submitit or the cluster, or for a parameter that it does not know.
        """
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        check_installed("submitit", "slurm")
        with tempfile.TemporaryDirectory() as folder:  # submitit makes one at once, and the sweep has none yet
            self._make_executor(Path(folder))

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        """Submit the jobs, and wait for them if that is wanted.

        Args:
            job_overrides: those of each job.
            initial_job_idx: number of the first.

        Returns:
            What each job returned; NaN of each where nobody waits.

        Raises:
            KeyboardInterrupt: if the user stopped it: the jobs are cancelled.
        """
        task = name_function(self.task_function)
        jobs = [self.compose(overrides, number) for number, overrides in enumerate(job_overrides, initial_job_idx)]
        executor = self._make_executor(Path(self.config.hydra.sweep.dir, FOLDER).absolute())
        with executor.batch():
            submitted = [executor.submit(perform, task, job.config, os.getcwd()) for job in jobs]
        if not self.returns_early:
            return self._wait(dict(zip((job.number for job in jobs), zip(jobs, submitted, strict=True), strict=True)))
        where = self.config.hydra.sweep.dir
        what = "1 job is" if len(jobs) == 1 else f"{len(jobs)} jobs are"
        print(
            f"{what} submitted ({self.cluster}, {submitted[0].job_id} to {submitted[-1].job_id}). "
            f"How far they are, and what came out: python -m cldnn_lab.results {where}"
        )
        return [JobReturn(status=JobStatus.COMPLETED, _return_value=math.nan) for _ in jobs]

    def _make_executor(self, folder: Path) -> Any:
        """submitit's executor, whose files go to ``folder``.

        Raises:
            Refused: without the cluster, or for a parameter that it does not know.
        """
        import submitit

        try:
            executor = submitit.AutoExecutor(folder, self.cluster)
            executor.update_parameters(**self.parameters)
        except (RuntimeError, NameError, AssertionError, ValueError) as error:
            raise refuse(f"hydra.launcher: {' '.join(str(error).split()).rstrip('.')}.") from None
        return executor

    def _wait(self, left: dict[int, tuple[Job, Any]]) -> list[JobReturn]:
        returns: dict[int, JobReturn] = {}
        try:
            with stop_on_sigterm():
                while left:
                    for number, (job, submitted) in list(left.items()):
                        if submitted.done():
                            del left[number]
                            returns[number] = self.end(job, _read(job, submitted))
                    self.on_wait()
                    if left:
                        time.sleep(1)
        except BaseException:
            for _, submitted in left.values():
                submitted.cancel(check=False)
            raise
        return [returns[number] for number in sorted(returns)]


def _read(job: Job, submitted: Any) -> JobReturn:
    if submitted.exception() is None:
        return submitted.result()
    return bury(job, f"ended early, in state {submitted.state}: {submitted.paths.stderr} has its last words")
