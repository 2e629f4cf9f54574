"""The state of a run, kept up to date while it trains."""

from __future__ import annotations

import time
from typing import Any

from cldnn_lab.runs.directory import Run
from cldnn_lab.training.listeners.base import Listener
from cldnn_lab.training.plan import Plan


class StateRecorder(Listener):
    """Records how many batches are trained, at most once in so many seconds.

    Args:
        run: whose state it is.
        plan: of the training.
        seconds: between two records, so that evaluations that follow each other quickly do not wait for the disk.
    """

    def __init__(self, run: Run, plan: Plan, seconds: float = 2.0) -> None:
        super().__init__()
        self.run, self.plan, self.seconds = run, plan, seconds
        self.recorded = time.monotonic()

    def on_batches_end(self, step: int, logs: dict[str, float]) -> None:
        """Record the step, if it is time."""
        if time.monotonic() - self.recorded >= self.seconds:
            self.run.record(step=step)
            self.recorded = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the step at which this evaluation was due, if it is time."""
        self.on_batches_end(self.plan.find_step(epoch), {})
