"""Libraries that talk when they start."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def silence_backends() -> Iterator[None]:
    """Keep TensorFlow's start-up chatter, which its C++ side writes past Python and which says nothing that a
    user can act on, from standard error. Python's own exceptions come through."""
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
