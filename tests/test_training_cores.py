"""The cores that a run with ``threads`` computes on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
pytestmark = pytest.mark.skipif(len(CORES) < 2, reason="takes two cores whose use a process may choose")
BIND = """
import os, sys
from cldnn_lab.launch import backend
backend.bind("jax", int(sys.argv[1]))
print(*sorted(os.sched_getaffinity(0)), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], list[int]]]]:
    """Start a process that computes with so many threads; it and its cores."""
    running = []

    def start(threads: int, runtime: Path = tmp_path) -> tuple[subprocess.Popen[str], list[int]]:
        process = subprocess.Popen(
            [sys.executable, "-c", BIND, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
        )
        running.append(process)
        assert process.stdout is not None
        return process, [int(core) for core in process.stdout.readline().split()]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_runs_side_by_side_compute_on_cores_of_their_own(started) -> None:
    (_, first), (_, second) = started(1), started(1)
    assert len(first) == len(second) == 1 and first != second


def test_a_core_is_free_again_when_its_run_is_killed(started) -> None:
    process, first = started(1)
    process.kill()
    process.wait()
    assert started(1)[1] == first


def test_more_threads_than_free_cores_share(started) -> None:
    started(1)
    assert started(len(CORES))[1] == CORES
    assert len(started(1)[1]) == 1


def test_where_nothing_can_be_locked_a_run_is_limited_all_the_same(started, tmp_path: Path) -> None:
    (tmp_path / f"cldnn_lab-{os.getuid()}").write_text("no folder")
    assert len(started(1)[1]) == 1
    assert len(started(1, tmp_path / "nowhere")[1]) == 1
