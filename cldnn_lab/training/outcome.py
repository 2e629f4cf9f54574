"""How training went, as a value that a checkpoint can hold."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pandas as pd


@dataclass
class Outcome:
    """How training went.

    Attributes:
        status: ``completed``, ``diverged``, ``pruned`` or ``interrupted``.
        rows: the history, a mapping a row: epoch, step, loss, val_loss, seconds, learning_rate, metrics. With
            ``use_ema`` the validation figures (``val_*``) are of the averaged weights, which are those that are kept.
        steps: batches trained.
        train_seconds: wall-clock seconds spent in training batches, first compilation included.
        steady_seconds, steady_examples: the same without the first call of each shape, which compiles.
        first_step_seconds: from the start of :func:`fit` to the end of the first call, nearly all compilation.
        diverged_at: epoch (from 1) in which the loss or a weight stopped being a finite number, else None.
        restored: number of the evaluation, from 0, whose weights a callback put back at the end; None for the last.
        seconds_before: wall-clock seconds of training in earlier processes, up to the checkpoint that was resumed from.
        stopped_early: whether a callback ended the training before the plan was done.
        weights_replaced: whether a callback put other weights, such as the best ones, in place of the last.
    """

    status: str = "completed"
    rows: list[dict[str, float]] = field(default_factory=list)
    steps: int = 0
    train_seconds: float = 0.0
    first_step_seconds: float | None = None
    steady_seconds: float = 0.0
    steady_examples: int = 0
    diverged_at: int | None = None
    stopped_early: bool = False
    restored: int | None = None
    seconds_before: float = 0.0
    weights_replaced: bool = False

    @property
    def history(self) -> pd.DataFrame:
        """The rows as a table."""
        return pd.DataFrame(self.rows)

    @property
    def kept(self) -> dict[str, float]:
        """The row of the history of the weights that the network is left with; empty if none was completed."""
        if not self.rows:
            return {}
        return self.rows[-1 if self.restored is None else self.restored]

    @property
    def last_validation(self) -> dict[str, float]:
        """Loss and metrics on the validation set after the last row; empty if none was completed."""
        last = self.rows[-1] if self.rows else {}
        return {name.removeprefix("val_"): value for name, value in last.items() if name.startswith("val_")}

    @property
    def best(self) -> dict[str, float] | None:
        """The first row with the highest validation accuracy, or the lowest validation loss where no accuracy is
        measured; None where no row has a finite one."""
        measure, sign = ("val_accuracy", -1) if self.judged_by == "accuracy" else ("val_loss", 1)
        rows = [row for row in self.rows if math.isfinite(row[measure])]
        return min(rows, key=lambda row: sign * row[measure], default=None)

    @property
    def judged_by(self) -> str:
        """What tells the best row: ``accuracy`` or ``loss``."""
        return "accuracy" if self.rows and "val_accuracy" in self.rows[0] else "loss"

    @property
    def samples_per_second(self) -> float | None:
        """Training examples per second once everything is compiled; None before that."""
        return self.steady_examples / self.steady_seconds if self.steady_seconds else None
