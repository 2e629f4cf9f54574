"""How long jobs will take, from the first steps of one job of each setting."""

from __future__ import annotations

import math
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.launch import cores, gpus
from cldnn_lab.runs.directory import Run
from cldnn_lab.runs.sweep import Sweep

# What each setting is trained for to know its pace.
SECONDS = 3.0


@dataclass(frozen=True)
class Pace:
    """What a job takes.

    Attributes:
        compiling: seconds until the first batch is trained, once for each process that runs the setting.
        training: seconds of all its steps and evaluations.
        around: seconds of the rest: data, network, test, files.
    """

    compiling: float
    training: float
    around: float


def estimate_seconds(settings: Mapping[tuple[str, ...], int], launcher: str) -> float:
    """Wall-clock seconds of a sweep, measured on the first steps of each of its settings.

    Args:
        settings: how many jobs of each, by their overrides without the seed.
        launcher: that the sweep will have, an option of conf/launcher; the first steps have it too.

    Raises:
        ConfigError: if the first steps of a setting fail, with its overrides and the reason.
        KeyboardInterrupt: if the user stopped it.
    """
    side_by_side = _count_side_by_side(launcher)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        runs = _run_first_steps(list(settings), launcher, Path(folder))
        probing = time.perf_counter() - began
        paces = [_read_pace(run) for run in runs]
        spent = sum(float(run.metrics["seconds"]) for run in runs) / side_by_side
    # What data, network and files take differs less between settings than between the first job of a process and the
    # next ones.
    around = statistics.median(pace.around for pace in paces)
    longest = max(pace.compiling + pace.training + around for pace in paces)
    total = sum(
        min(count, side_by_side) * pace.compiling + count * (pace.training + around)
        for pace, count in zip(paces, settings.values(), strict=True)
    )
    starting = max(0.0, probing - spent)  # of processes, which the sweep has to start as well
    return starting + max(longest, total / side_by_side)


def _count_side_by_side(launcher: str) -> int:
    """Jobs at a time on this machine; elsewhere it is not known how many there will be."""
    count = len(cores.AVAILABLE) or 1
    return (min(len(gpus.list_gpus()), count) or count) if launcher == "joblib" else 1


def _run_first_steps(settings: Sequence[Sequence[str]], launcher: str, folder: Path) -> list[Run]:
    """A run of each setting, as a sweep that trains for :data:`SECONDS`."""
    listed, sweep = folder / "jobs.txt", folder / "sweep"
    listed.write_text("".join(f"{shlex.join([*one, 'seed=1'])}\n" for one in settings), encoding="utf-8")
    command = [sys.executable, "-m", "cldnn_lab.train", "-m", "sweeper=listed", f"hydra.sweeper.jobs={listed}"]
    command += [f"launcher={launcher}", f"hydra.sweep.dir={sweep}", f"max_seconds={SECONDS}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode in (130, -2):
        raise KeyboardInterrupt
    jobs = Sweep(sweep).jobs if sweep.is_dir() else []
    if len(jobs) != len(settings):
        said = done.stderr.strip().splitlines() or ["no reason was given"]
        raise ConfigError(f"the time cannot be estimated: {said[-1].removeprefix('error: ')}")
    runs = [Run(sweep / job.folder) for job in jobs]
    for run, one in zip(runs, settings, strict=True):
        state = run.state
        if state is None or state.state not in ("completed", "diverged"):
            reason = (state and state.reason) or "it left no state."
            raise ConfigError(f"the first steps of {' '.join(one)} failed: {reason}")
    return runs


def _read_pace(run: Run) -> Pace:
    metrics, state = run.metrics, run.state
    assert state is not None and state.steps is not None
    trained, batch = metrics["steps"], metrics["batch_size"]
    rate = metrics.get("samples_per_second") or trained * batch / metrics["train_seconds"]
    between = run.config.validate_every or round(trained / metrics["epochs"])
    # The test set is timed; the set that validates may have another size.
    seconds = float(metrics.get("test_seconds") or 0) / max(1, metrics["test_examples"])
    evaluation = seconds * metrics["validation_examples"]
    spent = metrics["first_step_seconds"] + metrics["train_seconds"] + math.ceil(trained / between) * evaluation
    return Pace(
        compiling=float(metrics["first_step_seconds"]),
        training=state.steps * batch / rate + math.ceil(state.steps / between) * evaluation,
        around=max(0.0, metrics["seconds"] - spent),
    )
