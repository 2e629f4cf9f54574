"""A worker of a sweep: ``python -m cldnn_lab.launch.launchers.worker <descriptor> <parent> [core ...]``.

It runs one job after the other, as they come through the pipe ``descriptor``, and sends back what became of each. It
stays warm between them: Keras is imported once. It ends with the process that started it.
"""

from __future__ import annotations

import logging
import os
import sys
from multiprocessing.connection import Connection

from cldnn_lab.launch import cores
from cldnn_lab.launch.orphan import end_with_parent


def main() -> None:
    """Run jobs until there are no more."""
    descriptor, parent, *own = (int(argument) for argument in sys.argv[1:])
    end_with_parent(parent)
    cores.confine(own)
    from cldnn_lab.launch.launchers.base import perform

    jobs = Connection(descriptor)
    try:
        while True:
            jobs.send(perform(*jobs.recv()))
    except (EOFError, ConnectionError, KeyboardInterrupt):
        pass  # there are no more jobs, or nobody waits for the result
    logging.shutdown()
    os._exit(0)  # without the seconds that libraries take to clean up what ends with the process anyway


if __name__ == "__main__":
    main()
