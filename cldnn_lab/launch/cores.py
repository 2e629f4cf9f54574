"""Processor cores for this process that no other run has taken.

Backends start as many threads as the cores that the process may run on, so ``threads`` is a matter of choosing cores;
two runs that both chose the first one would halve each other. A core is taken by locking a file, which the kernel
unlocks when the process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from cldnn_lab.storage.lock import LockUnsupported, lock_file

AVAILABLE: frozenset[int] = frozenset(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ())
_taken: dict[int, int] = {}  # core to the descriptor of its locked file


def count_cores() -> int:
    """How many cores this process may run on."""
    return len(AVAILABLE) or os.cpu_count() or 1


def limit_cores(count: int | None) -> None:
    """Run this thread, and those that it starts from now on, on ``count`` cores; on all that there are for None.

    Cores that no other run of this user has taken come first; where there are too few, the rest is drawn by chance.
    """
    if not AVAILABLE:
        return
    while _taken:
        os.close(_taken.popitem()[1])
    if count is None:
        os.sched_setaffinity(0, AVAILABLE)
        return
    if folder := _find_folder():
        for core in sorted(AVAILABLE):
            if len(_taken) < count and (descriptor := _lock(folder / f"core-{core}")) is not None:
                _taken[core] = descriptor
    others = sorted(AVAILABLE - _taken.keys())
    os.sched_setaffinity(0, [*_taken, *random.Random(os.getpid()).sample(others, count - len(_taken))])


def divide_cores(count: int) -> list[list[int]]:
    """The cores of each of ``count`` processes that are to compute side by side: equally many each, no core twice.

    Cores that no run has taken come first. Where the system cannot limit a process to cores, the lists are empty.
    """
    folder = _find_folder()
    ordered = sorted(AVAILABLE, key=lambda core: (folder is not None and not _is_free(folder / f"core-{core}"), core))
    share = len(ordered) // count
    return [ordered[number * share : (number + 1) * share] for number in range(count)]


def confine(cores: Collection[int]) -> None:
    """Make ``cores`` all that there are to this process, and take them; nothing if there are none."""
    global AVAILABLE
    if cores:
        AVAILABLE = frozenset(cores)
        limit_cores(len(AVAILABLE))


@contextlib.contextmanager
def use_all_cores() -> Iterator[None]:
    """A process started inside may run on every core; this one keeps those that it has taken."""
    if not AVAILABLE:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, AVAILABLE)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _find_folder() -> Path | None:
    """This user's folder of locks; None where there can be none that is theirs alone."""
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"cldnn_lab-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        owner = folder.lstat().st_uid  # of a link that somebody else laid there, too
    except OSError:
        return None
    return folder if owner == os.getuid() else None


def _is_free(path: Path) -> bool:
    descriptor = _lock(path)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is not None


def _lock(path: Path) -> int | None:
    """The descriptor of ``path``, locked; None if another process has it or it cannot be locked."""
    try:
        return lock_file(path)
    except (OSError, LockUnsupported):
        return None
