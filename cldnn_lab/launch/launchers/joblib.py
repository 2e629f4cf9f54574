"""Several jobs side by side on this machine, cores and GPUs divided among them."""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from multiprocessing.connection import wait

from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from cldnn_lab.launch import cores, gpus
from cldnn_lab.launch.backend import name_function
from cldnn_lab.launch.launchers.base import Launcher, refuse, stop_on_sigterm
from cldnn_lab.launch.launchers.slot import Slot


class JoblibLauncher(Launcher):
    """Runs jobs side by side in worker processes, each with cores and, where there are any, a GPU of its own.

    It is called as Hydra's own launcher for this, whose workers are joblib's: there, a worker that dies ends the sweep.

    Args:
        n_jobs: that run at a time; None: one per GPU, or one per core where there is no GPU.
    """

    __module__ = Launcher.__module__

    def __init__(self, n_jobs: int | None = None) -> None:
        super().__init__()
        self.n_jobs = n_jobs
        self._slots: list[Slot] = []
        weakref.finalize(self, _close, self._slots)  # a sweeper may launch several times, and workers stay warm

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Divide the machine.

        Raises:
            Refused: if ``n_jobs`` is no number of jobs, or more than there are cores.
        """
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        if os.name == "nt":
            raise refuse("launcher: joblib runs on Linux and macOS; leave launcher=serial.")
        devices, count = gpus.list_gpus(), cores.count_cores()
        n_jobs = count_slots(devices) if self.n_jobs is None else self.n_jobs
        if not isinstance(n_jobs, int) or isinstance(n_jobs, bool) or n_jobs < 1:
            raise refuse(f"hydra.launcher.n_jobs: {n_jobs!r} is not a number of jobs; give 1 or more, or null.")
        if n_jobs > count:
            raise refuse(
                f"hydra.launcher.n_jobs: {n_jobs} are more than the {count} cores that the jobs would share; "
                f"give at most {count}."
            )
        self.n_jobs = n_jobs  # as a sweeper that asks for so many trials at a time reads it
        for number, own in enumerate(cores.divide_cores(n_jobs)):
            environment = {}
            if devices:
                environment[gpus.VISIBLE] = devices[number % len(devices)]
                environment |= gpus.SHARED if n_jobs > len(devices) else {}
            self._slots.append(Slot(own, environment, self.verbose))

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        """Run the jobs, each as soon as there is a slot for it.

        Args:
            job_overrides: those of each job.
            initial_job_idx: number of the first.

        Raises:
            KeyboardInterrupt: if the user stopped it: the jobs that ran have written what they had.
        """
        task = name_function(self.task_function)
        jobs = (self.compose(overrides, number) for number, overrides in enumerate(job_overrides, initial_job_idx))
        returns: dict[int, JobReturn] = {}
        try:
            with stop_on_sigterm():
                waiting = next(jobs, None)  # composed while others run
                while waiting is not None or any(slot.job for slot in self._slots):
                    for slot in self._slots:
                        if waiting is not None and slot.job is None:
                            slot.start(task, waiting)
                            waiting = next(jobs, None)
                    ready = wait([slot.pipe for slot in self._slots if slot.job], timeout=1)
                    for slot in self._slots:
                        if slot.job is not None and slot.pipe in ready:
                            job = slot.job
                            returns[job.number] = self.end(job, slot.finish())
                    self.on_wait()
        except BaseException:
            self._interrupt()
            raise
        return [returns[number] for number in sorted(returns)]

    def _interrupt(self) -> None:
        """Stop the jobs that run as Ctrl-C does, and wait for them; they are killed if the user presses it again."""
        running = [slot for slot in self._slots if slot.job]
        for slot in running:
            slot.interrupt()
        try:
            _close(self._slots)
        except KeyboardInterrupt:
            _close(self._slots, kill=True)


def count_slots(devices: Sequence[str]) -> int:
    """How many jobs run side by side, unless the user says: one per GPU, or one per core where there is no GPU.

    Args:
        devices: the GPUs of this machine.
    """
    return min(len(devices), cores.count_cores()) or cores.count_cores()


def _close(slots: Sequence[Slot], kill: bool = False) -> None:
    for slot in slots:
        slot.close(kill)
