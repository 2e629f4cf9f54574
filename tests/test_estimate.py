"""How long a sweep will take, from runs of its first steps."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.launch import estimate
from cldnn_lab.launch.estimate import Duration, fill_processes
from cldnn_lab.launch.extrapolate import extrapolate, find_saving
from cldnn_lab.runs.directory import Run

BEGAN = 1_800_000_000.0


def write_run(
    folder: Path, *, at: float = 0.0, seconds: float = 10.0, process: int = 1, diagnostics: str = "null", **metrics: Any
) -> Run:
    """What is left by a run of 1,000 steps, 100 an epoch of 0.02 s a step, that ended after the second evaluation."""
    (folder / ".hydra").mkdir(parents=True)
    started = datetime.fromtimestamp(BEGAN + at, UTC).isoformat()
    state = {
        "state": "completed",
        "process": {"pid": process, "host": "here", "started": None},
        "config_fingerprint": "one",
        "started": started,
        "updated": started,
        "steps": 1000,
    }
    (folder / "run.json").write_text(json.dumps(state))
    known = {
        "steps": 150, "epochs": 1.5, "batch_size": 10, "samples_per_second": 500, "validation_examples": 150,
        "train_seconds": 4.0, "first_step_seconds": 1.0, "stopped_early": True,
    }  # fmt: skip
    (folder / "metrics.json").write_text(json.dumps(known | metrics))
    (folder / "history.csv").write_text("epoch,step,seconds\n1,100,4.0\n1.5,150,1.1\n")
    (folder / ".hydra" / "config.yaml").write_text(f"validate_every: null\ndiagnostics: {diagnostics}\n")
    for path in folder.rglob("*"):
        os.utime(path, (BEGAN + at + seconds, BEGAN + at + seconds))
    return Run(folder)


def test_what_a_run_had_still_to_do_is_its_steps_and_its_evaluations(tmp_path: Path) -> None:
    # 850 steps, and 8 evaluations of 15 batches that take a third of a training step each.
    assert extrapolate(write_run(tmp_path / "cut"), 3.0) == pytest.approx(850 * 0.02 + 8 * 15 * 0.02 / 3)
    assert extrapolate(write_run(tmp_path / "whole", stopped_early=False), 3.0) == 0
    # A callback ended it, as it will end the whole run.
    assert extrapolate(write_run(tmp_path / "callback"), 60.0) == 0


def test_evaluations_between_which_there_was_time_are_measured(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", steps=450, epochs=4.5)
    rows = "".join(f"{epoch},{100 * epoch},{seconds}\n" for epoch, seconds in ((1, 9), (2, 2.5), (3, 2.5), (4, 2.5)))
    (run.folder / "history.csv").write_text(f"epoch,step,seconds\n{rows}4.5,450,1\n")
    assert extrapolate(run, 3.0) == pytest.approx(550 * 0.02 + 5 * 0.5)


def test_compiled_networks_are_used_again_unless_diagnostics_call_them(tmp_path: Path) -> None:
    assert find_saving(write_run(tmp_path / "plain")) == 1.0
    assert find_saving(write_run(tmp_path / "traced", diagnostics="[hidden_traces]")) == 0.0


def test_runs_go_to_the_process_that_is_free_first() -> None:
    assert fill_processes([Duration(5, 3, 4)], 1, 2.0) == 2 + 5 + 3 * 3
    assert fill_processes([Duration(5, 3, 4)], 2, 0.0) == 5 + 3
    assert fill_processes([Duration(1, 1, 1), Duration(10, 10, 1)], 2, 0.0) == 10
    assert fill_processes([Duration(1, 1, 2), Duration(10, 8, 3)], 2, 0.0) == 1 + 10 + 8


def test_what_a_process_does_once_is_not_a_part_of_every_run(tmp_path: Path) -> None:
    # 15 s beside training in the first run of the process, 5 s in the next one, which ends with the last file.
    first = write_run(tmp_path / "0", at=0, seconds=20.1)
    probe = write_run(tmp_path / "1", at=20.1, seconds=10.1)
    durations, startup = estimate._measure([first, probe], 1, [6])
    rest = extrapolate(probe, 3.0)
    assert startup == pytest.approx(10, abs=0.01)
    assert durations[0].first == pytest.approx(10.1 + rest, abs=0.01)
    assert durations[0].later == pytest.approx(9.1 + rest, abs=0.01)


def test_jobs_that_each_have_their_process_start_it_each(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / str(number), seconds=20.1, process=number) for number in range(2)]
    durations, startup = estimate._measure(runs, 1, [6])
    assert startup == 0 and durations[0].later == durations[0].first > 20


def test_a_sweep_that_is_refused_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"the time cannot be estimated: .*line 1: .*epochs"):
        estimate.estimate_seconds({("epochs=none",): 3}, "serial")
