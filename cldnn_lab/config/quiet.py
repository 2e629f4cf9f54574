"""What reaches the user's screen: not what libraries print at their start, nor the lines of a quiet sweep's jobs."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def silence_backends() -> Iterator[None]:
    """Keep what TensorFlow writes at its start from standard error: it passes Python's logging and says nothing that a
    user can act on. Python's own exceptions come through."""
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # standard error is no file, as under some notebooks
        yield
        return
    sys.stderr.flush()
    kept = os.dup(descriptor)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), descriptor)
    try:
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)


def shows_lines() -> bool:
    """Whether what this package logs is shown on the screen: the jobs of a sweep log to their files alone."""
    logger: logging.Logger | None = logging.getLogger("cldnn_lab")
    while logger is not None:
        if any(type(handler) is logging.StreamHandler for handler in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False
