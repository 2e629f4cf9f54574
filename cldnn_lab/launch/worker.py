"""A run in a process of its own: ``python -m cldnn_lab.launch.worker <run directory>``.

One process can hold one Keras backend. A run of a sweep that wants another is started here, from the config that
Hydra already wrote into its directory; its results and its exit status are those it would have had.
"""

from __future__ import annotations

import logging
import signal
import sys

from cldnn_lab import runs
from cldnn_lab.launch.preflight import check_config
from cldnn_lab.train import attempt


def main() -> int:
    """Train in the directory named on the command line."""
    # The process that started this one ignores Ctrl-C while it waits, and a child inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run = runs.open(sys.argv[1])
    console, file = logging.StreamHandler(sys.stdout), logging.FileHandler(run.folder / "train.log")
    file.setFormatter(logging.Formatter("[%(asctime)s][%(name)s][%(levelname)s] - %(message)s"))
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[console, file])
    for name, level in (("jax", logging.WARNING), ("tensorflow", logging.ERROR)):
        logging.getLogger(name).setLevel(level)
    try:
        return attempt(check_config(run.config, run.choices), run)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
