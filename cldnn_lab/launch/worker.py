"""A run in a process of its own: ``python -m cldnn_lab.launch.worker <run directory> <module>:<function>``.

One process can hold one Keras backend. A job that wants another is run here, by the function that its parent would have
called, on the config that is already in its directory. Its results and its state are those it would have had.
"""

from __future__ import annotations

import logging
import pkgutil
import signal
import sys

from cldnn_lab import runs
from cldnn_lab.launch.job import LOG, attempt
from cldnn_lab.launch.logs import write_log
from cldnn_lab.launch.orphan import end_with_parent
from cldnn_lab.launch.preflight import check_config


def main() -> int:
    """Train in the directory named on the command line."""
    # The process that started this one ignores Ctrl-C while it waits, and a child inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    end_with_parent()
    run, train = runs.open(sys.argv[1]), pkgutil.resolve_name(sys.argv[2])
    for name, level in (("jax", logging.WARNING), ("tensorflow", logging.ERROR)):
        logging.getLogger(name).setLevel(level)
    try:
        with write_log(run.folder, LOG):
            attempt(train, check_config(run.config, run.choices), run)
    except KeyboardInterrupt:
        return 130
    state = run.state
    return 1 if state is None else state.exit_status


if __name__ == "__main__":
    sys.exit(main())
