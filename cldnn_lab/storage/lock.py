"""A file that one process at a time may lock; the kernel unlocks it when the process ends, however it ends."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_UNSUPPORTED = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP}


class LockUnsupported(Exception):
    """The operating system or the file system cannot lock files."""


def lock_file(path: Path) -> int | None:
    """Create ``path`` if it is missing, and lock it; None if another process has locked it.

    Returns:
        A descriptor: the file is locked until every process that has it closes it.

    Raises:
        LockUnsupported: where files cannot be locked.
        OSError: if the file cannot be opened.
    """
    try:
        import fcntl
    except ModuleNotFoundError as error:  # Windows
        raise LockUnsupported(str(error)) from error
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_same_file(descriptor, path):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError as error:
            os.close(descriptor)
            if error.errno in _UNSUPPORTED:
                raise LockUnsupported(str(error)) from error
            raise
        os.close(descriptor)  # its last owner removed it between the two calls


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
