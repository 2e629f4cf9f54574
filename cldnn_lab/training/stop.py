"""Ctrl-C that is never lost.

Python's own handler raises wherever the interpreter happens to be, also in a destructor, where the exception is
dropped. Training instead notes the wish and looks at it between two calls of the engine.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """A context in which Ctrl-C (or a batch system's SIGTERM) sets :attr:`made`; pressed again, it raises."""

    made = False

    def __enter__(self) -> StopRequest:
        # Only the main thread may have signal handlers; elsewhere whoever started the thread stops it.
        if threading.current_thread() is threading.main_thread():
            self._before: dict[int, Any] = {number: signal.signal(number, self._note) for number in _SIGNALS}
        else:
            self._before = {}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.made:
            raise KeyboardInterrupt
        self.made = True
