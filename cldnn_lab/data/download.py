"""Data sets that Keras downloads."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import Any
from urllib.error import HTTPError, URLError

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.config.quiet import silence_backends


def download(collection: str, instead: str) -> Any:
    """What ``keras.datasets.<collection>.load_data()`` returns.

    Args:
        instead: the way out where it cannot be had: which files to put where.

    Raises:
        ConfigError: saying what hindered it.
    """
    try:
        with silence_backends(), contextlib.redirect_stdout(_OnceThereIsMore(sys.stdout)):
            import keras

            return getattr(keras.datasets, collection).load_data()
    except Exception as error:
        raise ConfigError(f"{collection}: there are no files, and {_reason(error)}: {instead}.") from error


def _reason(error: BaseException) -> str:
    """Keras raises a plain Exception around what happened."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, HTTPError):
            return f"the server of Keras's download answered {cause.code} {cause.reason}"
        if isinstance(cause, (URLError, ConnectionError, TimeoutError)):
            return f"the network could not be reached for Keras's download ({getattr(cause, 'reason', cause)})"
        cause = cause.__cause__ or cause.__context__
    return f"Keras's download failed ({' '.join(str(error).split()) or type(error).__name__})"


class _OnceThereIsMore(io.TextIOBase):
    """Passes on what is printed, its first piece once a second comes: Keras announces a download before it knows
    whether there can be one."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._held: str | None = None

    def write(self, text: str) -> int:
        if self._held is None:
            self._held = text
        else:
            self._out.write(self._held + text)
            self._held = ""
        return len(text)

    def flush(self) -> None:
        self._out.flush()

    def isatty(self) -> bool:
        return bool(self._out.isatty())
