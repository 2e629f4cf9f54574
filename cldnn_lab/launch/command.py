"""Listed jobs as a sweep in a process of its own."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO


def make_sweep_command(jobs: Sequence[Sequence[str]], folder: Path, launcher: str) -> list[str]:
    """Write the file of the jobs, beside the sweep's directory, and give the command that runs them.

    Args:
        jobs: the overrides of each.
        folder: the sweep's directory.
        launcher: an option of conf/launcher.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listed = folder.with_name(f"{folder.name}-jobs.txt")
    listed.write_text("".join(f"{shlex.join(job)}\n" for job in jobs), encoding="utf-8")
    command = [sys.executable, "-m", "cldnn_lab.train", "-m", "sweeper=listed", f"hydra.sweeper.jobs={listed}"]
    return [*command, f"launcher={launcher}", f"hydra.sweep.dir={folder}"]


def run_sweep(command: Sequence[str], said: IO[str] | None = None) -> int:
    """Run a command of :func:`make_sweep_command` to its end; its exit status.

    Args:
        said: takes all that it says; None for the terminal.

    Raises:
        KeyboardInterrupt: if the user stopped it, once it has written what there is: Ctrl-C reaches it, too.
    """
    process = subprocess.Popen(command, stdout=said, stderr=said)
    while True:
        try:
            status = process.wait()
            break
        except KeyboardInterrupt:
            continue
    if status in (130, -2):
        raise KeyboardInterrupt
    return status
