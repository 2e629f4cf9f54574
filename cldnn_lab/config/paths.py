"""Paths as a user writes them."""

from __future__ import annotations

import os


def make_absolute(path: str) -> str:
    """The path from the root of the file system, ``~`` and ``..`` followed."""
    return os.path.abspath(os.path.expanduser(path))
