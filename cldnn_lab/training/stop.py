"""Ctrl-C that is never lost, and loses nothing.

Python's own handler raises wherever the interpreter happens to be: in a destructor, where the exception is dropped, or
between a call of the engine and what keeps its result. Training instead notes the wish and looks at it between two
calls; what comes after training is ended at once, but for the writing of what is known.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """A context in which Ctrl-C (or a batch system's SIGTERM), however often, sets :attr:`made` and nothing more."""

    def __init__(self) -> None:
        self.made = False
        self._raises = False

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

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """What is inside ends as soon as the request is made, and what follows goes on."""
        self._raises = True
        try:
            yield
        except KeyboardInterrupt:
            self.made = True
        finally:
            self._raises = False

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.made = True
        if self._raises:
            self._raises = False
            raise KeyboardInterrupt
