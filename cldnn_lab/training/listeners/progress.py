"""What the user sees while a network trains: a bar per evaluation on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from tqdm import tqdm

from cldnn_lab.config.quiet import shows_lines
from cldnn_lab.training.listeners.base import Listener
from cldnn_lab.training.plan import Plan

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_LINES = 1.0


class Progress(Listener):
    """A bar that fills until the next evaluation, and a line when that is done.

    Args:
        plan: how many batches, in what portions.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.last_line = -_SECONDS_BETWEEN_LINES
        self.bar: tqdm | None = None

    def on_batches_end(self, step: int, logs: dict[str, float]) -> None:
        """Move the bar."""
        if not (sys.stderr.isatty() and shows_lines()):
            return
        rows = self.training.outcome.rows
        begin = int(rows[-1]["step"]) if rows else 0
        if self.bar is None:
            self.bar = tqdm(
                total=self.plan.find_next_evaluation(begin) - begin,
                desc=self._place(begin + 1),
                unit="batch",
                leave=False,
                dynamic_ncols=True,
            )
        self.bar.set_postfix_str("  ".join(f"{name} {value:.4f}" for name, value in logs.items()), refresh=False)
        self.bar.update(step - begin - self.bar.n)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the line of an evaluation; if they follow each other fast, one per second and the last."""
        self._close()
        row = self.training.outcome.rows[-1]
        step, now = int(row["step"]), time.monotonic()
        if now - self.last_line < _SECONDS_BETWEEN_LINES and step < self.plan.total:
            return
        self.last_line = now
        figures = "  ".join(
            f"{name} {value:.4f}"
            for name, value in row.items()
            if name not in ("epoch", "step", "seconds", "learning_rate")
        )
        log.info("%s  %s  %.1f s", self._place(step), figures, row["seconds"])

    def on_train_end(self, logs: Any = None) -> None:
        """Take the bar away."""
        self._close()

    def set_state(self, state: dict[str, Any]) -> None:
        """Say where training goes on."""
        log.info("Resumed after step %s of %s.", f"{self.training.outcome.steps:,}", f"{self.plan.total:,}")

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def _place(self, step: int) -> str:
        if not self.plan.is_by_epoch:
            return f"step {step:>{len(str(self.plan.total))}}/{self.plan.total}"
        epochs = self.plan.total // self.plan.per_epoch
        return f"epoch {-(-step // self.plan.per_epoch):>{len(str(epochs))}}/{epochs}"
