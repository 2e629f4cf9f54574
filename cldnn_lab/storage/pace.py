"""How often a file may be written that takes its time."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator

# What is written now and then takes no more than this share of the time.
_SHARE = 0.01


class Pace:
    """Every so many seconds, and in at most 1 % of the time, however long one takes.

    Args:
        seconds: between the end of one and the next, at least; 0 for always, None for never.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._due = math.inf
        self.restart()

    def restart(self) -> None:
        """Count from now."""
        if self.seconds is not None:
            self._due = time.monotonic() + self.seconds

    def is_due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() >= self._due

    @contextlib.contextmanager
    def measure(self) -> Iterator[None]:
        """Do it inside; how long that takes says when the next is due."""
        began = time.monotonic()
        yield
        now = time.monotonic()
        if self.seconds is not None:
            self._due = now + (max(self.seconds, (now - began) / _SHARE) if self.seconds else 0)
