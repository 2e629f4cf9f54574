"""The curves of a run that still trains."""

from __future__ import annotations

import time
from typing import Any

from cldnn_lab.data.dataset import Dataset
from cldnn_lab.runs import results
from cldnn_lab.runs.directory import Run
from cldnn_lab.training.listeners.base import Listener

# Drawing takes no more than this share of the time.
_SHARE = 0.01


class Curves(Listener):
    """Redraws the curves after an evaluation now and then; those of the finished run are drawn at its end.

    Args:
        run: whose directory the pictures go to.
        dataset: that is trained on.
        title: what the network is.
        x: column of the history along the axis: ``epoch`` or ``step``.
        seconds: between two drawings, at least.
    """

    def __init__(self, run: Run, dataset: Dataset, *, title: str, x: str, seconds: float = 60) -> None:
        super().__init__()
        self.run, self.dataset, self.title, self.x, self.seconds = run, dataset, title, x, seconds
        self.due = time.monotonic() + seconds

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Draw, if it is time."""
        began = time.monotonic()
        if began < self.due:
            return
        results.draw_history(self.run, self.training.outcome, self.dataset, title=self.title, x=self.x)
        now = time.monotonic()
        self.due = now + max(self.seconds, (now - began) / _SHARE)
