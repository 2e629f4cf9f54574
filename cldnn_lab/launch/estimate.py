"""How long a sweep will take, measured on the first steps of its own jobs.

A job of each setting is run for its first seconds as the sweep will run it, by the same launcher, side by side with
others, which slow each other down. Before them every process runs one that ends at once, so that what a process does
once (to import TensorFlow takes as long as to train a small network) is not taken for a part of every run.
"""

from __future__ import annotations

import heapq
import math
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.launch import gpus
from cldnn_lab.launch.command import make_sweep_command, run_sweep
from cldnn_lab.launch.extrapolate import extrapolate, find_process, find_saving, find_span, measure_turnarounds
from cldnn_lab.launch.launchers.joblib import count_slots
from cldnn_lab.runs.directory import HISTORY, Run

# Of training, for each setting; what ends at once takes no longer than a batch.
_SECONDS, _AT_ONCE = 3.0, 1e-3


@dataclass(frozen=True)
class Duration:
    """How long the runs of one setting take.

    Attributes:
        first: seconds of the first in a process, which compiles what the others may use again.
        later: seconds of each other.
        count: how many runs there are.
    """

    first: float
    later: float
    count: int


def estimate_seconds(settings: Mapping[tuple[str, ...], int], launcher: str) -> float:
    """Wall-clock seconds of a sweep, measured on the first steps of each of its settings.

    Args:
        settings: how many jobs of each, by their overrides without the seed, in the order in which they will run.
        launcher: that the sweep will have, an option of conf/launcher; the first steps have it too.

    Raises:
        ConfigError: if the first steps of a setting fail, with its overrides and the reason.
        KeyboardInterrupt: if the user stopped it.
    """
    jobs, slots = list(settings), _count_slots(launcher)
    warm = [[*jobs[0], f"seed={seed}", f"max_seconds={_AT_ONCE}"] for seed in range(1, slots + 1)]
    repeats = math.ceil(slots / len(jobs))  # so that few settings are side by side, too
    probes = [[*job, f"seed={seed}", f"max_seconds={_SECONDS}"] for seed in range(1, repeats + 1) for job in jobs]
    with tempfile.TemporaryDirectory(prefix="cldnn_lab-", ignore_cleanup_errors=True) as folder:
        began = time.time()
        runs = _run([*warm, *probes], Path(folder) / "sweep", launcher)
        spans = [find_span(run) for run in runs]
        around = time.time() - began - (max(end for _, end in spans) - min(start for start, _ in spans))
        if launcher not in ("serial", "joblib"):
            slots = max(sum(start <= at < end for start, end in spans) for at, _ in spans)
        durations, startup = _measure(runs, len(warm), list(settings.values()))
    return around + fill_processes(durations, slots, startup)


def _run(jobs: Sequence[Sequence[str]], folder: Path, launcher: str) -> list[Run]:
    """The runs of a sweep of these jobs, all of them ended."""
    command = [*make_sweep_command(jobs, folder, launcher), "logger=none"]
    with tempfile.TemporaryFile("w+", dir=folder.parent, encoding="utf-8") as file:
        run_sweep(command, file)
        file.seek(0)
        said = file.read().strip().splitlines() or ["it ended early."]
    runs = [Run(folder / str(number)) for number in range(len(jobs))]
    for job, run in zip(jobs, runs, strict=True):
        state = run.state if run.folder.is_dir() else None
        if state is None:
            raise ConfigError(f"the time cannot be estimated: {said[-1].removeprefix('error: ')}")
        if state.state not in ("completed", "diverged"):
            raise ConfigError(f"the first steps of {' '.join(job[:-2])} failed: {state.reason or 'it left no reason.'}")
    return runs


def _measure(runs: Sequence[Run], warm: int, counts: Sequence[int]) -> tuple[list[Duration], float]:
    """How long the runs of each setting take, and the start of a process.

    Args:
        runs: that ended at once, and behind them those of each setting, maybe several times.
        warm: how many the former are.
        counts: how many runs of each setting there will be.
    """
    turnarounds = measure_turnarounds(runs)
    fresh = [find_process(run) not in {find_process(one) for one in runs[:number]} for number, run in enumerate(runs)]
    durations = []
    for setting, count in enumerate(counts):
        numbers = range(warm + setting, len(runs), len(counts))
        known = [number for number in numbers if not fresh[number]] or list(numbers)
        first = statistics.mean(turnarounds[one] + extrapolate(runs[one], _SECONDS) for one in known)
        # A process that runs one job alone, as those of a cluster do, has nothing to use again.
        saved = 0.0 if fresh[known[0]] else statistics.mean(find_saving(runs[one]) for one in known)
        durations.append(Duration(first, first - saved, count))
    if all(fresh):
        return durations, 0.0
    outside = [turnaround - _sum_history(run) for turnaround, run in zip(turnarounds, runs, strict=True)]
    return durations, max(0.0, max(outside[:warm]) - min(outside[warm :: len(counts)]))


def _sum_history(run: Run) -> float:
    """Seconds in which a run trained and evaluated."""
    return float(run.history["seconds"].sum()) if (run.folder / HISTORY).is_file() else 0.0


def _count_slots(launcher: str) -> int:
    """How many runs a launcher has at a time; 1 where that is not known beforehand."""
    return count_slots(gpus.list_gpus()) if launcher == "joblib" else 1


def fill_processes(settings: Sequence[Duration], processes: int, begin: float) -> float:
    """Seconds until the last run ends, where each goes to the process that is free first.

    Args:
        settings: one after the other, the runs of each as well.
        processes: that work side by side.
        begin: seconds until they are ready.
    """
    free = [(begin, number) for number in range(processes)]
    last = begin
    for setting in settings:
        used: set[int] = set()
        for _ in range(setting.count):
            at, number = heapq.heappop(free)
            at += setting.later if number in used else setting.first
            used.add(number)
            last = max(last, at)
            heapq.heappush(free, (at, number))
    return last
