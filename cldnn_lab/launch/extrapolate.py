"""How long whole runs take, from runs that trained their first steps alone."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cldnn_lab.runs.directory import Run
from cldnn_lab.runs.process import Process

# Of a training step: forwards, without the two products of the way back.
_EVALUATION = 1 / 3


def extrapolate(run: Run, max_seconds: float) -> float:
    """Seconds that the rest of a run would have taken, had it not ended after ``max_seconds``; 0 if it ended otherwise.

    Of the steps all cost what those cost that were trained; of the evaluations, what the spans between two of them took
    beyond their steps, or, where there were too few, what their examples cost forwards.
    """
    state, metrics = run.state, run.metrics
    assert state is not None and state.steps is not None
    steps, per_step = int(metrics["steps"]), _find_seconds_per_step(metrics)
    if state.state != "completed" or not metrics["stopped_early"] or per_step * steps < 0.9 * max_seconds:
        return 0.0
    history, per_epoch = run.history, round(steps / metrics["epochs"])
    every = run.config.get("validate_every") or per_epoch
    spans = [float(seconds) for seconds in history["seconds"][1:-1]]  # the first compiled, the last was cut short
    forwards = metrics["validation_examples"] / metrics["batch_size"] * per_step * _EVALUATION
    per_evaluation = max(statistics.median(spans) - every * per_step, 0.0) if len(spans) > 1 else forwards
    evaluations = -(-state.steps // every) - len(history)
    return (state.steps - steps) * per_step + evaluations * per_evaluation


def find_saving(run: Run) -> float:
    """Seconds that a run saves where the one before it, in the same process, differs in its seed alone: what it
    compiled is used again, unless diagnostics are to call the network's layers."""
    return 0.0 if run.config.get("diagnostics") else float(run.metrics["first_step_seconds"] or 0.0)


def measure_turnarounds(runs: Sequence[Run]) -> list[float]:
    """Seconds from the start of each run to that of the next in its process, which is more than the run itself says: it
    has its diagnostics and what lies between. Of the last run, to the last file it wrote."""
    spans = [find_span(run) for run in runs]
    found = []
    for run, (start, end) in zip(runs, spans, strict=True):
        same = [other for one, (other, _) in zip(runs, spans, strict=True) if find_process(one) == find_process(run)]
        found.append(min((other for other in same if other > start), default=end) - start)
    return found


def find_process(run: Run) -> Process:
    """The process that a run was trained in."""
    assert run.state is not None
    return run.state.process


def find_span(run: Run) -> tuple[float, float]:
    """When a run began and when it wrote its last file, in seconds since 1970."""
    assert run.state is not None
    written = max(path.stat().st_mtime for path in run.folder.rglob("*") if path.is_file())
    return datetime.fromisoformat(run.state.started).timestamp(), written


def _find_seconds_per_step(metrics: dict[str, Any]) -> float:
    """Of the steps that were no first ones of their shape; of all, where there were no others."""
    speed = metrics["samples_per_second"]
    if speed:
        return float(metrics["batch_size"] / speed)
    return float(metrics["train_seconds"] / max(metrics["steps"], 1))
