"""A process that works for another one ends with it."""

from __future__ import annotations

import os
import threading
import time

_SECONDS = 0.2  # between two looks


def end_with_parent(parent: int | None = None) -> None:
    """End this process as ``kill -9`` would, soon after the one that started it has ended, however that ended.

    What it works on is then free for a command that takes the work up again, from the last checkpoint.

    Args:
        parent: number of the process that started it; None: as the system says now.
    """
    started_by = os.getppid() if parent is None else parent

    def watch() -> None:
        while os.getppid() == started_by:
            time.sleep(_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="end_with_parent", daemon=True).start()
