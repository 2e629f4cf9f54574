"""The library Keras computes with, its precision and its reproducibility: set once per process."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cldnn_lab.config.backend import list_installed
from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.quiet import shows_lines, silence_backends
from cldnn_lab.launch import cores, device
from cldnn_lab.runs.lock import get_descriptors
from cldnn_lab.training import reuse
from cldnn_lab.training.policy import Policy, choose_policy

if TYPE_CHECKING:
    from cldnn_lab.config.schema import Config

_threads: int | None = None  # to which this process was limited when Keras was imported
_frozen = False  # whether garbage collections leave out what was imported


def is_bound_to(backend: str, threads: int | None) -> bool:
    """Whether this process can run on ``backend`` with so many threads: Keras is not imported yet, or just so."""
    keras = sys.modules.get("keras")
    return keras is None or (str(keras.backend.backend()) == backend and threads == _threads)


def check_threads(threads: int | None) -> None:
    """Refuse a number of threads that cannot be had.

    Raises:
        ConfigError: where the system cannot limit them, or has not so many.
    """
    if threads is not None and not cores.AVAILABLE:
        raise ConfigError("threads: this system cannot limit the threads of a process; leave threads=null.")
    if threads is not None and threads > len(cores.AVAILABLE):
        raise ConfigError(f"threads: {threads} are more than the {len(cores.AVAILABLE)} that this process may use.")


def bind(backend: str, threads: int | None = None) -> None:
    """Decide what Keras will compute with whenever it is first imported in this process.

    Args:
        threads: how many processor threads, each on a core that no other run has taken, as far as there are; None for
            all. Backends start as many as the process may run on.
    """
    global _threads
    if threads != _threads:
        cores.limit_cores(threads)
    _threads = threads
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def load(backend: str) -> Any:
    """Import Keras on ``backend``.

    Raises:
        ConfigError: where the backend is not installed.
    """
    bind(backend)
    return _import_keras()


def _import_keras() -> Any:
    backend = os.environ["KERAS_BACKEND"]
    try:
        with silence_backends():
            import keras
    except ModuleNotFoundError as error:
        wanted = "tensorflow" if backend == "tensorflow" else f"'cldnn-lab[{backend}]'"
        others = " or ".join(f"backend={name}" for name in list_installed() if name != backend)
        instead = f"set {others}, or " if others else ""
        raise ConfigError(f"backend: {backend} is not installed: {instead}pip install {wanted}.") from error
    return keras


def start(config: Config, data_bytes: int = 0, data_fingerprint: str | None = None) -> Policy:
    """Make Keras ready for one run: what earlier runs of the process left is forgotten, all but what this one can use,
    the precision set and every source of randomness seeded.

    Args:
        config: of the run; its backend is the one that :func:`bind` was told.
        data_bytes: size of what it trains, validates and tests on.
        data_fingerprint: of that, for a run that may use what the run before it compiled
            (:mod:`cldnn_lab.training.reuse`).

    Returns:
        How the run will be computed.
    """
    global _frozen
    keras = _import_keras()
    reuses = reuse.begin_job(config, data_fingerprint)
    if not reuses:
        keras.backend.clear_session(free_memory=False)
        if keras.backend.backend() == "tensorflow":
            from cldnn_lab.training.engines.tensorflow import forget_graphs

            forget_graphs()
    gc.collect()
    if not _frozen:
        gc.freeze()  # what was imported stays; to look through it again would take 0.2 s of every job
        _frozen = True
    memory = device.get_memory()
    # Half of it is left to the network.
    fits = memory is None or data_bytes <= memory / 2
    chosen = choose_policy(
        config.settings,
        config.backend,
        config.model,
        device.describe_device(),
        fits=fits,
        bfloat16=device.has_bfloat16(),
    )
    keras.config.set_dtype_policy(chosen.precision)
    if reuses and chosen.backend == "tensorflow":
        # To seed TensorFlow, too, would have it optimize every graph anew, for random numbers that Keras draws none of.
        random.seed(config.settings.seed)
        np.random.seed(config.settings.seed)
    else:
        with silence_backends():  # seeding imports TensorFlow, whatever the backend
            keras.utils.set_random_seed(config.settings.seed)
    return chosen


def run_apart(folder: Path, train: Callable[..., Any], log: Path) -> int:
    """Run a job in a new process, on the config that is in its run directory.

    Args:
        folder: the run directory; if this process holds it, so does the new one.
        train: the function that trains, one that can be imported by its name.
        log: the job's own log file, which gets its errors where the lines of jobs are not shown.

    Returns:
        The exit status of the process.

    Raises:
        KeyboardInterrupt: if the user stopped it.
    """
    command = [sys.executable, "-m", "cldnn_lab.launch.worker", str(folder), name_function(train)]
    # Ctrl-C reaches both processes; the one that trains writes what it has, so this one waits for it.
    main_thread = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if main_thread else None
    try:
        # A new process inherits the cores of the thread that starts it.
        with cores.use_all_cores(), _open_streams(log) as streams:
            status = subprocess.run(command, check=False, pass_fds=get_descriptors(folder), **streams).returncode
    finally:
        if main_thread:
            signal.signal(signal.SIGINT, before)
    if status == 130:
        raise KeyboardInterrupt
    return status


@contextlib.contextmanager
def _open_streams(log: Path) -> Iterator[dict[str, Any]]:
    """Where a new process writes: to the screen, or if lines are not shown there, its errors to its log, which has its
    lines already."""
    if shows_lines():
        yield {}
        return
    with log.open("ab") as file:
        yield {"stdout": subprocess.DEVNULL, "stderr": file}


def name_function(function: Callable[..., Any]) -> str:
    """The name to import a function by, as ``module:function``; the module of a program's own is not ``__main__``."""
    spec = sys.modules[function.__module__].__spec__
    return f"{function.__module__ if spec is None else spec.name}:{function.__qualname__}"
