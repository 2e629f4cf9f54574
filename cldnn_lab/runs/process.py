"""Which process works in a run directory, and whether it still does."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process, told apart from later ones that get its number.

    Attributes:
        pid: its number on ``host``.
        host: the machine's name in the network.
        started: the boot of the machine and the clock ticks from then to the start of the process; None where the
            operating system does not say.
    """

    pid: int
    host: str
    started: str | None = None

    @property
    def is_running(self) -> bool | None:
        """Whether it still runs; None for a process on another machine, which cannot be told from here."""
        if self.host != platform.node():
            return None
        if self.started is not None:
            return _find_start(self.pid) == self.started
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True  # somebody else's
        return True

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def identify_process() -> Process:
    """This process."""
    return Process(os.getpid(), platform.node(), _find_start(os.getpid()))


def _find_start(pid: int) -> str | None:
    """When a process started, by Linux's /proc; None if it has ended, or without /proc."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field is the program's name in parentheses, which may hold spaces: fields are counted behind it.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{boot}/{fields[19]}"
