"""Two processes never work in one directory: whoever works there holds the directory's lock.

The lock is a locked file, which names the process. Where a file system cannot lock files, the name alone decides: the
directory is free once that process has ended.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from pathlib import Path

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.runs.process import Process, identify_process
from cldnn_lab.storage.lock import LockUnsupported, lock_file

LOCK = ".cldnn_lab.lock"
_held: dict[Path, int | None] = {}  # the directories of this process; None where the file could not be locked


def hold(folder: Path) -> None:
    """Hold ``folder`` until :func:`release`, or the end of this process and of those that it passed the lock on to.

    Raises:
        ConfigError: naming the process, if another one works in the directory.
    """
    key = folder.resolve()
    if key in _held:
        return
    path = key / LOCK
    try:
        descriptor = lock_file(path)
        if descriptor is None:
            raise _in_use(folder, _read(path))
    except LockUnsupported:
        descriptor, holder = None, _read(path)
        if holder is not None and holder.is_running is not False:
            raise _in_use(folder, holder) from None
    path.write_text(json.dumps(dataclasses.asdict(identify_process())) + "\n", encoding="utf-8")
    _held[key] = descriptor


def is_held(folder: Path) -> bool:
    """Whether this process holds ``folder``."""
    return folder.resolve() in _held


def check_free(folder: Path) -> None:
    """See that no other process works in ``folder``, which need not exist.

    Raises:
        ConfigError: naming the process.
    """
    key = folder.resolve()
    if key not in _held and (key / LOCK).exists():
        hold(folder)
        release(folder)


def release(folder: Path) -> None:
    """Let others work in ``folder``; nothing if it is not held."""
    key = folder.resolve()
    if key not in _held:
        return
    descriptor = _held.pop(key)
    (key / LOCK).unlink(missing_ok=True)
    if descriptor is not None:
        os.close(descriptor)


def release_all() -> None:
    """Let others work wherever this process did."""
    for folder in list(_held):
        with contextlib.suppress(OSError):
            release(folder)


def get_descriptors(folder: Path) -> tuple[int, ...]:
    """What a new process must inherit to hold ``folder`` too."""
    descriptor = _held.get(folder.resolve())
    return () if descriptor is None else (descriptor,)


def _read(path: Path) -> Process | None:
    try:
        return Process(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _in_use(folder: Path, holder: Process | None) -> ConfigError:
    who = "another process" if holder is None else str(holder)
    hint = f"if that process has ended, remove {folder / LOCK}" if holder and holder.is_running is None else None
    return ConfigError(
        f"{folder} is in use: {who} works there; wait for it, or choose another folder{f' ({hint})' if hint else ''}."
    )
