"""What the user sees while a network trains: a bar an epoch on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time

from tqdm import tqdm

from cldnn_lab.training.fit import Plan

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_LINES = 1.0


class EpochProgress:
    """A bar that fills over each row of the history, and a line when the row is complete.

    Args:
        plan: how many batches, in what portions.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.step, self.last_line = 0, -_SECONDS_BETWEEN_LINES
        self.bar: tqdm | None = None

    def batches(self, done: int, logs: dict[str, float]) -> None:
        """Move the bar."""
        if not sys.stderr.isatty():
            return
        if self.bar is None:
            self.bar = tqdm(
                total=self.plan.row_end(self.step) - self.step,
                desc=self._place(self.step + 1),
                unit="batch",
                leave=False,
                dynamic_ncols=True,
            )
        self.bar.set_postfix_str("  ".join(f"{name} {value:.4f}" for name, value in logs.items()), refresh=False)
        self.bar.update(done - self.bar.n)

    def row(self, row: dict[str, float]) -> None:
        """Write the line of a finished row; of rows that come thick and fast, one a second and the last."""
        self.close()
        self.step = int(row["step"])
        now = time.monotonic()
        if now - self.last_line < _SECONDS_BETWEEN_LINES and self.step < self.plan.total:
            return
        self.last_line = now
        figures = "  ".join(
            f"{name} {value:.4f}"
            for name, value in row.items()
            if name not in ("epoch", "step", "seconds", "learning_rate")
        )
        log.info("%s  %s  %.1f s", self._place(self.step), figures, row["seconds"])

    def close(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def _place(self, step: int) -> str:
        if not self.plan.by_epoch:
            return f"step {step:>{len(str(self.plan.total))}}/{self.plan.total}"
        epochs = self.plan.total // self.plan.per_epoch
        return f"epoch {-(-step // self.plan.per_epoch):>{len(str(epochs))}}/{epochs}"
