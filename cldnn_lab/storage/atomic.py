"""Files that are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from glob import escape
from pathlib import Path
from uuid import uuid4


def write(path: Path, fill: Callable[[Path], object]) -> Path:
    """Let ``fill`` write a file beside ``path``, then rename it to ``path``.

    A program that is killed, a full disk or a power loss leaves the file that was there before, or the new one. What
    was half written is removed; only a program that is killed leaves it, under a name that :func:`list_partial` finds.

    Args:
        path: the file to write, in a folder that exists.
        fill: writes the file whose path it is given; that has the suffix of ``path``, which some writers go by.

    Raises:
        OSError: where the file cannot be written; besides, whatever ``fill`` raises.
    """
    beside = path.with_name(f".partial-{uuid4().hex[:8]}-{path.name}")
    try:
        fill(beside)
        # A rename can reach the disk before what is in the file does.
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        with contextlib.suppress(OSError):  # what went wrong before says more
            beside.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return path


def list_partial(path: Path) -> Iterator[Path]:
    """What programs that were killed left of ``path``."""
    return path.parent.glob(f".partial-*-{escape(path.name)}")


def _sync_folder(folder: Path) -> None:
    """Have the names in ``folder`` reach the disk, where the system can be asked to."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems cannot
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
