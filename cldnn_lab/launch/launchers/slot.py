"""A place for one job at a time: its cores, its GPU, and a worker that stays warm between jobs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from hydra.core.utils import JobReturn

from cldnn_lab.launch.launchers.base import Job, bury


class Slot:
    """A place for one job at a time.

    Args:
        cores: that belong to it; empty where the system cannot limit a process to cores.
        environment: variables of its worker besides this process's own.
        verbose: show what the worker prints.

    Attributes:
        job: that runs there now, if any.
    """

    def __init__(self, cores: Sequence[int], environment: Mapping[str, str], verbose: bool) -> None:
        self._cores = cores
        self._environment = environment
        self._verbose = verbose
        self._worker: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self.job: Job | None = None

    def start(self, task: str, job: Job) -> None:
        """Give the worker a job, a new worker if there is none or it has died.

        Args:
            task: the task function, as :func:`~cldnn_lab.launch.launchers.base.perform` takes it.
        """
        self.job = job
        if self._worker is not None and self._worker.poll() is not None:
            self.close()  # it died between two jobs
        if self._worker is None:
            self._open()
        assert self._pipe is not None
        with contextlib.suppress(BrokenPipeError):  # it died this moment, which the pipe then says
            self._pipe.send((task, job.config, os.getcwd()))

    @property
    def pipe(self) -> Connection:
        """Readable once the job has ended, however it ended."""
        assert self._pipe is not None
        return self._pipe

    def finish(self) -> JobReturn:
        """What became of the job; waits for it. If the worker died, that is recorded as the end of the job.

        Raises:
            KeyboardInterrupt: if the user stopped it.
        """
        assert self.job is not None and self._worker is not None
        job = self.job
        try:
            returned = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            status = self._worker.wait()
            self.close()
            if status == 0:  # it was told to stop, and did
                raise KeyboardInterrupt from None
            returned = bury(job, status)
        self.job = None
        return returned

    def interrupt(self) -> None:
        """Stop the job as Ctrl-C does: it writes what it has."""
        if self._worker is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._worker.pid, signal.SIGINT)

    def close(self, kill: bool = False) -> None:
        """End the worker; a job that it runs is lost only with ``kill``."""
        if self._pipe is not None:
            self._pipe.close()
        if self._worker is not None:
            if kill:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._worker.pid, signal.SIGKILL)
            self._worker.wait()
        self._pipe = self._worker = None

    def _open(self) -> None:
        self._pipe, theirs = Pipe()
        nowhere = None if self._verbose else subprocess.DEVNULL
        arguments = [theirs.fileno(), os.getpid(), *self._cores]
        self._worker = subprocess.Popen(
            [sys.executable, "-m", "cldnn_lab.launch.launchers.worker", *map(str, arguments)],
            env={**os.environ, **self._environment},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=nowhere,
            stderr=nowhere,
            # The terminal's Ctrl-C is for the sweep, which passes it on once, to this worker and what it started.
            start_new_session=True,
        )
        theirs.close()
