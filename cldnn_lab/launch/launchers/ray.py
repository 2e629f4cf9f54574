"""Jobs on a Ray cluster: one of this machine, or a real one by its address."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from cldnn_lab.config.quiet import silence_backends
from cldnn_lab.launch import cores
from cldnn_lab.launch.backend import name_function
from cldnn_lab.launch.launchers.base import Job, Launcher, bury, check_installed, perform, refuse, stop_on_sigterm


class RayLauncher(Launcher):
    """Runs each job as a Ray task, in workers that Ray starts and keeps.

    Args:
        address: of a running cluster, whose machines see the same files; None: a cluster of this machine.
        num_cpus: cores of each job.
        num_gpus: GPUs of each job, or a share of one.
    """

    __module__ = Launcher.__module__

    def __init__(self, address: str | None = None, num_cpus: int = 1, num_gpus: float = 0) -> None:
        super().__init__()
        self.address = address
        self.num_cpus = num_cpus
        self.num_gpus = num_gpus

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Reach the cluster.

        Raises:
            Refused: without Ray or the cluster, or where it could never run a job.
        """
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        check_installed("ray", "ray")
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # Ray tells nobody that it is used
        import ray

        try:
            if self.address is not None:
                _check_reachable(self.address)
            with silence_backends():
                ray.init(
                    address=self.address or "local",
                    include_dashboard=None if self.address else False,
                    configure_logging=False,
                    log_to_driver=self.verbose,
                )
        except (OSError, ValueError, RuntimeError) as error:
            raise refuse(f"hydra.launcher.address: {' '.join(str(error).split()).rstrip('.')}.") from None
        has = ray.cluster_resources()
        if self.num_cpus > has.get("CPU", 0) or self.num_gpus > has.get("GPU", 0):
            raise refuse(
                f"hydra.launcher: a job is to have {self.num_cpus} cores and {self.num_gpus} GPUs; the cluster has "
                f"{has.get('CPU', 0):g} and {has.get('GPU', 0):g}."
            )

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        """Hand all jobs to Ray, and wait for them; otherwise as that of
        :class:`~cldnn_lab.launch.launchers.joblib.JoblibLauncher`."""
        import ray

        task = name_function(self.task_function)
        remote = ray.remote(num_cpus=self.num_cpus, num_gpus=self.num_gpus, max_retries=0)(_perform)
        left: dict[ray.ObjectRef, Job] = {}
        returns: dict[int, JobReturn] = {}
        try:
            for number, overrides in enumerate(job_overrides, initial_job_idx):
                job = self.compose(overrides, number)
                left[remote.remote(self.num_cpus, task, job.config, os.getcwd())] = job
            with stop_on_sigterm():
                while left:
                    for reference in ray.wait(list(left), timeout=1)[0]:
                        job = left.pop(reference)
                        returns[job.number] = self.end(job, _read(job, reference))
                    self.on_wait()
        except BaseException:
            for reference in left:
                ray.cancel(reference)
            ray.wait(list(left), num_returns=len(left))
            raise
        return [returns[number] for number in sorted(returns)]


def _check_reachable(address: str) -> None:
    """See that something listens at ``host:port``: Ray itself tries for minutes.

    Raises:
        OSError: if nothing does.
    """
    host, _, port = address.rpartition("/")[2].partition(":")
    if port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except OSError as error:
            raise OSError(f"nothing answers at {address} ({error.strerror or error})") from None


def _perform(count: int, task: str, config: DictConfig, place: str) -> JobReturn:
    """As :func:`~cldnn_lab.launch.launchers.base.perform`, on ``count`` cores, which Ray counts but does not choose."""
    if len(cores.AVAILABLE) > math.ceil(count):  # else this worker has run a job before
        cores.limit_cores(math.ceil(count))
        cores.confine(os.sched_getaffinity(0))
    return perform(task, config, place)


def _read(job: Job, reference: Any) -> JobReturn:
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        said = str(error).strip().splitlines()[0].rstrip(".")
        return bury(job, f"ended early: {type(error).__name__}: {said}; the system may have run out of memory")
