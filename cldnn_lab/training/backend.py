"""The library Keras computes with, its precision and its reproducibility: set once a process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cldnn_lab.errors import Mistake
from cldnn_lab.training import policy


def loaded() -> str | None:
    """The backend that this process is bound to, or None while Keras is not imported."""
    keras = sys.modules.get("keras")
    return str(keras.backend.backend()) if keras is not None else None


def bind(backend: str) -> None:
    """Decide what Keras will compute with whenever it is first imported in this process."""
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def load(backend: str) -> Any:
    """Import Keras on ``backend``.

    Raises:
        Mistake: where the backend is not installed.
    """
    bind(backend)
    try:
        with quiet():
            import keras
    except ModuleNotFoundError as error:
        extra = "" if backend == "tensorflow" else f" (pip install 'cldnn-lab[{backend}]')"
        raise Mistake(f"backend: {backend} is not installed{extra}.") from error
    return keras


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep TensorFlow's start-up chatter, which its C++ side writes past Python and which says nothing that a
    user can act on, from standard error. Python's own exceptions come through."""
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # standard error is no file, as under some notebooks
        yield
        return
    sys.stderr.flush()
    kept = os.dup(descriptor)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), descriptor)
    try:
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)


def start(backend: str, precision: str, seed: int, model: Mapping[str, Any]) -> str:
    """Make Keras ready for one run: what earlier runs of the process left is forgotten, the precision set and
    every source of randomness seeded.

    Args:
        precision: float32, mixed_bfloat16 or auto.
        model: the model's config, which ``auto`` looks at.

    Returns:
        The Keras dtype policy chosen.
    """
    keras = load(backend)
    keras.backend.clear_session(free_memory=True)
    if keras.backend.backend() == "tensorflow":
        from cldnn_lab.training.engine_tensorflow import forget_graphs

        forget_graphs()
    chosen = policy.precision(precision, model, device())
    keras.config.set_dtype_policy(chosen)
    with quiet():  # seeding imports TensorFlow, whatever the backend
        keras.utils.set_random_seed(seed)
    return chosen


def run_apart(folder: Path) -> int:
    """Train what ``folder``'s config says in a new process; its exit status.

    Raises:
        KeyboardInterrupt: if the user stopped it.
    """
    # Ctrl-C reaches both processes; the one that trains writes what it has, so this one waits for it.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        status = subprocess.run([sys.executable, "-m", "cldnn_lab.worker", str(folder)], check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)
    if status == 130:
        raise KeyboardInterrupt
    return status


def device() -> str:
    """What computes, in words: ``CPU, 2 threads`` or the accelerators' names."""
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        found = [d.device_kind for d in jax.devices() if d.platform != "cpu"]
    elif backend == "torch":
        import torch

        found = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    else:
        found = [name for name in keras.distribution.list_devices() if "cpu" not in name.lower()]
    if found:
        return ", ".join(found)
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"CPU, {threads} threads"
