"""What a run says, on the screen and in its train.log, where Hydra has not set logging up."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def write_log(folder: Path, name: str) -> Iterator[None]:
    """Log what this package says to the screen and to the file ``name`` in ``folder``, as the command line does; other
    loggers and their handlers are left alone."""
    logger = logging.getLogger("cldnn_lab")
    before = logger.level, logger.propagate
    console, file = logging.StreamHandler(sys.stdout), logging.FileHandler(folder / name, encoding="utf-8")
    console.setFormatter(logging.Formatter("%(message)s"))
    file.setFormatter(logging.Formatter("[%(asctime)s][%(name)s][%(levelname)s] - %(message)s"))
    for handler in (console, file):
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.level, logger.propagate = before
        for handler in (console, file):
            logger.removeHandler(handler)
            handler.flush()
        file.close()
